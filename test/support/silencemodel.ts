/**
 * What a rule that waits for silence has to do, told in the plainest way: for each customer one instance, and
 * at each look of the engine whether it has been silent for too long.
 */

interface Instance {
  status: 'active' | 'paused';
  step: number;
  last: number;
  pausedAt: number;
  /** It was offered something for this silence. */
  isDone: boolean;
  held: string[];
}

export class SilenceModel {
  readonly #silentMs: number;
  readonly #beyond: number;
  readonly #open = new Map<string, Instance>();
  readonly #offers = new Map<string, number>();

  constructor(silentMs: number, beyond: number) {
    this.#silentMs = silentMs;
    this.#beyond = beyond;
  }

  offers(customer: string): number {
    return this.#offers.get(customer) ?? 0;
  }

  event(customer: string, type: string, at: number): void {
    const step = /^Step (\d)$/.exec(type)?.[1];
    const instance = this.#open.get(customer);
    if (instance?.status === 'paused') {
      if (type !== 'Other') instance.held.push(type);
      return;
    }
    if (instance !== undefined) {
      if (type === 'Bought' || type === 'Left') this.#open.delete(customer);
      else if (step !== undefined)
        Object.assign(instance, {
          step: Number(step),
          last: at,
          isDone: instance.isDone && instance.last === at,
        });
      return;
    }
    if (step !== '1') return;
    const fresh = { status: 'active' as const, step: 1, last: at, pausedAt: 0, isDone: false };
    this.#open.set(customer, { ...fresh, held: [] });
  }

  command(customer: string, wanted: 'pause' | 'resume', at: number): void {
    const instance = this.#open.get(customer)!;
    if (wanted === 'pause') {
      Object.assign(instance, { status: 'paused', pausedAt: at });
      return;
    }
    const { held } = instance;
    Object.assign(instance, {
      status: 'active',
      last: instance.last + at - instance.pausedAt,
      held: [],
    });
    // What came meanwhile moves it, and is no activity.
    for (const type of held) {
      const step = /^Step (\d)$/.exec(type)?.[1];
      if (type === 'Bought' || type === 'Left') {
        this.#open.delete(customer);
        return;
      }
      if (step !== undefined) instance.step = Number(step);
    }
  }

  /** The engine is up, and has done whatever was to be done at this instant. */
  look(now: number): void {
    for (const [customer, instance] of this.#open) {
      const { isDone, last, status, step } = instance;
      if (status !== 'active' || isDone || step <= this.#beyond) continue;
      if (now - last <= this.#silentMs) continue;
      instance.isDone = true;
      this.#offers.set(customer, this.offers(customer) + 1);
    }
  }
}
