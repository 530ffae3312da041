/** Bodies of the model test: events in each format, some padded, some with escapes. */
import { pack } from 'msgpackr';
import type { BodyFormat } from '../../src/ingest/body.ts';
import type { Random } from '../../src/std/random.ts';
import type { Sent } from './tapemodel.ts';

/** Events marked bad are of a reserved type or too large. */
export function encodeBody(format: BodyFormat, events: readonly Sent[], random: Random): Buffer {
  const bodies = events.map(({ bad, n, ...event }) => {
    const pad = random.below(40) === 0 ? 'x'.repeat(random.below(32_000)) : undefined;
    const isTooLarge = bad && event.type !== 'tapeline.made';
    const data = { n, pad: isTooLarge ? 'x'.repeat(32_768) : pad };
    // Without undefined members, which MessagePack would write.
    return JSON.parse(JSON.stringify({ ...event, data })) as Record<string, unknown>;
  });
  if (format === 'msgpack') return pack(bodies);
  const texts = bodies.map((body) => {
    const text = JSON.stringify(body);
    const escaped = text.replace('"id":"id-', '"id":"\\u0069d-').replace('"c1"', '"\\u00631"');
    return random.below(3) === 0 ? escaped : text;
  });
  if (format === 'ndjson') return Buffer.from(`${texts.join('\n')}\n`);
  return Buffer.from(`[${texts.join(random.below(2) === 0 ? ',' : ' ,\n ')}]`);
}

/** The time that always goes with an id which is sent again and again. */
export function popularTime(id: number, startMs: number): number | undefined {
  return id % 3 === 0 ? undefined : startMs - 1000 * (id % 5);
}
