/** The routes of counters, dry runs and traces. */
import { type Description, describe, inPath, type Json, jsonOf, type Paths } from './describe.ts';
import { auth, base, json } from './words.ts';

const tag = 'Journeys';
const journey = inPath('name', 'The journey map, percent-encoded, 1–128 bytes.');
const rule = inPath('name', 'The rule, percent-encoded, 1–128 bytes.');
const readErrors: Description['errors'] = ['malformed', 'invalid', 'not_found', 'unavailable'];
const tryErrors: Description['errors'] = [
  'malformed',
  'unsupported_media_type',
  'too_large',
  'invalid',
  'not_found',
  'overloaded',
  'unavailable',
];

const done = { decided: 40, delivered: 38, failed: 2, expired: 0, withdrawn: 0 };
const asks = {
  requested: 52,
  verdicts: { act: 40, suppressed: 9, capped: 3 },
  actions: { page: done },
};
const times = { count: 61, medianMs: 84_000, p90Ms: 310_000, maxMs: 1_900_000 };
const mapCounts = {
  ...{
    started: 96,
    completed: 41,
    completedMs: 20_500_000,
    exited: 12,
    expired: 8,
    cancelled: 0,
    failed: 0,
    open: 35,
  },
  ...{ paused: 2, resumed: 2, exits: { called: 12 }, milestones: { priced: 61 } },
  steps: [
    { step: 1, name: 'start', entered: 96, completed: 96, here: 20, left: 66 },
    { step: 2, name: 'price', entered: 61, completed: 61, here: 15, left: 30 },
  ],
};
const example = { customer: 'c1', at: 1763740000000, instance: '5kM0T2cFJmR8d1yW3nQp4Q' };
const days = { '2025-11-21': { act: 4 } };
const dryRun = {
  ...{ from: 1761148000000, until: 1763740000000, sample: 100, partial: false },
  ...{ upTo: 1763740000000, events: { seen: 1_204_000, relevant: 8210 }, customers: 96 },
  journeys: {
    quote: {
      ...mapCounts,
      ...{ requested: 0, verdicts: {}, actions: {} },
      timing: {
        steps: [{ step: 2, name: 'price', ...times }],
        milestones: { priced: times },
        completed: times,
      },
      days: { '2025-11-21': { started: 4, completed: 2 } },
      examples: { completed: [example] },
    },
  },
  rules: { walkIn: { ...asks, days, examples: { act: [example] } } },
};
const rate = { name: 'sold', type: 'completionRate' };
const counted = { ...asks, unsaid: 0 };
const trace: Json = {
  ...{ customer: 'c1', instance: '5kM0T2cFJmR8d1yW3nQp4Q', journey: 'quote', version: 3 },
  ...{ status: 'active', complete: true, truncated: false },
  entries: [
    {
      at: 1763740000000,
      event: { type: 'Price Shown', id: 'e9', time: 1763739999900 },
      changes: [{ what: 'step', step: 'price', from: 'driver' }],
      rules: [
        {
          ...{ rule: 'walkIn', version: 2, verdict: 'armed' },
          parts: [{ part: 'step', holds: true, detail: 'current is 4, must be more than 3' }],
        },
      ],
    },
  ],
  rules: [
    {
      ...{ rule: 'walkIn', version: 2, acted: 0, verdicts: {} },
      parts: [
        { part: 'status', holds: true, detail: 'active' },
        { part: 'step', holds: true, detail: 'current is 4, must be more than 3' },
        { part: 'silent', holds: false, detail: 'for 12000 ms, must be more than 30000 ms' },
      ],
    },
  ],
};

const dryRunText = `
What it would have done over a span of the past, told from the tape alone: nothing is written, nobody gets anything. It runs the engine itself over the events in the order of their commits, with a clock that stands where they are and fires every timer between them; decisions meet the same guards, and what acts is taken for delivered.

It begins with nobody in a journey and nothing remembered, so begin early enough for what an audience looks back on. Customers are taken as they are linked today. Commands of the past (\`tapeline.journey\`) count; all else that the server said of journeys does not, and what actions would set off in turn is not followed.

Bounded: 10,000,000 events are passed, 300,000 that matter and 256 MiB of them are looked at, 50,000 customers, 1,000,000 timers and 5,000 readings of views; what is beyond is left out, \`partial\` says so, and \`upTo\` how far it came. \`sample\` looks at a part of the customers, always the same ones. One dry run runs at a time; others wait for it, and too many are \`overloaded\`.`;

const traceText = `
Why an instance is as it is: every event that moved it or made a rule look at it, with what changed, and each part of the rule with what it said: was the step reached, was it silent, did the conditions hold, was it too far, suppressed, in quiet hours, cooling down, in the control group, capped, or outranked. \`rules\` tells of each rule about the map how it stands now, so also why nothing has happened yet.

Made from the customer's tape with the definitions of then; decisions are told as they stand there. Of a decision that was left unsaid (a condition, a cooldown or a date was against it) it is told again from the state of then, without views. At most 20,000 events are read and 2,000 entries told.`;

export const aidPaths: Paths = {
  '/v1/journeys/{name}/counts': {
    get: describe({
      id: 'getJourneyCounts',
      tag,
      summary: 'Counters of a journey map',
      description:
        'For each version that has been in force, the newest first: instances by how they ended, steps, milestones, and what its steps asked for. Counted once for each thing that happens; a rebuild of the state counts anew from the tape.',
      scope: 'read',
      parameters: [journey],
      responses: {
        200: {
          description: 'The counters.',
          content: jsonOf('JourneyCounts', {
            name: 'quote',
            versions: [
              {
                version: 3,
                ...mapCounts,
                ...{ requested: 0, unsaid: 0, verdicts: {}, actions: {} },
                kpis: [{ ...rate, value: 0.427, target: 0.4, isMet: true }],
              },
            ],
          }),
        },
      },
      errors: readErrors,
      curl: `curl -s ${base}/v1/journeys/quote/counts ${auth}`,
    }),
  },
  '/v1/rules/{name}/counts': {
    get: describe({
      id: 'getRuleCounts',
      tag,
      summary: 'Counters of a rule',
      description:
        'For each version, the newest first: how often it asked, what was decided, what became of its actions; and what customers answered.',
      scope: 'read',
      parameters: [rule],
      responses: {
        200: {
          description: 'The counters.',
          content: jsonOf('RuleCounts', {
            name: 'walkIn',
            versions: [{ version: 2, ...counted }],
            responses: { accepted: 11, dismissed: 20 },
          }),
        },
      },
      errors: readErrors,
      curl: `curl -s ${base}/v1/rules/walkIn/counts ${auth}`,
    }),
  },
  '/v1/journeys/{name}/dry-run': {
    post: describe({
      id: 'dryRunJourney',
      tag,
      summary: 'Try a journey map on the past',
      description: `${dryRunText}\n\nThe map is the version in force, or \`version\`, its \`draft\`, or a \`map\` in the body that need not be stored; together with the rules in force that are about it, or with \`rules\`.`,
      scope: 'admin',
      parameters: [journey],
      body: jsonOf('DryRunWish', { from: '2025-11-01T00:00:00Z', sample: 10, draft: true }),
      responses: { 200: { description: 'The report.', content: jsonOf('JourneyDryRun', dryRun) } },
      errors: tryErrors,
      curl: `curl -s -X POST ${base}/v1/journeys/quote/dry-run ${auth} ${json} \\\n  -d '{"sample":10}'`,
    }),
  },
  '/v1/rules/{name}/dry-run': {
    post: describe({
      id: 'dryRunRule',
      tag,
      summary: 'Try a rule on the past',
      description: `${dryRunText}\n\nThe rule is the version in force, or \`version\`, or a \`rule\` in the body that need not be stored (with the \`map\` it names, if that is not stored either); \`rules\` names others that compete with it.`,
      scope: 'admin',
      parameters: [rule],
      body: jsonOf('DryRunWish', {
        rule: {
          journey: 'quote',
          when: { beyondStep: 3, silentFor: '30s' },
          then: [{ do: 'page', data: { text: 'Shall we talk?' } }],
        },
      }),
      responses: { 200: { description: 'The report.', content: jsonOf('JourneyDryRun', dryRun) } },
      errors: tryErrors,
      curl: `curl -s -X POST ${base}/v1/rules/walkIn/dry-run ${auth} ${json} \\\n  -d '{"sample":10}'`,
    }),
  },
  '/v1/customers/{customer}/journeys/{instance}/trace': {
    get: describe({
      id: 'traceInstance',
      tag,
      summary: 'Why an instance is as it is',
      description: traceText,
      scope: 'read',
      parameters: [
        inPath('customer', 'Any identity of the customer, percent-encoded.'),
        inPath('instance', "The instance's id."),
      ],
      responses: { 200: { description: 'The trace.', content: jsonOf('Trace', trace) } },
      errors: [...readErrors, 'overloaded'],
      curl: `curl -s ${base}/v1/customers/c1/journeys/5kM0T2cFJmR8d1yW3nQp4Q/trace ${auth}`,
    }),
  },
};
