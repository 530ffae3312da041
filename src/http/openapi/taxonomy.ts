/** The routes by which a workspace says which events it takes, and what it kept apart. */
import type { Paths } from './describe.ts';
import { describe, inPath, inQuery, jsonOf, refTo, repeated, timeSchema } from './describe.ts';
import { auth, base, json } from './words.ts';

const gone = { 204: { description: 'Gone.' } };
const definitionErrors = [
  'malformed',
  'unsupported_media_type',
  'too_large',
  'invalid',
  'unavailable',
] as const;

const taxonomy = {
  unknown: 'flag',
  types: [
    {
      type: 'Purchased',
      mode: 'quarantine',
      hasSchema: true,
      version: '1-0-0',
      updatedAt: 1763740000000,
    },
  ],
};
const schema = {
  type: 'object',
  required: ['sku'],
  properties: { sku: { type: 'string' }, total: { type: 'number', minimum: 0 } },
};
const eventType = {
  type: 'Purchased',
  mode: 'quarantine',
  schema,
  version: '1-1-0',
  change: 'revision',
  breaks: ['#/required: sku is required now'],
  versions: [
    {
      version: '1-1-0',
      change: 'revision',
      breaks: ['#/required: sku is required now'],
      updatedAt: 1763740000000,
    },
    { version: '1-0-0', change: 'first', breaks: [], updatedAt: 1763700000000 },
  ],
};
const kept = {
  id: 'order-8841',
  customer: 'c1',
  type: 'Purchased',
  time: 1763740000000,
  data: { total: 89.5 },
  received: 1763740000123,
  cursor: '2s.0.mi8tg3eo',
  reason: 'data.sku is required (#/required)',
  status: 'waiting',
};

const typeText = `
Lists a type, so that its events are taken, and says with a JSON Schema (2020-12) what their \`data\` has to be. An event without \`data\` counts as one with \`{}\`. In force on all fronts when it answers; what is on a tape already is not looked at again.

The schema is checked in full; a refusal names the place in it. References stay within the schema (\`#/$defs/…\`) and must go deeper into the data before they come back; \`pattern\` is run by RE2, in linear time, without look-around and back references; \`format\` may be date-time, date, email, uuid, uri, ipv4 or ipv6, and is checked; keywords nobody knows are refused (\`x-…\` may stand). At most 32 KiB, 40 levels and 300 subschemas; all schemas of a workspace together at most 256 KiB. What an event may cost is bounded as well (50,000 steps, 2,000,000 for a batch): one that costs more has failed.

Every change of the schema makes a version. An *addition* takes everything that the version before took; a *revision* may refuse some of it, a *model* refuses all of it: \`breaks\` says where. With \`compatible=1\` only additions are taken, others are a \`conflict\`.`;

const quarantineText = `
What the taxonomy kept apart, newest first by (time, commit), each with the reason. Nobody else reads it: it is on no tape, in no view and in no live stream. The same event sent again is kept once. What is kept follows the retention of the workspace, and goes with its customer when that is erased.`;

const replayText = `
Sends what waits in quarantine through the taxonomy again, after its definitions were mended: with its own id and time, so that an event that came by another way meanwhile stays one. What passes is on its customer's tape, durable, when this answers, and is listed as \`replayed\` from then on; what fails stays with the reason that holds now. At most 1,000 events a call: go on with \`before\` until \`next\` is null.`;

export const taxonomyPaths: Paths = {
  '/v1/taxonomy': {
    get: describe({
      id: 'getTaxonomy',
      tag: 'Taxonomy',
      summary: 'Get the taxonomy',
      description: 'What happens to types that are not listed, and the types that are.',
      scope: 'read',
      responses: { 200: { description: 'The taxonomy.', content: jsonOf('Taxonomy', taxonomy) } },
      errors: [],
      curl: `curl -s ${base}/v1/taxonomy ${auth}`,
    }),
    put: describe({
      id: 'putTaxonomy',
      tag: 'Taxonomy',
      summary: 'Say what happens to unlisted types',
      description:
        'With `accept` (as it is before anything was said) the list of types is not an allow list: only those with a schema are checked. In force on all fronts when it answers.',
      scope: 'admin',
      body: jsonOf('NewTaxonomy', { unknown: 'flag' }),
      responses: { 200: { description: 'The taxonomy.', content: jsonOf('Taxonomy', taxonomy) } },
      errors: definitionErrors,
      curl: `curl -s -X PUT ${base}/v1/taxonomy ${auth} ${json} \\\n  -d '{"unknown":"flag"}'`,
    }),
    delete: describe({
      id: 'deleteTaxonomy',
      tag: 'Taxonomy',
      summary: 'Delete the taxonomy',
      description:
        'All types and their schemas with it: the workspace takes what comes. What is in quarantine stays there.',
      scope: 'admin',
      responses: gone,
      errors: ['not_found', 'unavailable'],
      curl: `curl -s -X DELETE ${base}/v1/taxonomy ${auth}`,
    }),
  },
  '/v1/taxonomy/types/{type}': {
    get: describe({
      id: 'getEventType',
      tag: 'Taxonomy',
      summary: 'Get a type',
      description: 'The schema as it was sent, and what changed from version to version.',
      scope: 'read',
      parameters: [inPath('type', 'The type, percent-encoded.')],
      responses: { 200: { description: 'The type.', content: jsonOf('EventType', eventType) } },
      errors: ['malformed', 'invalid', 'not_found'],
      curl: `curl -s ${base}/v1/taxonomy/types/Purchased ${auth}`,
    }),
    put: describe({
      id: 'putEventType',
      tag: 'Taxonomy',
      summary: 'List a type, with a schema if you like',
      description: typeText,
      scope: 'admin',
      parameters: [
        inPath('type', 'The type, percent-encoded, 1–128 bytes.'),
        inQuery('compatible', '`1` refuses what may refuse events that were taken before.', {
          enum: ['0', '1'],
        }),
      ],
      body: jsonOf('NewEventType', { mode: 'quarantine', schema }),
      responses: {
        200: { description: 'Replaced.', content: jsonOf('EventType', eventType) },
        201: { description: 'Created.', content: jsonOf('EventType', eventType) },
      },
      errors: [...definitionErrors, 'conflict'],
      curl: `curl -s -X PUT ${base}/v1/taxonomy/types/Purchased ${auth} ${json} \\\n  -d '${JSON.stringify({ schema })}'`,
    }),
    delete: describe({
      id: 'deleteEventType',
      tag: 'Taxonomy',
      summary: 'Delete a type',
      description: 'The type is not listed any more. No event is touched.',
      scope: 'admin',
      parameters: [inPath('type', 'The type, percent-encoded.')],
      responses: gone,
      errors: ['malformed', 'invalid', 'not_found', 'unavailable'],
      curl: `curl -s -X DELETE ${base}/v1/taxonomy/types/Purchased ${auth}`,
    }),
  },
  '/v1/taxonomy/check': {
    post: describe({
      id: 'checkEvents',
      tag: 'Taxonomy',
      summary: 'Ask what would happen to events',
      description:
        'A dry run: the same checks as when they are sent, and nothing is stored. JSON (one event or an array) or NDJSON, at most 1,000 events and 1 MiB. Not for keys of scope `publish`.',
      scope: 'write',
      body: {
        'application/json': {
          schema: {
            oneOf: [refTo('Event'), { type: 'array', items: refTo('Event'), maxItems: 1000 }],
          },
          example: [{ id: 'order-8841', customer: 'c1', type: 'Purchased', data: { total: 89.5 } }],
        },
      },
      responses: {
        200: {
          description: 'One outcome for each event.',
          content: jsonOf('CheckResult', {
            events: [{ index: 0, id: 'order-8841', outcome: 'quarantined', reason: kept.reason }],
          }),
        },
      },
      errors: ['malformed', 'unsupported_media_type', 'too_large'],
      curl: `curl -s ${base}/v1/taxonomy/check ${auth} ${json} \\\n  -d '{"customer":"c1","type":"Purchased","data":{"total":89.5}}'`,
    }),
  },
  '/v1/quarantine': {
    get: describe({
      id: 'readQuarantine',
      tag: 'Taxonomy',
      summary: 'Read the quarantine',
      description: quarantineText,
      scope: 'admin',
      parameters: [
        inQuery('limit', 'Events on the page.', {
          type: 'integer',
          minimum: 1,
          maximum: 1000,
          default: 50,
        }),
        inQuery('before', '`next` of the page before.'),
        inQuery('since', 'Events that occurred at or after this time.', timeSchema),
        inQuery('until', 'Events that occurred at or before this time.', timeSchema),
        repeated('type', 'Only these types.'),
        repeated('customer', 'Only these customers.'),
        inQuery('status', '`waiting` (as when absent), `replayed` or `all`.', {
          enum: ['waiting', 'replayed', 'all'],
        }),
      ],
      responses: {
        200: {
          description: 'A page.',
          content: jsonOf('Quarantine', { events: [kept], next: null }),
        },
      },
      errors: ['malformed', 'invalid', 'overloaded', 'unavailable'],
      curl: `curl -s "${base}/v1/quarantine?type=Purchased" ${auth}`,
    }),
  },
  '/v1/quarantine/replay': {
    post: describe({
      id: 'replayQuarantine',
      tag: 'Taxonomy',
      summary: 'Send quarantined events through again',
      description: replayText,
      scope: 'admin',
      body: jsonOf('ReplayWish', { types: ['Purchased'] }),
      responses: {
        200: {
          description: 'What became of one page.',
          content: jsonOf('ReplayResult', { replayed: 12, failed: 1, next: null }),
        },
      },
      errors: [...definitionErrors, 'rate_limited', 'overloaded'],
      curl: `curl -s ${base}/v1/quarantine/replay ${auth} ${json} \\\n  -d '{"types":["Purchased"]}'`,
    }),
  },
};
