/** Foreign bodies enter as native ones do: numbers to the last digit, refusals by index, nothing lost. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import test from 'node:test';
import fc from 'fast-check';
import { Quotas } from '../src/ingest/quotas.ts';
import { numberOf, readJson, writeJson } from '../src/ingest/wire/json.ts';
import {
  doorBytesMax,
  storeEvents,
  type WireItem,
  type WireSink,
  type WireSource,
} from '../src/ingest/wire/store.ts';
import { createBucketMemory } from '../src/std/buckets.ts';
import { AppError } from '../src/std/errors.ts';
import { createMetricsMemory, openMetrics } from '../src/std/metrics.ts';
import { ScanBudget } from '../src/tape/budget.ts';
import { scan } from '../src/tape/scan.ts';
import { temporaryDirectory } from './support/server.ts';
import { ManualClock, ShardKit } from './support/shardkit.ts';

interface Bench {
  readonly kit: ShardKit;
  readonly sink: WireSink;
}

function open(t: { after(run: () => unknown): void }, inflightBytesMax = 2 ** 26): Bench {
  const directory = temporaryDirectory();
  const clock = new ManualClock(1e12);
  const kit = new ShardKit({ directory, shards: 2, clock, inflightBytesMax });
  t.after(async () => {
    await kit.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const metrics = openMetrics(createMetricsMemory(1), 0);
  const quotas = new Quotas(createBucketMemory(2), clock, metrics);
  const { ingest } = kit;
  return {
    kit,
    sink: { ingest, quotas, metrics, workspace: 1, isTrusted: true, limits: [], nowMs: 1e12 },
  };
}

async function stored(
  { kit, sink }: Bench,
  items: readonly WireSource[],
): ReturnType<typeof storeEvents> {
  const receipt = storeEvents(items, sink);
  await kit.commit();
  return receipt;
}

const event = { id: 'e', customer: 'c', type: 'T' };

test('what goes in comes back, numbers to the last digit', async (t) => {
  const bench = open(t);
  const text =
    '{"big":12345678901234567890,"small":0.1000000000000000055511151231257827,"e":1e400,"s":"1e400","__proto__":1,"list":[1.50,-0.0]}';
  const data = readJson(text) as Record<string, unknown>;
  const full = { ...event, previous: 'p', time: 5, channel: 'web', source: 's', data };
  const receipt = await stored(bench, [full]);
  const none = { rejected: [], quarantined: 0, flagged: 0, unavailable: false };
  assert.deepEqual(receipt, { accepted: 1, duplicates: 0, ...none });
  const query = { workspace: 1, customer: 'c' };
  const [read] = [...scan(bench.kit.tape, query, new ScanBudget(1000))].map((each) => each.json());
  assert.ok(read!.includes(`"data":${text}`), read);
  assert.deepEqual((await stored(bench, [full])).duplicates, 1);
});

test('JSON text survives being read and written', () => {
  const digits = fc
    .tuple(fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), fc.option(fc.nat(), { nil: null }))
    .map(([whole, part]) => (part === null ? `${whole}` : `${whole}.${part}e${part % 300}`));
  fc.assert(
    fc.property(fc.array(digits, { minLength: 1 }), fc.json(), (numbers, json) => {
      const text = `{"n":[${numbers.join(',')}],"j":${JSON.stringify(JSON.parse(json))}}`;
      assert.equal(writeJson(readJson(text)), text);
    }),
  );
  assert.equal(numberOf((readJson('[1763740000000000001]') as unknown[])[0]), 1763740000000e6);
  assert.equal(numberOf('1'), undefined);
  const marks = '{"\ue000":"\ue000","\ue0001":["\ue0001","\ue000\ue000","a\ue000"],"n":1e400}';
  assert.equal(writeJson(readJson(marks)), marks);
  const escaped = readJson('{"a":"\\ue0002","b":"\\"\\\\","n":[1.0,1e400]}');
  assert.equal(writeJson(escaped), '{"a":"\ue0002","b":"\\"\\\\","n":[1.0,1e400]}');
  assert.equal(writeJson(readJson('12345678901234567890')), '12345678901234567890');
  for (const bad of ['', '{', '{"a":1}x', '[1e]', `[12345678901234567890,${'['.repeat(1e5)}`]) {
    assert.throws(() => readJson(bad), { code: 'malformed' });
  }
  assert.throws(() => readJson(Uint8Array.of(0x22, 0xc0, 0xa0, 0x22)), { code: 'malformed' });
});

test('how deep it goes is no matter of reading, with long numbers as without', () => {
  const depth = 100_000;
  let value = readJson(`${'['.repeat(depth)}12345678901234567890${']'.repeat(depth)}`);
  let levels = 0;
  for (; Array.isArray(value); levels++) value = value[0];
  assert.deepEqual([levels, writeJson(value)], [depth, '12345678901234567890']);
});

test('refusals keep the places of the items, whoever refuses them', async (t) => {
  const bench = open(t);
  const items: WireItem[] = [
    event,
    { id: 'no', refused: { code: 'invalid', message: 'no such thing' } },
    { ...event, id: 'x'.repeat(257) },
    { ...event, id: 'f', data: { pad: 'x'.repeat(33_000) } },
    { ...event, id: 'g', customer: undefined },
    { ...event, id: 'h', data: nested(40) },
    { ...event, id: 'i', data: nested(100_000) },
    { ...event, id: 'j', type: 'tapeline.linked' },
    { ...event, id: 'k', source: '\ud800' },
    { ...event, id: 'l' },
  ];
  const receipt = await stored(bench, items);
  assert.equal(receipt.accepted, 2);
  assert.deepEqual(
    receipt.rejected.map(({ code, id, index }) => [index, id, code]),
    [
      [1, 'no', 'invalid'],
      [2, undefined, 'invalid'],
      [3, 'f', 'too_large'],
      [4, 'g', 'invalid'],
      [5, 'h', 'invalid'],
      [6, 'i', 'invalid'],
      [7, 'j', 'invalid'],
      [8, 'k', 'invalid'],
    ],
  );
});

function nested(depth: number): Record<string, unknown> {
  let data: Record<string, unknown> = {};
  for (let n = 1; n < depth; n++) data = { data };
  return data;
}

test('more than a batch may hold goes in several, with one receipt', async (t) => {
  const bench = open(t);
  const items: WireItem[] = Array.from({ length: 20_001 }, (_, n) => ({
    id: `e${n % 20_000}`,
    customer: `c${(n % 20_000) % 7}`,
    type: n === 15_000 ? '' : 'T',
  }));
  const receipt = await stored(bench, items);
  assert.deepEqual([receipt.accepted, receipt.duplicates], [19_999, 1]);
  assert.deepEqual(
    receipt.rejected.map(({ index }) => index),
    [15_000],
  );
});

test('an item that cannot be made is refused between its neighbours; a fault of ours is not hidden', async (t) => {
  const bench = open(t);
  const failing = (error: unknown) => (): WireItem => {
    throw error;
  };
  const receipt = await stored(bench, [
    () => event,
    failing(new RangeError('Maximum call stack size exceeded')),
    failing(new TypeError('Cannot convert object to primitive value')),
    failing(new AppError('malformed', 'no list')),
    () => ({ ...event, id: 'f' }),
  ]);
  assert.equal(receipt.accepted, 2);
  assert.deepEqual(
    receipt.rejected.map(({ code, index }) => [index, code]),
    [
      [1, 'invalid'],
      [2, 'invalid'],
      [3, 'malformed'],
    ],
  );
  for (const error of [new Error('ours'), new AppError('unavailable', 'ours')]) {
    await assert.rejects(storeEvents([failing(error)], bench.sink), error);
  }
});

test('past what a body may come to nothing is made any more', async (t) => {
  const bench = open(t);
  // Also what is found to be too large has cost what it takes to find out.
  const pad = 'x'.repeat(33_000);
  let makings = 0;
  const source = (): WireItem => {
    makings += 1;
    return { ...event, data: { pad } };
  };
  const total = Math.ceil(doorBytesMax / pad.length) + 50;
  const { accepted, rejected } = await stored(bench, Array<WireSource>(total).fill(source));
  assert.ok(makings * pad.length <= doorBytesMax, `${makings} were made`);
  assert.ok((makings + 3) * pad.length > doorBytesMax, `${makings} were made`);
  assert.deepEqual([accepted, rejected.length], [0, total]);
  assert.ok(rejected.every(({ code }) => code === 'too_large'));
  assert.match(rejected.at(-1)!.message, /the events of one body/);
});

test('past the budget or the quota everything is refused, and nothing stored', async (t) => {
  const bench = open(t, 3000);
  const pad = (id: string): WireItem => ({ ...event, id, data: { pad: 'x'.repeat(1000) } });
  const first = storeEvents([pad('a'), pad('b')], bench.sink);
  await assert.rejects(storeEvents([pad('c')], bench.sink), { code: 'overloaded' });
  await bench.kit.commit();
  assert.equal((await first).accepted, 2);
  const limits = [{ owner: 'k', slot: 0, eventsPerSecond: 1, bytesPerSecond: undefined }];
  const limited = { ...bench, sink: { ...bench.sink, limits } };
  const refused = { refused: { code: 'invalid', message: 'no' } } as const;
  assert.equal((await stored(limited, [pad('d'), refused])).accepted, 1);
  await assert.rejects(storeEvents([pad('e')], limited.sink), { code: 'rate_limited' });
  assert.deepEqual(
    bench.kit
      .scan({ customer: 'c' })
      .map(({ id }) => id)
      .sort(),
    ['a', 'b', 'd'],
  );
});

test('what could not be written is said to be worth sending again', async (t) => {
  const bench = open(t);
  bench.kit.faults[0]!.before = new AppError('unavailable', 'no room');
  bench.kit.faults[1]!.before = new AppError('unavailable', 'no room');
  const receipt = await stored(bench, [event, { ...event, type: undefined }]);
  assert.equal(receipt.unavailable, true);
  assert.deepEqual(
    receipt.rejected.map(({ code }) => code),
    ['unavailable', 'invalid'],
  );
});
