/**
 * Random maps and rules that are valid, alone and together: for simulations, and to be made wrong in one
 * place. The same seed makes the same.
 */

import type { AudienceDefinition } from '../../src/audiences/definition.ts';
import type {
  Action,
  JourneyMap,
  Milestone,
  Rule,
  Stage,
  Step,
  Trigger,
  Wait,
  When,
} from '../../src/journeys/definition.ts';
import type { Random } from '../../src/std/random.ts';

/** What there is to speak of. */
export interface Words {
  readonly types: readonly string[];
  readonly channels: readonly string[];
  /** Maps that are there already: those may be started, or be steps. */
  readonly journeys: readonly string[];
  /** Said by actions; nobody listens to them. */
  readonly said: readonly string[];
}

export const someWords: Words = {
  types: ['Visit', 'Quote', 'Price', 'Call', 'Pay', 'Buy', 'Cancel', 'Login'],
  channels: ['web', 'app', 'call'],
  journeys: [],
  said: ['Reminded', 'Offered'],
};

class Maker {
  readonly random: Random;
  readonly words: Words;

  constructor(random: Random, words: Words) {
    this.random = random;
    this.words = words;
  }

  chance(percent: number): boolean {
    return this.random.below(100) < percent;
  }

  between(least: number, most: number): number {
    return least + this.random.below(most - least + 1);
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.random.below(items.length)]!;
  }

  list<Item>(least: number, most: number, make: (index: number) => Item): Item[] {
    return Array.from({ length: this.between(least, most) }, (_, index) => make(index));
  }

  /** `make` in so many percent of cases. */
  maybe<Member extends object>(percent: number, make: () => Member): Member | object {
    return this.chance(percent) ? make() : {};
  }

  duration(): string {
    return this.pick(['1s', '5s', '30s', '90s', '2m', '15m', '1h', '12h', '1d', '2w']);
  }

  trigger(conditions: readonly string[]): Trigger {
    return {
      event: this.pick(this.words.types),
      ...this.maybe(25, () => ({ channel: this.pick(this.words.channels) })),
      ...this.maybe(25, () => ({ where: this.pick(conditions) })),
    };
  }

  triggers(conditions: readonly string[]): Trigger[] {
    return this.list(1, 2, () => this.trigger(conditions));
  }
}

const ofEvent = [
  'event.data.amount > 10',
  'event.data.?vip.orValue(false)',
  'event.channel in ["web", "app"]',
  'has(event.data.amount) && event.data.amount * 2 < 100',
];
const ofInstance = [
  ...ofEvent,
  'instance.step < 3 || event.data.amount > 50',
  '!("priced" in instance.milestones)',
  'instance.run == 1',
];

/** A map of 1 to 8 steps. Its waits lead forward, so that none goes round in circles. */
export function makeMap(random: Random, words: Words = someWords): JourneyMap {
  const maker = new Maker(random, words);
  const count = maker.between(1, 8);
  const names = Array.from({ length: count }, (_, index) => `step ${index + 1}`);
  const isKeyed = maker.chance(40);
  // Either it starts others, or others are its steps: never a circle.
  const startsOthers = maker.chance(50);
  const steps = names.map((_, index) => makeStep(maker, names, index, startsOthers));
  return {
    ...maker.maybe(50, () => ({ title: 'A map' })),
    ...(isKeyed && { key: 'order' }),
    entry: maker.triggers(ofEvent),
    ...maker.maybe(40, () => ({
      reentry: maker.pick(['never', 'afterExit', { afterWait: '1h' }] as const),
    })),
    stages: makeStages(maker, steps),
    ...maker.maybe(50, () => ({ milestones: makeMilestones(maker, names) })),
    ...maker.maybe(70, () => ({ goal: maker.triggers(ofInstance) })),
    ...maker.maybe(50, () => ({
      exits: [{ reason: 'left', on: maker.triggers(ofInstance), ...(isKeyed && { keyed: true }) }],
    })),
    ...maker.maybe(50, () => ({ expiresAfter: maker.pick(['5m', '1h', '1d', '30d']) })),
    ...maker.maybe(60, () => ({ context: { amount: 'amount', city: 'place.city' } })),
    ...maker.maybe(40, () => ({
      audiences: { caller: makeAudience(maker) },
      announces: ['caller'],
    })),
    ...maker.maybe(20, () => ({ lateness: '1h' })),
    ...maker.maybe(30, () => ({ onResume: maker.pick(['state', 'replay'] as const) })),
    ...maker.maybe(15, () => ({ activityChannel: maker.pick(words.channels) })),
    ...maker.maybe(30, () => ({ instancesMax: maker.between(1, 4) })),
    ...maker.maybe(30, () => ({ kpis: [{ name: 'done', type: 'completionRate' as const }] })),
  };
}

function makeStages(maker: Maker, steps: readonly Step[]): Stage[] {
  const cut = maker.between(1, steps.length);
  const parts = [steps.slice(0, cut), steps.slice(cut)].filter((part) => part.length > 0);
  return parts.map((part, index) => ({ name: `stage ${index + 1}`, steps: part }));
}

function makeStep(maker: Maker, names: readonly string[], index: number, starts: boolean): Step {
  const { journeys } = maker.words;
  const isMicro = !starts && journeys.length > 0 && maker.chance(20);
  const isFirst = index === 0 && maker.chance(60);
  return {
    name: names[index]!,
    ...(isMicro && { journey: maker.pick(journeys) }),
    ...(!isMicro && !isFirst && { on: maker.triggers(ofInstance) }),
    ...maker.maybe(40, () => ({ completed: maker.triggers(ofInstance) })),
    ...maker.maybe(20, () => ({ optional: true })),
    ...maker.maybe(40, () => ({
      waits: maker.list(1, 2, (n) => makeWait(maker, `wait ${n}`, names.slice(index + 1))),
    })),
    ...maker.maybe(30, () => ({ actions: maker.list(1, 2, () => makeAction(maker, starts)) })),
  };
}

function makeWait(maker: Maker, name: string, later: readonly string[]): Wait {
  const leads = later.length > 0 && maker.chance(60);
  const time = maker.chance(85)
    ? { for: maker.duration() }
    : { until: { at: '09:30', zone: maker.pick(['UTC', 'Europe/Berlin', 'America/New_York']) } };
  return {
    name,
    ...time,
    ...maker.maybe(50, () => ({ on: maker.triggers(ofInstance) })),
    ...(leads && { thenStep: maker.pick(later) }),
    ...((!leads || maker.chance(30)) && { actions: [makeAction(maker, false)] }),
  };
}

function makeMilestones(maker: Maker, names: readonly string[]): Milestone[] {
  return maker.list(1, 3, (index) => ({
    name: index === 0 ? 'priced' : `milestone ${index}`,
    ...(maker.chance(50) ? { step: maker.pick(names) } : { on: maker.triggers(ofInstance) }),
  }));
}

function makeAction(maker: Maker, starts: boolean): Action {
  const { journeys, said } = maker.words;
  const kind = maker.pick(['notify', 'page', 'event', 'start', 'agent'] as const);
  switch (kind) {
    case 'start':
      if (!starts || journeys.length === 0) return { do: 'notify', data: { n: 1 } };
      return { do: 'start', journey: maker.pick(journeys), key: '${customer.id}' };
    case 'event':
      return { do: 'event', type: maker.pick(said), data: { who: '${customer.id}' } };
    case 'agent':
      return {
        ...{ do: 'agent', kind: 'offer', title: 'Call ${customer.id}' },
        skills: [{ skill: 'auto', level: 2 }],
        rings: [
          { after: '0s', miles: 5 },
          { after: '1m', anywhere: true },
        ],
      };
    case 'page':
      return { do: 'page', data: { title: 'Hello', n: ['${customer.id}'] }, ttl: '5m' };
    case 'notify':
      return { do: 'notify', data: 'Dear ${customer.id}' };
  }
}

function makeAudience(maker: Maker): AudienceDefinition {
  const [one, other] = [maker.pick(maker.words.types), maker.pick(maker.words.types)];
  return maker.pick<AudienceDefinition>([
    { performed: one, times: maker.between(1, 3), within: '3h' },
    { notPerformed: one, within: '1d' },
    { sequence: [one, other], within: '1h' },
    { all: [{ performed: one }, { not: { performed: other, within: '2m' } }] },
    { bucket: { from: 0, to: 50, salt: 's' } },
    { lastPerformed: one, where: 'event.data.amount > 5' },
  ]);
}

/** A rule about a map, or about customers when there is none. */
export function makeRule(
  random: Random,
  about: { readonly name: string; readonly map: JourneyMap } | undefined,
  words: Words = someWords,
): Rule {
  const maker = new Maker(random, words);
  const when = makeWhen(maker, about?.map);
  const known = about === undefined ? ['customer.id != ""'] : ['instance.step >= 1'];
  return {
    ...(about !== undefined && { journey: about.name }),
    when,
    ...maker.maybe(40, () => ({ if: maker.pick(known) })),
    ...('audience' in when || maker.chance(30)
      ? {
          audiences: { mine: makeAudience(maker) },
          ...maker.maybe(40, () => ({ suppressedBy: ['mine'] })),
        }
      : {}),
    ...maker.maybe(30, () => ({ within: maker.pick(['anywhere', { miles: 25 }] as const) })),
    ...maker.maybe(20, () => ({
      quietHours: { from: '22:00', to: '07:00', zone: 'Europe/Berlin' },
    })),
    ...maker.maybe(30, () => ({ caps: [{ scope: 'rule', times: 2, per: { rolling: '1h' } }] })),
    ...maker.maybe(20, () => ({ control: { percent: maker.between(0, 50) } })),
    ...maker.maybe(40, () => ({ priority: maker.between(-5, 5) })),
    ...(about !== undefined && maker.chance(40) && { perInstanceMax: maker.between(1, 3) }),
    // With it whatever it lets happen ends.
    cooldown: maker.pick(['1s', '1m', '1h']),
    then: maker.list(1, 2, () => makeAction(maker, true)),
  } as Rule;
}

function makeWhen(maker: Maker, map: JourneyMap | undefined): When {
  const silentFor = maker.duration();
  const ofCustomers: When[] = [
    maker.trigger(ofEvent),
    {
      after: { event: maker.pick(maker.words.types) },
      without: { event: 'Never' },
      within: silentFor,
    },
    { audience: 'mine', change: maker.pick(['enter', 'leave'] as const) },
  ];
  if (map === undefined) return maker.pick(ofCustomers);
  const steps = map.stages.flatMap((stage) => stage.steps);
  const happenings = ['started', 'completed', 'exited', 'expired'] as const;
  const ofInstances: When[] = [
    { beyondStep: maker.between(0, steps.length - 1), silentFor },
    { beyondStep: maker.pick(steps).name, by: 'furthest', silentFor },
    { instance: maker.pick(happenings) },
    { instance: 'step', name: maker.pick(steps).name },
  ];
  return maker.pick([...ofCustomers, ...ofInstances]);
}
