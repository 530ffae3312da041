/**
 * A sequence: one event for each step, in the order of their times, whatever comes between, all of them
 * within a window from the first. Events of one time have no order among them, and count as the sequence
 * would have them.
 *
 * For each number of steps it is enough to know the chain that began last: whatever completes an older one
 * within the window completes that one too.
 */
import { type AudienceEvent, expiryAfter, type Part, timeOf, type Wanted } from './part.ts';
import {
  addEvent,
  joinRemembered,
  type Machine,
  type Remembered,
  remember,
  rememberedMsDefault,
} from './remembered.ts';

/** `[k]`: when the latest chain with k + 1 steps began; -1: there is none. */
type Chains = number[];

export class Ordered implements Part<Remembered<Chains>> {
  readonly types: readonly string[];
  readonly withinMs: number;
  readonly #steps: readonly Wanted[];
  readonly #machine: Machine<Chains>;
  readonly #rememberedMs: number;
  readonly #ever: boolean;

  constructor(steps: readonly Wanted[], withinMs: number, ever: boolean) {
    this.types = steps.map(({ type }) => type);
    this.withinMs = withinMs;
    this.#steps = steps;
    this.#machine = chainsOf(steps.length, withinMs);
    this.#rememberedMs = Number.isFinite(withinMs) ? withinMs : rememberedMsDefault;
    this.#ever = ever || !Number.isFinite(withinMs);
  }

  start(): Remembered<Chains> {
    return remember(this.#machine);
  }

  note(memory: Remembered<Chains>, event: AudienceEvent): Remembered<Chains> {
    let bits = 0;
    for (const [step, wanted] of this.#steps.entries()) {
      if (wanted.matches(event)) bits |= 1 << step;
    }
    if (bits !== 0) addEvent(this.#machine, memory, timeOf(event), bits, this.#rememberedMs);
    return memory;
  }

  holds({ head }: Remembered<Chains>, now: number): boolean {
    const began = head.at(-1)!;
    return began >= 0 && (this.#ever || began >= now - this.withinMs);
  }

  changesAt({ head }: Remembered<Chains>, now: number): number | undefined {
    const began = head.at(-1)!;
    return began < 0 || this.#ever ? undefined : expiryAfter(began, this.withinMs, now);
  }

  join(memory: Remembered<Chains>, other: Remembered<Chains>): Remembered<Chains> {
    return joinRemembered(this.#machine, memory, other, this.#rememberedMs);
  }
}

function chainsOf(steps: number, withinMs: number): Machine<Chains> {
  return {
    start: () => new Array<number>(steps).fill(-1),
    copy: (chains) => [...chains],
    take: (chains, at, events) => {
      if (events.length === 1) extend(chains, at, events[0]!, withinMs);
      else extendTogether(chains, at, events, withinMs);
    },
    join: (chains, other) => chains.map((began, step) => Math.max(began, other[step]!)),
  };
}

/** From the last step to the first, so that an event is one step only. A longer chain never began later than a shorter one. */
function extend(chains: Chains, at: number, bits: number, withinMs: number): void {
  for (let step = chains.length - 1; step >= 0; step--) {
    if ((bits & (1 << step)) === 0) continue;
    const began = step === 0 ? at : chains[step - 1]!;
    if (began >= 0 && at - began <= withinMs) chains[step] = began;
  }
}

/** Each chain goes as far as the events can be given to the steps that follow, each to one of them. */
function extendTogether(
  chains: Chains,
  at: number,
  events: readonly number[],
  withinMs: number,
): void {
  const before = [...chains];
  for (let from = -1; from < chains.length - 1; from++) {
    const began = from < 0 ? at : before[from]!;
    if (began < 0 || at - began > withinMs) continue;
    const takenBy = new Array<number>(events.length).fill(-1);
    for (let step = from + 1; step < chains.length; step++) {
      if (!assign(step, events, takenBy, new Set())) break;
      chains[step] = Math.max(chains[step]!, began);
    }
  }
}

/** Finds an event for a step, moving others to other events if need be (augmenting paths). */
function assign(
  step: number,
  events: readonly number[],
  takenBy: number[],
  seen: Set<number>,
): boolean {
  for (const [index, bits] of events.entries()) {
    if ((bits & (1 << step)) === 0 || seen.has(index)) continue;
    seen.add(index);
    if (takenBy[index] === -1 || assign(takenBy[index]!, events, takenBy, seen)) {
      takenBy[index] = step;
      return true;
    }
  }
  return false;
}
