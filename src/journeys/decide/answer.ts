/**
 * The answer to a touchpoint on its way from the engine: JSON already, in pieces, since texts cross threads for
 * less than objects, and since the front adds to each of the touchpoint's own candidates the data that it came with.
 */
import type { DecideAnswer, DecideTold } from './asks.ts';

/** @param at the place in the menu of each candidate of the answer; -1: it is a rule. */
export function tellAnswer(
  { candidates, ...rest }: DecideAnswer,
  at: readonly number[],
): DecideTold {
  return {
    rest: JSON.stringify(rest),
    candidates: candidates.map((each) => JSON.stringify(each)),
    at,
  };
}

/** The whole answer. @param data JSON of each candidate's own, by its place in the menu. */
export function answerText(
  { at, candidates, rest }: DecideTold,
  data: readonly (string | undefined)[],
): string {
  const all = candidates.map((text, index) => {
    const own = data[at[index]!];
    return own === undefined ? text : `${text.slice(0, -1)},"data":${own}}`;
  });
  return `${rest.slice(0, -1)},"candidates":[${all.join()}]}`;
}
