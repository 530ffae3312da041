/**
 * What a customer did before an audience was in force. When an event is applied to somebody whom the audiences in
 * force have not been asked about, its tape is read once, up to that event, and told to those that have no memory of
 * the customer: entering and leaving begin from there.
 *
 *     in force ──▶ first event of a customer ──▶ its tape, newest first ──▶ in commit order ──▶ audience.take … loaded
 *
 * Bounded by numbers of events, so that a replay comes to the same. Whose an identity is, is as the engine knows it then.
 */
import { ConditionSubject } from '../../event/condition.ts';
import { boundSteps, meter } from '../../event/meter.ts';
import { ScanBudget } from '../../tape/budget.ts';
import { typeHashOf } from '../../tape/route.ts';
import { type ScanNeeds, scan } from '../../tape/scan.ts';
import type { Tape } from '../../tape/tape.ts';
import type { PersonState } from '../state.ts';
import type { WorkspaceForce } from './force.ts';
import type { Cause } from './moment.ts';
import type { OwnedAudience } from './owned.ts';
import { PastEvent } from './pastevent.ts';

/** The newest events that matter to any of the audiences; what was before them is not known. */
export const pastEventsMax = 1000;
/** The newest events of the customer, of whatever type, among which they are looked for: some 50 ns each. */
export const pastLookedMax = 20_000;
/** An event may be dated so far ahead of its receipt. */
const aheadMs = 24 * 60 * 60 * 1000;

export interface PastAsk {
  readonly workspace: number;
  readonly person: PersonState;
  readonly force: WorkspaceForce;
  /** Only what was committed before this counts. */
  readonly cause: Cause;
  /** Epoch milliseconds: the instant of the cause. */
  readonly at: number;
  /** Whether an identity is the person's, as far as is known at the cause. */
  readonly isTheirs: (identity: string) => boolean;
  /** What the conditions of all of it may cost. */
  readonly stepsMax: number;
  readonly budget?: ScanBudget;
}

/** Whether there are audiences that have not been told what the person did. */
export function isUntold({ recalled }: PersonState, { pastMark }: WorkspaceForce): boolean {
  return pastMark !== '' && recalled !== pastMark;
}

/** Tells them. @returns the steps that their conditions cost. @throws ScanTooLong past the budget, if there is one. */
export function recall(tape: Tape, ask: PastAsk): number {
  const { at, force, person, stepsMax } = ask;
  person.recalled = force.pastMark;
  const untold = force.remembering.filter(({ ref }) => !Object.hasOwn(person.audiences, ref));
  if (untold.length === 0) return 0;
  const events = readPast(tape, ask, untold);
  const before = meter.spent;
  boundSteps(stepsMax, () => {
    for (const each of untold) tell(each, events, { at, force, person });
  });
  return meter.spent - before;
}

/** In commit order. */
function readPast(tape: Tape, ask: PastAsk, untold: readonly OwnedAudience[]): PastEvent[] {
  const { at, budget, cause, isTheirs, person, workspace } = ask;
  const types = new Set(untold.flatMap(({ audience }) => [...audience.types]));
  const since = at - Math.max(...untold.map(({ audience }) => audience.withinMs));
  const needs = new PastNeeds(types, since);
  const bounds = { since, until: at + aheadMs, stampMax: cause.stamp };
  const query = { workspace, customer: person.name, ...bounds, needs };
  const found: PastEvent[] = [];
  for (const event of scan(tape, query, budget ?? new ScanBudget(Number.POSITIVE_INFINITY))) {
    const { ordinal, stamp, type } = event;
    if (stamp === cause.stamp && ordinal >= cause.ordinal) continue;
    if (!types.has(type) && type.startsWith('tapeline.')) continue;
    // Taken out first: to find whose it is reads other things, into the bytes that the event lies in.
    const past = new PastEvent(event);
    if (!isTheirs(past.home)) continue;
    if (found.push(past) === pastEventsMax) break;
  }
  return found.sort((one, other) => one.stamp - other.stamp || one.ordinal - other.ordinal);
}

/** Counts what it is asked about, and wants no more when that is enough. */
class PastNeeds implements ScanNeeds {
  readonly #types: ReadonlySet<number> | undefined;
  readonly #since: number;
  #looked = 0;

  constructor(types: ReadonlySet<string>, since: number) {
    const isAny = types.has('*');
    this.#types = isAny ? undefined : new Set([...types].map(hashOf));
    this.#since = since;
  }

  get since(): number {
    return this.#looked < pastLookedMax ? this.#since : Number.POSITIVE_INFINITY;
  }

  wants(typeHash: number): boolean {
    this.#looked += 1;
    return this.#types === undefined || this.#types.has(typeHash);
  }
}

function hashOf(type: string): number {
  const bytes = Buffer.from(type, 'utf8');
  return typeHashOf(bytes, 0, bytes.length);
}

/** What nothing was told of has no memory; a rule that waits for changes needs something to change from. */
function tell(
  { audience, ref }: OwnedAudience,
  events: readonly PastEvent[],
  { at, force, person }: Pick<PastAsk, 'at' | 'force' | 'person'>,
): void {
  const state = audience.start(true);
  const isAny = audience.types.has('*');
  let told = 0;
  for (const event of events) {
    const { received, time, type } = event;
    if (!audience.types.has(type) && !(isAny && !type.startsWith('tapeline.'))) continue;
    const subject = new ConditionSubject();
    subject.become(event);
    audience.take(state, { type, time, received, subject }, person, force);
    told += 1;
  }
  if (told === 0) return;
  audience.loaded(state, at, person, force);
  person.audiences[ref] = state;
}
