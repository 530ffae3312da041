/**
 * What event patterns find, as tables that are played on the engine with a clock of its own (`journeys.vectors.test.ts`)
 * and on a real server (`api.vectors.test.ts`): an audience, a customer's events, and the event with which it is in.
 * The first are the examples of Apache Flink's page on complex event processing, the second speak ClickHouse's words.
 */
import type {
  AudienceDefinition,
  PatternDefinition,
  PatternStep,
} from '../../src/audiences/definition.ts';

/** The type of the events of a letter. */
type TypeOf = (letter: string) => string;

export interface PatternVector {
  readonly title: string;
  readonly audience: (of: TypeOf) => AudienceDefinition;
  /** `a1 c@500 a2`: letters and milliseconds since the first; without these, ten after the one before. */
  readonly tape: string;
  /** The name of the event with which the customer is in; undefined: it never is. */
  readonly enters: string | undefined;
}

export interface VectorEvent {
  readonly name: string;
  readonly letter: string;
  /** Milliseconds since the first. */
  readonly at: number;
}

export function eventsOf({ tape }: PatternVector): VectorEvent[] {
  let last = -10;
  return tape.split(' ').map((text) => {
    const [name, at] = text.split('@') as [string, string?];
    last = at === undefined ? last + 10 : Number(at);
    return { name, letter: name[0]!, at: last };
  });
}

const many = { min: 1, max: 'many' } as const;

/** `a next b` … */
function pair(by: NonNullable<PatternStep['by']>): PatternVector['audience'] {
  return (of) => ({
    pattern: {
      steps: [
        { name: 'a', event: of('a') },
        { name: 'b', event: of('b'), by },
      ],
      afterMatch: 'none',
    },
  });
}

function loop(afterMatch: PatternDefinition['afterMatch']): PatternVector['audience'] {
  return (of) => ({
    pattern: {
      steps: [
        { name: 'b', event: of('b'), ...many },
        { name: 'c', event: of('c') },
      ],
      afterMatch: afterMatch!,
    },
  });
}

function untilB(min: number): PatternVector['audience'] {
  return (of) => ({
    pattern: {
      steps: [{ name: 'a', event: of('a'), min, max: 'many', until: of('b') }],
      afterMatch: 'none',
    },
  });
}

function matches(text: string, times = 1): PatternVector['audience'] {
  return (of) => ({ matches: text, of: ['a', 'b', 'c'].map(of), times });
}

/** Within two seconds, or once it was. */
function withinTwo(make: PatternVector['audience']): PatternVector['audience'] {
  return (of) => ({ ...(make(of) as { pattern: PatternDefinition }), within: '2s', when: 'ever' });
}

function sequence(of: TypeOf): AudienceDefinition {
  return { sequence: [of('p'), of('c')], within: '1m', when: 'ever' };
}

function calls(of: TypeOf): AudienceDefinition {
  return { performed: of('c'), times: 3, within: '3m', when: 'ever' };
}

type Row = readonly [string, PatternVector['audience'], string, string | undefined];

const flink: readonly Row[] = [
  ['a next b', pair('next'), 'a c b1 b2', undefined],
  ['a next b', pair('next'), 'c a b1 b2', 'b1'],
  ['a then b', pair('then'), 'a c b1 b2', 'b1'],
  ['a then b', pair('then'), 'b a c', undefined],
  ['a thenAny b', pair('thenAny'), 'a c b1 b2', 'b1'],
  ['b+ c, none', loop('none'), 'b1 b2 b3 c', 'c'],
  ['b+ c, toNext', loop('toNext'), 'b1 b2 b3 c', 'c'],
  ['b+ c, pastLast', loop('pastLast'), 'b1 b2 b3 c', 'c'],
  ['b+ c, toLast b', loop({ toLast: 'b' }), 'b1 b2 b3 c', 'c'],
  ['a+ until b', untilB(1), 'c a1 b a2', 'a1'],
  ['a{2,} until b', untilB(2), 'a1 c a2 b a3', 'a2'],
  ['a{2,} until b', untilB(2), 'a1 c b a2', undefined],
];

const clickHouse: readonly Row[] = [
  ['(?1)(?2)', matches('(?1)(?2)'), 'a c a b', 'b'],
  ['(?1)(?2), one listed between', matches('(?1)(?2)'), 'a c b', undefined],
  ['(?1)(?2), one unlisted between', matches('(?1)(?2)'), 'a x b', 'b'],
  ['(?1).(?2)', matches('(?1).(?2)'), 'a c b', 'b'],
  ['(?1).(?2), none between', matches('(?1).(?2)'), 'a b', undefined],
  ['(?1).*(?2)', matches('(?1).*(?2)'), 'a c c b', 'b'],
  ['(?t<=2)', matches('(?1)(?t<=2)(?2)'), 'a@0 c@1000 b@2000', 'b'],
  ['(?t<=2), too late', matches('(?1)(?t<=2)(?2)'), 'a@0 c@1000 b@2001', undefined],
  ['(?t<2)', matches('(?1)(?t<2)(?2)'), 'a@0 b@2000', undefined],
  ['(?t>=2)', matches('(?1)(?t>=2)(?2)'), 'a@0 b1@1999 b2@2000', 'b2'],
  ['(?t>1)', matches('(?1)(?t>1)(?2)'), 'a@0 b1@1000 b2@1001', 'b2'],
  ['(?t==2)', matches('(?1)(?t==2)(?2)'), 'a@0 b1@1000 b2@2000', 'b2'],
  ['twice', matches('(?1)(?2)', 2), 'a1 b1 a2 b2', 'b2'],
  ['matches share no event', matches('(?1)(?1)', 2), 'a1 a2 a3', undefined],
];

const others: readonly Row[] = [
  ['within, at its very end', withinTwo(pair('then')), 'a@0 b@2000', 'b'],
  ['within, past its end', withinTwo(pair('then')), 'a@0 b@2001', undefined],
  ['of one time, in favour of the pattern', pair('then'), 'b@0 a@0', 'a'],
  ['a call after a failed payment', sequence, 'p x c', 'c'],
  ['a call before a failed payment', sequence, 'c x p', undefined],
  ['three calls within three minutes', calls, 'c1@0 c2@90000 c3@180000', 'c3'],
  ['three calls within a little more', calls, 'c1@0 c2@90000 c3@180001', undefined],
];

export const patternVectors: readonly PatternVector[] = [...flink, ...clickHouse, ...others].map(
  ([title, audience, tape, enters]) => ({ title, audience, tape, enters }),
);
