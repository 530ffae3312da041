/**
 * Which agents may have an offer, and which of them gets it. Required skills, the kind of offer, the
 * distance and free room are hard; among those who pass, in this order:
 *
 *     highest score = Σ weight · level over preferred skills
 *     lowest load ratio (offers held / capacity)
 *     longest idle (whose last offer is the longest ago)
 *     id
 */
import { isWithin, type Place } from '../place.ts';
import type { OfferKind, Search } from './search.ts';

/** An agent as it is looked at for one offer. */
export interface Candidate {
  readonly id: string;
  /** 1–10 each; those of the agent's desk included. */
  readonly skills: ReadonlyMap<string, number>;
  readonly place: Place | undefined;
  /** Absent: every kind. */
  readonly takes: ReadonlySet<OfferKind> | undefined;
  /** Offers it holds: reserved for it, or accepted and not completed. */
  readonly load: number;
  readonly capacity: number;
  /** When it was last asked, epoch milliseconds; 0: never. */
  readonly lastOfferAt: number;
}

/** Whether the agent may have what is searched for, room aside. */
export function fits(candidate: Candidate, search: Search): boolean {
  if (candidate.takes !== undefined && !candidate.takes.has(search.kind)) return false;
  for (const { level, skill } of search.required) {
    if ((candidate.skills.get(skill) ?? 0) < level) return false;
  }
  return !Number.isFinite(search.miles) || isWithin(candidate.place, search.place, search.miles);
}

export function scoreOf(candidate: Candidate, search: Search): number {
  return search.preferred.reduce(
    (sum, { skill, weight }) => sum + weight * (candidate.skills.get(skill) ?? 0),
    0,
  );
}

/** The order in which agents who fit are asked: before 0 when `a` comes first. Total, as ids differ. */
export function compare(a: Candidate, b: Candidate, search: Search): number {
  return (
    scoreOf(b, search) - scoreOf(a, search) ||
    a.load / a.capacity - b.load / b.capacity ||
    a.lastOfferAt - b.lastOfferAt ||
    (a.id < b.id ? -1 : 1)
  );
}

/** The one that gets it; undefined when none fits. */
export function best<Agent extends Candidate>(
  candidates: Iterable<Agent>,
  search: Search,
): Agent | undefined {
  let found: Agent | undefined;
  for (const candidate of candidates) {
    if (!fits(candidate, search)) continue;
    if (found === undefined || compare(candidate, found, search) < 0) found = candidate;
  }
  return found;
}
