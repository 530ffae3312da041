/** What a scan may cost on a thread that has other work. */

/** Counted in index steps, some 50 ns each. */
export class ScanBudget {
  #left: number;
  steps = 0;

  constructor(stepsMax: number) {
    this.#left = stepsMax;
  }

  /** @throws ScanTooLong past the budget. */
  spend(steps: number): void {
    this.steps += steps;
    this.#left -= steps;
    if (this.#left < 0) throw new ScanTooLong();
  }
}

/** The scan outgrew its budget; do it again on a thread that has the time. */
export class ScanTooLong extends Error {}
