/** What the tape should hold, as a Map: the oracle of the model test. */
import { strict as assert } from 'node:assert';
import type { Receipt } from '../../src/ingest/receipt.ts';
import { customerHashOf, shardOf } from '../../src/tape/route.ts';

/** One event as a test sends it; `n` is in its data and tells it from all others. */
export interface Sent {
  readonly n: number;
  readonly id: string | undefined;
  readonly customer: string;
  readonly type: string;
  readonly channel: string | undefined;
  readonly time: number | undefined;
  /** The server is expected to refuse it, whatever the state of the store. */
  readonly bad: boolean;
}

/** A stored or waiting event. */
export interface Known extends Omit<Sent, 'time'> {
  readonly workspace: number;
  readonly shard: number;
  readonly time: number;
  readonly receivedMs: number;
  /** Its place in the order of arrival. */
  readonly order: number;
}

type Fate = { readonly kind: 'new' | 'duplicate' | 'refused' | 'bad'; readonly known?: Known };

/** A batch on its way. */
export interface Expected {
  readonly workspace: number;
  readonly events: readonly Sent[];
  fates: Fate[];
  /** Per shard, how many commits had failed when the batch came. */
  stops: number[];
  receipt: Receipt | undefined;
}

export interface TapeFilter {
  readonly types?: readonly string[];
  readonly channels?: readonly string[];
  readonly since?: number;
  readonly until?: number;
}

export class TapeModel {
  readonly #shards: number;
  readonly #hashSeed: number;
  /** By workspace, customer and id: what a resend meets. */
  readonly #byKey = new Map<string, Known>();
  readonly durable = new Set<Known>();
  /** Per shard: being flushed, and waiting behind that. */
  #inFlight: Known[][] = [];
  #open: Known[][] = [];
  #receivedMs: number[] = [];
  #order = 0;

  constructor(shards: number, hashSeed: number) {
    this.#shards = shards;
    this.#hashSeed = hashSeed;
    this.reopened();
  }

  shardOf(workspace: number, customer: string): number {
    const bytes = Buffer.from(customer);
    return shardOf(customerHashOf(this.#hashSeed, workspace, bytes, 0, bytes.length), this.#shards);
  }

  /** The shards have the batch: what becomes of each event if no commit fails. */
  arrive(
    batch: Expected,
    now: { nowMs: number; writable: readonly boolean[]; stops: readonly number[] },
  ): void {
    batch.stops = [...now.stops];
    batch.fates = batch.events.map((event): Fate => {
      if (event.bad) return { kind: 'bad' };
      const shard = this.shardOf(batch.workspace, event.customer);
      if (!now.writable[shard]) return { kind: 'refused' };
      const receivedMs = Math.max(this.#receivedMs[shard]!, now.nowMs);
      this.#receivedMs[shard] = receivedMs;
      const key = keyOf(batch.workspace, event);
      const original = this.#byKey.get(key);
      if (original !== undefined) return { kind: 'duplicate', known: original };
      this.#order += 1;
      const known: Known = {
        ...event,
        workspace: batch.workspace,
        shard,
        time: event.time ?? receivedMs,
        receivedMs,
        order: this.#order,
      };
      this.#byKey.set(key, known);
      this.#open[shard]!.push(known);
      return { kind: 'new', known };
    });
  }

  committing(shard: number): void {
    this.#inFlight[shard] = this.#open[shard]!;
    this.#open[shard] = [];
  }

  published(shard: number): void {
    for (const known of this.#inFlight[shard]!) this.durable.add(known);
    this.#inFlight[shard] = [];
  }

  /** A commit failed: what waited behind it is gone too. */
  failed(shard: number): void {
    for (const known of [...this.#inFlight[shard]!, ...this.#open[shard]!]) this.#forget(known);
    this.#inFlight[shard] = [];
    this.#open[shard] = [];
  }

  /** The shards were closed and opened again, or died before: what was not durable is gone. */
  reopened(): void {
    const lost = [...this.#inFlight, ...this.#open].flat();
    for (const known of lost) this.#forget(known);
    const each = Array.from({ length: this.#shards }, () => 0);
    this.#inFlight = each.map(() => []);
    this.#open = each.map(() => []);
    this.#receivedMs = each;
  }

  #forget(known: Known): void {
    this.#byKey.delete(keyOf(known.workspace, known));
  }

  /** Holds a receipt against what was expected; every event that it acknowledges. */
  acknowledged(batch: Expected, receipt: Receipt, stops: readonly number[]): Known[] {
    const refused = new Set<number>();
    for (const { code, index } of receipt.rejected) {
      assert.ok(!refused.has(index), `event ${index} is refused twice`);
      refused.add(index);
      const fate = batch.fates[index]!;
      if (fate.kind === 'bad') assert.notEqual(code, 'unavailable');
      else {
        assert.equal(code, 'unavailable', `event ${index}`);
        const shard = this.shardOf(batch.workspace, batch.events[index]!.customer);
        const hasStopped = fate.kind === 'refused' || stops[shard]! > batch.stops[shard]!;
        assert.ok(hasStopped, `event ${index} is refused although its shard can write`);
      }
    }
    const counts = { new: 0, duplicate: 0, refused: 0, bad: 0 };
    const acknowledged: Known[] = [];
    for (const [index, { kind, known }] of batch.fates.entries()) {
      if (refused.has(index)) continue;
      counts[kind] += 1;
      if (known !== undefined) acknowledged.push(known);
    }
    assert.equal(counts.bad, 0, 'a bad event was accepted');
    assert.equal(counts.refused, 0, 'a shard that cannot write accepted an event');
    assert.equal(receipt.accepted, counts.new, 'accepted');
    assert.equal(receipt.duplicates, counts.duplicate, 'duplicates');
    return acknowledged;
  }

  /** What a reader finds on a tape, newest first. */
  tape(workspace: number, customer: string, filter: TapeFilter = {}): Known[] {
    const { channels, since = 0, types, until = Number.POSITIVE_INFINITY } = filter;
    return [...this.durable]
      .filter((known) => known.workspace === workspace && known.customer === customer)
      .filter(({ time }) => time >= since && time <= until)
      .filter(({ type }) => types === undefined || types.includes(type))
      .filter(({ channel }) => channels === undefined || channels.includes(channel ?? ''))
      .sort((a, b) => b.time - a.time || b.order - a.order);
  }

  /** The durable events of a shard in the order of their arrival. */
  arrivals(shard: number): Known[] {
    return [...this.durable]
      .filter((known) => known.shard === shard)
      .sort((a, b) => a.order - b.order);
  }
}

function keyOf(workspace: number, { customer, id, n }: Sent | Known): string {
  return JSON.stringify([workspace, customer, id ?? n]);
}

/** Which of the sent events it is. */
export function numberOf(event: Record<string, unknown>): number {
  return (event['data'] as { n: number }).n;
}

/** What is read back is what was sent. */
export function checkContent(event: Record<string, unknown>, wanted: Known): void {
  const { channel, customer, id, time, type } = wanted;
  assert.equal(event['customer'], customer);
  assert.equal(event['type'], type);
  assert.equal(event['time'], time);
  assert.equal(event['channel'], channel);
  if (id === undefined) assert.match(event['id'] as string, /^[0-9a-f-]{36}$/);
  else assert.equal(event['id'], id);
  assert.ok((event['received'] as number) >= wanted.receivedMs);
}
