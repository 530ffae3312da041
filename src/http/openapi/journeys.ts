/** The routes of journey maps and rules. */
import type { Json, Paths } from './describe.ts';
import { describe, inPath, inQuery, jsonOf } from './describe.ts';
import { deleted, got, listed, put, type Stored } from './stored.ts';
import { auth, base, changeErrors, json } from './words.ts';

const map = {
  title: 'Online quote',
  entry: [{ event: 'Quote Started', channel: 'web' }],
  stages: [
    {
      name: 'Details',
      steps: [{ name: 'Start' }, { name: 'Vehicle', on: [{ event: 'Vehicle Entered' }] }],
    },
    { name: 'Offer', steps: [{ name: 'Price', on: [{ event: 'Price Shown' }] }] },
  ],
  milestones: [{ name: 'priced', step: 'Price' }],
  goal: [{ event: 'Policy Bought' }],
  context: { price: 'price' },
};
const rule = {
  journey: 'quote',
  when: { beyondStep: 2, silentFor: '30s' },
  if: 'instance.context.price > 500',
  within: { miles: 25 },
  cooldown: '1d',
  // biome-ignore format: the word of the definition
  then: [
    { do: 'page', data: { title: 'Talk to an agent near you' }, ttl: '10m' },
  ],
};
const versions = [{ version: 1, publishedAt: 1763740000000 }];
const times = { versions, updatedAt: 1763740000000 };
const published = { name: 'quote', current: 1, version: 1, map, ...times };
const drafted = { ...published, draft: map };
const stored = { name: 'walkin', current: 1, version: 1, rule, ...times };

const journeyName = inPath('name', 'The journey, percent-encoded, 1–128 bytes.');
const ruleName = inPath('name', 'The rule, percent-encoded, 1–128 bytes.');
const version = inQuery('version', 'One that is kept; absent: the one in force, else the newest.', {
  type: 'integer',
  minimum: 1,
});

const mapText = `
Stores the map as the journey's draft. It is checked whole: members, names, durations, conditions, steps and milestones that nothing leads to, waits and actions that would go round in circles by themselves. A fault is refused with \`invalid\`, its place (\`stages[1].steps[0].waits[0].for\`) and what to do about it; \`POST /v1/journeys/check\` tells all faults at once. Nothing is in force before it is published.

Steps are numbered from 1 over all stages. The first one is entered when an instance starts; any other by one of its \`on\`, by an instance of its \`journey\`, or by the \`thenStep\` of a wait. A map may have 64 KiB, a workspace 100 journeys.`;

const publishText = `
The draft becomes the next version (1, 2 …), which never changes, and is in force for instances that start from now on; running ones stay on theirs. Without a draft the newest version is in force again, if it was withdrawn. What the map names has to be there: journeys, webhooks, views; and no rule in force may name something of it that it has no more. A map has at most 1,000 versions (\`conflict\`). Answers when the engine has it; \`unavailable\` means that it is published and will be in force shortly.`;

const ruleText = `
Stores the rule as its next version, in force at once for what happens from now on, unless \`enabled\` is false. It is checked as maps are, and what it names has to be there: its journey, published, with the steps, milestones and audiences that it asks for, webhooks, views and their fields. A rule may have 64 KiB, a workspace 500 rules; 20 versions are kept. Answers when the engine has it; \`unavailable\` can mean that it is stored and will be in force shortly.`;

const example = (value: object): Json => value as Json;

const journeys: Stored = {
  ...{ tag: 'Journeys', path: '/v1/journeys', at: 'quote', name: journeyName, readers: 'read' },
  ...{ schema: 'Journey', example: example(published) },
};
const rules: Stored = {
  ...{ tag: 'Rules', path: '/v1/rules', at: 'walkin', name: ruleName, readers: 'read' },
  ...{ schema: 'StoredRule', example: example(stored) },
};
const listedJourney = {
  ...{ name: 'quote', title: 'Online quote', current: 1, hasDraft: false },
  updatedAt: 1763740000000,
};
const listedRule = { name: 'walkin', journey: 'quote', current: 1, updatedAt: 1763740000000 };
/** Before it is published. */
const created = example({ ...drafted, current: 0, versions: [] });
const draftOnly = inQuery('draft', '`1`: only the draft.', { type: 'string', enum: ['0', '1'] });

export const journeyPaths: Paths = {
  '/v1/journeys': {
    get: listed(
      { ...journeys, example: listedJourney },
      {
        id: 'listJourneys',
        summary: 'List journeys',
        description: 'All journeys of the workspace by name; `current` is the version in force.',
      },
      { description: 'The journeys.', schema: 'Journeys', member: 'journeys' },
    ),
  },
  '/v1/journeys/check': {
    post: describe({
      id: 'checkDefinition',
      tag: 'Journeys',
      summary: 'Check a journey map or a rule',
      description:
        'Whether it would be stored, with every fault, its place and a hint; and, given its name, whether it would fit with what is in force. Nothing is stored.',
      scope: 'admin',
      body: jsonOf('DefinitionCheck', example({ name: 'quote', journey: map })),
      responses: {
        200: {
          description: 'What is wrong with it.',
          content: jsonOf('DefinitionVerdict', {
            valid: false,
            faults: [
              {
                place: 'stages[0].steps[1].waits[0].for',
                message: 'must be a duration',
                hint: 'write 30s, 5m, 12h, 7d or 2w; at least 1s and at most 366d',
              },
            ],
          }),
        },
      },
      errors: ['malformed', 'unsupported_media_type', 'too_large', 'invalid'],
      curl: `curl -s ${base}/v1/journeys/check ${auth} ${json} \\\n  -d '${JSON.stringify({ name: 'quote', journey: map })}'`,
    }),
  },
  '/v1/journeys/{name}': {
    get: got(
      journeys,
      {
        id: 'getJourney',
        summary: 'Get a journey’s map',
        description: 'The map as it was stored, the draft if there is one, and the versions kept.',
      },
      'The journey.',
      { parameters: [journeyName, version] },
    ),
    put: put(
      { ...journeys, example: example(drafted) },
      { id: 'putJourney', summary: 'Store a journey’s draft', description: mapText },
      { schema: 'JourneyMap', example: example(map) },
      created,
    ),
    delete: deleted(
      journeys,
      {
        id: 'deleteJourney',
        summary: 'Delete a journey, or its draft',
        description:
          'The journey with all its versions: withdraw it first, and change what names it. Instances that still run on it exit within some seconds, with the reason `map_deleted`. With `draft=1` only the draft goes.',
      },
      { parameters: [journeyName, draftOnly], errors: changeErrors },
    ),
  },
  '/v1/journeys/{name}/publish': {
    post: describe({
      id: 'publishJourney',
      tag: 'Journeys',
      summary: 'Publish a journey’s draft',
      description: publishText,
      scope: 'admin',
      parameters: [journeyName],
      responses: {
        200: { description: 'In force.', content: jsonOf('Journey', example(published)) },
      },
      errors: changeErrors,
      curl: `curl -s -X POST ${base}/v1/journeys/quote/publish ${auth}`,
    }),
  },
  '/v1/journeys/{name}/withdraw': {
    post: describe({
      id: 'withdrawJourney',
      tag: 'Journeys',
      summary: 'Withdraw a journey',
      description:
        'No instance starts on it any more; running ones go on, and rules about them do. Publishing it again brings it back.',
      scope: 'admin',
      parameters: [journeyName],
      responses: {
        200: {
          description: 'Not in force any more.',
          content: jsonOf('Journey', example({ ...published, current: 0 })),
        },
      },
      errors: changeErrors,
      curl: `curl -s -X POST ${base}/v1/journeys/quote/withdraw ${auth}`,
    }),
  },
  '/v1/journeys/{name}/milestones': {
    get: describe({
      id: 'getMilestones',
      tag: 'Journeys',
      summary: 'Get a journey’s milestones and steps',
      description: 'For touchpoints: what there is to be reached, in the order of the map.',
      scope: 'read',
      parameters: [journeyName, version],
      responses: {
        200: {
          description: 'Milestones and steps.',
          content: jsonOf('Milestones', {
            ...{ name: 'quote', version: 1 },
            milestones: [{ name: 'priced', step: 'Price' }],
            steps: [{ step: 1, name: 'Start', stage: 'Details' }],
          }),
        },
      },
      errors: ['malformed', 'invalid', 'not_found'],
      curl: `curl -s ${base}/v1/journeys/quote/milestones ${auth}`,
    }),
  },
  '/v1/journeys/{name}/actions': {
    get: describe({
      id: 'getJourneyActions',
      tag: 'Journeys',
      summary: 'Get what is done along a journey',
      description:
        'For touchpoints: the actions of its steps and waits, and of the rules in force that are about it.',
      scope: 'read',
      parameters: [journeyName, version],
      responses: {
        200: {
          description: 'Actions, each with its place.',
          content: jsonOf('JourneyActions', {
            ...{ name: 'quote', version: 1 },
            actions: [{ rule: 'walkin', when: rule.when, action: rule.then[0]! }],
          }),
        },
      },
      errors: ['malformed', 'invalid', 'not_found'],
      curl: `curl -s ${base}/v1/journeys/quote/actions ${auth}`,
    }),
  },
  '/v1/rules': {
    get: listed(
      { ...rules, example: listedRule },
      {
        id: 'listRules',
        summary: 'List rules',
        description: 'All rules of the workspace by name; `current` is 0 for one that is disabled.',
      },
      { description: 'The rules.', schema: 'Rules', member: 'rules' },
    ),
  },
  '/v1/rules/{name}': {
    get: got(
      rules,
      {
        id: 'getRule',
        summary: 'Get a rule',
        description: 'The rule as it was stored, and the versions kept.',
      },
      'The rule.',
      { parameters: [ruleName, version] },
    ),
    put: put(
      rules,
      { id: 'putRule', summary: 'Store a rule', description: ruleText },
      { schema: 'Rule', example: example(rule) },
    ),
    delete: deleted(rules, {
      id: 'deleteRule',
      summary: 'Delete a rule',
      description: 'It asks for nothing any more; what it has decided is still carried out.',
    }),
  },
};
