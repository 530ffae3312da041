/** Every door for clients of other products, in the order of the documentation. */
import { cloudEventsDoor } from './cloudevents.ts';
import { otlpDoor } from './otlp.ts';
import { pixelDoor } from './pixel.ts';
import { segmentDoors } from './segment.ts';
import { snowplowDoors } from './snowplow.ts';
import type { Door } from './wire.ts';

export const doors: readonly Door[] = [
  cloudEventsDoor,
  ...segmentDoors,
  ...snowplowDoors,
  pixelDoor,
  otlpDoor,
];
