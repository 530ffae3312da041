/**
 * The graph of identities: its owner. Everybody asks here, and what is asked within one commit goes into
 * the next together (`rounds.ts`):
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
import type { ErasedShare } from '../tape/erasure.ts';
import { identitiesFile } from '../tape/layout.ts';
import { customerHashOf } from '../tape/route.ts';
import type { LinkAnswer, LinkAsk, Outbox, TapeRecord } from './ask.ts';
import { type ChangeParts, change, type Steps } from './change.ts';
import { type ChangedNode, Draft, storedOf } from './draft.ts';
import { ErasedNames } from './erasednames.ts';
import { type Forgotten, forget, leftOf, withLeft } from './forget.ts';
import type { Nodes } from './graph.ts';
import { LinkFilter, type LinkMemory, word } from './memory.ts';
import {
  erasedKind,
  handleKey,
  handleKind,
  metaKey,
  type Node,
  nodeKey,
  nodeKind,
  noNode,
  numberedKey,
  outboxKind,
  parseNodeKey,
  workspaceOfKey,
} from './node.ts';
import { Rounds, type Work, type Worked } from './rounds.ts';
import type { IdentitySettings } from './settings.ts';
import { canonicalOf } from './typed.ts';

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

export class Identities implements Nodes {
  readonly #parts: IdentitiesParts;
  readonly #store: KeyedStore;
  readonly #filter: LinkFilter;
  readonly #words: Int32Array;
  readonly #progress: Float64Array;
  readonly #rounds: Rounds;
  readonly #erasedNames = new ErasedNames();
  #meta: Meta;
  /** Rows that are done with: they go with the next commit. */
  #done: Buffer[] = [];
  /** The workspaces that there were when nodes of others were looked for. */
  #purgedFor = '';
  /** The fronts' progress counts. */
  #isFollowing = false;
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
    this.#rounds = new Rounds({
      begin: () => new Draft(this, this.#meta.version),
      commit: (draft, worked) => this.#commit(draft, worked),
    });
  }

  /** Up to where the tape had been read when the process ended; undefined in a new file. */
  get tapeUpTo(): number | undefined {
    return this.#meta.tapeUpTo;
  }

  /** What the tape says up to `stamp` is in force; from now on the fronts' progress counts. */
  async open(stamp: number): Promise<void> {
    this.#progress.fill(stamp);
    this.#isFollowing = true;
    if (this.tapeUpTo === undefined) await this.#rounds.do(nothing);
    this.#stopTicking = this.#parts.clock.every(tickMs, () => this.#tick());
  }

  /** Keeps where reading goes on after a crash from falling far behind. */
  #tick(): void {
    this.#erasedNames.settle(this.#safeStamp());
    if (!this.#rounds.isIdle) return;
    if (this.#done.length === 0 && this.#safeStamp() <= (this.#meta.tapeUpTo ?? 0)) return;
    this.#rounds.do(nothing).catch((error: unknown) => {
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
    const { clock, settings } = this.#parts;
    const region = this.#parts.memory.phoneRegion;
    const isErased = this.#isErasedSince(ask);
    const steps = function* (draft: Draft): Steps<Worked> {
      const parts: ChangeParts = { nowMs: clock.now(), region, settings, ...isErased };
      const { records, ...told } = yield* change(draft, ask, parts);
      answer = { ...told, outbox: { number: draft.version, records } };
      const moves = ask.kind !== 'state' || told.outcomes.includes('switched');
      return { rows: records.length === 0 ? [] : [outboxRow(answer.outbox)], moves };
    };
    const workspace = ask.kind === 'state' ? (ask.statements[0]?.workspace ?? 0) : ask.workspace;
    await this.#rounds.do({ workspace, steps });
    return answer!;
  }

  /** For events that were stored before an erasure that is carried out by now. */
  #isErasedSince(ask: LinkAsk): Pick<ChangeParts, 'isErased'> {
    if (ask.kind !== 'state' || ask.erasures === undefined) return {};
    const since = ask.erasures;
    return {
      isErased: (workspace, name, time) => this.#erasedNames.has(workspace, name, time, since),
    };
  }

  /**
   * Takes a customer out of the graph, with every identity that nobody else has. What is to be erased on
   * the tape is kept until `erased`, with what an earlier ask left of it. Undefined: neither knows it,
   * only its own tape is to go. What events on the tape say of it, and comes late, is not said any more.
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
    if (isUnknown && this.#rounds.isIdle) {
      const upTo = issued();
      const names = [...new Set([identity, customer])];
      this.#noteErased(
        workspace,
        names.map((name) => ({ identity: name, from: null, to: null, upTo })),
      );
      return undefined;
    }
    let forgotten: Forgotten | undefined;
    let number: number | undefined;
    const work = (draft: Draft): Worked => {
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
      number = this.#noteErased(workspace, shares);
      const rows: KeyedChange[] = left.map(({ number }) => [
        numberedKey(erasedKind, number),
        undefined,
      ]);
      const value = Buffer.from(JSON.stringify(forgotten));
      rows.push([numberedKey(erasedKind, forgotten.number), value]);
      return { rows: [...rows, ...this.#unsaid(forgotten)], moves: true };
    };
    try {
      await this.#rounds.do({ workspace, steps: oneStep(work) });
    } catch (error) {
      if (number !== undefined) this.#erasedNames.takeBack(number);
      throw error;
    }
    return forgotten;
  }

  /** After the stamps of what is erased were taken: who counts it has later ones. */
  #noteErased(workspace: number, shares: readonly ErasedShare[]): number {
    const number = Atomics.add(this.#words, word.erasures, 1) + 1;
    this.#erasedNames.note(workspace, number, shares);
    return number;
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
    await this.#rounds.do(nothing);
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
      (key[0] === nodeKind || key[0] === handleKind) && !alive.has(workspaceOfKey(key));
    const isAnyGone = living.join() !== this.#purgedFor && this.#hasNode(isGone);
    this.#purgedFor = living.join();
    if (version === cleanVersion && !isAnyGone) return;
    // With the commit before it, so that what is done with is not copied.
    const after = async (): Promise<void> => {
      await this.#store.rewrite((key) => !isGone(key));
      Atomics.add(this.#words, word.generation, 1);
      Atomics.add(this.#words, word.version, 1);
      this.#meta = { ...this.#meta, cleanVersion: this.#meta.version };
    };
    await this.#rounds.do({ ...nothing, after });
    await this.#rounds.do(nothing);
  }

  #hasNode(is: (key: Buffer) => boolean): boolean {
    for (const key of this.#store.keys(Buffer.of(nodeKind))) if (is(key)) return true;
    return false;
  }

  /** What is refused, or in force already, costs no flush. */
  async #commit(draft: Draft, worked: readonly Worked[]): Promise<void> {
    const rows = worked.flatMap((each) => each.rows);
    const mustWrite = worked.some((each) => each.mustWrite === true);
    const isIdle = rows.length === 0 && draft.version === this.#meta.version && !mustWrite;
    if (isIdle) return;
    await this.#write(
      draft,
      rows,
      worked.some(({ moves }) => moves),
    );
  }

  async #write(draft: Draft, rows: KeyedChange[], moves: boolean): Promise<void> {
    const { changed } = draft;
    for (const each of changed) {
      const stored = storedOf(each);
      const value = stored === undefined ? undefined : Buffer.from(stored);
      rows.push([nodeKey(each.workspace, each.identity), value], ...this.#handleRows(each));
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

  /** Whom a handle stands for is looked up where it is read on a tape. */
  #handleRows({ identity, node, workspace }: ChangedNode): KeyedChange[] {
    const had = this.node(workspace, identity).handle;
    if (had === node.handle) return [];
    if (node.handle !== undefined) {
      return [[handleKey(workspace, node.handle), Buffer.from(identity)]];
    }
    return had === undefined ? [] : [[handleKey(workspace, had), undefined]];
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
    await this.#rounds.close();
    await this.#store.close();
  }
}

/** A commit for what waits besides: how far the tape was read, rows that are done with. */
const nothing: Work = {
  workspace: 0,
  steps: oneStep(() => ({ rows: [], moves: false, mustWrite: true })),
};

function oneStep(work: (draft: Draft) => Worked): Work['steps'] {
  // biome-ignore lint/correctness/useYield: it is done in one step
  return function* (draft) {
    return work(draft);
  };
}

/** One without records is removed. */
function outboxRow(outbox: Outbox): KeyedChange {
  const { number, records } = outbox;
  const value = records.length === 0 ? undefined : Buffer.from(JSON.stringify(outbox));
  return [numberedKey(outboxKind, number), value];
}
