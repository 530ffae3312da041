/** Fairness on a front: the shares of the budget, the lanes to a shard, and whole batches through both. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import test from 'node:test';
import { Envelope, encodingJson } from '../src/event/envelope.ts';
import { walkJsonEvent } from '../src/event/json.ts';
import { ByteBudget } from '../src/ingest/budget.ts';
import { Contention, contendedMs, createContentionMemory } from '../src/ingest/contention.ts';
import { type Lane, ShardLanes } from '../src/ingest/lanes.ts';
import { createMetricsMemory, openMetrics } from '../src/std/metrics.ts';
import { type Random, seededRandom } from '../src/std/random.ts';
import { row, rowBytes } from '../src/tape/layout.ts';
import { ParcelBuilder, parcelBytes } from '../src/tape/parcel.ts';
import { temporaryDirectory } from './support/server.ts';
import { Gate, ManualClock, ShardKit } from './support/shardkit.ts';

function someRandom(t: { diagnostic(text: string): void }): Random {
  const seed = Number(process.env['SEED'] ?? 1 + Math.floor(Math.random() * 2 ** 31));
  t.diagnostic(`seed ${seed}`);
  return seededRandom(seed);
}

function openBudget(bytesMax: number): ByteBudget {
  return new ByteBudget(bytesMax, openMetrics(createMetricsMemory(1), 0));
}

/** Takes until it is refused; the bytes it got. */
function fill(budget: ByteBudget, workspace: number): number {
  while (!budget.isOver(workspace, 10)) budget.take(workspace, 10);
  return budget.heldBy(workspace);
}

test('one workspace gets half of the budget, and the next always finds room', () => {
  const budget = openBudget(1200);
  assert.equal(fill(budget, 1), 600);
  assert.equal(fill(budget, 2), 300);
  assert.equal(fill(budget, 3), 150);
  assert.equal(fill(budget, 4) > 0, true);
  assert.equal(budget.active, 4);
  for (const workspace of [1, 2, 3, 4]) budget.give(workspace, budget.heldBy(workspace));
  assert.equal(budget.active, 0);
  assert.equal(fill(budget, 5), 600);
});

test('beside one flood a workspace that holds nothing gets its batch in, whatever its size', () => {
  const budget = openBudget(1200);
  fill(budget, 1);
  assert.equal(budget.isOver(2, 1_000_000), false);
  budget.take(2, 1_000_000);
  assert.equal(budget.isOver(3, 1), true, 'but only one of them');
});

test('the budget adds up over many workspaces, of which idle ones are forgotten', (t) => {
  const random = someRandom(t);
  const budget = openBudget(2 ** 40);
  const held = new Map<number, number>();
  for (let step = 0; step < 50_000; step++) {
    const workspace = 1 + random.below(5000);
    const own = held.get(workspace) ?? 0;
    if (own > 0 && random.below(2) === 0) {
      budget.give(workspace, own);
      held.delete(workspace);
    } else {
      const bytes = 1 + random.below(100);
      budget.take(workspace, bytes);
      held.set(workspace, own + bytes);
    }
    assert.equal(budget.heldBy(workspace), held.get(workspace) ?? 0);
    assert.equal(budget.active, held.size);
  }
});

test('the sink is shared for a second after its senders changed', () => {
  const clock = new ManualClock(1e12);
  const memory = createContentionMemory();
  const [one, other] = [new Contention(memory, clock), new Contention(memory, clock)];
  clock.advance(5000);
  one.note(1);
  one.note(1);
  assert.equal(one.isContended(), false, 'one alone shares with nobody');
  other.note(2);
  assert.equal(one.isContended(), true, 'also by what came through another front');
  clock.advance(contendedMs - 1);
  assert.equal(one.isContended(), true);
  clock.advance(1);
  assert.equal(one.isContended(), false);
  // Beyond 32 bits of milliseconds.
  clock.advance(2 ** 32 + 7);
  one.note(1);
  assert.equal(other.isContended(), true);
  clock.advance(contendedMs);
  assert.equal(other.isContended(), false);
});

const envelope = new Envelope();
const facts = {
  workspace: 0,
  customerHash: 0,
  idHash: 0,
  typeHash: 0,
  linkFlags: 0,
  encoding: encodingJson,
  index: 0,
  ticket: 0,
  madeId: undefined,
};

/** A parcel of one event with about `bytes` in it, marked with a ticket. */
function parcelOf(bytes: number, ticket = 0): ParcelBuilder {
  const builder = new ParcelBuilder(new ArrayBuffer(parcelBytes));
  const pad = 'x'.repeat(1000);
  const source = Buffer.from(`{"id":"a","customer":"c","type":"t","data":{"pad":"${pad}"}}`);
  assert.ok(walkJsonEvent(source, 0, source.length, 1e12, envelope) > 0);
  do {
    builder.add(source, envelope, { ...facts, ticket });
    builder.flushRun();
  } while (builder.bytesUsed + builder.records * rowBytes < bytes - 1200);
  return builder;
}

const half = parcelBytes / 2;

/** Who is served in turn, until nothing is left: the ticket of each parcel. */
function drain(lanes: ShardLanes, light = 1): number[] {
  const served: number[] = [];
  for (;;) {
    const parcel = lanes.next('any', light);
    if (parcel === undefined) return served;
    const view = new DataView(parcel.buffer);
    served.push(view.getUint32(parcelBytes - rowBytes + row.ticket, true));
    lanes.underWay -= 1;
  }
}

function put(lane: Lane, ...parcels: ParcelBuilder[]): void {
  lane.closed.push(...parcels);
}

test('lanes take turns by bytes, not by parcels', () => {
  const lanes = new ShardLanes();
  const large = lanes.laneOf(7, true);
  const small = lanes.laneOf(9, true);
  for (let n = 0; n < 6; n++) put(large, parcelOf(parcelBytes, 7));
  for (let n = 0; n < 12; n++) put(small, parcelOf(half, 9));
  const served = drain(lanes);
  const sevens = served.slice(0, 9).filter((ticket) => ticket === 7).length;
  assert.ok(sevens >= 2 && sevens <= 4, `${served}`);
  assert.equal(served.length, 18);
  assert.equal(lanes.own, 0, 'empty lanes are gone');
});

test('a new lane starts behind what its workspace has in the shared one', () => {
  const lanes = new ShardLanes();
  const shared = lanes.laneOf(7, false);
  put(shared, parcelOf(1000, 1), parcelOf(1000, 2));
  shared.open = parcelOf(1000, 3);
  const own = lanes.laneOf(7, true);
  assert.notEqual(own, shared);
  put(own, parcelOf(1000, 4));
  assert.equal(lanes.laneOf(7, false), own, 'until it is empty, also when it has little');
  shared.open = parcelOf(1000, 5);
  const served = drain(lanes);
  assert.deepEqual([...served].sort(), [1, 2, 3, 4, 5]);
  assert.ok(served.indexOf(4) > served.indexOf(3), `${served}`);
  assert.equal(lanes.laneOf(7, false), shared);
});

test('small open parcels wait while something is under way, full ones do not', () => {
  const lanes = new ShardLanes();
  const lane = lanes.laneOf(1, false);
  const [first, small, large, closed] = [1000, 1000, 40_000, 1000].map((size) => parcelOf(size));
  const next = (open: ParcelBuilder | undefined, which: 'full' | 'ready' | 'any') => {
    lane.open = open;
    return lanes.next(which, 1);
  };
  assert.equal(next(first, 'full'), undefined);
  assert.equal(next(first, 'ready'), first, 'nothing is under way');
  assert.equal(next(small, 'ready'), undefined);
  assert.equal(next(large, 'ready'), large);
  put(lane, closed!);
  assert.equal(next(small, 'full'), closed);
  assert.equal(next(small, 'any'), small);
  assert.equal(next(undefined, 'any'), undefined);
  assert.equal(lanes.underWay, 4);
});

test('whatever comes and goes, order within a workspace holds and nothing is left behind', (t) => {
  const random = someRandom(t);
  for (let run = 0; run < 300; run++) {
    const lanes = new ShardLanes();
    const sent = new Map<number, number[]>();
    const served = new Map<number, number[]>();
    const serve = (which: 'full' | 'ready' | 'any'): boolean => {
      const parcel = lanes.next(which, random.below(4));
      if (parcel === undefined) return false;
      const view = new DataView(parcel.buffer);
      const ticket = view.getUint32(parcelBytes - rowBytes + row.ticket, true);
      const workspace = ticket >>> 16;
      served.set(workspace, [...(served.get(workspace) ?? []), ticket]);
      return true;
    };
    for (let step = 0; step < 40; step++) {
      const workspace = 1 + random.below(4);
      const lane = lanes.laneOf(workspace, random.below(3) === 0);
      const ticket = workspace * 65_536 + step;
      const parcel = parcelOf(1000 + random.below(3000), ticket);
      if (lane.open !== undefined) lane.closed.push(lane.open);
      lane.open = undefined;
      if (random.below(2) === 0) lane.open = parcel;
      else lane.closed.push(parcel);
      sent.set(workspace, [...(sent.get(workspace) ?? []), ticket]);
      if (random.below(3) === 0) serve((['full', 'ready', 'any'] as const)[random.below(3)]!);
      if (lanes.underWay > 0 && random.below(3) === 0) lanes.underWay -= 1;
    }
    while (serve('any'));
    assert.deepEqual([...served].sort(), [...sent].sort(), `run ${run}`);
  }
});

test('while one workspace floods a slow shard, the batch of another is behind one round, not all of it', async (t) => {
  const directory = temporaryDirectory();
  const kit = new ShardKit({ directory, shards: 1, clock: new ManualClock(1e12) });
  t.after(async () => {
    await kit.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const gate = new Gate();
  kit.faults[0]!.before = gate;
  const batch = (name: string, count: number): Buffer => {
    const pad = 'x'.repeat(1000);
    const event = (n: number) => ({ id: `${name}-${n}`, customer: 'c', type: 'a', data: { pad } });
    return Buffer.from(JSON.stringify(Array.from({ length: count }, (_, n) => event(n))));
  };
  const done: string[] = [];
  const send = (name: string, workspace: number, count: number): void => {
    kit.sendThen('json', batch(name, count), workspace, () => done.push(name));
  };
  // Some 40 MB, far more than a shard is given at once, and something of the other to share with.
  send('first', 2, 1);
  for (let n = 0; n < 40; n++) send(`flood-${n}`, 1, 1000);
  send('small', 2, 10);
  gate.open();
  while (kit.ingest.pending > 0) await kit.commit();
  const behind = done.indexOf('small');
  assert.ok(behind >= 0 && behind <= 10, `the small batch was answered as number ${behind}`);
  assert.equal(done.length, 42);
  const floods = done.filter((name) => name.startsWith('flood'));
  assert.deepEqual(
    floods,
    Array.from({ length: 40 }, (_, n) => `flood-${n}`),
  );
  assert.equal(kit.scan({ customer: 'c' }).length, 40_000);
});
