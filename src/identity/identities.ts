/**
 * The graph of identities: its owner. Everybody asks here, and what is asked within one commit goes into
 * the next together:
 *
 *     ask ─▶ draft (pure) ─▶ one transaction, flushed ─▶ version word: all threads read it ─▶ fronts told
 *                                                                                     └──▶ answers
 *
 * so an answer means that the links are durable and in force for every reader. What goes on the tape is
 * kept in the same transaction until it is there (`Outbox`). Thread: main.
 */
import { join } from 'node:path';
import type { Clock } from '../std/clock.ts';
import { AppError } from '../std/errors.ts';
import { type KeyedChange, KeyedStore } from '../store/keyed.ts';
import { identitiesFile } from '../tape/layout.ts';
import { customerHashOf } from '../tape/route.ts';
import type { LinkAnswer, LinkAsk, Outbox, TapeRecord } from './ask.ts';
import { type ChangeParts, change } from './change.ts';
import { type ChangedNode, Draft, storedOf } from './draft.ts';
import { type Forgotten, forget, leftOf, withLeft } from './forget.ts';
import type { Nodes } from './graph.ts';
import { LinkFilter, type LinkMemory, word } from './memory.ts';
import {
  erasedKind,
  metaKey,
  type Node,
  nodeKey,
  nodeKind,
  noNode,
  numberedKey,
  outboxKind,
  parseNodeKey,
} from './node.ts';
import type { IdentitySettings } from './settings.ts';
import { canonicalOf } from './typed.ts';

/** Asks that wait for a commit. */
export const asksWaitingMax = 100_000;
const tickMs = 2000;

/** How the file as a whole stands. */
interface Meta {
  /** Of the last change; numbers the records too. */
  readonly version: number;
  /** What events say up to this stamp is in force; absent in a new file. */
  readonly tapeUpTo?: number;
  /** The version when the file was last written anew. */
  readonly cleanVersion: number;
}

export interface IdentitiesParts {
  readonly memory: LinkMemory;
  readonly clock: Clock;
  readonly settings: (workspace: number) => IdentitySettings;
  /** Resolves when every front knows that these may belong to others now. */
  readonly tell: (changed: readonly Pick<ChangedNode, 'workspace' | 'identity'>[]) => Promise<void>;
}

interface Waiting {
  /** Works on the draft; what it throws is this ask's refusal. */
  readonly work: (draft: Draft) => Worked;
  readonly after: (() => Promise<void>) | undefined;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

interface Worked {
  /** Besides the nodes of the draft. */
  readonly rows: readonly KeyedChange[];
  /** Something may not be in force any more. */
  readonly moves: boolean;
  /** Written even if nothing changed. */
  readonly mustWrite?: boolean;
}

export class Identities implements Nodes {
  readonly #parts: IdentitiesParts;
  readonly #store: KeyedStore;
  readonly #filter: LinkFilter;
  readonly #words: Int32Array;
  readonly #progress: Float64Array;
  #meta: Meta;
  #line: Waiting[] = [];
  /** Rows that are done with: they go with the next commit. */
  #done: Buffer[] = [];
  #isClosed = false;
  /** The workspaces that there were when nodes of others were looked for. */
  #purgedFor = '';
  /** The fronts' progress counts. */
  #isFollowing = false;
  #pumping: Promise<void> | undefined;
  #stopTicking: () => void = () => undefined;

  constructor(parts: IdentitiesParts) {
    const { memory } = parts;
    this.#parts = parts;
    this.#words = new Int32Array(memory.words);
    this.#filter = new LinkFilter(memory.filter);
    this.#progress = new Float64Array(memory.progress);
    this.#store = new KeyedStore(join(memory.directory, identitiesFile));
    const meta = this.#store.get(metaKey);
    this.#meta =
      meta === undefined
        ? { version: 0, cleanVersion: 0 }
        : (JSON.parse(meta.toString('utf8')) as Meta);
    for (const key of this.#store.keys(Buffer.of(nodeKind))) this.#note(parseNodeKey(key));
  }

  /** Up to where the tape had been read when the process ended; undefined in a new file. */
  get tapeUpTo(): number | undefined {
    return this.#meta.tapeUpTo;
  }

  /** What the tape says up to `stamp` is in force; from now on the fronts' progress counts. */
  async open(stamp: number): Promise<void> {
    this.#progress.fill(stamp);
    this.#isFollowing = true;
    if (this.tapeUpTo === undefined) await this.#enqueue(nothing);
    this.#stopTicking = this.#parts.clock.every(tickMs, () => this.#tick());
  }

  /** Keeps where reading goes on after a crash from falling far behind. */
  #tick(): void {
    if (this.#pumping !== undefined) return;
    if (this.#done.length === 0 && this.#safeStamp() <= (this.#meta.tapeUpTo ?? 0)) return;
    this.#enqueue(nothing).catch((error: unknown) => {
      // It is tried again with the next tick.
      if (!(error instanceof AppError)) throw error;
    });
  }

  #safeStamp(): number {
    return Math.min(...this.#progress);
  }

  node(workspace: number, identity: string): Node {
    if (!this.#filter.has(this.#hashOf(workspace, identity))) return noNode;
    const value = this.#store.get(nodeKey(workspace, identity));
    return value === undefined ? noNode : (JSON.parse(value.toString('utf8')) as Node);
  }

  /**
   * Resolves when what is asked is durable and in force everywhere.
   * @throws AppError conflict, invalid, not_found, overloaded, unavailable.
   */
  async ask(ask: LinkAsk): Promise<LinkAnswer> {
    let answer: LinkAnswer | undefined;
    const { clock, memory, settings } = this.#parts;
    await this.#enqueue((draft) => {
      const parts: ChangeParts = { nowMs: clock.now(), region: memory.phoneRegion, settings };
      const { records, ...told } = change(draft, ask, parts);
      answer = { ...told, outbox: { number: draft.version, records } };
      const moves = ask.kind !== 'state' || told.outcomes.includes('switched');
      return { rows: records.length === 0 ? [] : [outboxRow(answer.outbox)], moves };
    });
    return answer!;
  }

  /**
   * Takes a customer out of the graph, with every identity that nobody else has. What is to be erased on
   * the tape is kept until `erased`, with what an earlier ask left of it. Undefined: neither knows it,
   * only its own tape is to go.
   *
   * @param issued the newest stamp: what comes later is not erased.
   * @param admit called before anything is changed; what it throws is the refusal.
   */
  async forget(
    workspace: number,
    customer: string,
    issued: () => number,
    admit: (forgotten: Forgotten) => void,
  ): Promise<Forgotten | undefined> {
    const identity = canonicalOf(customer, this.#parts.memory.phoneRegion);
    const isUnknown =
      this.node(workspace, identity) === noNode &&
      leftOf(this.leftForgotten(), workspace, [identity]).length === 0;
    if (isUnknown && this.#pumping === undefined) return undefined;
    let forgotten: Forgotten | undefined;
    await this.#enqueue((draft) => {
      const upTo = issued();
      const own = forget(draft, workspace, identity).map((share) => ({ ...share, upTo }));
      // A way to write a number that was not kept has a tape of its own; it goes when it is named.
      if (customer !== identity && own.every((share) => share.identity !== customer)) {
        own.push({ identity: customer, from: null, to: null, upTo });
      }
      const names = own.map((share) => share.identity);
      const left = leftOf(this.leftForgotten(), workspace, names);
      const shares = withLeft(own, left);
      forgotten = { number: draft.version, workspace, shares };
      admit(forgotten);
      const rows: KeyedChange[] = left.map(({ number }) => [
        numberedKey(erasedKind, number),
        undefined,
      ]);
      const value = Buffer.from(JSON.stringify(forgotten));
      rows.push([numberedKey(erasedKind, forgotten.number), value]);
      return { rows: [...rows, ...this.#unsaid(forgotten)], moves: true };
    });
    return forgotten;
  }

  /** What waits to be put on the tape of those who are forgotten is not said any more. */
  #unsaid({ shares, workspace }: Forgotten): KeyedChange[] {
    const gone = new Set(shares.map(({ identity }) => identity));
    const isGone = ({ event, workspace: own }: TapeRecord): boolean =>
      own === workspace && gone.has((JSON.parse(event) as { customer: string }).customer);
    return this.leftOutboxes()
      .filter(({ records }) => records.some(isGone))
      .map(({ number, records }) => {
        return outboxRow({ number, records: records.filter((record) => !isGone(record)) });
      });
  }

  /** An erasure is in force on the tape. */
  async erased({ number }: Forgotten): Promise<void> {
    this.#done.push(numberedKey(erasedKind, number));
    await this.#enqueue(nothing);
  }

  /** All of an outbox is on the tape. */
  recorded(number: number): void {
    this.#done.push(numberedKey(outboxKind, number));
  }

  /** What a crash left to be put on the tape. */
  leftOutboxes(): Outbox[] {
    return this.#all(outboxKind) as Outbox[];
  }

  /** What a crash or a refusal left to be erased on the tape. */
  leftForgotten(): Forgotten[] {
    return this.#all(erasedKind) as Forgotten[];
  }

  #all(kind: number): unknown[] {
    const rows = [...this.#store.range(Buffer.of(kind))];
    return rows.map(({ value }) => JSON.parse(value.toString('utf8')) as unknown);
  }

  /**
   * Writes the file anew if it may hold what is gone: free pages keep what lay in them.
   * @param living the workspaces there are; nodes of others go too.
   */
  async purge(living: readonly number[]): Promise<void> {
    const alive = new Set(living);
    const { version, cleanVersion } = this.#meta;
    const isGone = (key: Buffer): boolean =>
      key[0] === nodeKind && !alive.has(parseNodeKey(key).workspace);
    const isAnyGone = living.join() !== this.#purgedFor && this.#hasNode(isGone);
    this.#purgedFor = living.join();
    if (version === cleanVersion && !isAnyGone) return;
    // With the commit before it, so that what is done with is not copied.
    await this.#enqueue(nothing, async () => {
      await this.#store.rewrite((key) => !isGone(key));
      Atomics.add(this.#words, word.generation, 1);
      Atomics.add(this.#words, word.version, 1);
      this.#meta = { ...this.#meta, cleanVersion: this.#meta.version };
    });
    await this.#enqueue(nothing);
  }

  #hasNode(is: (key: Buffer) => boolean): boolean {
    for (const key of this.#store.keys(Buffer.of(nodeKind))) if (is(key)) return true;
    return false;
  }

  /** @param after done once `work` is committed, before anything else is. */
  #enqueue(work: Waiting['work'], after?: () => Promise<void>): Promise<void> {
    if (this.#isClosed) {
      return Promise.reject(new AppError('unavailable', 'the server is shutting down'));
    }
    if (this.#line.length >= asksWaitingMax) {
      const message = 'too many links are waiting to be written; ask again';
      return Promise.reject(new AppError('overloaded', message, { retryAfterSeconds: 1 }));
    }
    const done = new Promise<void>((resolve, reject) => {
      this.#line.push({ work, after, resolve, reject });
    });
    this.#pumping ??= this.#pump();
    return done;
  }

  async #pump(): Promise<void> {
    // Those who ask in the same turn go together.
    await Promise.resolve();
    while (this.#line.length > 0) {
      const line = this.#line;
      this.#line = [];
      await this.#commit(line);
    }
    // In the same turn in which the line was seen empty, so that nobody waits in vain.
    this.#pumping = undefined;
  }

  async #commit(line: readonly Waiting[]): Promise<void> {
    const draft = new Draft(this, this.#meta.version);
    const rows: KeyedChange[] = [];
    const worked: Waiting[] = [];
    let [moves, mustWrite] = [false, false];
    for (const waiting of line) {
      const own = new Draft(draft, draft.version);
      try {
        const made = waiting.work(own);
        draft.take(own);
        moves ||= made.moves;
        mustWrite ||= made.mustWrite === true;
        rows.push(...made.rows);
        worked.push(waiting);
      } catch (error) {
        waiting.reject(error);
      }
    }
    // What is refused, or in force already, costs no flush.
    const isIdle = rows.length === 0 && draft.version === this.#meta.version && !mustWrite;
    try {
      if (!isIdle) await this.#write(draft, rows, moves);
    } catch (error) {
      for (const { reject } of worked) reject(error);
      return;
    }
    for (const { after, reject, resolve } of worked) {
      if (after === undefined) resolve();
      else await after().then(resolve, reject);
    }
  }

  async #write(draft: Draft, rows: KeyedChange[], moves: boolean): Promise<void> {
    const { changed } = draft;
    for (const each of changed) {
      const stored = storedOf(each);
      const value = stored === undefined ? undefined : Buffer.from(stored);
      rows.push([nodeKey(each.workspace, each.identity), value]);
      // Before it is committed: who looks then finds it, or nothing yet.
      this.#note(each);
    }
    const done = this.#done;
    this.#done = [];
    rows.push(...done.map((key): KeyedChange => [key, undefined]));
    const meta: Meta = { ...this.#meta, version: draft.version, ...this.#reached() };
    rows.push([metaKey, Buffer.from(JSON.stringify(meta))]);
    try {
      await this.#store.commit(rows);
    } catch (error) {
      this.#done = [...done, ...this.#done];
      throw error;
    }
    this.#meta = meta;
    Atomics.add(this.#words, word.version, 1);
    if (moves) Atomics.add(this.#words, word.moves, 1);
    if (changed.length > 0) await this.#parts.tell(changed);
  }

  #reached(): { readonly tapeUpTo?: number } {
    if (!this.#isFollowing) return {};
    return { tapeUpTo: Math.max(this.#safeStamp(), this.tapeUpTo ?? 0) };
  }

  #note({ identity, workspace }: Pick<ChangedNode, 'workspace' | 'identity'>): void {
    this.#filter.add(this.#hashOf(workspace, identity));
  }

  #hashOf(workspace: number, identity: string): number {
    const bytes = Buffer.from(identity, 'utf8');
    return customerHashOf(this.#parts.memory.hashSeed, workspace, bytes, 0, bytes.length);
  }

  async close(): Promise<void> {
    this.#stopTicking();
    this.#isClosed = true;
    await this.#pumping;
    await this.#store.close();
  }
}

/** A commit for what waits besides: how far the tape was read, rows that are done with. */
function nothing(): Worked {
  return { rows: [], moves: false, mustWrite: true };
}

/** One without records is removed. */
function outboxRow(outbox: Outbox): KeyedChange {
  const { number, records } = outbox;
  const value = records.length === 0 ? undefined : Buffer.from(JSON.stringify(outbox));
  return [numberedKey(outboxKind, number), value];
}
