/**
 * What one front may hold of its senders' bytes: batches under way, bodies being inflated, answers
 * that wait for their turn. Counted when taken, refused when too much, so that no sender can fill
 * the memory.
 *
 * Counted by workspace as well: one may hold as much as is free at that moment. So a single workspace
 * gets half of the budget, two a third each, and there is always as much left for whoever comes next.
 */
import type { Metrics } from '../std/metrics.ts';

/** What one workspace holds. */
interface Share {
  readonly workspace: number;
  bytes: number;
}

/** Idle workspaces are forgotten when more than this are known. */
const sharesKeptMax = 1024;

export class ByteBudget {
  readonly #bytesMax: number;
  readonly #metrics: Metrics;
  readonly #shares = new Map<number, Share>();
  #held = 0;
  #active = 0;
  /** The one asked for last: mostly it is the one asked for next. */
  #last: Share = { workspace: -1, bytes: 0 };

  constructor(bytesMax: number, metrics: Metrics) {
    this.#bytesMax = bytesMax;
    this.#metrics = metrics;
  }

  /**
   * Whether `bytes` more of a workspace would be too much. One that holds nothing may always have a
   * batch while half of the budget is free, so that the largest legal one gets in.
   */
  isOver(workspace: number, bytes: number): boolean {
    const own = this.#shareOf(workspace).bytes;
    if (own === 0 && this.#held <= this.#bytesMax / 2) return false;
    return own + this.#held + bytes > this.#bytesMax;
  }

  /** Bytes that a workspace has under way. */
  heldBy(workspace: number): number {
    return this.#shareOf(workspace).bytes;
  }

  /** Workspaces that have something under way. */
  get active(): number {
    return this.#active;
  }

  take(workspace: number, bytes: number): void {
    const share = this.#shareOf(workspace);
    if (share.bytes === 0 && bytes > 0) this.#active += 1;
    share.bytes += bytes;
    this.#count(bytes);
  }

  give(workspace: number, bytes: number): void {
    const share = this.#shareOf(workspace);
    share.bytes -= bytes;
    if (share.bytes === 0 && bytes > 0) this.#active -= 1;
    this.#count(-bytes);
  }

  #count(bytes: number): void {
    this.#held += bytes;
    this.#metrics.add('inflight_bytes', bytes);
  }

  #shareOf(workspace: number): Share {
    if (this.#last.workspace === workspace) return this.#last;
    let share = this.#shares.get(workspace);
    if (share === undefined) {
      if (this.#shares.size >= sharesKeptMax) this.#forgetIdle();
      share = { workspace, bytes: 0 };
      this.#shares.set(workspace, share);
    }
    this.#last = share;
    return share;
  }

  #forgetIdle(): void {
    for (const { bytes, workspace } of this.#shares.values()) {
      if (bytes === 0) this.#shares.delete(workspace);
    }
  }
}
