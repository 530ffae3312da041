/** The shapes of questions about what to do next, of their answers, and of what customers answered; see `schemas.ts`. */
import { type Static, Type } from 'typebox';
import { conditionCharactersMax } from '../event/condition.ts';
import { channelBytesMax, customerBytesMax } from '../event/envelope.ts';
import {
  candidateIdBytesMax,
  candidatesMax,
  chosenMax,
  withinMsDefault,
  withinMsMax,
} from '../journeys/decide/asks.ts';
import { anything, closed, epochMs, text } from './shape.ts';

const nameMax = 128;
const listMax = 20;
const percentMax = 1000;
const duration = (description: string) =>
  Type.String({ pattern: '^[1-9][0-9]{0,11}[smhdw]$', description });
const timeOfDay = Type.String({ pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$' });
const condition = (description: string) => text(conditionCharactersMax, description);
const zone = text(64, 'An IANA zone, such as `Europe/Berlin`.');
const time = (description: string) => text(64, `${description}; RFC 3339.`);
const percent = Type.Number({ minimum: -100, maximum: percentMax });
const anyObject = (description: string) =>
  Type.Unsafe<Readonly<Record<string, unknown>>>({
    type: 'object',
    additionalProperties: true,
    description,
  });
const place = (description: string) =>
  Type.Object(
    {
      latitude: Type.Number({ minimum: -90, maximum: 90 }),
      longitude: Type.Number({ minimum: -180, maximum: 180 }),
    },
    { ...closed, description },
  );

const Candidate = Type.Object(
  {
    id: text(candidateIdBytesMax, 'Unique among the candidates; caps and answers count under it.'),
    data: Type.Optional(
      anything(
        'Comes back with the answer; at most 4 KiB. With `latitude` and `longitude` it is at a place.',
      ),
    ),
    if: Type.Optional(
      condition('Must hold: a condition over `customer`, `audience`, `view`, `ask`.'),
    ),
    view: Type.Optional(text(nameMax, 'The view that conditions ask for as `view`.')),
    audiences: Type.Optional(
      anyObject('Audiences by name, of journeys, buckets and members alone: no events.'),
    ),
    suppressedBy: Type.Optional(
      Type.Array(condition('The name of an audience, or a condition.'), { maxItems: listMax }),
    ),
    within: Type.Optional(
      Type.Union([
        Type.Literal('anywhere'),
        Type.Object({ miles: Type.Number({ exclusiveMinimum: 0, maximum: 12_500 }) }, closed),
      ]),
    ),
    quietHours: Type.Optional(Type.Object({ from: timeOfDay, to: timeOfDay, zone }, closed)),
    cooldown: Type.Optional(duration('Not again for this customer before so long; at most 366d.')),
    caps: Type.Optional(
      Type.Array(
        Type.Object(
          {
            scope: Type.Enum(['rule', 'channel', 'category', 'all']),
            times: Type.Integer({ minimum: 0, maximum: 500 }),
            per: Type.Union([
              Type.Enum(['day', 'week', 'month']),
              Type.Object({ rolling: duration('At most 366d.') }, closed),
            ]),
            zone: Type.Optional(zone),
          },
          closed,
        ),
        { maxItems: listMax },
      ),
    ),
    control: Type.Optional(
      Type.Object(
        {
          percent: Type.Number({ minimum: 0, maximum: 100 }),
          salt: Type.Optional(text(nameMax, 'The same salt, the same control group.')),
        },
        closed,
      ),
    ),
    category: Type.Optional(text(nameMax, 'Such as `marketing`.')),
    channel: Type.Optional(text(channelBytesMax, 'Absent: that of the question.')),
    from: Type.Optional(time('In force from')),
    to: Type.Optional(time('In force until just before')),
    priority: Type.Optional(Type.Integer({ minimum: -1_000_000, maximum: 1_000_000 })),
    propensity: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 1,
        description:
          'Absent: (accepted + 1) / (shown + 2), of this customer’s own answers. 1 leaves it out.',
      }),
    ),
    value: Type.Optional(Type.Number({ minimum: 0, maximum: 1e12 })),
    contextWeights: Type.Optional(
      Type.Array(Type.Object({ if: condition('When it counts.'), percent }, closed), {
        maxItems: listMax,
      }),
    ),
    leverPercent: Type.Optional(percent),
  },
  closed,
);

export const NewDecision = Type.Object(
  {
    customer: text(customerBytesMax, 'Any identity of the customer.'),
    placement: Type.Optional(
      text(nameMax, 'Rules with `when: {"ask": <placement>}` are candidates.'),
    ),
    channel: Type.Optional(
      text(channelBytesMax, 'The touchpoint’s. Rules for another channel are no candidates.'),
    ),
    rules: Type.Optional(
      Type.Array(text(nameMax, 'A rule.'), {
        minItems: 1,
        maxItems: candidatesMax,
        uniqueItems: true,
        description: 'Of the placement’s rules only these.',
      }),
    ),
    candidates: Type.Optional(
      Type.Array(Candidate, { maxItems: candidatesMax, description: 'The touchpoint’s own.' }),
    ),
    k: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: chosenMax,
        default: 1,
        description: 'How many may be chosen.',
      }),
    ),
    withinMs: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: withinMsMax,
        default: withinMsDefault,
        description: 'The answer comes by then, with what is known by then.',
      }),
    ),
    context: Type.Optional(
      anyObject('What the touchpoint says of itself: `ask` in conditions. At most 8 KiB.'),
    ),
    place: Type.Optional(place('Where the customer is, if the touchpoint knows it.')),
    explore: Type.Optional(
      Type.Union([
        Type.Object(
          {
            method: Type.Literal('epsilonGreedy'),
            epsilon: Type.Number({ minimum: 0, maximum: 1 }),
          },
          closed,
        ),
        Type.Object({ method: Type.Literal('thompson') }, closed),
      ]),
    ),
  },
  closed,
);

export const NewResponse = Type.Object(
  {
    customer: text(customerBytesMax, 'Any identity of the customer.'),
    decision: Type.Optional(text(256, 'The decision, as `POST /v1/decide` gave it.')),
    candidate: Type.Optional(
      text(nameMax, 'Which of its candidates. Absent: its last that acted.'),
    ),
    action: Type.Optional(text(nameMax, 'Or the action, as a webhook or a page was given it.')),
    answer: Type.String({
      pattern: '^[a-zA-Z][a-zA-Z0-9]{0,63}$',
      description:
        '`shown`, `accepted` and `dismissed` as everywhere; `failed`: it never reached the customer, and counts for no cap. Others are noted.',
    }),
    data: Type.Optional(anything('Whatever belongs to the answer; at most 8 KiB.')),
  },
  closed,
);

export type NewDecision = Static<typeof NewDecision>;
export type NewResponse = Static<typeof NewResponse>;

const verdict = Type.String({
  description:
    '`act`, or why not: `notInDate`, `condition`, `tooFar`, `consent`, `suppressed`, `quietHours`, `cooldown`, `control`, `capped`, `outranked`, `outOfTime`, `error`.',
  examples: ['act'],
});

const Action = Type.Object(
  {
    id: Type.String({ description: 'For `POST /v1/responses`.' }),
    do: Type.String({ examples: ['page'] }),
  },
  { additionalProperties: true },
);

const AnsweredCandidate = Type.Object({
  id: Type.String({ description: 'The candidate’s, or the name of a rule.' }),
  local: Type.Boolean({ description: 'Whether it is the touchpoint’s own.' }),
  rank: Type.Optional(Type.Integer({ minimum: 1, description: 'Of those that act.' })),
  verdict,
  detail: Type.Optional(
    Type.String({ description: 'What it was: the name of a suppressor, the scope of a cap.' }),
  ),
  score: Type.Optional(Type.Number({ description: 'Of those that met every guard.' })),
  category: Type.Optional(Type.String()),
  channel: Type.Optional(Type.String()),
  data: Type.Optional(anything('As it was sent.')),
  show: Type.Optional(
    Type.Array(Action, {
      description: 'Of a rule that acts: its `page` and `notify` actions, filled in, to be shown.',
    }),
  ),
});

const Decision = Type.Object({
  id: Type.String({ description: 'For `POST /v1/responses`.' }),
  customer: Type.String(),
  decidedAt: epochMs('When it was decided'),
  recorded: Type.Boolean({
    description: 'Whether it is on the tape already; false when `withinMs` was over before.',
  }),
  candidates: Type.Array(Type.Unsafe<unknown>({ $ref: '#/components/schemas/AnsweredCandidate' }), {
    description: 'The best first, those that met a guard last.',
  }),
});

/** What of it is named in the document. */
export const decideSchemas = {
  NewDecision,
  Decision,
  AnsweredCandidate,
  NewResponse,
  Responded: Type.Object({ customer: Type.String(), decision: Type.String() }),
} as const;
