/** Every door for clients of other products, in the order of the documentation. */
import { cloudEventsDoor } from './cloudevents.ts';
import { segmentDoors } from './segment.ts';
import type { Door } from './wire.ts';

export const doors: readonly Door[] = [cloudEventsDoor, ...segmentDoors];
