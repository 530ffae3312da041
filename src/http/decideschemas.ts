/** The shapes of questions about what to do next, of their answers, and of what customers answered; see `schemas.ts`. */
import { type Static, Type } from 'typebox';
import { channelBytesMax, customerBytesMax } from '../event/envelope.ts';
import {
  candidateIdBytesMax,
  candidatesMax,
  chosenMax,
  type LocalCandidate,
  withinMsDefault,
  withinMsMax,
} from '../journeys/decide/asks.ts';
import { anything, closed, epochMs, text } from './shape.ts';

const nameMax = 128;
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

const Candidate = Type.Unsafe<LocalCandidate>({
  type: 'object',
  properties: {
    id: {
      type: 'string',
      minLength: 1,
      maxLength: candidateIdBytesMax,
      description: 'Unique among the candidates; caps and answers count under it.',
    },
    data: {
      description:
        'Comes back with the answer; at most 4 KiB. With `latitude` and `longitude` it is at a place.',
    },
  },
  required: ['id'],
  additionalProperties: true,
  description:
    'With these members of a rule, as they are there: `if`, `view`, `audiences` (of journeys, buckets and members: no events), `within`, `suppressedBy`, `quietHours`, `cooldown`, `caps`, `control`, `category`, `channel` (absent: that of the question), `from`, `to`, `priority`, `propensity`, `value`, `contextWeights`, `leverPercent`.',
});

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
    '`act`, or why not: `notInDate`, `perInstanceMax`, `condition`, `tooFar`, `consent`, `suppressed`, `quietHours`, `cooldown`, `control`, `capped`, `outranked`, `outOfTime`, `error`.',
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
