/** The routes by which foreign JSON becomes events. */
import { doorReceipts } from './cloudevents.ts';
import type { Paths } from './describe.ts';
import { describe, inPath, jsonOf } from './describe.ts';
import { deleted, got, listed, put, type Stored } from './stored.ts';
import { auth, base, json } from './words.ts';

const map = {
  each: 'items',
  event: {
    id: '{^order}-{line}',
    customer: { any: ['{^user.id}', '{^user.cookie}'], lower: true },
    type: 'Purchased',
    time: { text: '{^at}', time: 'epoch-s' },
    channel: { text: '{^via}', values: { W: 'web', S: 'store' }, default: 'web' },
    data: { fields: { sku: '{sku}', price: { text: '{price}', as: 'number' } } },
  },
};
const source = { name: 'shop', ...map, updatedAt: 1763740000000 };
const body = {
  order: 'o-1',
  at: 1763740000,
  user: { id: 'C1' },
  items: [{ line: 1, sku: 'AB-1', price: '89.50' }],
};
const event = {
  source: 'shop',
  id: 'o-1-1',
  customer: 'c1',
  type: 'Purchased',
  channel: 'web',
  time: 1763740000000,
  data: { sku: 'AB-1', price: 89.5 },
};
const foreign = { 'application/json': { schema: {}, example: body } };
const name = inPath('name', 'The source, percent-encoded, 1–128 bytes.');

const mapText = `
Says how an item of what the source sends becomes an event: for each field of the event (customer and type at least) a *field*, which is a template or an object of steps, taken in this order:

| step | |
|---|---|
| \`text\` | the template: \`{a.b.0}\` is replaced by what stands there; \`{{\` and \`}}\` are braces. With \`each\`, \`{x}\` is of the entry and \`{^x}\` of the item around it; \`{*}\` is all of it. A template that is one \`{…}\` alone keeps the value as it is, objects, lists and every digit of a number too |
| \`any\` | instead: the first of several fields that is there |
| \`constant\` | instead: any value |
| \`match\` | a pattern (RE2) that the value must match; its first group, if any, becomes the value |
| \`values\`, \`other\` | replaces whole values, null makes it absent; \`other\`: \`keep\` (default) or \`refuse\` |
| \`lower\`, \`underscore\`, \`prefix\` | lower case; runs of blanks become \`_\`; put before it |
| \`as\` | \`string\`, \`number\`, \`boolean\` (true/false, yes/no, 1/0) |
| \`time\` | \`iso\`, \`epoch-ms\`, \`epoch-s\`, or a pattern such as \`d/m/yyyy hh:mm\`; without a zone it is UTC |
| \`default\` | what an absent value becomes |

A field of which something is absent is absent. An item without customer or type, or with a value that fails a step, cannot be mapped. \`each\` makes an event of every entry of a list (at most 1,000). Without \`source\` in the map an event's is the source's name. Imports of files speak the same language.

A map has at most 32 KiB, a workspace at most 100 sources.`;

const eventsText = `
Takes JSON of any shape: an object, or a list of them, or NDJSON; at most 10,000 items and 16 MiB, gzip too. What the map makes of it goes the way of \`POST /v1/events\`, with the same receipt; \`index\` counts the items.

An item that cannot be mapped is not lost: it is kept in quarantine, as an event of the type \`tapeline.unmapped\` with \`{"item": …}\` as its data, the reason, and the customer \`source:<name>\` (by which it can be erased); the same item is kept once. It is counted under \`accepted\` and \`quarantined\`. When the map is mended, \`POST /v1/quarantine/replay\` maps it again. An item maps whole or not at all. Only one that is larger or deeper than an event may be is refused by index.

A body maps to at most 10,000 events and 16 MiB of them, in at most 6,000,000 steps (a field, a value, eight bytes of text, a third of what a pattern does with a character); one that would need more is refused with \`too_large\` and nothing of it is stored. An item has a quarter of the steps and of the bytes, and is kept in quarantine if it needs more than that.`;

const stored: Stored = {
  ...{ tag: 'Sources', path: '/v1/sources', at: 'shop', name, readers: 'read' },
  ...{ schema: 'Source', example: source },
};

export const sourcePaths: Paths = {
  '/v1/sources': {
    get: listed(
      stored,
      {
        id: 'listSources',
        summary: 'List sources',
        description: 'All sources of the workspace with their maps, by name.',
      },
      { description: 'The sources.', schema: 'Sources', member: 'sources' },
    ),
  },
  '/v1/sources/{name}': {
    get: got(
      stored,
      { id: 'getSource', summary: 'Get a source’s map', description: 'The map as it was stored.' },
      'The source.',
    ),
    put: put(
      stored,
      { id: 'putSource', summary: 'Store a source’s map', description: mapText },
      { schema: 'SourceMap', example: map },
    ),
    delete: deleted(stored, {
      id: 'deleteSource',
      summary: 'Delete a source',
      description: 'The map goes; no event is touched. What it could not map stays in quarantine.',
    }),
  },
  '/v1/sources/{name}/events': {
    post: describe({
      id: 'sendForeign',
      tag: 'Sources',
      summary: 'Send foreign JSON',
      description: eventsText,
      scope: 'write',
      keyInQuery: true,
      parameters: [name],
      body: foreign,
      responses: {
        200: {
          description: 'Durable.',
          content: jsonOf('Receipt', { accepted: 1, duplicates: 0, rejected: [] }),
        },
        422: doorReceipts[422]!,
      },
      errors: [
        'malformed',
        'not_found',
        'unsupported_media_type',
        'too_large',
        'rate_limited',
        'overloaded',
        'unavailable',
      ],
      curl: `curl -s ${base}/v1/sources/shop/events ${auth} ${json} \\\n  -d '${JSON.stringify(body)}'`,
    }),
  },
  '/v1/sources/{name}/dry-run': {
    post: describe({
      id: 'dryRunSource',
      tag: 'Sources',
      summary: 'Ask what foreign JSON would become',
      description:
        'The events that each item gives, what would happen to them, and why an item cannot be mapped. Nothing is stored. At most 1,000 items and 1 MiB, and what a body may map to. Not for keys of scope `publish`.',
      scope: 'write',
      parameters: [name],
      body: foreign,
      responses: {
        200: {
          description: 'One result for each item.',
          content: jsonOf('DryRun', {
            items: [{ index: 0, events: [{ event, outcome: 'accepted' }] }],
          }),
        },
      },
      errors: ['malformed', 'not_found', 'unsupported_media_type', 'too_large', 'invalid'],
      curl: `curl -s ${base}/v1/sources/shop/dry-run ${auth} ${json} \\\n  -d '${JSON.stringify(body)}'`,
    }),
  },
};
