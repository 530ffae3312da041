/**
 * Something a front has only so much of, shared by workspaces: bytes in memory, sockets. Counted when
 * taken, refused when too much.
 *
 * One workspace may hold as much as is free at that moment. So a single one gets half of it all, two a
 * third each, and there is always as much left for whoever comes next.
 */

/** What one workspace holds. */
interface Share {
  readonly workspace: number;
  amount: number;
}

/** Idle workspaces are forgotten when more than this are known. */
const sharesKeptMax = 1024;

export class Shares {
  readonly #max: number;
  readonly #shares = new Map<number, Share>();
  #held = 0;
  #active = 0;
  /** The one asked for last: mostly it is the one asked for next. */
  #last: Share = { workspace: -1, amount: 0 };

  /** @param max what all workspaces may hold together. */
  constructor(max: number) {
    this.#max = max;
  }

  /**
   * Whether so much more of a workspace would be too much. One that holds nothing may always have
   * something while half of it all is free, so that the largest legal batch gets in.
   */
  isOver(workspace: number, amount: number): boolean {
    const own = this.#shareOf(workspace).amount;
    if (own === 0 && this.#held <= this.#max / 2) return false;
    return own + this.#held + amount > this.#max;
  }

  /** What all workspaces hold together. */
  get held(): number {
    return this.#held;
  }

  heldBy(workspace: number): number {
    return this.#shareOf(workspace).amount;
  }

  /** Workspaces that hold something. */
  get active(): number {
    return this.#active;
  }

  take(workspace: number, amount: number): void {
    const share = this.#shareOf(workspace);
    if (share.amount === 0 && amount > 0) this.#active += 1;
    share.amount += amount;
    this.#held += amount;
  }

  give(workspace: number, amount: number): void {
    const share = this.#shareOf(workspace);
    share.amount -= amount;
    if (share.amount === 0 && amount > 0) this.#active -= 1;
    this.#held -= amount;
  }

  #shareOf(workspace: number): Share {
    if (this.#last.workspace === workspace) return this.#last;
    let share = this.#shares.get(workspace);
    if (share === undefined) {
      if (this.#shares.size >= sharesKeptMax) this.#forgetIdle();
      share = { workspace, amount: 0 };
      this.#shares.set(workspace, share);
    }
    this.#last = share;
    return share;
  }

  #forgetIdle(): void {
    for (const { amount, workspace } of this.#shares.values()) {
      if (amount === 0) this.#shares.delete(workspace);
    }
  }
}
