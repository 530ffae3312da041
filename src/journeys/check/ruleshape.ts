/** The shape of a rule; what it means is looked at in `rule.ts`. */
import { channelBytesMax } from '../../event/envelope.ts';
import { parseTime } from '../../event/time.ts';
import { actions } from './action.ts';
import {
  capsMax,
  capTimesMax,
  contextWeightsMax,
  cooldownMax,
  milesMax,
  partNameBytesMax,
  percentMax,
  perInstanceMaxMax,
  priorityMax,
  stepsMax,
  suppressionsMax,
  valueMax,
  waitMax,
  waitMin,
} from './limits.ts';
import {
  byMember,
  bytes,
  choice,
  described,
  duration,
  eitherNumber,
  eitherObject,
  flag,
  list,
  number,
  object,
  optional,
  type Shape,
  whole,
} from './shape.ts';
import {
  audiences,
  channel,
  condition,
  definitionName,
  description,
  partName,
  timeOfDay,
  title,
  trigger,
  triggerMembers,
  viewName,
  zone,
} from './words.ts';

const silence = duration(waitMin, waitMax);

const when: Shape = byMember('when', {
  event: object('when it is an event', triggerMembers),
  beyondStep: object('when it is silence', {
    beyondStep: eitherNumber(whole(0, stepsMax - 1), partName),
    by: optional(choice('current', 'furthest')),
    silentFor: silence,
    channel: optional(channel),
  }),
  after: object('when it is absence', { after: trigger, without: trigger, within: silence }),
  audience: object('when it is an audience', {
    audience: partName,
    change: optional(choice('enter', 'leave')),
  }),
  instance: object('when it is about an instance', {
    instance: choice('started', 'completed', 'exited', 'expired', 'step', 'milestone'),
    name: optional(partName),
  }),
  ask: object('when a touchpoint asks', {
    ask: described(partName, 'A place of the touchpoint, as it names it.'),
  }),
  view: object('when it is a view', { view: viewName, where: condition }),
});

const time: Shape = {
  schema: { type: 'string', format: 'date-time' },
  check(value, place, faults) {
    if (typeof value === 'string' && !Number.isNaN(parseTime(value))) return;
    faults.add(place, 'must be a time', 'write it as in 2026-01-31T00:00:00Z');
  },
};

const cap = object('a cap', {
  scope: choice('rule', 'channel', 'category', 'all'),
  times: whole(1, capTimesMax),
  per: eitherObject(
    choice('day', 'week', 'month'),
    object('a period', { rolling: duration('1s', waitMax) }),
  ),
  zone: optional(zone),
});

export const ruleShape = object('a rule', {
  title,
  description,
  enabled: optional(flag),
  journey: optional(described(definitionName, 'The map whose instances it is about.')),
  when,
  view: optional(described(viewName, 'The view that conditions ask for as `view`.')),
  if: optional(condition),
  audiences: optional(audiences),
  within: optional(
    eitherObject(choice('anywhere'), object('a distance', { miles: number(0, milesMax) })),
  ),
  suppressedBy: optional(
    list(described(condition, 'Name of an audience, or a condition.'), 1, suppressionsMax),
  ),
  quietHours: optional(object('quiet hours', { from: timeOfDay, to: timeOfDay, zone })),
  caps: optional(list(cap, 1, capsMax)),
  control: optional(
    object('a control group', {
      percent: number(0, 100),
      salt: optional(bytes(partNameBytesMax)),
    }),
  ),
  category: optional(partName),
  channel: optional(bytes(channelBytesMax)),
  priority: optional(whole(-priorityMax, priorityMax)),
  propensity: optional(number(0, 1)),
  value: optional(number(0, valueMax)),
  contextWeights: optional(
    list(
      object('a weight', { if: condition, percent: number(-100, percentMax) }),
      1,
      contextWeightsMax,
    ),
  ),
  leverPercent: optional(number(-100, percentMax)),
  from: optional(time),
  to: optional(time),
  cooldown: optional(duration('1s', cooldownMax)),
  perInstanceMax: optional(whole(1, perInstanceMaxMax)),
  // biome-ignore format: the word of the definition
  then: actions(1),
});
