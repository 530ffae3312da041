/**
 * How much something is worth doing now: P·C·V·L, and an order that leaves no two equal.
 *
 *     P  propensity    as it was given; else (accepted + 1) / (shown + 2), the customer's own answers so far
 *     C  context       1 + (sum of the percentages whose condition holds) / 100
 *     V  value         of the business, 1 when it was not given
 *     L  lever         1 + percent / 100, what somebody wants to see more of
 *
 * Exploring, if it is asked for, draws from a generator whose seed is the decision's: it can be repeated.
 */
import type { Random } from '../../std/random.ts';

export interface Worth {
  readonly propensity: number | undefined;
  readonly contextPercent: number;
  readonly value: number;
  readonly leverPercent: number;
}

/** How often it was shown to the customer, and accepted. */
export interface Answered {
  readonly shown: number;
  readonly accepted: number;
}

export type Exploring =
  /** With this probability one drawn at random comes first. */
  | { readonly method: 'epsilonGreedy'; readonly epsilon: number }
  /** Where no propensity was given it is drawn from what the answers allow: Beta(accepted + 1, not accepted + 1). */
  | { readonly method: 'thompson' };

export function scoreOf(
  { contextPercent, leverPercent, propensity, value }: Worth,
  answered: Answered | undefined,
  draw?: Random,
): number {
  const context = 1 + contextPercent / 100;
  const lever = 1 + leverPercent / 100;
  return (propensity ?? propensityOf(answered, draw)) * context * value * lever;
}

function propensityOf(answered: Answered | undefined, draw: Random | undefined): number {
  const accepted = answered?.accepted ?? 0;
  const shown = Math.max(answered?.shown ?? 0, accepted);
  if (draw === undefined) return (accepted + 1) / (shown + 2);
  return drawBeta(accepted + 1, shown - accepted + 1, draw);
}

export interface Ranked {
  readonly id: string;
  readonly score: number;
  readonly priority: number;
  /** Epoch milliseconds; undefined: never, which comes first. */
  readonly lastShown: number | undefined;
}

/** Total: 0 only for equal ids. */
export function compareRanked(a: Ranked, b: Ranked): number {
  if (a.score !== b.score) return b.score - a.score;
  if (a.priority !== b.priority) return b.priority - a.priority;
  const [shownA, shownB] = [a.lastShown ?? -1, b.lastShown ?? -1];
  if (shownA !== shownB) return shownA - shownB;
  if (a.id === b.id) return 0;
  return a.id < b.id ? -1 : 1;
}

/** From two gamma draws. Both shapes ≥ 1. */
export function drawBeta(alpha: number, beta: number, random: Random): number {
  const first = drawGamma(alpha, random);
  return first / (first + drawGamma(beta, random));
}

/** Marsaglia and Tsang, "A simple method for generating gamma variables" (2000); shape ≥ 1. */
function drawGamma(shape: number, random: Random): number {
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const normal = drawNormal(random);
    const cubed = (1 + c * normal) ** 3;
    if (cubed <= 0) continue;
    const uniform = 1 - random.next();
    if (Math.log(uniform) < normal * normal * 0.5 + d * (1 - cubed + Math.log(cubed))) {
      return d * cubed;
    }
  }
}

/** Box and Muller. */
function drawNormal(random: Random): number {
  const radius = Math.sqrt(-2 * Math.log(1 - random.next()));
  return radius * Math.cos(2 * Math.PI * random.next());
}
