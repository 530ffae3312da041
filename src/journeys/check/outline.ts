/**
 * What others have to know of a map or rule (`workspaces/definition.ts`): what it names, what it has, and
 * what it lets happen by itself. Words for what happens:
 *
 *     event:<type>        such an event is committed        channel:<name>   an event of this channel is
 *     start:<map>         an instance is to be started      started:<map>    one was
 *     enter:<map>/<step>  a step is to be entered           in:<map>/<step>  it was
 *     active:<map>        something counts as activity      changed:<map>    anything about an instance
 *     audience:<map>/<n>  membership may have changed       view:<name>      an event of what a view shows
 */

import type { AudienceDefinition } from '../../audiences/definition.ts';
import type { Outline, OutlineLink, Reference } from '../../workspaces/definition.ts';
import type { CompiledMap, CompiledRule, CompiledStep } from '../compile/compiled.ts';
import { viewOf } from '../compile/rule.ts';
import type { Action, JourneyMap, Rule, Step } from '../definition.ts';
import { typeOfAudience, typeOfCommand, typeOfDelivery, typeOfOffer } from '../words.ts';
import { asksOfAudience, asksOfAudiences, typesOfAudience } from './audience.ts';
import { isEnteredAtStart } from './map.ts';

/** @param compiled the same map. */
export function outlineOfMap(name: string, map: JourneyMap, compiled: CompiledMap): Outline {
  const steps = map.stages.flatMap((stage, at) =>
    stage.steps.map((step, index) => ({ step, place: `stages[${at}].steps[${index}]` })),
  );
  return {
    asks: [
      ...steps.flatMap(({ place, step }) => asksOfStep(step, place)),
      ...asksOfAudiences(map.audiences),
    ],
    offers: {
      steps: steps.map(({ step }) => step.name),
      stages: map.stages.map((stage) => stage.name),
      milestones: (map.milestones ?? []).map((milestone) => milestone.name),
      audiences: Object.keys(map.audiences ?? {}),
    },
    links: [
      ...linksOfMap(name, map, compiled),
      ...steps.flatMap(({ place, step }, index) =>
        linksOfStep(name, step, compiled.steps[index]!, place),
      ),
      ...Object.entries(map.audiences ?? {}).map(([audience, definition]) => ({
        place: `audiences.${audience}`,
        heeds: heededBy(definition),
        says: [
          `audience:${name}/${audience}`,
          ...(compiled.announces.has(audience) ? [`event:${typeOfAudience}`] : []),
        ],
      })),
    ],
  };
}

function asksOfStep({ actions, journey, waits }: Step, place: string): Reference[] {
  return [
    ...(journey === undefined
      ? []
      : [{ place: `${place}.journey`, what: 'journey' as const, name: journey, isStep: true }]),
    ...asksOfActions(actions, `${place}.actions`),
    ...(waits ?? []).flatMap((wait, index) =>
      asksOfActions(wait.actions, `${place}.waits[${index}].actions`),
    ),
  ];
}

function asksOfActions(actions: readonly Action[] | undefined, place: string): Reference[] {
  return (actions ?? []).flatMap((action, index): Reference[] => {
    const at = `${place}[${index}]`;
    switch (action.do) {
      case 'webhook':
        return [{ place: `${at}.endpoint`, what: 'webhook', name: action.endpoint }];
      case 'start':
      case 'stop':
        return [{ place: `${at}.journey`, what: 'journey', name: action.journey }];
      case 'agent':
        if (action.view === undefined) return [];
        return [{ place: `${at}.view`, what: 'view', name: action.view }];
      default:
        return [];
    }
  });
}

function linksOfMap(name: string, map: JourneyMap, compiled: CompiledMap): OutlineLink[] {
  const heard = (triggers: readonly { readonly event: string }[]): string[] =>
    triggers.map(({ event }) => `event:${event}`);
  const changed = [`changed:${name}`];
  const first = isEnteredAtStart(map.stages)
    ? [`enter:${name}/${map.stages[0]!.steps[0]!.name}`]
    : [];
  const { activityChannel } = map;
  return [
    {
      place: 'entry',
      heeds: [...heard(map.entry), `start:${name}`],
      says: [...changed, `started:${name}`, `active:${name}`, ...first],
      // Whoever was in it once never is again.
      bounded: map.reentry === 'never' && map.key === undefined,
    },
    {
      place: 'entry',
      heeds: [
        ...[...compiled.listeners.keys()].map((type) => `event:${type}`),
        ...(activityChannel === undefined ? [] : [`channel:${activityChannel}`]),
      ],
      says: [`active:${name}`],
    },
    { place: 'expiresAfter', heeds: [`active:${name}`], says: changed },
    { place: 'goal', heeds: heard(map.goal ?? []), says: changed },
    ...(map.exits ?? []).map(({ on }, index) => ({
      place: `exits[${index}]`,
      heeds: heard(on),
      says: changed,
    })),
    ...(map.milestones ?? []).map(({ on, step }, index) => ({
      place: `milestones[${index}]`,
      heeds: [...heard(on ?? []), ...(step === undefined ? [] : [`in:${name}/${step}`])],
      says: changed,
    })),
  ];
}

function linksOfStep(
  name: string,
  step: Step,
  { completed, on }: CompiledStep,
  place: string,
): OutlineLink[] {
  const own = `${name}/${step.name}`;
  const heard = [...on, ...(completed ?? [])].map(({ event }) => `event:${event}`);
  const micro = step.journey === undefined ? [] : [`started:${step.journey}`];
  return [
    {
      place,
      heeds: [...heard, ...micro, `enter:${own}`],
      says: [`in:${own}`, `changed:${name}`, ...saidBy(step.actions)],
    },
    ...(step.waits ?? []).map(({ actions, thenStep }, index) => ({
      place: `${place}.waits[${index}]`,
      heeds: [`in:${own}`],
      says: [...(thenStep === undefined ? [] : [`enter:${name}/${thenStep}`]), ...saidBy(actions)],
    })),
  ];
}

/** What actions let happen. */
function saidBy(actions: readonly Action[] | undefined): string[] {
  const said = (actions ?? []).flatMap((action) => {
    switch (action.do) {
      case 'event':
        return [
          `event:${action.type}`,
          ...(action.channel === undefined ? [] : [`channel:${action.channel}`]),
        ];
      case 'start':
        return [`start:${action.journey}`, `event:${typeOfCommand}`];
      case 'stop':
        return [`changed:${action.journey}`, `event:${typeOfCommand}`];
      case 'agent':
        return [`event:${typeOfOffer}`];
      default:
        return [];
    }
  });
  return said.length === 0 && actions === undefined ? [] : [...said, `event:${typeOfDelivery}`];
}

/** What changes an audience. */
function heededBy(audience: AudienceDefinition): string[] {
  return [
    ...typesOfAudience(audience).map((type) => `event:${type}`),
    ...asksOfAudience(audience, '').flatMap((asked) =>
      asked.what === 'journey' ? [`changed:${asked.name}`] : [],
    ),
  ];
}

/** @param compiled the same rule. */
export function outlineOfRule(rule: Rule, compiled: CompiledRule): Outline {
  return {
    asks: asksOfRule(rule, compiled),
    links: [
      {
        place: 'then',
        heeds: heededByRule(rule),
        says: saidBy(rule.then),
        bounded: isBounded(rule),
      },
    ],
  };
}

function isBounded({ caps, cooldown }: Rule): boolean {
  const isCapped = (caps ?? []).some(({ scope }) => scope === 'rule' || scope === 'all');
  return cooldown !== undefined || isCapped;
}

function asksOfRule(rule: Rule, { borrowed, view }: CompiledRule): Reference[] {
  const { journey, when } = rule;
  const named = viewOf(rule);
  const asks: Reference[] = [
    ...asksOfActions(rule.then, 'then'),
    ...asksOfAudiences(rule.audiences),
  ];
  if (named !== undefined) {
    const place = rule.view === undefined ? 'when.view' : 'view';
    asks.push({ place, what: 'view', name: named });
    for (const name of view?.fields ?? []) asks.push({ place, what: 'field', of: named, name });
  }
  if ('view' in when) asks.push({ place: 'when.view', what: 'shown', name: when.view });
  if (journey === undefined) return asks;
  asks.push({ place: 'journey', what: 'journey', name: journey });
  for (const name of borrowed)
    asks.push({ place: 'audiences', what: 'audience', of: journey, name });
  if ('beyondStep' in when) {
    asks.push({ place: 'when.beyondStep', what: 'step', of: journey, name: when.beyondStep });
  }
  if ('instance' in when && when.name !== undefined) {
    const what = when.instance === 'step' ? 'step' : 'milestone';
    asks.push({ place: 'when.name', what, of: journey, name: when.name });
  }
  return asks;
}

function heededByRule({ audiences, journey, when }: Rule): string[] {
  if ('event' in when) return [`event:${when.event}`];
  if ('beyondStep' in when) return [`active:${journey}`];
  if ('after' in when) return [`event:${when.after.event}`];
  if ('audience' in when) {
    const own = new Map(Object.entries(audiences ?? {})).get(when.audience);
    return own === undefined ? [`audience:${journey}/${when.audience}`] : heededBy(own);
  }
  if ('instance' in when) return [`changed:${journey}`];
  return 'view' in when ? [`view:${when.view}`] : [];
}
