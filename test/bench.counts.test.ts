/** What benches send is whole and repeatable, and what they count is checked before it is told. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unpack } from 'msgpackr';
import { checkPhase } from '../bench/fair.ts';
import {
  customerName,
  encodeFrames,
  type FramePlan,
  hashFrames,
  patchFrame,
} from '../bench/frames.ts';
import { Heard } from '../bench/heard.ts';
import type { LoadFigures } from '../bench/load.ts';
import { quantiles } from '../bench/report.ts';

const plan: FramePlan = {
  protocol: 'msgpack',
  shape: 'desk',
  batch: 30,
  customers: 20,
  frames: 4,
  seed: 1,
};

test('the same plan encodes the same work, another seed another', () => {
  const hash = hashFrames(encodeFrames(plan));
  assert.equal(hashFrames(encodeFrames(plan)), hash);
  assert.notEqual(hashFrames(encodeFrames({ ...plan, seed: 2 })), hash);
});

test('patched frames are whole, with ids that never repeat and every customer equally often', () => {
  for (const protocol of ['msgpack', 'json'] as const) {
    const ids = new Set<string>();
    const customers = new Map<string, number>();
    const timeMs = 1_763_740_000_000;
    for (const [n, frame] of encodeFrames({ ...plan, protocol }).entries()) {
      for (const number of [n, n + 0x7abcdef0]) {
        patchFrame(frame, protocol, { number, seq: number + 1, timeMs });
        const payload = frame.bytes.subarray(14);
        assert.equal(frame.bytes.readBigUInt64BE(2), BigInt(payload.length));
        const { seq, events } = decode(payload, protocol);
        assert.equal(seq, number + 1);
        assert.equal(events.length, plan.batch);
        for (const event of events) {
          assert.equal(Number(event.time), timeMs);
          ids.add(event.id);
          customers.set(event.customer, (customers.get(event.customer) ?? 0) + 1);
        }
      }
    }
    assert.equal(ids.size, 2 * plan.frames * plan.batch);
    assert.deepEqual([...customers.values()], Array(20).fill((2 * 4 * 30) / 20));
  }
});

interface Decoded {
  readonly seq: number;
  readonly events: readonly { id: string; customer: string; time: number | bigint }[];
}

function decode(payload: Buffer, protocol: 'msgpack' | 'json'): Decoded {
  if (protocol === 'json') return JSON.parse(payload.toString()) as Decoded;
  const [seq, events] = unpack(payload) as [number, Decoded['events']];
  return { seq, events };
}

/** A message as a live subscriber gets it. */
function liveMessage(frame: number, event: number, customer: number, cursor = '1-2'): Buffer {
  const id = `evt-${frame.toString(16).padStart(8, '0')}-${String(event).padStart(4, '0')}`;
  const rest = { customer: customerName(customer), type: 'T' };
  return Buffer.from(`xx${JSON.stringify({ cursor, event: { id, ...rest } })}`);
}

test('what live subscribers hear is complete when each has all it follows, once', () => {
  const heard = new Heard({
    subscribers: 2,
    customers: 4,
    follows: 1,
    frames: 4,
    batch: 2,
    firstNumber: 0xabc,
  });
  const take = (subscriber: number, frame: number, event: number, customer = subscriber) =>
    heard.take(subscriber, liveMessage(0xabc + frame, event, customer), 2);
  assert.equal(heard.expected, 2);
  assert.equal(take(0, 0, 0), 0);
  assert.equal(take(0, 3, 1), 3);
  assert.equal(take(0, 3, 1), undefined, 'again');
  assert.throws(() => take(0, 2, 1), /more than it follows/, 'what the other misses');
  assert.equal(take(1, 0, 1), 0);
  assert.equal(heard.isComplete, false);
  assert.throws(() => take(1, 2, 0, 0), /subscriber 1 got an event of customer 0/);
  assert.throws(() => take(1, 2, 0, 2), /subscriber 1 got an event of customer 2/);
  assert.throws(() => take(1, 4, 0), /of another run/);
  assert.throws(() => take(1, -1, 0), /of another run/);
  assert.equal(heard.isComplete, false);
  assert.equal(take(1, 2, 0), 2);
  assert.equal(heard.isComplete, true);
});

test('fairness is measured when frames are refused, and not when the server lost or invented events', () => {
  const none = quantiles([]);
  const figures = (sent: number, accepted: number, nacks: number): LoadFigures => ({
    ...{ sent, accepted, nacks, duplicates: 0, rejected: 0, seconds: 1, eventsPerSecond: accepted },
    ...{ bytesPerEvent: 1, receiptMs: none, generatorMicrosPerEvent: 1, work: '' },
  });
  const check = (neighbour: LoadFigures, stored: number): void => {
    const phase = { name: 'beside', neighbour, flood: figures(700, 500, 2) };
    checkPhase(phase, { neighbour: 10, flood: 100 }, stored);
  };
  check(figures(100, 100, 0), 600);
  check(figures(100, 70, 3), 570);
  assert.throws(() => check(figures(100, 100, 0), 599), /stored 599 events, its receipts say 600/);
  assert.throws(() => check(figures(100, 100, 0), 601), /stored 601/);
  assert.throws(() => check(figures(100, 99, 0), 599), /the neighbour sent 100, accepted 99/);
  assert.throws(() => check({ ...figures(100, 100, 0), duplicates: 1 }, 600), /duplicates 1/);
});

test('quantiles are of the sample, in any order', () => {
  const sample = Array.from({ length: 1000 }, (_, n) => ((n * 7) % 1000) + 1);
  assert.deepEqual(quantiles(sample), { count: 1000, p50: 501, p99: 991, p999: 1000, max: 1000 });
  assert.deepEqual(quantiles([]), { count: 0, p50: 0, p99: 0, p999: 0, max: 0 });
});
