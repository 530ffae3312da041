/** The map that tests of journeys play: five steps, a goal, a way out, and a rule that waits for silence. */
import type { JourneyMap, Rule } from '../../src/journeys/definition.ts';
import { Play } from './journeykit.ts';

export const quote: JourneyMap = {
  entry: [{ event: 'Step 1' }],
  stages: [
    {
      name: 'quote',
      steps: [1, 2, 3].map((n) => ({ name: `s${n}`, on: [{ event: `Step ${n}` }] })),
    },
    { name: 'buy', steps: [4, 5].map((n) => ({ name: `s${n}`, on: [{ event: `Step ${n}` }] })) },
  ],
  goal: [{ event: 'Bought' }],
  exits: [{ reason: 'gave up', on: [{ event: 'Gave Up' }] }],
};

export const walkIn: Rule = {
  journey: 'quote',
  when: { beyondStep: 3, silentFor: '30s' },
  then: [{ do: 'notify', data: {} }],
};

export function stalls(
  more: { readonly map?: Partial<JourneyMap>; readonly rule?: object } = {},
): Play {
  return new Play({
    maps: { quote: { ...quote, ...more.map } },
    rules: { walkIn: { ...walkIn, ...more.rule } as Rule },
  });
}

export function reach(play: Play, step: number): void {
  for (let n = 1; n <= step; n++) play.event(n, `Step ${n}`);
}
