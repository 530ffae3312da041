/**
 * Erasures, and what else is removed for good: the main thread's side. An erasure is
 *
 *     durable (a document) → in force (every read that begins now) → swept (no file holds them) → done
 *
 * and goes on at the next start wherever a crash cuts it. Its document names the customer by hashes
 * only, and not even so once it is done. A sweep writes whole segments anew, so it waits a while for
 * other erasures unless someone asks for it now.
 */
import type { Clock } from '../std/clock.ts';
import { AppError } from '../std/errors.ts';
import { uuidv7Bytes } from '../std/ids.ts';
import type { Log } from '../std/log.ts';
import type { Random } from '../std/random.ts';
import type { DocumentStore } from '../store/documents.ts';
import { Epochs } from './epochs.ts';
import type { ErasedShare, ErasePlan, Erasure, ErasureState, WorkspaceFacts } from './erasure.ts';
import { digestOf, type GoneRules, noRules } from './gone.ts';
import type { ErasedCustomer } from './job.ts';
import { publish } from './published.ts';
import { ErasureRoom, isSame, newest } from './room.ts';
import { customerHashOf, shardOf } from './route.ts';
import { Stamps } from './stamps.ts';
import type { TapeMemory } from './tape.ts';

/** Finished ones that are remembered; the oldest go first. */
export const erasuresDoneMax = 1000;
/** How long a finished erasure is listed. */
export const erasureDoneMs = 24 * 3_600_000;
const tickMs = 1000;
const readersCheckMs = 5;

interface Pending {
  erasure: Erasure & { readonly customers: readonly ErasedCustomer[] };
  /** The rules that have it. */
  version: number;
  /** Shards whose files may still hold something. */
  left: Set<number>;
  readonly waiting: (() => void)[];
}

/** The sweeps of one shard, one at a time. */
interface Lane {
  isSweeping: boolean;
  isAskedAgain: boolean;
  filesLeft: number | undefined;
}

export interface ErasuresParts {
  readonly documents: DocumentStore;
  readonly memory: TapeMemory;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** How long an erasure waits for others. */
  readonly waitMs: number;
  /** How long an answer waits for the files to be written anew; then it tells how far that is. */
  readonly answerMs: number;
  /** Has a shard remove what is gone from its files; resolves to the version of the rules it went by. */
  readonly sweep: (shard: number) => Promise<number>;
  /** Has everything else that names customers written anew. */
  readonly purge: () => Promise<void>;
}

export class Erasures {
  readonly #parts: ErasuresParts;
  readonly #stamps: Stamps;
  readonly #epochs: Epochs;
  readonly #time: BigInt64Array;
  readonly #pending = new Map<string, Pending>();
  readonly #done = new Map<string, Erasure>();
  readonly #lanes: readonly Lane[];
  #rules: GoneRules = noRules;
  readonly #room = new ErasureRoom();
  /** What `follow` was told last. */
  #followed = '';
  /** When a workspace was deleted whose events have not been swept. */
  #deletedAt: number | undefined;
  #isOpen = false;
  #commits: Promise<unknown> = Promise.resolve();
  readonly #stopTicking: () => void;

  /** Reads what is under way and puts it in force. Call before any shard is opened. */
  constructor(parts: ErasuresParts) {
    const { clock, documents, memory } = parts;
    this.#parts = parts;
    this.#stamps = new Stamps(memory.stamps);
    this.#epochs = new Epochs(memory.epochs);
    this.#time = new BigInt64Array(memory.rulesTime);
    this.tellTime();
    this.#lanes = memory.shards.map(() => {
      return { isSweeping: false, isAskedAgain: false, filesLeft: undefined };
    });
    for (const [, value] of documents.entries()) this.#take(value as Erasure);
    // A commit that a crash cut may have taken stamps that nobody knows of any more.
    for (const { erasure } of this.#pending.values()) {
      for (const { upTo } of erasure.customers) this.#stamps.raise(upTo);
    }
    this.#publish();
    this.#stopTicking = clock.every(tickMs, () => this.#tick());
  }

  #take(erasure: Erasure): void {
    const { customers } = erasure;
    if (customers === undefined) this.#done.set(erasure.id, erasure);
    else {
      const pending = { erasure: { ...erasure, customers }, version: 0, waiting: [] };
      this.#pending.set(erasure.id, { ...pending, left: this.#shardsOf(customers) });
    }
  }

  /** Every shard is open: what was under way goes on. */
  open(): void {
    this.#isOpen = true;
    for (const { left } of this.#pending.values()) for (const shard of left) this.#sweep(shard);
  }

  /** What holds of workspaces from now on. */
  follow(facts: WorkspaceFacts): void {
    const text = JSON.stringify(facts);
    if (text === this.#followed) return;
    const isFirst = this.#followed === '';
    this.#followed = text;
    const { living, next: workspaceNext, retention } = facts;
    const isAnyDeleted = this.#rules.workspaces.some((number) => !living.includes(number));
    this.#rules = { ...this.#rules, workspaces: living, workspaceNext, retention };
    const mayBeLeft = isFirst && living.length < workspaceNext - 1;
    if (isAnyDeleted || mayBeLeft) this.#deletedAt = this.#parts.clock.now();
    if (isAnyDeleted) this.#rules = { ...this.#rules, deletedUpTo: this.#stamps.issued() };
    this.#publish();
  }

  #publish(): void {
    const version = this.#rules.version + 1;
    const erased = [...this.#pending.values()].flatMap(({ erasure }) => erasure.customers);
    this.#rules = { ...this.#rules, version, erased };
    for (const pending of this.#pending.values()) pending.version ||= version;
    publish(this.#parts.memory.rules, this.#rules);
  }

  /** What is on the tape now has no greater stamp. */
  get issued(): number {
    return this.#stamps.issued();
  }

  /** Room for an erasure, until what it returns is called. @throws AppError `overloaded`. */
  reserve(workspace: number, shares: readonly ErasedShare[]): () => void {
    if (this.#known(this.#named(workspace, shares)) !== undefined) return () => undefined;
    return this.#room.reserve(
      { erasures: this.#pending.size, shares: this.#shares },
      shares.length,
    );
  }

  #known(customers: readonly ErasedCustomer[]): Pending | undefined {
    return [...this.#pending.values()].find(({ erasure }) => isSame(erasure.customers, customers));
  }

  /**
   * Erases everything of a customer that is on the tape now, or was at the stamps of the shares. Resolves
   * when nobody can read it any more. Reserve room for it before.
   *
   * @param inForce called before anything is removed from a file.
   * @throws AppError `unavailable` (nothing is erased then).
   */
  async erase(
    { now, shares, workspace }: ErasePlan,
    inForce: () => Promise<void> = async () => undefined,
  ): Promise<ErasureState> {
    const named = this.#named(workspace, shares);
    const known = this.#known(named);
    const customers = newest(named, known?.erasure.customers);
    const erasure = { ...(known?.erasure ?? this.#begin(workspace)), customers };
    const left = this.#shardsOf(customers);
    const pending: Pending = known ?? { erasure, version: 0, left, waiting: [] };
    const { version } = pending;
    // Until its document is renewed, no sweep can finish it.
    pending.version = Number.POSITIVE_INFINITY;
    await this.#commit([[erasure.id, erasure]]).catch((error: unknown) => {
      pending.version = version;
      throw error;
    });
    pending.erasure = erasure;
    pending.version = 0;
    pending.left = left;
    this.#done.delete(erasure.id);
    this.#pending.set(erasure.id, pending);
    this.#publish();
    await inForce();
    await this.#everyReader((epoch) => this.#epochs.isPast(epoch));
    if (now || this.#parts.waitMs === 0) for (const shard of left) this.#sweep(shard);
    if (now) await this.#untilDone(erasure.id);
    return this.#stateOf(erasure.id);
  }

  #named(workspace: number, shares: readonly ErasedShare[]): ErasedCustomer[] {
    return shares.map((share) => this.#name(workspace, share));
  }

  #name(workspace: number, { from, identity, to, upTo }: ErasedShare): ErasedCustomer {
    const { hashSeed } = this.#parts.memory;
    const bytes = Buffer.from(identity, 'utf8');
    const customerHash = customerHashOf(hashSeed, workspace, bytes, 0, bytes.length);
    const digest = digestOf(hashSeed, workspace, bytes);
    const span = { ...(from !== null && { from }), ...(to !== null && { to }) };
    return { workspace, customerHash, digest, upTo: upTo ?? this.issued, ...span };
  }

  /** Identities that are being erased. */
  get #shares(): number {
    let count = 0;
    for (const { erasure } of this.#pending.values()) count += erasure.customers.length;
    return count;
  }

  #begin(workspace: number): Erasure {
    const { clock, random } = this.#parts;
    const id = Buffer.alloc(36);
    uuidv7Bytes(clock.now(), random, id);
    return { id: id.toString('latin1'), workspace, requestedAt: clock.now() };
  }

  #shardsOf(customers: readonly ErasedCustomer[]): Set<number> {
    return new Set(customers.map(({ customerHash }) => shardOf(customerHash, this.#lanes.length)));
  }

  /** One commit at a time, in the order in which they were asked for. */
  #commit(changes: readonly (readonly [key: string, value: unknown])[]): Promise<void> {
    const turn = this.#commits.then(() => this.#parts.documents.commit(changes));
    this.#commits = turn.catch(() => undefined);
    return turn;
  }

  /** Resolves when what `is` asks of an epoch that begins now holds for every reading thread. */
  #everyReader(is: (epoch: number) => boolean): Promise<void> {
    const epoch = this.#epochs.raise();
    return new Promise((resolve) => {
      const look = (): void => {
        if (is(epoch)) resolve();
        else this.#parts.clock.after(readersCheckMs, look);
      };
      look();
    });
  }

  /** Resolves when the erasure is done and no thread has a removed file open, or past the time for it. */
  #untilDone(id: string): Promise<void> {
    const pending = this.#pending.get(id);
    // A sweep was faster than the readers.
    if (pending === undefined) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = this.#parts.clock.after(this.#parts.answerMs, resolve);
      pending.waiting.push(() => {
        cancel();
        resolve();
      });
    });
  }

  #sweep(shard: number): void {
    const lane = this.#lanes[shard]!;
    if (lane.isSweeping) lane.isAskedAgain = true;
    else {
      lane.isSweeping = true;
      void this.#sweepLane(lane, shard);
    }
  }

  async #sweepLane(lane: Lane, shard: number): Promise<void> {
    do {
      lane.isAskedAgain = false;
      const version = await this.#parts.sweep(shard);
      if (!(await this.#purge())) continue;
      // The files are removed; what they held is gone when no thread has them open any more.
      await this.#everyReader((epoch) => this.#epochs.isSeen(epoch));
      await this.#finish(shard, version);
    } while (lane.isAskedAgain);
    lane.isSweeping = false;
    lane.filesLeft = undefined;
  }

  async #purge(): Promise<boolean> {
    try {
      await this.#parts.purge();
      return true;
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      this.#parts.log.error('names could not be removed; the next sweep tries again', {
        message: error.message,
      });
      return false;
    }
  }

  /** Nothing is left of what the rules of that version erased in a shard. */
  async #finish(shard: number, version: number): Promise<void> {
    const swept = [...this.#pending.values()].filter(
      (pending) => pending.version <= version && pending.left.has(shard),
    );
    const finished = swept.filter(({ left }) => left.size === 1);
    for (const { left } of swept) if (left.size > 1) left.delete(shard);
    if (finished.length === 0) return;
    const doneAt = this.#parts.clock.now();
    const records = finished.map(({ erasure: { id, requestedAt, workspace } }): Erasure => {
      return { id, workspace, requestedAt, doneAt };
    });
    try {
      await this.#commit(records.map((record) => [record.id, record]));
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      this.#parts.log.error('an erasure could not be finished; it will be tried again', {
        message: error.message,
      });
      return;
    }
    for (const record of records) this.#settle(record);
    this.#publish();
  }

  #settle(record: Erasure): void {
    const pending = this.#pending.get(record.id)!;
    this.#pending.delete(record.id);
    this.#done.set(record.id, record);
    for (const tell of pending.waiting) tell();
  }

  /** Noted by the shard as a sweep goes on. */
  noteLeft(shard: number, filesLeft: number): void {
    this.#lanes[shard]!.filesLeft = filesLeft;
  }

  /** Ages go on; they never go back while the process lives, whatever the wall clock does. */
  tellTime(): void {
    const now = BigInt(this.#parts.clock.now());
    if (now > Atomics.load(this.#time, 0)) Atomics.store(this.#time, 0, now);
  }

  #tick(): void {
    this.tellTime();
    if (!this.#isOpen) return;
    const due = this.#parts.clock.now() - this.#parts.waitMs;
    for (const { erasure, left } of this.#pending.values()) {
      if (erasure.requestedAt > due) continue;
      for (const shard of left) if (!this.#lanes[shard]!.isSweeping) this.#sweep(shard);
    }
    if (this.#deletedAt !== undefined && this.#deletedAt <= due) {
      this.#deletedAt = undefined;
      this.#rules = { ...this.#rules, deletedUpTo: this.#stamps.issued() };
      this.#publish();
      for (const shard of this.#lanes.keys()) this.#sweep(shard);
    }
    this.#forget();
  }

  #forget(): void {
    const before = this.#parts.clock.now() - erasureDoneMs;
    const old = [...this.#done.values()].filter(
      ({ doneAt }, i) => doneAt! < before || i < this.#done.size - erasuresDoneMax,
    );
    if (old.length === 0) return;
    for (const { id } of old) this.#done.delete(id);
    this.#commit(old.map(({ id }) => [id, undefined])).catch((error: unknown) => {
      // They are found and forgotten at the next start.
      if (!(error instanceof AppError)) throw error;
    });
  }

  /** A workspace's erasures, the newest first. */
  list(workspace: number): ErasureState[] {
    const all = [
      ...this.#done.values(),
      ...[...this.#pending.values()].map((each) => each.erasure),
    ];
    const own = all.filter((erasure) => erasure.workspace === workspace);
    own.sort((a, b) => b.requestedAt - a.requestedAt || (a.id < b.id ? 1 : -1));
    return own.map(({ id }) => this.#stateOf(id));
  }

  #stateOf(id: string): ErasureState {
    const done = this.#done.get(id);
    if (done !== undefined) {
      return { id, status: 'done', requestedAt: done.requestedAt, doneAt: done.doneAt! };
    }
    const { erasure, left } = this.#pending.get(id)!;
    const { requestedAt } = erasure;
    const counts = [...left].map((shard) => this.#lanes[shard]!.filesLeft);
    const known = counts.filter((count) => count !== undefined);
    const filesLeft = known.reduce((sum, count) => sum + count, 0);
    return { id, status: 'pending', requestedAt, ...(known.length > 0 && { filesLeft }) };
  }

  async close(): Promise<void> {
    this.#stopTicking();
    this.#isOpen = false;
    await this.#commits;
    await this.#parts.documents.close();
  }
}
