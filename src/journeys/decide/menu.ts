/**
 * The candidates that a touchpoint brings with its question, its menu. It brings the same again and again, so
 * what follows from one is worked out once for its text: on a front, which checks it, and on the engine's thread.
 */
import { ByText } from '../../std/bytext.ts';
import type { CompiledRule } from '../compile/compiled.ts';
import type { Place } from '../place.ts';
import type { LocalCandidate, SentCandidate } from './asks.ts';
import { type LocalRule, localRules, sentCandidates } from './local.ts';

/** Characters of menus that a thread keeps; what is made of them weighs some five times as much. */
const keptCharactersMax = 4 * 1024 * 1024;

/** A menu that was found good. */
export interface CheckedMenu {
  /** For the engine. */
  readonly text: string;
  /** JSON of each candidate's own data, which does not have to leave the front; undefined: it has none. */
  readonly data: readonly (string | undefined)[];
}

/** One of those that are weighed. */
export interface Contender {
  /** Tells it from the others: `local:` before the touchpoint's own. */
  readonly id: string;
  /** Under which it counts. */
  readonly name: string;
  readonly rule: CompiledRule;
  readonly local: LocalRule | undefined;
  /** As the answer names it. */
  readonly shown: string;
  /** Of the touchpoint's own: its place in the menu. */
  readonly at: number | undefined;
  readonly place: Place | undefined;
}

const menus = new ByText<readonly Contender[]>(keptCharactersMax);

/** @throws AppError invalid, with the place: `candidates[0].if: …`. */
export function checkMenu(candidates: readonly LocalCandidate[]): CheckedMenu {
  const text = JSON.stringify(sentCandidates(candidates));
  const data = candidates.map((each) => {
    return each.data === undefined ? undefined : JSON.stringify(each.data);
  });
  return { text, data };
}

/** @param text of a menu that was found good. */
export function contendersOn(text: string): readonly Contender[] {
  const known = menus.find(text);
  if (known !== undefined) return known;
  const sent = JSON.parse(text) as readonly SentCandidate[];
  const made = localRules(sent).map((local, at): Contender => {
    const { id, place } = sent[at]!;
    const name = `local:${id}`;
    return { id: name, name, rule: local.rule, local, shown: id, at, place };
  });
  menus.keep(text, made);
  return made;
}
