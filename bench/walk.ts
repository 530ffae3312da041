/**
 * walk: events a second through the byte walkers and back out, on one core, against the decoders
 * that build objects, in the same run.
 *
 * Workloads: events of six fields and a small data map, about 160 bytes as MessagePack and 200 as
 * JSON, 1,000 to a buffer, customers random. Each is warmed up first; the best of twenty rounds counts, for the
 * machine may be doing other things. `--smoke` runs each once.
 */
import { pack, unpack } from 'msgpackr';
import { Envelope, encodingJson, encodingMsgpack } from '../src/event/envelope.ts';
import { walkJsonEvent } from '../src/event/json.ts';
import { walkMsgpackEvent } from '../src/event/msgpack.ts';
import { renderEvent } from '../src/event/render.ts';
import { systemClock } from '../src/std/clock.ts';
import { seededRandom } from '../src/std/random.ts';

const isSmoke = process.argv.includes('--smoke');
const eventsPerBuffer = 1000;
const rounds = isSmoke ? 1 : 20;
const passesPerRound = isSmoke ? 2 : 100;
const random = seededRandom(1);
const nowMs = 1_763_740_000_000;

interface Packed {
  readonly bytes: Buffer;
  readonly starts: readonly number[];
}

function makeEvent(n: number): object {
  return {
    id: `evt-${String(n).padStart(12, '0')}`,
    customer: `customer-${random.below(1_000_000)}`,
    type: 'Add To Cart',
    time: nowMs - random.below(1_000_000),
    channel: 'web',
    source: 'shop',
    data: {
      SKU: `sku-${random.below(10_000)}`,
      quantity: 1 + random.below(5),
      price: 19.99,
      city: 'Oakland',
    },
  };
}

function packAll(encode: (event: object) => Buffer): Packed {
  const parts = Array.from({ length: eventsPerBuffer }, (_, n) => encode(makeEvent(n)));
  const starts = [0];
  for (const part of parts) starts.push(starts.at(-1)! + part.length);
  return { bytes: Buffer.concat(parts), starts };
}

/** Events a second of the best round; `pass` handles every event of a buffer once. */
function measure(pass: () => void, passes: number): number {
  for (let warm = 0; warm < Math.ceil(passes / 4); warm++) pass();
  let best = 0;
  for (let round = 0; round < rounds; round++) {
    const startMs = systemClock.monotonicMs();
    for (let n = 0; n < passes; n++) pass();
    const seconds = (systemClock.monotonicMs() - startMs) / 1000;
    best = Math.max(best, (passes * eventsPerBuffer) / seconds);
  }
  return Math.round(best);
}

function walkAll(walk: typeof walkJsonEvent, { bytes }: Packed): () => void {
  const out = new Envelope();
  return () => {
    let at = 0;
    while (at < bytes.length) {
      at = walk(bytes, at, bytes.length, nowMs, out);
      if (at < 0 || out.rejection !== undefined) throw new Error('the workload is not valid');
    }
  };
}

function decodeAll(decode: (bytes: Buffer) => unknown, { bytes, starts }: Packed): () => void {
  const slices = starts.slice(1).map((end, n) => bytes.subarray(starts[n]!, end));
  return () => {
    for (const slice of slices) decode(slice);
  };
}

function renderAll({ bytes, starts }: Packed, encoding: 0 | 1): () => void {
  return () => {
    for (let n = 0; n < eventsPerBuffer; n++) {
      renderEvent({
        bytes,
        payloadAt: starts[n]!,
        payloadEnd: starts[n + 1]!,
        encoding,
        time: nowMs,
        received: nowMs,
        stamp: 1_000_000,
        ordinal: 20,
        madeId: undefined,
      });
    }
  };
}

const msgpackEvents = packAll((event) => pack(event));
const jsonEvents = packAll((event) => Buffer.from(JSON.stringify(event)));
const figures = {
  msgpackBytesPerEvent: Math.round(msgpackEvents.bytes.length / eventsPerBuffer),
  jsonBytesPerEvent: Math.round(jsonEvents.bytes.length / eventsPerBuffer),
  walkMsgpack: measure(walkAll(walkMsgpackEvent, msgpackEvents), passesPerRound * 2),
  msgpackrUnpack: measure(decodeAll(unpack, msgpackEvents), passesPerRound / 2),
  walkJson: measure(walkAll(walkJsonEvent, jsonEvents), passesPerRound),
  jsonParse: measure(
    decodeAll((bytes) => JSON.parse(bytes.toString('utf8')), jsonEvents),
    passesPerRound / 2,
  ),
  renderMsgpack: measure(renderAll(msgpackEvents, encodingMsgpack), passesPerRound / 2),
  renderJson: measure(renderAll(jsonEvents, encodingJson), passesPerRound / 2),
};

console.log(`node ${process.version}, best of ${rounds} rounds, one core`);
for (const [name, value] of Object.entries(figures)) {
  console.log(`${name.padEnd(22)}${value.toLocaleString('en').padStart(12)}`);
}
console.log(JSON.stringify(figures));
