/** The shape of actions: of steps, waits and rules. */

import { parseDuration } from '../../event/duration.ts';
import { channelBytesMax } from '../../event/envelope.ts';
import type { Action, Ring, SkillWish } from '../definition.ts';
import { linkFault, linksOf, mayBeSafe } from '../link.ts';
import type { Faults } from './faults.ts';
import {
  actionsMax,
  agentTtlMin,
  meetingCharactersMax,
  offerTtlMax,
  offerTtlMin,
  priorityMax,
  reasonBytesMax,
  reserveForMax,
  reserveForMin,
  ringsMax,
  skillLevelMax,
  skillsMax,
  skillWeightMax,
  titleCharactersMax,
  waitMax,
} from './limits.ts';
import {
  anything,
  bytes,
  byWord,
  characters,
  choice,
  described,
  duration,
  flag,
  list,
  looked,
  number,
  object,
  optional,
  type Shape,
  whole,
} from './shape.ts';
import { definitionName, partName, saidType, viewName } from './words.ts';

const template = described(anything, 'Any JSON; `${…}` in its texts is an expression.');

/** What has to be an object once it is filled in. */
const members: Shape = {
  schema: { type: ['object', 'string'], description: 'An object, or one `${…}` that gives one.' },
  check(value, place, faults) {
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (isObject || (typeof value === 'string' && /^\$\{.*\}$/s.test(value))) return;
    faults.add(place, 'must be an object, or a text that is one ${…}');
  },
};

const skill: Shape = looked(
  object('a wish for a skill', {
    skill: optional(partName),
    context: optional(described(partName, 'Name in the context of the instance.')),
    level: optional(whole(1, skillLevelMax)),
    weight: optional(number(0, skillWeightMax)),
    dropAfter: optional(duration('1s', offerTtlMax)),
  }),
  (wish: SkillWish, place, faults) => {
    if ((wish.skill === undefined) === (wish.context === undefined)) {
      faults.add(place, 'must have exactly one of skill and context');
    }
    if (wish.level === undefined && wish.dropAfter !== undefined) {
      faults.add(`${place}.dropAfter`, 'needs a level', 'only what is required can be dropped');
    }
  },
);

const ring: Shape = looked(
  object('a ring', {
    after: zeroOr(duration('1s', waitMax)),
    miles: optional(number(0, 12_500)),
    anywhere: optional(flag),
    levelsLower: optional(whole(0, skillLevelMax - 1)),
  }),
  (given: Ring, place, faults) => {
    if ((given.miles === undefined) === (given.anywhere === undefined)) {
      faults.add(place, 'must have exactly one of miles and anywhere');
    }
  },
);

/** A duration, or none at all: `0s`. */
function zeroOr(shape: Shape): Shape {
  return {
    schema: { type: 'string', examples: ['0s', '30s'] },
    check(value, place, faults) {
      if (value !== '0s') shape.check(value, place, faults);
    },
  };
}

const rings = looked(list(ring, 1, ringsMax), (given: readonly Ring[], place, faults) => {
  const times = given.map(({ after }) => (after === '0s' ? 0 : parseDuration(after)));
  if (times[0] !== 0)
    faults.add(`${place}[0].after`, 'must be 0s', 'the first ring is open at once');
  for (const [index, time] of times.entries()) {
    if (index === 0 || time > times[index - 1]!) continue;
    faults.add(`${place}[${index}].after`, 'must be later than that of the ring before');
  }
});

const offerTtl = optional(duration(offerTtlMin, offerTtlMax));

/** What is no template is taken as it is written: nobody means `${…}` by itself. */
function written(shape: Shape): Shape {
  return looked(shape, (text: string, place, faults) => {
    if (!text.includes('${')) return;
    faults.add(
      place,
      'knows no ${…}',
      'templates are filled in in data, key, context, title and meeting',
    );
  });
}

const action: Shape = byWord('an action', 'do', {
  webhook: {
    endpoint: described(written(partName), 'Name of a webhook.'),
    data: optional(template),
    plain: optional(described(flag, 'The body is `data` alone.')),
  },
  page: { kind: optional(choice('offer', 'notice')), data: template, ttl: offerTtl },
  agent: {
    kind: choice('walkIn', 'offer', 'callback'),
    title: characters(titleCharactersMax),
    data: optional(template),
    skills: optional(list(skill, 0, skillsMax)),
    rings: optional(rings),
    reserveFor: optional(duration(reserveForMin, reserveForMax)),
    ttl: optional(duration(agentTtlMin, offerTtlMax)),
    priority: optional(whole(-priorityMax, priorityMax)),
    meeting: optional(characters(meetingCharactersMax)),
    view: optional(written(viewName)),
    bypass: optional(flag),
  },
  event: {
    type: written(saidType),
    channel: optional(written(bytes(channelBytesMax))),
    data: optional(members),
  },
  start: {
    journey: written(definitionName),
    key: optional(template),
    context: optional(members),
  },
  stop: { journey: written(definitionName), reason: written(bytes(reasonBytesMax)) },
  notify: { data: template, ttl: offerTtl },
});

const safeAction = looked(action, (given: Action, place, faults) => {
  for (const link of linksOf(given)) {
    if (!mayBeSafe(link)) faults.add(`${place}.${link.member}`, linkFault);
  }
});

export function actions(least: number): Shape {
  return list(safeAction, least, actionsMax);
}

/** Skills from the context need an instance. */
export function checkContextSkills(
  given: readonly { readonly do: string; readonly skills?: readonly SkillWish[] }[],
  place: string,
  faults: Faults,
): void {
  for (const [at, { skills }] of given.entries()) {
    for (const [index, { context }] of (skills ?? []).entries()) {
      if (context === undefined) continue;
      const where = `${place}[${at}].skills[${index}].context`;
      faults.add(where, 'needs a journey', 'name the map that the rule is about: "journey": …');
    }
  }
}
