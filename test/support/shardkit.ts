/**
 * The path from bytes to tape in one thread, without sockets or workers: an `Ingest`, its shards and a
 * reader over a real data directory, with a clock that stands still and commits that a test can hold,
 * let go or make fail.
 */

import type { PartLimits } from '../../src/config.ts';
import type { LinkReader } from '../../src/identity/reader.ts';
import { type BodyFormat, readBody } from '../../src/ingest/body.ts';
import { ByteBudget } from '../../src/ingest/budget.ts';
import { Contention, createContentionMemory } from '../../src/ingest/contention.ts';
import { Ingest } from '../../src/ingest/ingest.ts';
import type { Receipt } from '../../src/ingest/receipt.ts';
import { Statements, type StatementsParts } from '../../src/ingest/statements.ts';
import type { Clock } from '../../src/std/clock.ts';
import { AppError } from '../../src/std/errors.ts';
import {
  createMetricsMemory,
  type MetricName,
  type Metrics,
  openMetrics,
  sumMetrics,
} from '../../src/std/metrics.ts';
import { seededRandom } from '../../src/std/random.ts';
import type { LogBlock } from '../../src/store/log.ts';
import { ScanBudget } from '../../src/tape/budget.ts';
import type { ErasePlan, EraseWish, ErasureState } from '../../src/tape/erasure.ts';
import { Erasures } from '../../src/tape/erasures.ts';
import type { TapeEvent } from '../../src/tape/event.ts';
import { type OpenedShard, openShard } from '../../src/tape/open.ts';
import { tapePage } from '../../src/tape/page.ts';
import type { ParcelData } from '../../src/tape/parcel.ts';
import { perform } from '../../src/tape/perform.ts';
import { customerHashOf } from '../../src/tape/route.ts';
import { type ScanQuery, scan } from '../../src/tape/scan.ts';
import { Tail } from '../../src/tape/tail.ts';
import { createTapeMemory, Tape, type TapeMemory } from '../../src/tape/tape.ts';
import type { Work } from '../../src/tape/upkeep.ts';
import { FakeStore } from './documents.ts';

/** A clock that moves when told to. */
export class ManualClock implements Clock {
  #nowMs: number;
  #monotonicMs = 0;
  #timers: { dueMs: number; run: () => void }[] = [];

  constructor(nowMs: number) {
    this.#nowMs = nowMs;
  }

  now(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = { dueMs: this.#monotonicMs + delayMs, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  every(): () => void {
    return () => undefined;
  }

  /** Moves both times on and runs what is due, in order. */
  advance(durationMs: number): void {
    this.#nowMs += durationMs;
    this.#monotonicMs += durationMs;
    const due = this.#timers.filter(({ dueMs }) => dueMs <= this.#monotonicMs);
    this.#timers = this.#timers.filter((timer) => !due.includes(timer));
    for (const { run } of due.sort((a, b) => a.dueMs - b.dueMs)) run();
  }

  /** The wall clock is set, as operators do. */
  step(durationMs: number): void {
    this.#nowMs += durationMs;
  }

  /** Every timer is forgotten: the thread that set them is gone. */
  forget(): void {
    this.#timers = [];
  }
}

/** A promise that the test settles; nobody has to be waiting for it. */
export class Gate {
  open!: () => void;
  fail!: (error: Error) => void;
  readonly promise = new Promise<void>((resolve, reject) => {
    this.open = resolve;
    this.fail = reject;
  });

  constructor() {
    this.promise.catch(() => undefined);
  }
}

/** What happens to one shard's commits. */
export interface Fault {
  before?: Gate | AppError | Error;
  after?: Gate | Error;
}

async function suffer(fault: Gate | Error | undefined): Promise<void> {
  if (fault instanceof Gate) await fault.promise;
  else if (fault !== undefined) throw fault;
}

export interface KitOptions {
  readonly directory: string;
  readonly shards: number;
  readonly hashSeed?: number;
  readonly clock: ManualClock;
  readonly inflightBytesMax?: number;
  readonly limits?: PartLimits;
  /** Of erasures; another kit goes on with them. */
  readonly documents?: FakeStore;
  /** How long the answer to an erasure waits for the files; absent: until they are written. */
  readonly answerMs?: number;
  /** Who is who; absent: every customer is alone. */
  readonly links?: LinkReader;
  readonly establish?: StatementsParts['establish'];
}

/** Nothing is sealed unless a test wants it. */
const partLimits: PartLimits = { events: 1e6, bytes: 2 ** 30, ageMs: 2 ** 40 };

const quietLog = { info() {}, warn() {}, error() {} };

let kits = 0;

export class ShardKit {
  readonly clock: ManualClock;
  readonly shards: readonly OpenedShard[];
  readonly memory: TapeMemory;
  readonly tape: Tape;
  readonly ingest: Ingest;
  readonly erasures: Erasures;
  readonly faults: Fault[];
  /** Per shard: whether it takes events, and how many commits failed. */
  readonly writable: boolean[];
  onCommit: ((shard: number) => void) | undefined;
  onPublished: ((shard: number) => void) | undefined;
  onWritable: ((shard: number, writable: boolean) => void) | undefined;
  readonly stops: number[];
  /** Whether the shards take themselves for busy. */
  isBusy = false;
  /** Seals and merges; a test may put another in its place. */
  work: Work = async (job) => perform(job);
  /** Blocks handed to the store, in order, the failed ones too. */
  readonly written: (readonly LogBlock[])[] = [];
  readonly #metrics = createMetricsMemory(1);
  readonly #watchers: (() => void)[] = [];
  #parcels: { shard: number; parcel: ParcelData }[] = [];

  constructor(options: KitOptions) {
    const { clock, directory, hashSeed = 7, inflightBytesMax, limits, shards } = options;
    this.clock = clock;
    this.memory = createTapeMemory(directory, shards, hashSeed);
    const metrics = openMetrics(this.#metrics, 0);
    const numbers = Array.from({ length: shards }, (_, number) => number);
    this.faults = numbers.map(() => ({}));
    this.writable = numbers.map(() => true);
    this.stops = numbers.map(() => 0);
    this.erasures = new Erasures({
      documents: options.documents ?? new FakeStore(),
      memory: this.memory,
      clock,
      random: seededRandom(++kits),
      log: quietLog,
      waitMs: Number.POSITIVE_INFINITY,
      // A disk may be slow by a clock that tests move.
      answerMs: options.answerMs ?? Number.POSITIVE_INFINITY,
      sweep: (number) => this.shards[number]!.upkeep.sweep(),
      purge: async () => undefined,
    });
    this.shards = numbers.map((number) => this.#openShard(number, limits ?? partLimits, metrics));
    const { establish, links } = options;
    this.tape = new Tape(this.memory, metrics, links);
    this.erasures.open();
    this.ingest = new Ingest({
      shards,
      hashSeed,
      fronts: 1,
      budget: new ByteBudget(inflightBytesMax ?? 2 ** 30, metrics),
      contention: new Contention(createContentionMemory(), clock),
      clock,
      // Another for each kit: made ids must not come again when a clock stands still.
      random: seededRandom(++kits),
      metrics,
      ...(links !== undefined && {
        statements: new Statements({
          links,
          clock,
          horizon: () => this.tape.horizon(),
          establish: establish!,
        }),
      }),
      send: (shard, parcel) => this.#parcels.push({ shard, parcel }),
    });
  }

  #openShard(number: number, limits: PartLimits, metrics: Metrics): OpenedShard {
    return openShard({
      number,
      memory: this.memory,
      clock: this.clock,
      log: quietLog,
      metrics,
      limits,
      work: (job) => this.work(job),
      isBusy: () => this.isBusy,
      faults: {
        beforeCommit: (blocks) => this.#beforeCommit(number, blocks),
        afterCommit: () => suffer(this.faults[number]!.after),
      },
      onWritable: (writable) => {
        this.writable[number] = writable;
        this.onWritable?.(number, writable);
        for (const tell of this.#watchers.splice(0)) tell();
      },
      onPublished: () => this.onPublished?.(number),
    });
  }

  async #beforeCommit(number: number, blocks: readonly LogBlock[]): Promise<void> {
    this.written.push(blocks);
    this.onCommit?.(number);
    try {
      await suffer(this.faults[number]!.before);
    } catch (error) {
      if (error instanceof AppError) this.stops[number]! += 1;
      throw error;
    }
  }

  metric(name: MetricName): number {
    return sumMetrics(this.#metrics).get(name)!;
  }

  /**
   * Reads one body into parcels, which stay in the front until `deliver`.
   *
   * @throws AppError when the body cannot be read; nothing of it is then stored.
   */
  send(format: BodyFormat, bytes: Uint8Array, workspace = 1, isTrusted = true): Promise<Receipt> {
    let given!: (receipt: Receipt) => void;
    const receipt = new Promise<Receipt>((resolve) => {
      given = resolve;
    });
    this.sendThen(format, bytes, workspace, given, isTrusted);
    return receipt;
  }

  /** The same, with the receipt handed over in the moment it is given. */
  sendThen(
    format: BodyFormat,
    bytes: Uint8Array,
    workspace: number,
    done: (receipt: Receipt) => void,
    isTrusted = true,
  ): void {
    const batch = this.ingest.begin(workspace, bytes.length, isTrusted);
    try {
      readBody(format, bytes, this.clock.now(), this.ingest, batch);
    } catch (error) {
      this.ingest.abandon(batch);
      throw error;
    }
    this.ingest.send(batch, done);
  }

  /** Hands the parcels to their shards. */
  deliver(): void {
    this.ingest.sendOpen();
    const parcels = this.#parcels;
    this.#parcels = [];
    for (const { shard, parcel } of parcels) {
      this.shards[shard]!.shard.accept(parcel, (receipt) => this.ingest.settle(shard, [receipt]));
    }
  }

  /** Delivers and commits on every shard. */
  async commit(): Promise<void> {
    this.deliver();
    await Promise.all(this.shards.map(({ shard }) => shard.commit()));
  }

  /** Sends JSON events and commits them; the receipt. */
  async store(events: readonly object[], workspace = 1, isTrusted = true): Promise<Receipt> {
    const body = Buffer.from(JSON.stringify(events));
    const receipt = this.send('json', body, workspace, isTrusted);
    await this.commit();
    return receipt;
  }

  /** Lets the time pass after which a shard tries to write again; resolves when it has. */
  async retry(): Promise<void> {
    const tries = new Promise<void>((resolve) => this.#watchers.push(resolve));
    this.clock.advance(500);
    await tries;
  }

  /** Erases a customer as the main thread does; meanwhile readers come by and time goes on. */
  erase({ customer, now, workspace }: EraseWish): Promise<ErasureState> {
    const shares = [{ identity: customer, from: null, to: null }];
    return this.erasePlan({ workspace, shares, now });
  }

  async erasePlan(wish: ErasePlan): Promise<ErasureState> {
    let isAnswered = false;
    const answer = this.erasures.erase(wish).finally(() => {
      isAnswered = true;
    });
    while (!isAnswered) {
      await new Promise((resolve) => setImmediate(resolve));
      this.tape.refresh();
      this.clock.advance(5);
    }
    return answer;
  }

  /** Lets the background work that is due come to its end. */
  async settle(): Promise<void> {
    for (const { upkeep } of this.shards) await upkeep.idle();
  }

  /** Every event in commit order, parsed. */
  tail(): Record<string, unknown>[] {
    const numbers = this.shards.map((_, number) => number);
    const tail = new Tail(this.tape, numbers, { stamp: 0, ordinal: 0 });
    const found: Record<string, unknown>[] = [];
    const visit = (event: TapeEvent): boolean => {
      found.push(JSON.parse(event.json()) as Record<string, unknown>);
      return true;
    };
    while (tail.visitBlock(this.tape.horizon(), visit));
    return found;
  }

  /** The events that a scan finds, parsed. */
  scan(query: Partial<ScanQuery> & { customer: string }): Record<string, unknown>[] {
    const budget = new ScanBudget(Number.POSITIVE_INFINITY);
    const found: Record<string, unknown>[] = [];
    for (const event of scan(this.tape, { workspace: 1, ...query }, budget)) {
      found.push(JSON.parse(event.json()) as Record<string, unknown>);
    }
    return found;
  }

  page(query: Partial<ScanQuery> & { customer: string }, limit: number, before?: string): TapePage {
    const budget = new ScanBudget(Number.POSITIVE_INFINITY);
    const page = tapePage(this.tape, { workspace: 1, ...query, limit, before }, budget);
    const text = Buffer.from(page).toString();
    return JSON.parse(text) as TapePage;
  }

  /** Closes all in order. */
  async close(): Promise<void> {
    for (const shard of this.shards) await shard.close();
    await this.tape.close();
    this.clock.forget();
  }
}

export interface TapePage {
  readonly events: readonly Record<string, unknown>[];
  readonly next: string | null;
  readonly live: string;
}

/** Names of two customers of `workspace` that differ but have one 32-bit hash. */
export function collidingCustomers(hashSeed: number, workspace: number): [string, string] {
  const seen = new Map<number, string>();
  for (let n = 0; n < 2_000_000; n++) {
    const name = `customer-${n}`;
    const hash = customerHashOf(hashSeed, workspace, Buffer.from(name), 0, name.length);
    const other = seen.get(hash);
    if (other !== undefined) return [other, name];
    seen.set(hash, name);
  }
  throw new Error('no two of two million names have one hash');
}
