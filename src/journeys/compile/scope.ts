/**
 * Where a text of a definition stands: which variables it may ask of, and which audiences and fields there
 * are. `audience` is asked for by name, so that one that is not defined is refused, and so is `view`, so
 * that whoever reads the view knows which fields are wanted.
 */
import { compileExpression, type Expression } from '../../event/condition.ts';
import { AppError } from '../../std/errors.ts';
import type { CompiledCondition, Facts } from './compiled.ts';
import { asVariables, type Variable, vocabularyOf } from './facts.ts';

export interface Scope {
  readonly variables: readonly Variable[];
  readonly audiences: ReadonlySet<string>;
  /** Takes the names of audiences that are defined elsewhere; undefined: there may be none. */
  readonly borrowed?: Set<string> | undefined;
}

export function scopeOf(audiences: object | undefined, ...variables: Variable[]): Scope {
  return { variables, audiences: new Set(Object.keys(audiences ?? {})) };
}

/** Notes that an audience is asked for. @throws AppError invalid when it is not defined. */
export function askAudience(name: string, place: string, { audiences, borrowed }: Scope): void {
  if (audiences.has(name)) return;
  if (borrowed !== undefined) {
    borrowed.add(name);
    return;
  }
  const known = audiences.size === 0 ? 'none is defined' : `there are ${[...audiences].join(', ')}`;
  const message = `${place}: there is no audience ${JSON.stringify(name)} (${known}); define it under \`audiences\``;
  throw new AppError('invalid', message);
}

/** A condition over facts. */
export class JourneyCondition implements CompiledCondition {
  readonly #expression: Expression;

  constructor(expression: Expression) {
    this.#expression = expression;
  }

  /** It asks for nothing, and does not hold: it never will. */
  get isNever(): boolean {
    return this.asks.size === 0 && !this.meets({});
  }

  /** As `Expression.asks`. */
  get asks(): ReadonlyMap<string, ReadonlySet<string>> {
    return this.#expression.asks;
  }

  meets(facts: Facts): boolean {
    return this.#expression.meets(asVariables(facts, this.asks)) === true;
  }
}

/** @throws AppError invalid, with the place. */
export function compileHolds(text: string, place: string, scope: Scope): JourneyCondition {
  return new JourneyCondition(compileIn(text, place, scope, 'condition'));
}

/** @throws AppError invalid, with the place. */
export function compileIn(
  text: string,
  place: string,
  scope: Scope,
  wanted: 'condition' | 'value',
): Expression {
  const expression = compileExpression(text, place, vocabularyOf(scope.variables), wanted);
  for (const name of expression.asks.get('audience') ?? []) {
    if (name === '*') refuseWhole(place, 'audience', 'audience.frequentCaller');
    askAudience(name, place, scope);
  }
  if (expression.asks.get('view')?.has('*')) refuseWhole(place, 'view', 'view["Past due"]');
  return expression;
}

function refuseWhole(place: string, variable: string, example: string): never {
  throw new AppError('invalid', `${place}: ask for each ${variable} by its name, as in ${example}`);
}
