/** The routes of a customer's instances of journeys. */
import type { Json, Operation, Paths } from './describe.ts';
import { describe, inPath, jsonOf, repeated } from './describe.ts';
import { auth, base, json } from './words.ts';

const customer = inPath('customer', 'The customer, by any of its identities; percent-encoded.');
const instanceId = inPath('instance', 'The instance.');
const filters = [
  repeated('journey', 'Only instances of this journey. Repeatable.'),
  repeated('status', 'Only instances with this status. Repeatable.'),
];

const start = { ordinal: 1, name: 'Start', stage: 'Details' };
const instance = {
  ...{ id: 'yGsBjNnTxzt4cdv99eMu1R', journey: 'quote', version: 1, key: '', run: 1 },
  ...{ status: 'active', startedAt: 1763740000000, lastActivity: 1763740000000 },
  ...{ step: start, furthest: start, visited: [{ ...start, at: 1763740000000 }] },
  ...{ completed: ['Start'], milestones: [], progress: 0.5, context: { price: 480 } },
};
const instances = { customer: 'c1', instances: [instance] };
const begun = { journey: 'quote', context: { price: 480 } };

const listText = `
Every instance of a journey that the customer has, and the newest 100 that have ended, the oldest first: where it is, where it has been, and what it remembers, so that any channel goes on where the customer left off. As of everything that was acknowledged before this was asked; \`unavailable\` when journeys are more than ten seconds behind.`;

const startText = `
Starts an instance of the journey's version in force, whatever its entry and re-entry say. When one with this key is open already that is the answer, with 200. At most ten are open for a customer, or as many as the map's \`instancesMax\`: then \`conflict\`. The command stands on the tape as \`tapeline.journey\`.`;

const commands = {
  pause:
    'Clocks stand still: waits and silence go on where they were when it is resumed. Events that come meanwhile are kept (100, 256 KiB) and applied then.',
  resume:
    'Goes on. What came meanwhile is applied; actions that it would have led to are only taken when the map says `onResume: replay`.',
  complete: 'Ends it as completed.',
  cancel: 'Ends it as cancelled.',
  exit: 'Ends it as exited, with the `reason` that is given.',
  step: 'A touchpoint says at which `step` the customer is, and what is to be remembered. It counts as activity.',
} as const;

const errors = [
  'malformed',
  'unsupported_media_type',
  'too_large',
  'invalid',
  'not_found',
  'conflict',
  'unavailable',
] as const;
const example = { pause: undefined, exit: { reason: 'bought elsewhere' }, step: { step: 'Price' } };

function commandOperation(action: keyof typeof commands): Operation {
  const body = (example as Record<string, object | undefined>)[action];
  const title =
    action === 'step'
      ? 'Move an instance'
      : `${action[0]!.toUpperCase()}${action.slice(1)} an instance`;
  const sent = body === undefined ? '' : ` ${json} \\\n  -d '${JSON.stringify(body)}'`;
  return describe({
    id: `${action}Instance`,
    tag: 'Instances',
    summary: title,
    description: `${commands[action]} Answered when it has been applied. An instance that has ended stays as it is: \`conflict\`.`,
    scope: 'write',
    parameters: [customer, instanceId],
    body: jsonOf('NewCommand', (body ?? {}) as Json),
    responses: {
      200: { description: 'The instance as it is now.', content: jsonOf('Instance', instance) },
    },
    errors,
    curl: `curl -s -X POST ${base}/v1/customers/c1/journeys/yGsBjNnTxzt4cdv99eMu1R/${action} ${auth}${sent}`,
  });
}

export const instancePaths: Paths = {
  '/v1/customers/{customer}/journeys': {
    get: describe({
      id: 'listInstances',
      tag: 'Instances',
      summary: 'A customer’s journeys',
      description: listText,
      scope: 'read',
      parameters: [customer, ...filters],
      responses: {
        200: { description: 'The instances.', content: jsonOf('Instances', instances) },
      },
      errors: ['invalid', 'unavailable'],
      curl: `curl -s "${base}/v1/customers/c1/journeys?status=active" ${auth}`,
    }),
    post: describe({
      id: 'startInstance',
      tag: 'Instances',
      summary: 'Start a journey',
      description: startText,
      scope: 'write',
      parameters: [customer],
      body: jsonOf('NewInstance', begun),
      responses: {
        200: { description: 'One is open.', content: jsonOf('Instance', instance) },
        201: { description: 'Started.', content: jsonOf('Instance', instance) },
      },
      errors,
      curl: `curl -s ${base}/v1/customers/c1/journeys ${auth} ${json} \\\n  -d '${JSON.stringify(begun)}'`,
    }),
  },
  '/v1/customers/{customer}/journeys/{instance}': {
    get: describe({
      id: 'getInstance',
      tag: 'Instances',
      summary: 'One instance',
      description: 'As `GET /v1/customers/{customer}/journeys` tells it.',
      scope: 'read',
      parameters: [customer, instanceId],
      responses: { 200: { description: 'The instance.', content: jsonOf('Instance', instance) } },
      errors: ['invalid', 'not_found', 'unavailable'],
      curl: `curl -s ${base}/v1/customers/c1/journeys/yGsBjNnTxzt4cdv99eMu1R ${auth}`,
    }),
  },
  ...Object.fromEntries(
    (Object.keys(commands) as (keyof typeof commands)[]).map((action) => [
      `/v1/customers/{customer}/journeys/{instance}/${action}`,
      { post: commandOperation(action) },
    ]),
  ),
  '/v1/visitor/journeys': {
    get: describe({
      id: 'listOwnInstances',
      tag: 'Instances',
      summary: 'The journeys of the browser’s visitor',
      description:
        'The journeys that began in this browser before anybody logged in, asked with the visitor’s token. Once the visitor is known as a customer, `context` is left out, since it may come from elsewhere: whoever has the key of a page can say that a browser is somebody’s.',
      scope: 'visitor',
      parameters: [...filters],
      responses: {
        200: { description: 'The instances.', content: jsonOf('Instances', instances) },
      },
      errors: ['unavailable'],
      curl: `curl -s ${base}/v1/visitor/journeys \\\n  -H "Authorization: Bearer $VISITOR_TOKEN"`,
    }),
  },
};
