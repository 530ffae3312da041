/**
 * What the conditions of a workspace may cost over time: a bucket of steps, refilled by commit time, so that
 * what holds is a function of the tape. Once it is empty each event has a few steps all the same: enough for
 * conditions that somebody wrote to be answered, so those go on while costly ones do not hold.
 */

/** A step is some 100 ns: a fifth of the engine's thread. */
export const stepsPerSecond = 2_000_000;
/** A full bucket: a second of the thread. */
export const stepsBurst = 10_000_000;
/** For an event that comes when nothing is left. */
export const stepsLeast = 2000;

/** A bucket as it was left: `at` is epoch milliseconds of commit. */
export interface AllowanceRow {
  readonly workspace: number;
  readonly at: number;
  readonly steps: number;
}

export class Allowances {
  readonly #rows = new Map<number, AllowanceRow>();

  /** @param rows as a checkpoint kept them. */
  constructor(rows: readonly AllowanceRow[] = []) {
    for (const row of rows) this.#rows.set(row.workspace, row);
  }

  get rows(): readonly AllowanceRow[] {
    return [...this.#rows.values()];
  }

  /** Steps that an event committed at this instant may cost, at most `stepsMax`. */
  of(workspace: number, at: number, stepsMax: number): number {
    return Math.min(stepsMax, Math.max(stepsLeast, this.#left(workspace, at)));
  }

  /** What it cost. */
  spend(workspace: number, at: number, steps: number): void {
    if (steps === 0) return;
    const left = Math.max(0, this.#left(workspace, at) - steps);
    // Shards' clocks are one, their commits are not: time does not go back.
    const since = Math.max(at, this.#rows.get(workspace)?.at ?? at);
    this.#rows.set(workspace, { workspace, at: since, steps: left });
  }

  #left(workspace: number, at: number): number {
    const row = this.#rows.get(workspace);
    if (row === undefined) return stepsBurst;
    const refilled = (Math.max(0, at - row.at) * stepsPerSecond) / 1000;
    return Math.min(stepsBurst, row.steps + refilled);
  }

  /** Workspaces that are gone. */
  forget(living: ReadonlySet<number>): void {
    for (const workspace of this.#rows.keys()) {
      if (!living.has(workspace)) this.#rows.delete(workspace);
    }
  }
}
