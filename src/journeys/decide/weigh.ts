/**
 * Weighs what may be done for one customer at one moment: each candidate meets the guards in one order, and
 * those that are left compete for the customer's attention. Every candidate gets a verdict, and nothing
 * depends on the order in which they come.
 *
 *     notInDate ─▶ perInstanceMax ─▶ condition ─▶ tooFar ─▶ consent ─▶ suppressed ─▶ quietHours ─▶ cooldown ─▶ control ─▶ capped
 *         ─▶ by score: the first of each channel acts, up to `slots`; others are outranked
 *
 * Pure: time, the customer and what conditions say are passed in.
 */
import type { Random } from '../../std/random.ts';
import { isWithin, type Place } from '../place.ts';
import type { PersonState, Touch } from '../state.ts';
import type { NotReason } from '../words.ts';
import { CapTally, type FrequencyCap, isCooling, lastTouchOf } from './caps.ts';
import { type Control, isControl } from './control.ts';
import { isQuiet, type QuietHours } from './quiet.ts';
import { compareRanked, type Exploring, type Ranked, scoreOf } from './score.ts';

/** What all conditions of one weighing may cost together, in steps of some 100 ns. */
export const weighStepsMax = 500_000;

/** What says no, and which of its kind it was. */
export interface Refused {
  readonly verdict: NotReason;
  readonly detail?: string;
}

export interface Candidate {
  /** Tells it from the others that are weighed with it. */
  readonly id: string;
  /** Under which name it counts: for caps, cooldown and propensity. */
  readonly rule: string;
  /** Whose attention it takes; undefined: nobody's, so it competes with nothing. */
  readonly channel: string | undefined;
  readonly category: string | undefined;
  /** Epoch milliseconds: in force from, and until just before. */
  readonly from: number | undefined;
  readonly to: number | undefined;
  /** How far what is offered may be; undefined: anywhere. */
  readonly miles: number | undefined;
  /** Where what is offered is, if it is at one place. */
  readonly place: Place | undefined;
  readonly quietHours: QuietHours | undefined;
  readonly cooldownMs: number | undefined;
  readonly control: Control | undefined;
  readonly caps: readonly FrequencyCap[];
  /** How often it may still act for the instance that it is about; undefined: as often as it likes. */
  readonly limit: { readonly instance: string; readonly left: number } | undefined;
  readonly priority: number;
  readonly value: number;
  readonly propensity: number | undefined;
  readonly leverPercent: number;
  /** What its own condition says against it; undefined: nothing. */
  ineligible(): NotReason | undefined;
  /** The first audience or condition that forbids it, or could not be asked; undefined: none. */
  suppressor(): Refused | undefined;
  /** Sum of the percentages whose condition holds. */
  contextPercent(): number;
}

export interface Weighing {
  readonly now: number;
  readonly person: Pick<PersonState, 'name' | 'place' | 'zone' | 'consent' | 'responses'>;
  /** All that counts, decisions that are not read back yet among them; oldest first. */
  readonly touches: readonly Touch[];
  /** Those of them that are not read back yet. */
  readonly ahead?: readonly Touch[];
  /** How many may act: of each channel, or of all when the candidates are for one place. */
  readonly slots: number;
  readonly competing: 'byChannel' | 'all';
  readonly exploring?: Exploring | undefined;
  /** Needed for exploring. */
  readonly random?: Random;
}

export interface Weighed {
  readonly candidate: Candidate;
  readonly verdict: 'act' | NotReason;
  /** Of those that met all guards. */
  readonly score: number | undefined;
  /** What it was that said no: the name of a suppressor, the scope of a cap. */
  readonly detail: string | undefined;
}

/** @returns one for each candidate, the best first, those that met a guard last, by id. */
export function weigh(candidates: readonly Candidate[], weighing: Weighing): readonly Weighed[] {
  const { now, person, touches } = weighing;
  const tally = new CapTally(touches, now, person.zone);
  const refused: Weighed[] = [];
  const eligible: (Ranked & { candidate: Candidate })[] = [];
  for (const candidate of [...candidates].sort((a, b) => (a.id < b.id ? -1 : 1))) {
    const met = guardOf(candidate, weighing, tally);
    if (met === undefined) eligible.push(rankOf(candidate, weighing));
    else refused.push({ candidate, score: undefined, detail: undefined, ...met });
  }
  eligible.sort(compareRanked);
  explore(eligible, weighing);
  return [...arbitrate(eligible, weighing), ...refused];
}

/** The first guard that says no. */
function guardOf(candidate: Candidate, weighing: Weighing, tally: CapTally): Refused | undefined {
  const { now, person, touches } = weighing;
  const { control, cooldownMs, quietHours, rule } = candidate;
  const { from = Number.NEGATIVE_INFINITY, to = Number.POSITIVE_INFINITY } = candidate;
  if (now < from || now >= to) return { verdict: 'notInDate' };
  if (isSpent(candidate, weighing.ahead)) return { verdict: 'perInstanceMax' };
  const ineligible = candidate.ineligible();
  if (ineligible !== undefined) return { verdict: ineligible };
  if (isTooFar(candidate, person.place)) return { verdict: 'tooFar' };
  const withheld = withheldConsent(candidate, person.consent);
  if (withheld !== undefined) return { verdict: 'consent', detail: withheld };
  const suppressor = candidate.suppressor();
  if (suppressor !== undefined) return suppressor;
  if (quietHours !== undefined && isQuiet(quietHours, now, person.zone)) {
    return { verdict: 'quietHours' };
  }
  if (cooldownMs !== undefined && isCooling(rule, cooldownMs, touches, now)) {
    return { verdict: 'cooldown' };
  }
  if (control !== undefined && isControl(control, rule, person.name)) return { verdict: 'control' };
  return cappedBy(candidate, tally);
}

/** What is decided and not read back counts already. */
function isSpent({ limit, rule }: Candidate, ahead: readonly Touch[] = []): boolean {
  if (limit === undefined) return false;
  const own = ahead.filter((each) => each.rule === rule && each.instance === limit.instance);
  return own.length >= limit.left;
}

/** A place that is not known is within nothing; what is offered at no place is wherever the customer is. */
function isTooFar({ miles, place }: Candidate, customer: Place | undefined): boolean {
  if (miles === undefined) return false;
  return !isWithin(customer, place ?? customer, miles);
}

/** What the customer has said no to, if it is about this. */
export function withheldConsent(
  { category, channel }: Pick<Candidate, 'category' | 'channel'>,
  consent: PersonState['consent'],
): string | undefined {
  const asked = [category, channel, 'all'];
  return asked.find((name) => {
    return name !== undefined && Object.hasOwn(consent, name) && consent[name] === false;
  });
}

function cappedBy(candidate: Candidate, tally: CapTally): Refused | undefined {
  const reached = tally.reached(candidate.caps, candidate);
  return reached && { verdict: 'capped', detail: reached.scope };
}

function rankOf(candidate: Candidate, weighing: Weighing): Ranked & { candidate: Candidate } {
  const { exploring, person, random, touches } = weighing;
  const { id, leverPercent, priority, propensity, rule, value } = candidate;
  const worth = { propensity, value, leverPercent, contextPercent: candidate.contextPercent() };
  const draw = exploring?.method === 'thompson' ? random : undefined;
  const answered = Object.hasOwn(person.responses, rule) ? person.responses[rule] : undefined;
  const score = scoreOf(worth, answered, draw);
  return { candidate, id, priority, score, lastShown: lastTouchOf(rule, touches) };
}

/** Now and then one that is not the best gets its chance. */
function explore(ranked: Ranked[], { exploring, random }: Weighing): void {
  if (exploring?.method !== 'epsilonGreedy' || random === undefined) return;
  if (random.next() >= exploring.epsilon) return;
  const [lucky] = ranked.splice(random.below(ranked.length), 1);
  if (lucky !== undefined) ranked.unshift(lucky);
}

function arbitrate(
  eligible: readonly (Ranked & { candidate: Candidate })[],
  weighing: Weighing,
): Weighed[] {
  const touches = [...weighing.touches];
  const acting = new Map<string, number>();
  return eligible.map(({ candidate, score }): Weighed => {
    const { channel } = candidate;
    const place = weighing.competing === 'all' ? '' : channel;
    const taken = place === undefined ? 0 : (acting.get(place) ?? 0);
    if (taken >= weighing.slots) {
      return { candidate, score, verdict: 'outranked', detail: undefined };
    }
    const refused = refusedAfter(candidate, touches, weighing);
    if (refused !== undefined) return { candidate, score, detail: undefined, ...refused };
    if (place !== undefined) acting.set(place, taken + 1);
    touches.push(touchOf(candidate, candidate.id, weighing.now));
    return { candidate, score, verdict: 'act', detail: undefined };
  });
}

/** One that acts leaves less room to those after it. */
function refusedAfter(
  candidate: Candidate,
  touches: readonly Touch[],
  weighing: Weighing,
): Refused | undefined {
  const acting = touches.slice(weighing.touches.length);
  if (acting.length === 0) return undefined;
  const ahead = [...(weighing.ahead ?? []), ...acting];
  if (isSpent(candidate, ahead)) return { verdict: 'perInstanceMax' };
  return cappedBy(candidate, new CapTally(touches, weighing.now, weighing.person.zone));
}

/** What counts once it is decided. */
export function touchOf(
  { category, channel, limit, rule }: Pick<Candidate, 'category' | 'channel' | 'limit' | 'rule'>,
  request: string,
  at: number,
): Touch {
  return {
    at,
    request,
    rule,
    ...(channel !== undefined && { channel }),
    ...(category !== undefined && { category }),
    ...(limit !== undefined && { instance: limit.instance }),
  };
}
