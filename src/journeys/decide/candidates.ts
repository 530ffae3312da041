/** A rule as something that is weighed. */
import { meter } from '../../event/meter.ts';
import type { CompiledRule, Facts } from '../compile/compiled.ts';
import type { Action } from '../definition.ts';
import { isPlace, type Place } from '../place.ts';
import type { NotReason } from '../words.ts';
import { actedOf } from './applied.ts';
import type { Candidate } from './weigh.ts';

/** What is so when it is not said. */
const priorityDefault = 0;
const valueDefault = 1;

/** What is known of a candidate besides its rule. */
export interface CandidateAbout {
  readonly id: string;
  /** Under which it counts. */
  readonly name: string;
  /** The view that it asks for could not be read in time. */
  readonly isOutOfTime: boolean;
  /** Whose attention it takes, and where it is, if the rule does not tell. */
  readonly channel?: string | undefined;
  readonly place?: Place | undefined;
}

export function candidateOf(
  rule: CompiledRule,
  { channel, id, isOutOfTime, name, place }: CandidateAbout,
  facts: Facts,
): Candidate {
  const { category, leverPercent = 0, priority = priorityDefault, propensity } = rule.rule;
  return {
    id,
    rule: name,
    channel: channel ?? channelOf(rule),
    category,
    from: rule.from,
    to: rule.to,
    miles: rule.withinMiles,
    place: place ?? placeOf(rule.rule.then),
    quietHours: rule.quietHours,
    cooldownMs: rule.cooldownMs,
    control: controlOf(rule),
    caps: rule.caps,
    limit: limitOf(rule, facts, name),
    priority,
    value: rule.rule.value ?? valueDefault,
    propensity,
    leverPercent,
    ineligible() {
      if (isOutOfTime) return 'outOfTime';
      if (rule.when.kind === 'view' && !rule.when.where.meets(facts)) return unmet();
      return rule.condition === undefined || rule.condition.meets(facts) ? undefined : unmet();
    },
    suppressor() {
      for (const { audience, condition, name: detail } of rule.suppressedBy) {
        if (audience !== undefined) {
          if (facts.audience?.[audience] === true) return { verdict: 'suppressed', detail };
        } else if (condition!.meets(facts)) return { verdict: 'suppressed', detail };
        else if (meter.isOver) return { verdict: 'error', detail };
      }
      return undefined;
    },
    contextPercent() {
      const met = rule.contextWeights.filter(({ condition }) => condition.meets(facts));
      return met.reduce((sum, { percent }) => sum + percent, 0);
    },
  };
}

function controlOf({ rule: { control } }: CompiledRule): Candidate['control'] {
  return control && { percent: control.percent, salt: control.salt };
}

function limitOf(
  { perInstanceMax }: CompiledRule,
  { instance }: Facts,
  name: string,
): Candidate['limit'] {
  if (instance === undefined || perInstanceMax === Number.POSITIVE_INFINITY) return undefined;
  return { instance: instance.id, left: perInstanceMax - actedOf(instance, name) };
}

/** What cost too much to tell is not taken for a no. */
function unmet(): NotReason {
  return meter.isOver ? 'error' : 'condition';
}

/**
 * Whose attention a rule takes: the channel that it names, else where its actions appear. One that only
 * calls, emits, starts or stops takes nobody's.
 */
export function channelOf({ rule }: Pick<CompiledRule, 'rule'>): string | undefined {
  return rule.channel ?? channelOfActions(rule.then);
}

/** Where actions reach the customer; undefined: nowhere. */
export function channelOfActions(actions: readonly Action[]): string | undefined {
  const kinds = new Set(actions.map((action) => action.do));
  if (kinds.has('page') || kinds.has('notify')) return 'page';
  return kinds.has('agent') ? 'agent' : undefined;
}

/** Where what is offered is: `latitude` and `longitude` of an action's data. Agents are looked for later. */
function placeOf(actions: readonly Action[]): Place | undefined {
  for (const action of actions) {
    if (action.do === 'agent' || !('data' in action)) continue;
    const place = placeIn(action.data);
    if (place !== undefined) return place;
  }
  return undefined;
}

/** The place that data says it is at. */
export function placeIn(data: unknown): Place | undefined {
  const { latitude, longitude } = (data ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof latitude !== 'number' || typeof longitude !== 'number') return undefined;
  return isPlace({ latitude, longitude }) ? { latitude, longitude } : undefined;
}
