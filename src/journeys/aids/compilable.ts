/** Definitions on their way to another thread: text there, compiled here. */
import type { CompiledMap, CompiledRule } from '../compile/compiled.ts';
import { compileMap } from '../compile/map.ts';
import { compileRule } from '../compile/rule.ts';
import type { JourneyMap, Rule } from '../definition.ts';

export interface Compilable {
  readonly name: string;
  readonly version: number;
  /** JSON of a map or rule that has been checked. */
  readonly text: string;
  /** Of a rule about a view: types of what it shows. */
  readonly shown?: readonly string[];
}

/** @throws AppError invalid, with the place. */
export function compileMaps(maps: readonly Compilable[]): CompiledMap[] {
  return maps.map(({ name, text, version }) =>
    compileMap(name, version, JSON.parse(text) as JourneyMap),
  );
}

/** @throws AppError invalid, with the place. */
export function compileRules(rules: readonly Compilable[]): CompiledRule[] {
  return rules.map(({ name, shown, text, version }) =>
    compileRule(name, version, JSON.parse(text) as Rule, shown),
  );
}
