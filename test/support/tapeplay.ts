/** Random play on a tape, held against the model at every step. */
import { strict as assert } from 'node:assert';
import type { PartLimits } from '../../src/config.ts';
import type { BodyFormat } from '../../src/ingest/body.ts';
import { AppError } from '../../src/std/errors.ts';
import { type Random, seededRandom } from '../../src/std/random.ts';
import { formatCursor } from '../../src/tape/cursor.ts';
import { collidingCustomers, Gate, ManualClock, ShardKit } from './shardkit.ts';
import { encodeBody, popularTime } from './tapebody.ts';
import {
  checkContent,
  type Expected,
  numberOf,
  type Sent,
  type TapeFilter,
  TapeModel,
} from './tapemodel.ts';
import { tailFrom, type Visited } from './tapetail.ts';

const startMs = 1_763_740_000_000;
const hashSeed = 41;
/** Two of them have one hash in workspace 1, so that they share a chain of the index. */
const customers = [...collidingCustomers(hashSeed, 1), 'c1', 'ü', 'a "quoted" one', 'c2'];
const types = ['Click', 'Login', 'Purchased'];
const channels = ['web', 'store', undefined];

export class Play {
  readonly #random: Random;
  readonly #directory: string;
  readonly #shards: number;
  /** Parts this small are sealed and merged all the time. */
  readonly #limits: PartLimits;
  readonly #clock = new ManualClock(startMs);
  readonly #model: TapeModel;
  #kit: ShardKit;
  #outstanding = new Set<Expected>();
  /** By workspace: what can be sent again. */
  readonly #sent: Sent[][] = [[], [], []];
  /** Commit order as it was first seen: it must never change. */
  #history: Visited[] = [];
  /** A live stream's start that a reader kept, and how many events lay behind it then. */
  #bookmark = { cursor: '0.0', behind: 0 };
  #n = 0;

  constructor(seed: number, directory: string) {
    this.#random = seededRandom(seed);
    this.#directory = directory;
    this.#shards = 1 + this.#random.below(3);
    const events = 1 + this.#random.below(40);
    this.#limits = { events, bytes: 1 + this.#random.below(60_000), ageMs: 2 ** 40 };
    this.#model = new TapeModel(this.#shards, hashSeed);
    this.#kit = this.#openKit();
  }

  #openKit(): ShardKit {
    const kit = new ShardKit({
      directory: this.#directory,
      shards: this.#shards,
      hashSeed,
      clock: this.#clock,
      limits: this.#limits,
    });
    this.#disturbWork(kit);
    kit.onCommit = (shard) => this.#model.committing(shard);
    kit.onPublished = (shard) => this.#model.published(shard);
    kit.onWritable = (shard, writable) => {
      if (!writable) this.#model.failed(shard);
    };
    return kit;
  }

  /** Sealing and merging fail now and then, or are done without anyone learning of it before the end. */
  #disturbWork(kit: ShardKit): void {
    const { work } = kit;
    kit.work = async (job) => {
      const dice = this.#random.below(12);
      if (dice === 0) throw new AppError('unavailable', 'no room');
      const facts = await work(job);
      return dice === 1 ? new Promise(() => undefined) : facts;
    };
  }

  async run(): Promise<void> {
    const steps = 5 + this.#random.below(8);
    for (let step = 0; step < steps; step++) {
      await this.#step();
      this.#checkReads();
    }
    while (this.#kit.writable.includes(false)) await this.#kit.retry();
    await this.#kit.commit();
    assert.equal(this.#outstanding.size, 0, 'a batch has no receipt');
    await this.#reopen();
    this.#checkAll();
    await this.#kit.close();
  }

  async #step(): Promise<void> {
    // While it is, parts with an index wait to be sealed.
    this.#kit.isBusy = this.#random.below(2) === 0;
    const dice = this.#random.below(20);
    if (dice < 6) {
      this.#ingest();
      await this.#kit.commit();
    } else if (dice < 10) await this.#commitHeld();
    else if (dice < 12) await this.#commitFailing();
    else if (dice < 13) await this.#die();
    else if (dice < 14) await this.#reopen();
    else if (dice < 16) await this.#pageWhileEventsArrive();
    else if (dice < 17) this.#clock.step(this.#random.below(2000) - 1000);
    else if (this.#kit.writable.includes(false)) await this.#kit.retry();
    else this.#clock.advance(this.#random.below(400));
  }

  /** Some batches, good and bad, into the parcels and on to the shards. */
  #ingest(countMax = 4): void {
    const kit = this.#kit;
    const batches: Expected[] = [];
    for (let count = 1 + this.#random.below(countMax); count > 0; count--) {
      const workspace = this.#random.below(4) === 0 ? 2 : 1;
      const batch: Expected = {
        workspace,
        events: this.#events(workspace, countMax === 1),
        fates: [],
        stops: [],
        receipt: undefined,
      };
      const format = (['json', 'ndjson', 'msgpack'] as const)[this.#random.below(3)]!;
      const body = encodeBody(format, batch.events, this.#random);
      if (this.#random.below(8) === 0) this.#sendMalformed(format, body, workspace);
      this.#outstanding.add(batch);
      kit.sendThen(format, body, workspace, (receipt) => this.#receive(batch, receipt));
      batches.push(batch);
    }
    const { stops, writable } = kit;
    const now = { nowMs: this.#clock.now(), writable, stops };
    for (const batch of batches) this.#model.arrive(batch, now);
    kit.deliver();
    this.#settleEarly(batches);
  }

  /** A batch of which nothing reached a shard is answered before the model has seen it. */
  #settleEarly(batches: readonly Expected[]): void {
    for (const batch of batches) {
      if (batch.receipt !== undefined) this.#check(batch);
    }
  }

  #receive(batch: Expected, receipt: NonNullable<Expected['receipt']>): void {
    batch.receipt = receipt;
    if (batch.fates.length > 0) this.#check(batch);
  }

  /** A receipt means: what it acknowledges can be read now (some of it is tried). */
  #check(batch: Expected): void {
    if (!this.#outstanding.delete(batch)) return;
    const kit = this.#kit;
    const all = this.#model.acknowledged(batch, batch.receipt!, kit.stops);
    const every = Math.ceil(all.length / 5);
    for (const known of all.filter((_, index) => index % every === 0)) {
      const { customer, n, time, workspace } = known;
      const found = kit.scan({ workspace, customer, since: time, until: time });
      assert.ok(
        found.some((event) => numberOf(event) === n),
        `event ${n} is acknowledged and cannot be read`,
      );
    }
  }

  /** Cut short or garbled: nothing of it may be stored, and its neighbours are not harmed. */
  #sendMalformed(format: BodyFormat, body: Uint8Array, workspace: number): void {
    if (format === 'ndjson') return;
    const cut = body.subarray(0, 1 + this.#random.below(body.length - 1));
    assert.throws(
      () => this.#kit.sendThen(format, cut, workspace, () => assert.fail('a receipt')),
      (error) => error instanceof AppError && error.code === 'malformed',
    );
  }

  /** @param isResend only the event that was sent last: its original may not be flushed yet. */
  #events(workspace: number, isResend: boolean): Sent[] {
    const last = this.#sent[workspace]!.at(-1);
    if (isResend && last !== undefined) return [last];
    return Array.from({ length: this.#batchSize() }, () => this.#event(workspace));
  }

  #batchSize(): number {
    const dice = this.#random.below(30);
    if (dice === 0) return 120 + this.#random.below(80);
    return 1 + this.#random.below(dice < 4 ? 20 : 4);
  }

  #event(workspace: number): Sent {
    const random = this.#random;
    const sent = this.#sent[workspace]!;
    if (random.below(5) === 0 && sent.length > 0) {
      return this.#again(sent[random.below(sent.length)]!);
    }
    this.#n += 1;
    const n = this.#n;
    const popular = random.below(40);
    const ids = [`id-${n}`, `id ${popular}`, `é-${n}`, undefined];
    const choice = random.below(4);
    const dice = random.below(60);
    const event: Sent = {
      n,
      id: ids[choice],
      customer: customers[random.below(customers.length)]!,
      type: dice === 0 ? 'tapeline.made' : types[random.below(types.length)]!,
      channel: channels[random.below(channels.length)],
      // Who sends an id again sends its time again, too (or never sent one).
      time: choice === 1 ? popularTime(popular, startMs) : this.#time(),
      bad: dice < 2,
    };
    if (!event.bad && event.id !== undefined) sent.push(event);
    return event;
  }

  /** A resend: sometimes with another payload, which then does not count. */
  #again(event: Sent): Sent {
    if (this.#random.below(3) > 0) return event;
    this.#n += 1;
    return { ...event, n: this.#n, type: types[this.#random.below(types.length)]! };
  }

  #time(): number | undefined {
    const now = this.#clock.now();
    switch (this.#random.below(5)) {
      case 0:
        return undefined;
      case 1:
        return startMs - 1000 * this.#random.below(5);
      case 2:
        return now - this.#random.below(100_000);
      default:
        return now;
    }
  }

  /** Holds the flush: nothing new may be seen or acknowledged; more arrives behind it. */
  async #commitHeld(): Promise<void> {
    const kit = this.#kit;
    const shard = this.#random.below(this.#shards);
    const gate = new Gate();
    kit.faults[shard]!.before = gate;
    this.#ingest();
    const done = kit.commit();
    if (this.#random.below(2) === 0) {
      this.#checkReads();
      this.#ingest(1);
      this.#ingest();
    }
    this.#checkReads();
    kit.faults[shard] = {};
    if (this.#random.below(3) === 0) gate.fail(new AppError('unavailable', 'no room'));
    else gate.open();
    await done;
    await kit.commit();
  }

  async #commitFailing(): Promise<void> {
    const kit = this.#kit;
    const shard = this.#random.below(this.#shards);
    kit.faults[shard] = { before: new AppError('unavailable', 'no room') };
    this.#ingest();
    await kit.commit();
    if (this.#random.below(2) === 0) {
      this.#ingest();
      if (!kit.writable[shard]) await kit.retry();
    }
    kit.faults[shard] = {};
    await kit.commit();
  }

  /** The device fails, before the write or after it: the process ends and starts again. */
  async #die(): Promise<void> {
    const kit = this.#kit;
    while (kit.writable.includes(false)) await kit.retry();
    const shard = this.#random.below(this.#shards);
    const isWritten = this.#random.below(2) === 0;
    const error = new Error('the device failed');
    kit.faults[shard] = isWritten ? { after: error } : { before: error };
    this.#ingest();
    kit.deliver();
    const ends = await Promise.allSettled(kit.shards.map((opened) => opened.shard.commit()));
    if (isWritten && ends[shard]!.status === 'rejected') this.#model.published(shard);
    kit.faults[shard] = {};
    await this.#reopen();
  }

  async #reopen(): Promise<void> {
    this.#checkHistory();
    await this.#kit.close();
    this.#model.reopened();
    this.#outstanding.clear();
    this.#kit = this.#openKit();
    this.#checkAll();
  }

  /** Follows `next` from a first page: its events come once each, whatever arrives meanwhile. */
  async #pageWhileEventsArrive(): Promise<void> {
    const customer = customers[this.#random.below(customers.length)]!;
    const limit = 1 + this.#random.below(7);
    const first = this.#model.tape(1, customer).map(({ n }) => n);
    const seen: number[] = [];
    let before: string | undefined;
    for (;;) {
      const page = this.#kit.page({ customer }, limit, before);
      assert.ok(page.events.length <= limit);
      seen.push(...page.events.map(numberOf));
      if (page.next === null) break;
      before = page.next;
      if (this.#random.below(3) > 0) continue;
      this.#ingest();
      await this.#kit.commit();
    }
    const early = new Set(first);
    assert.deepEqual(
      seen.filter((n) => early.has(n)),
      first,
      'pages visit what was there at the first of them once, in order',
    );
    assert.equal(new Set(seen).size, seen.length, 'an event on two pages');
  }

  #checkAll(): void {
    for (const workspace of [1, 2]) {
      for (const customer of customers) this.#checkTape(workspace, customer, {});
    }
    this.#checkHistory();
  }

  #checkReads(): void {
    const workspace = 1 + this.#random.below(2);
    this.#checkTape(workspace, customers[this.#random.below(customers.length)]!, {});
    this.#checkTape(1, customers[this.#random.below(customers.length)]!, this.#filter());
    this.#checkHistory();
  }

  #filter(): TapeFilter {
    const random = this.#random;
    const times = [startMs - random.below(5000), this.#clock.now() - random.below(50_000)];
    return {
      ...(random.below(2) === 0 ? { types: types.slice(random.below(3)) } : {}),
      ...(random.below(3) === 0 ? { channels: ['web'] } : {}),
      ...(random.below(3) === 0 ? { since: Math.min(...times) } : {}),
      ...(random.below(3) === 0 ? { until: Math.max(...times) } : {}),
    };
  }

  #checkTape(workspace: number, customer: string, filter: TapeFilter): void {
    const found = this.#kit.scan({ workspace, customer, ...filter });
    const wanted = this.#model.tape(workspace, customer, filter);
    assert.deepEqual(
      found.map(numberOf),
      wanted.map(({ n }) => n),
      `the tape of ${customer}`,
    );
    for (const [index, event] of found.entries()) checkContent(event, wanted[index]!);
  }

  /** Tails: from the start, and from any cursor; one order for ever. */
  #checkHistory(): void {
    const all = tailFrom(this.#kit.tape, this.#random, '0.0');
    const { length } = this.#history;
    assert.deepEqual(all.slice(0, length), this.#history, 'commit order has changed');
    this.#history = all;
    const durable = new Set([...this.#model.durable].map(({ n }) => n));
    for (const { n } of all) assert.ok(durable.delete(n), `event ${n} is in the stream twice`);
    if (!this.#kit.writable.includes(false) && this.#outstanding.size === 0) {
      assert.equal(durable.size, 0, 'events are missing in the stream');
    }
    for (let shard = 0; shard < this.#shards; shard++) {
      const arrivals = this.#model.arrivals(shard).map(({ n }) => n);
      const mine = new Set(arrivals);
      const streamed = all.map(({ n }) => n).filter((n) => mine.has(n));
      assert.deepEqual(streamed, arrivals.slice(0, streamed.length), `order of shard ${shard}`);
    }
    const from = this.#random.below(all.length + 1);
    const cursor = from === 0 ? '0.0' : all[from - 1]!.cursor;
    assert.deepEqual(
      tailFrom(this.#kit.tape, this.#random, cursor),
      all.slice(from),
      `the stream from ${cursor}`,
    );
    this.#checkBookmark(all);
  }

  /** A cursor of `now` misses nothing that comes later, whatever failed or died in between. */
  #checkBookmark(all: readonly Visited[]): void {
    const { behind, cursor } = this.#bookmark;
    assert.deepEqual(
      tailFrom(this.#kit.tape, this.#random, cursor),
      all.slice(behind),
      `the stream from the kept ${cursor}`,
    );
    if (this.#random.below(3) > 0) return;
    const { ordinal, stamp } = this.#kit.tape.now();
    this.#bookmark = { cursor: formatCursor(stamp, ordinal), behind: all.length };
  }
}
