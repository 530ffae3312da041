/**
 * What an offer asks for. A decided action is read once into a plan; what the plan asks for at an instant
 * depends on how long the offer has been waiting: its rings widen, levels sink, wishes are dropped.
 *
 *     {"after":"0s","miles":5}  {"after":"1m","miles":25}  {"after":"3m","anywhere":true,"levelsLower":2}
 *     ├──── 5 miles ───────────┼──── 25 miles ────────────┼──── anywhere, two levels lower ──▶
 */
import { parseDuration } from '../../event/duration.ts';
import type { Ring, SkillWish } from '../definition.ts';
import { isPlace, type Place } from '../place.ts';
import type { DecidedAction } from '../words.ts';

export const offerKinds = ['walkIn', 'offer', 'callback'] as const;
export type OfferKind = (typeof offerKinds)[number];

export const skillLevelMax = 10;
export const reserveMsDefault = 30_000;
export const reserveMsMax = 10 * 60_000;
export const offerTtlMsDefault = 10 * 60_000;
export const offerTtlMsMax = 7 * 24 * 3_600_000;
export const priorityMax = 1000;

export interface RequiredSkill {
  readonly skill: string;
  /** 1–10. */
  readonly level: number;
  /** Not required any more when the offer is this old. */
  readonly dropAfterMs: number;
}

export interface PreferredSkill {
  readonly skill: string;
  readonly weight: number;
}

export interface PlannedRing {
  readonly afterMs: number;
  /** Infinity: anywhere. */
  readonly miles: number;
  readonly levelsLower: number;
}

export interface SearchPlan {
  readonly kind: OfferKind;
  /** Ascending; the first begins at 0. */
  readonly rings: readonly PlannedRing[];
  readonly required: readonly RequiredSkill[];
  readonly preferred: readonly PreferredSkill[];
  /** The customer's; unknown, only agents anywhere will do. */
  readonly place: Place | undefined;
  readonly priority: number;
  readonly reserveMs: number;
  readonly ttlMs: number;
}

/** What an agent must be like at one instant. */
export interface Search {
  readonly kind: OfferKind;
  readonly required: readonly { readonly skill: string; readonly level: number }[];
  readonly preferred: readonly PreferredSkill[];
  readonly miles: number;
  readonly place: Place | undefined;
}

/** The plan of a decided action `do: agent`. What it leaves out, or says in a way nobody can read, has its default. */
export function planOf(action: DecidedAction): SearchPlan {
  const wishes = wishesOf(action);
  return {
    kind: offerKinds.find((kind) => kind === action['kind']) ?? 'offer',
    rings: ringsOf(action),
    required: wishes.filter(isRequired).map((wish) => ({
      skill: wish.skill!,
      level: wish.level,
      dropAfterMs: durationOf(wish.dropAfter, Number.POSITIVE_INFINITY),
    })),
    preferred: wishes.filter(isWeighed).map(({ skill, weight }) => ({
      skill: skill!,
      weight: weight ?? 1,
    })),
    place: placeOf(action['place']),
    priority: numberOf(action['priority'], 0),
    reserveMs: Math.min(reserveMsMax, durationOf(action['reserveFor'], reserveMsDefault)),
    ttlMs: Math.min(offerTtlMsMax, durationOf(action['ttl'], offerTtlMsDefault)),
  };
}

/** What the plan asks for when the offer has waited for `ageMs`. */
export function searchAt(plan: SearchPlan, ageMs: number): Search {
  const ring = plan.rings.findLast(({ afterMs }) => afterMs <= ageMs) ?? plan.rings[0]!;
  const required = plan.required
    .filter(({ dropAfterMs }) => ageMs < dropAfterMs)
    .map(({ level, skill }) => ({ skill, level: Math.max(1, level - ring.levelsLower) }));
  const { kind, place, preferred } = plan;
  return { kind, required, preferred, miles: ring.miles, place };
}

/** The age at which it asks for less than at `ageMs`; undefined: never. */
export function nextChange(plan: SearchPlan, ageMs: number): number | undefined {
  const ages = [
    ...plan.rings.map(({ afterMs }) => afterMs),
    ...plan.required.map(({ dropAfterMs }) => dropAfterMs),
  ];
  const next = Math.min(...ages.filter((age) => age > ageMs));
  return Number.isFinite(next) ? next : undefined;
}

/**
 * The wishes with every skill named: one that comes from the journey's context is the text that the
 * context holds, and none when it holds nothing.
 */
function wishesOf(action: DecidedAction): SkillWish[] {
  const context = (action['context'] ?? {}) as Readonly<Record<string, unknown>>;
  const wishes = (action['skills'] ?? []) as readonly SkillWish[];
  return wishes
    .map((wish) => {
      const skill = wish.context === undefined ? wish.skill : context[wish.context];
      return { ...wish, skill: skill as string };
    })
    .filter(({ skill }) => typeof skill === 'string' && skill !== '');
}

function isRequired(wish: SkillWish): wish is SkillWish & { readonly level: number } {
  return wish.level !== undefined;
}

/** A required skill counts for the choice only when it says how much. */
function isWeighed(wish: SkillWish): boolean {
  return wish.level === undefined || wish.weight !== undefined;
}

/** Without rings of its own an offer goes as far as its rule does. */
function ringsOf(action: DecidedAction): PlannedRing[] {
  const rings = (action['rings'] ?? []) as readonly Ring[];
  const planned = rings
    .map((ring) => ({
      afterMs: durationOf(ring.after, 0),
      miles: ring.miles ?? Number.POSITIVE_INFINITY,
      levelsLower: ring.levelsLower ?? 0,
    }))
    .sort((a, b) => a.afterMs - b.afterMs);
  if (planned.length > 0) {
    // Nothing is asked for before the first: it holds from the beginning.
    return [{ ...planned[0]!, afterMs: 0 }, ...planned.slice(1)];
  }
  const within = action['within'] as { readonly miles?: number } | undefined;
  return [{ afterMs: 0, miles: within?.miles ?? Number.POSITIVE_INFINITY, levelsLower: 0 }];
}

function placeOf(value: unknown): Place | undefined {
  const place = value as Place | undefined;
  return place !== undefined && place !== null && isPlace(place) ? place : undefined;
}

function numberOf(value: unknown, fallback: number): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : fallback;
}

function durationOf(value: unknown, fallback: number): number {
  if (value === '0s') return 0;
  const ms = typeof value === 'string' ? parseDuration(value) : Number.NaN;
  return Number.isNaN(ms) ? fallback : ms;
}
