/**
 * A queue in which tenants take turns: each is served one task after the other, whatever the others
 * have waiting. Bounded as a whole, and for one tenant by half of that, so that there is always room
 * for another.
 */

export interface TurnLimits {
  /** Tasks being carried out at once. */
  readonly runningMax: number;
  readonly waitingMax: number;
}

export class Turns {
  readonly #limits: TurnLimits;
  /** In the order of their turns; a tenant without a waiting task is not in it. */
  readonly #waiting = new Map<number, (() => void)[]>();
  #waitingCount = 0;
  #running = 0;

  constructor(limits: TurnLimits) {
    this.#limits = limits;
  }

  /** Whether a task of `tenant` finds no place any more. */
  isFull(tenant: number): boolean {
    const { runningMax, waitingMax } = this.#limits;
    if (this.#running < runningMax) return false;
    const own = this.#waiting.get(tenant)?.length ?? 0;
    return this.#waitingCount >= waitingMax || own >= Math.ceil(waitingMax / 2);
  }

  /** Carries `task` out when it is its turn. `isFull` has been asked. */
  async run<Result>(tenant: number, task: () => Promise<Result>): Promise<Result> {
    if (this.#running < this.#limits.runningMax) this.#running += 1;
    else await this.#turn(tenant);
    try {
      return await task();
    } finally {
      this.#next();
    }
  }

  /** Whoever ends hands its place over, so nobody can slip in between. */
  #turn(tenant: number): Promise<void> {
    return new Promise((begin) => {
      const tasks = this.#waiting.get(tenant);
      if (tasks === undefined) this.#waiting.set(tenant, [begin]);
      else tasks.push(begin);
      this.#waitingCount += 1;
    });
  }

  #next(): void {
    for (const [tenant, tasks] of this.#waiting) {
      const begin = tasks.shift()!;
      this.#waitingCount -= 1;
      // Behind the others, where the map's order puts it.
      this.#waiting.delete(tenant);
      if (tasks.length > 0) this.#waiting.set(tenant, tasks);
      begin();
      return;
    }
    this.#running -= 1;
  }
}
