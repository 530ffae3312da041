/** The routes of touchpoints that ask what to do next. */
import { describe, jsonOf, type Paths } from './describe.ts';
import { auth, base, json } from './words.ts';

const decideText = `
Ranks what may be done for a customer now, and reserves what is chosen. Candidates are the rules with \`when: {"ask": "<placement>"}\` and the touchpoint’s own (federated): each of these has the members of a rule that say for whom, when and how much, and what it would do is the touchpoint’s affair. Up to 50 together.

Each candidate meets the guards in one order, and gets the first that says no as its \`verdict\`: \`notInDate\`, \`perInstanceMax\`, \`condition\`, \`tooFar\`, \`consent\`, \`suppressed\`, \`quietHours\`, \`cooldown\`, \`control\` (before caps: who is in a control group has not been shown anything), \`capped\`. Those left are ordered by score = P·C·V·L (propensity; 1 + the sum of the \`contextWeights\` that hold / 100; value; 1 + \`leverPercent\` / 100), then priority, then what was shown longest ago, then id; the first \`k\` \`act\`, the others are \`outranked\`.

What acts counts for caps at once, so that questions at the same time cannot overshoot them; say \`failed\` in \`POST /v1/responses\` when it was not shown after all. Of a rule that acts, \`page\` and \`notify\` actions are in \`show\`, for the touchpoint; all others the server carries out.

The decision is on the customer’s tape as \`tapeline.decision\`, with the verdict of every candidate. The answer waits for that, but not past \`withinMs\`: then \`recorded\` is false, and it gets there afterwards. A view that could not be read in time makes those that ask for it \`outOfTime\`.

Conditions know \`customer\`, \`ask\` (the \`context\` sent along), \`audience\` and, if the candidate names a \`view\`, its fields. A key with the scope \`decide\` thus learns what conditions tell of a customer, and nothing else. Each question is a decision of its own: sent again it is decided again.`;

const responseText = `
What a customer answered to a decision, or to one action of it: \`tapeline.response\` on its tape, said once for each answer. \`accepted\` counts for the propensity of its rule, once; \`failed\` gives back what it took of caps. Durable when it is answered. Of a decision that is not known for this customer (any more: 366 days, 500 decisions): \`not_found\`.`;

const question = {
  customer: 'c1',
  placement: 'home page',
  candidates: [
    { id: 'upgrade', value: 30, category: 'marketing', cooldown: '7d', data: { banner: 17 } },
  ],
  context: { page: '/plans' },
};
const decision = {
  id: 'dec_bYx2nWmJ3rUO0cP4hAqT5g',
  customer: 'c1',
  decidedAt: 1763740000000,
  recorded: true,
  candidates: [
    {
      ...{ id: 'upgrade', local: true, rank: 1, verdict: 'act', score: 15 },
      ...{ category: 'marketing', channel: 'ask', data: { banner: 17 } },
    },
  ],
};
const response = {
  customer: 'c1',
  decision: 'dec_bYx2nWmJ3rUO0cP4hAqT5g',
  candidate: 'upgrade',
  answer: 'accepted',
};

export const decidePaths: Paths = {
  '/v1/decide': {
    post: describe({
      id: 'decide',
      tag: 'Decisions',
      summary: 'Ask what to do next',
      description: decideText,
      scope: 'decide',
      body: jsonOf('NewDecision', question),
      responses: { 200: { description: 'Decided.', content: jsonOf('Decision', decision) } },
      errors: ['malformed', 'unsupported_media_type', 'too_large', 'invalid', 'unavailable'],
      curl: `curl -s ${base}/v1/decide ${auth} ${json} \\\n  -d '${JSON.stringify(question)}'`,
    }),
  },
  '/v1/responses': {
    post: describe({
      id: 'respond',
      tag: 'Decisions',
      summary: 'Tell what a customer answered',
      description: responseText,
      scope: 'decide',
      body: jsonOf('NewResponse', response),
      responses: {
        200: {
          description: 'It is on the tape.',
          content: jsonOf('Responded', { customer: 'c1', decision: decision.id }),
        },
      },
      errors: [
        ...(['malformed', 'unsupported_media_type', 'too_large', 'invalid'] as const),
        ...(['not_found', 'unavailable'] as const),
      ],
      curl: `curl -s ${base}/v1/responses ${auth} ${json} \\\n  -d '${JSON.stringify(response)}'`,
    }),
  },
};
