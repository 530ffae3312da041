/** A map and a rule as somebody would write them: the insurance company's quote. */
import type { JourneyMap, Rule } from '../../src/journeys/definition.ts';

export const quoteMap: JourneyMap = {
  title: 'Online quote',
  entry: [{ event: 'Quote Started', channel: 'web' }],
  reentry: { afterWait: '1d' },
  stages: [
    {
      name: 'Details',
      steps: [
        { name: 'Start' },
        { name: 'Vehicle', on: [{ event: 'Vehicle Entered' }] },
        { name: 'Driver', on: [{ event: 'Driver Entered' }] },
      ],
    },
    {
      name: 'Offer',
      steps: [
        {
          name: 'Price',
          on: [{ event: 'Price Shown' }],
          completed: [{ event: 'Cover Chosen' }],
          waits: [
            {
              name: 'reminder',
              for: '1d',
              on: [{ event: 'Cover Chosen' }],
              actions: [{ do: 'notify', data: { text: 'Your quote: ${instance.context.price}' } }],
            },
          ],
        },
        { name: 'Payment', on: [{ event: 'Payment Started' }], optional: true },
      ],
    },
  ],
  milestones: [{ name: 'priced', step: 'Price' }],
  goal: [{ event: 'Policy Bought' }],
  exits: [{ reason: 'declined', on: [{ event: 'Quote Declined' }] }],
  expiresAfter: '30d',
  context: { price: 'price', vehicle: 'vehicle.model' },
  audiences: { frequentCaller: { performed: 'Call', times: 3, within: '3h' } },
  kpis: [
    { name: 'bought', type: 'completionRate', target: 0.2 },
    { name: 'priced', type: 'milestoneRate', milestone: 'priced' },
  ],
};

export const walkInRule: Rule = {
  title: 'Walk-in offer for who stalls at the price',
  journey: 'quote',
  when: { beyondStep: 3, silentFor: '30s' },
  if: '!audience.frequentCaller && instance.context.price > 500',
  within: { miles: 25 },
  quietHours: { from: '21:00', to: '08:00', zone: 'America/New_York' },
  caps: [{ scope: 'rule', times: 1, per: 'day', zone: 'America/New_York' }],
  perInstanceMax: 1,
  control: { percent: 10 },
  then: [
    {
      do: 'agent',
      kind: 'walkIn',
      title: 'Quote for ${customer.id}: ${instance.context.vehicle}',
      skills: [{ skill: 'licensed', level: 1 }],
      rings: [
        { after: '0s', miles: 5 },
        { after: '20s', miles: 25 },
      ],
      meeting: 'https://meet.example/${decision.id}?with=${agent.id}',
    },
    {
      do: 'page',
      data: { title: 'Talk to an agent near you', text: 'Shall we go through it together?' },
      ttl: '10m',
    },
  ],
};

/** A map with little in it, and more. */
export function mapOf(more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    entry: [{ event: 'A' }],
    stages: [{ name: 'S', steps: [{ name: 'one' }, { name: 'two', on: [{ event: 'B' }] }] }],
    ...more,
  };
}

/** A map of one stage with these steps. */
export function stepsOf(...steps: unknown[]): Record<string, unknown> {
  return mapOf({ stages: [{ name: 'S', steps }] });
}

/** A rule with little in it, and more. */
export function ruleOf(more: Record<string, unknown> = {}): Record<string, unknown> {
  return { when: { event: 'A' }, then: [{ do: 'notify', data: {} }], ...more };
}
