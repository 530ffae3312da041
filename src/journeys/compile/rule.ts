/**
 * Compiles a rule that has been checked (`check/`).
 *
 * Which variables its texts know: `event` where an event is the cause (of `after … without`: the one
 * after which), `instance` where it names a journey, `view` where it names one.
 */

import { parseTime } from '../../event/time.ts';
import type { Cap, Rule } from '../definition.ts';
import { compileActions } from './action.ts';
import { compileAudiences } from './audience.ts';
import type {
  CompiledCap,
  CompiledMap,
  CompiledRule,
  CompiledSuppression,
  CompiledWhen,
  RuleListener,
} from './compiled.ts';
import type { Variable } from './facts.ts';
import { askAudience, compileHolds, type JourneyCondition, type Scope, scopeOf } from './scope.ts';
import { byType, compileTrigger, durationOf, timeOfDay } from './trigger.ts';

/**
 * @param shown the types of what the rule's view shows, if `when` names a view: `typesOfView`.
 * @throws AppError invalid, with the place.
 */
export function compileRule(
  name: string,
  version: number,
  rule: Rule,
  shown: readonly string[] = [],
): CompiledRule {
  const borrowed = rule.journey === undefined ? undefined : new Set<string>();
  const scope = { ...scopeOf(rule.audiences, ...variablesOf(rule)), borrowed };
  const when = compileWhen(rule, scope);
  const condition = rule.if === undefined ? undefined : compileHolds(rule.if, 'if', scope);
  const suppressedBy = (rule.suppressedBy ?? []).map((text, index) =>
    compileSuppression(text, `suppressedBy[${index}]`, scope),
  );
  const contextWeights = (rule.contextWeights ?? []).map((weight, index) => ({
    condition: compileHolds(weight.if, `contextWeights[${index}].if`, scope),
    percent: weight.percent,
  }));
  const texts = [
    ...(when.kind === 'view' ? [when.where] : []),
    ...(condition === undefined ? [] : [condition]),
    ...suppressedBy.flatMap((each) => each.condition ?? []),
    ...contextWeights.map((weight) => weight.condition),
  ];
  const audiences = compileAudiences(rule.audiences);
  const listeners = listenersOf(when);
  const heard = [...audiences.values()].flatMap(({ types }) => [...types]);
  return {
    ...{ rule, name, version, when, condition, suppressedBy, contextWeights, audiences, listeners },
    journey: rule.journey,
    perInstanceMax: rule.perInstanceMax ?? Number.POSITIVE_INFINITY,
    withinMiles: typeof rule.within === 'object' ? rule.within.miles : undefined,
    quietHours: quietHoursOf(rule),
    caps: (rule.caps ?? []).map(compileCap),
    from: rule.from === undefined ? undefined : parseTime(rule.from),
    to: rule.to === undefined ? undefined : parseTime(rule.to),
    cooldownMs: durationOf(rule.cooldown),
    actions: compileActions(rule.then, 'then', actionScope(scope)),
    view: viewAsked(rule, texts),
    borrowed: borrowed ?? new Set(),
    types: new Set([...listeners.keys(), ...heard, ...(when.kind === 'view' ? shown : [])]),
  };
}

/** The view that a rule's conditions are about. */
export function viewOf({ view, when }: Rule): string | undefined {
  return view ?? ('view' in when ? when.view : undefined);
}

function variablesOf(rule: Rule): Variable[] {
  const { journey, when } = rule;
  const hasEvent = 'event' in when || 'after' in when || 'view' in when || 'instance' in when;
  return [
    ...('ask' in when ? (['ask'] as const) : []),
    ...(hasEvent ? (['event'] as const) : []),
    ...(journey === undefined ? [] : (['instance'] as const)),
    ...(viewOf(rule) === undefined ? [] : (['view'] as const)),
    ...(['customer', 'audience'] as const),
  ];
}

/** Templates are filled in once it is decided; views are not read for them. */
function actionScope({ variables, ...scope }: Scope): Scope {
  const known = variables.filter((variable) => variable !== 'view');
  return { ...scope, variables: [...known, 'decision'] };
}

type When = CompiledWhen extends infer Each
  ? Each extends { readonly kind: 'view' }
    ? Each & { readonly where: JourneyCondition }
    : Each
  : never;

function compileWhen({ when }: Rule, scope: Scope): When {
  const trigger = triggerScope(scope);
  if ('event' in when) return { kind: 'event', trigger: compileTrigger(when, 'when', trigger) };
  if ('beyondStep' in when) {
    return {
      kind: 'stall',
      beyond: beyondOf(when.beyondStep),
      by: when.by ?? 'current',
      silentForMs: durationOf(when.silentFor)!,
      channel: when.channel,
    };
  }
  if ('after' in when) {
    return {
      kind: 'absence',
      after: compileTrigger(when.after, 'when.after', trigger),
      without: compileTrigger(when.without, 'when.without', trigger),
      withinMs: durationOf(when.within)!,
    };
  }
  if ('audience' in when) {
    askAudience(when.audience, 'when.audience', scope);
    return { kind: 'audience', audience: when.audience, change: when.change ?? 'enter' };
  }
  if ('ask' in when) return { kind: 'ask', placement: when.ask };
  if ('instance' in when) return { kind: 'instance', happening: when.instance, name: when.name };
  return { kind: 'view', view: when.view, where: compileHolds(when.where, 'when.where', scope) };
}

function beyondOf(step: number | string): (map: CompiledMap) => number | undefined {
  if (typeof step === 'number') return () => step;
  return ({ steps }) => steps.find(({ name }) => name === step)?.ordinal;
}

/** What happened is told apart as it is committed: no view has been read then. */
function triggerScope({ variables, ...scope }: Scope): Scope {
  return { ...scope, variables: variables.filter((variable) => variable !== 'view') };
}

const nameOnly = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** A name alone is an audience's, whoever defines it. */
function compileSuppression(text: string, place: string, scope: Scope): Suppression {
  if (nameOnly.test(text)) {
    askAudience(text, place, scope);
    return { name: text, audience: text, condition: undefined };
  }
  return { name: text, audience: undefined, condition: compileHolds(text, place, scope) };
}

interface Suppression extends CompiledSuppression {
  readonly condition: JourneyCondition | undefined;
}

function quietHoursOf({ quietHours }: Rule): CompiledRule['quietHours'] {
  if (quietHours === undefined) return undefined;
  const { from, to, zone } = quietHours;
  return { fromMinute: minuteOf(from), toMinute: minuteOf(to), zone };
}

function minuteOf(text: string): number {
  const { hour, minute } = timeOfDay(text);
  return hour * 60 + minute;
}

function compileCap({ per, scope, times, zone }: Cap): CompiledCap {
  const length = typeof per === 'object' ? { rollingMs: durationOf(per.rolling)! } : per;
  return { scope, times, per: length, zone };
}

function viewAsked(rule: Rule, texts: readonly JourneyCondition[]): CompiledRule['view'] {
  const name = viewOf(rule);
  const fields = texts.flatMap(({ asks }) => [...(asks.get('view') ?? [])]);
  return name === undefined || fields.length === 0 ? undefined : { name, fields: new Set(fields) };
}

function listenersOf(when: CompiledWhen): CompiledRule['listeners'] {
  const all: RuleListener[] = [];
  if (when.kind === 'event') all.push({ of: 'event', trigger: when.trigger });
  if (when.kind === 'absence') {
    all.push({ of: 'after', trigger: when.after }, { of: 'without', trigger: when.without });
  }
  return byType(all);
}
