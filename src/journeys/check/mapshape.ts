/** The shape of a journey map; what it means is looked at in `map.ts`. */

import { actions } from './action.ts';
import {
  audiencesMax,
  contextMembersMax,
  exitsMax,
  expiresAfterMax,
  expiresAfterMin,
  instancesMaxMax,
  kpisMax,
  latenessMax,
  latenessMin,
  milestonesMax,
  partNameBytesMax,
  reasonBytesMax,
  reentryWaitMax,
  stagesMax,
  stepsMax,
  waitMax,
  waitMin,
  waitsMax,
} from './limits.ts';
import {
  bytes,
  choice,
  described,
  duration,
  eitherObject,
  flag,
  list,
  number,
  object,
  optional,
  record,
  whole,
} from './shape.ts';
import {
  audiences,
  channel,
  definitionName,
  description,
  partName,
  path,
  timeOfDay,
  title,
  triggers,
  zone,
} from './words.ts';

const wait = object('a wait', {
  name: partName,
  for: optional(duration(waitMin, waitMax)),
  until: optional(object('a local time', { at: timeOfDay, zone })),
  on: optional(described(triggers(1), 'Any of these ends the wait before its time.')),
  thenStep: optional(described(partName, 'The step that is entered when the time is up.')),
  actions: optional(actions(1)),
});

const step = object('a step', {
  name: partName,
  on: optional(described(triggers(1), 'Any of these enters the step.')),
  journey: optional(described(definitionName, 'A map whose instances are this step.')),
  completed: optional(
    described(triggers(1), 'Any of these completes it; absent: entering it does.'),
  ),
  optional: optional(described(flag, 'It does not count for progress.')),
  waits: optional(list(wait, 1, waitsMax)),
  actions: optional(described(actions(1), 'Done when it is entered.')),
});

const milestone = object('a milestone', {
  name: partName,
  step: optional(described(partName, 'Reached when this step is entered.')),
  on: optional(described(triggers(1), 'Reached when one of these happens.')),
});

const exit = object('an exit', {
  reason: bytes(reasonBytesMax),
  on: triggers(1),
  keyed: optional(described(flag, 'Ends only the instance whose key the event carries.')),
});

const kpi = object('a measure', {
  name: partName,
  type: choice('completionRate', 'timeToComplete', 'milestoneRate', 'dropOff'),
  milestone: optional(partName),
  step: optional(partName),
  target: optional(number(0, 1e12)),
});

export const mapShape = object('a journey map', {
  title,
  description,
  key: optional(described(path, 'Path into `data` that tells instances apart.')),
  entry: described(triggers(0), 'Any of these starts an instance.'),
  reentry: optional(
    eitherObject(
      choice('never', 'afterExit'),
      object('a re-entry', { afterWait: duration('1s', reentryWaitMax) }),
    ),
  ),
  stages: list(object('a stage', { name: partName, steps: list(step, 1, stepsMax) }), 1, stagesMax),
  milestones: optional(list(milestone, 1, milestonesMax)),
  goal: optional(described(triggers(1), 'Any of these completes an instance.')),
  exits: optional(list(exit, 1, exitsMax)),
  expiresAfter: optional(duration(expiresAfterMin, expiresAfterMax)),
  context: optional(
    record(path, contextMembersMax, {
      pattern: new RegExp(`^[A-Za-z_][A-Za-z0-9_]{0,${partNameBytesMax - 1}}$`),
      hint: 'use letters, digits and _, so that instance.context.name can be written',
    }),
  ),
  audiences: optional(audiences),
  announces: optional(
    described(
      list(partName, 1, audiencesMax),
      'Audiences of the map: when a customer enters or leaves one, `tapeline.audience` is said on its tape.',
    ),
  ),
  lateness: optional(duration(latenessMin, latenessMax)),
  onResume: optional(choice('state', 'replay')),
  activityChannel: optional(channel),
  instancesMax: optional(whole(1, instancesMaxMax)),
  kpis: optional(list(kpi, 1, kpisMax)),
});
