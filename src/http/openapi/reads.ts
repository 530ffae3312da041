/** The routes by which a customer's tape, views and live events are read. */
import type { Paths } from './describe.ts';
import { describe, inPath, inQuery, jsonOf, refTo, repeated, timeSchema } from './describe.ts';
import { auth } from './words.ts';

const customer = inPath('customer', 'Any identity of the customer, percent-encoded, 1–256 bytes.');

const storedEvent = {
  id: 'order-8841',
  customer: 'c1',
  type: 'Purchased',
  time: 1763740000000,
  channel: 'web',
  data: { Product: 'Trail shoes', total: 89.5 },
  received: 1763740000123,
  cursor: '2ts.0.mwquxfsd',
};

const tapeText = `
Newest first, in the order (time, commit), descending; the order is the same for every reader, for ever.

Follow \`next\` to visit every event that was on the tape at the first page exactly once, whatever arrives meanwhile; pass the same filters each time. \`live\` continues in the live stream without a gap. An unknown customer has an empty tape.

With \`Accept: application/msgpack\` the page is MessagePack: the same members, \`data\` that was sent as MessagePack byte for byte, timestamps in it included. Integers take their shortest form, up to 64 bits; a decoder may have to be told to give numbers for those of 64 (msgpackr: \`int64AsType\`). JSON numbers that no double can hold are texts. Errors are JSON.`;

const viewText = `
Answers a stored view for one customer by reading the tape from newest to oldest. The answer is current, or, where the template says \`snapshot\`, a snapshot at most that old; \`asOf\` says which instant it speaks of. An unknown customer has a view without matches.

A key with a role sees fields masked as its role says, and \`masked\` says how. With \`evidence=1\` each field names the events behind its value.`;

const viewsText = `
Several views of one customer from one scan of the tape, at most 20. Each says in \`asOf\` which instant it speaks of. Evidence of all of them together is at most 4 Mi characters; what does not fit is left out. A view that the key may not read, or that does not exist, refuses the whole request.`;

const viewQuery = [
  inQuery('fresh', '`1` answers from the tape and renews the snapshot.', { enum: ['0', '1'] }),
  inQuery('asOf', 'Answers as of that instant.', timeSchema),
  inQuery(
    'evidence',
    '`1` adds to each field the cursors of the events behind it, `events` the events themselves (not for keys that may read views only).',
    { enum: ['0', '1', 'events'] },
  ),
];
const fieldsShown = [{ name: 'City', value: ['San Francisco', 'Oakland'], events: 2 }];

const liveText = `
A WebSocket of text messages \`{"cursor":"…","event":{…}}\` (schema LiveMessage). Within one customer, events come in commit order; every event committed after the cursor is delivered at least once and none is skipped. Keep the last cursor you have dealt with and pass it as \`from\` after a lost connection.

A subscriber that cannot keep up is served from the log at its own speed; it never makes the sink wait. One that does not read holds at most 64 KiB of the server's memory, or one message if that is larger. A front has at most 10,000 subscribers, one workspace as many as are free then (alone 5,000); more are \`overloaded\`. Different filters are and-ed, repeats of one are or-ed. What a subscriber sends is ignored. A bad credential or parameter is refused at the upgrade, and so is a cursor older than what is kept (410).

| close code | meaning |
|---|---|
| 1001 | the server is going away, or an event was erased while it was being sent: connect again with the last cursor |
| 1008 | the key was taken back, or the token expired |
| 4010 | what comes next is no longer kept: the last cursor is answered with \`cursor_expired\` |`;

const sseText = `
The same stream as Server-Sent Events: \`id\` is the cursor, \`event\` is \`event\`, \`data\` the event. A browser's \`EventSource\` resumes by itself with \`Last-Event-ID\`, which wins over \`from\`. A comment is sent every few seconds to keep the connection; a reader that takes nothing for about 10 seconds is cut off.`;

const liveViewText = `
A WebSocket of text messages, each a whole answer of the view (schema ViewResult): one at once, and one whenever it is another: an event changed it, a match grew older than its field looks back, something was erased, identities were merged, or the template changed. What an event does not change is not sent. Answers are current, whatever the template says of snapshots, and masked as in any other answer.

Many changes at once come as one answer; a subscriber that cannot keep up gets the latest when it has room. What a subscriber sends is ignored.

| close code | meaning |
|---|---|
| 1001 | the server is going away: connect again |
| 1008 | the key was taken back, its role changed, or the token expired |
| 1013 | it was not read in the middle of a large answer, and too many others were not either: connect again |
| 4011 | the view was deleted, too many are followed (come back later), or its answer is too large (over 1 Mi characters) or too costly |`;

const liveFilters = [
  inQuery('from', '`now`, `earliest`, or a cursor of a tape or of this stream.', {
    type: 'string',
    default: 'now',
  }),
  repeated('customer', 'Only these customers.'),
  repeated('type', 'Only these event types.'),
  repeated('channel', 'Only these channels.'),
];

export const readPaths: Paths = {
  '/v1/customers/{customer}/tape': {
    get: describe({
      id: 'readTape',
      tag: 'Tape',
      summary: 'Read a customer’s tape',
      description: tapeText,
      scope: 'read',
      parameters: [
        customer,
        inQuery('limit', 'Events per page.', {
          type: 'integer',
          minimum: 1,
          maximum: 1000,
          default: 50,
        }),
        inQuery('before', 'A cursor: `next` of the page before.'),
        inQuery('since', 'Not older than this time, inclusive.', timeSchema),
        inQuery('until', 'Not newer than this time, inclusive.', timeSchema),
        repeated('type', 'Only these event types.'),
        repeated('channel', 'Only these channels.'),
      ],
      responses: {
        200: {
          description: 'A page of the tape.',
          content: {
            ...jsonOf('TapePage', {
              customer: 'c1',
              events: [storedEvent],
              next: null,
              live: '2ts.1ekf',
            }),
            'application/msgpack': { schema: refTo('TapePage') },
          },
        },
      },
      errors: ['malformed', 'invalid', 'cursor_expired', 'unavailable'],
      curl: `curl -s "http://127.0.0.1:8787/v1/customers/c1/tape?limit=10" ${auth}`,
    }),
  },
  '/v1/customers/{customer}/views/{name}': {
    get: describe({
      id: 'readView',
      tag: 'Profile views',
      summary: 'Read a customer’s profile view',
      description: viewText,
      scope: 'read',
      parameters: [customer, inPath('name', 'The view.'), ...viewQuery],
      responses: {
        200: {
          description: 'The view.',
          content: jsonOf('ViewResult', {
            customer: 'c1',
            view: 'basic',
            asOf: 1763740000000,
            fields: fieldsShown,
          }),
        },
      },
      errors: ['malformed', 'invalid', 'not_found', 'unavailable'],
      curl: `curl -s "http://127.0.0.1:8787/v1/customers/c1/views/basic?fresh=1" ${auth}`,
    }),
  },
  '/v1/customers/{customer}/views': {
    get: describe({
      id: 'readViews',
      tag: 'Profile views',
      summary: 'Read several profile views at once',
      description: viewsText,
      scope: 'read',
      parameters: [
        customer,
        inQuery('names', 'Views, separated by commas: `basic,calls`; may be repeated.'),
        ...viewQuery,
      ],
      responses: {
        200: {
          description: 'The views.',
          content: jsonOf('ViewResults', {
            customer: 'c1',
            views: [{ view: 'basic', asOf: 1763740000000, fields: fieldsShown }],
          }),
        },
      },
      errors: ['malformed', 'invalid', 'not_found', 'unavailable'],
      curl: `curl -s "http://127.0.0.1:8787/v1/customers/c1/views?names=basic,calls" ${auth}`,
    }),
  },
  '/v1/customers/{customer}/views/{name}/live': {
    get: describe({
      id: 'openLiveView',
      tag: 'Profile views',
      summary: 'Follow a profile view (WebSocket)',
      description: liveViewText,
      scope: 'read',
      keyInQuery: true,
      parameters: [customer, inPath('name', 'The view.'), viewQuery[2]!],
      responses: { 101: { description: 'Switches to the WebSocket protocol.' } },
      errors: ['malformed', 'invalid', 'not_found', 'unavailable'],
      curl: 'npx wscat -c "ws://127.0.0.1:8787/v1/customers/c1/views/basic/live?key=$KEY"',
    }),
  },
  '/v1/customers/{customer}/views/{name}/live/sse': {
    get: describe({
      id: 'openLiveViewSse',
      tag: 'Profile views',
      summary: 'Follow a profile view (Server-Sent Events)',
      description:
        'The same as Server-Sent Events: `event` is `view`, `data` the answer. When the view cannot be followed any more, an `error` tells why and the stream ends.',
      scope: 'read',
      keyInQuery: true,
      parameters: [customer, inPath('name', 'The view.'), viewQuery[2]!],
      responses: {
        200: {
          description: 'A stream without end.',
          content: {
            'text/event-stream': {
              schema: { type: 'string' },
              example: 'event: view\ndata: {"customer":"c1","view":"basic",…}\n\n',
            },
          },
        },
      },
      errors: ['malformed', 'invalid', 'not_found', 'unavailable'],
      curl: `curl -sN "http://127.0.0.1:8787/v1/customers/c1/views/basic/live/sse" ${auth}`,
    }),
  },
  '/v1/live': {
    get: describe({
      id: 'openLive',
      tag: 'Live',
      summary: 'Follow events (WebSocket)',
      description: liveText,
      scope: 'read',
      keyInQuery: true,
      parameters: liveFilters,
      responses: { 101: { description: 'Switches to the WebSocket protocol.' } },
      errors: ['malformed', 'invalid', 'cursor_expired', 'not_found', 'overloaded', 'unavailable'],
      curl: 'npx wscat -c "ws://127.0.0.1:8787/v1/live?customer=c1&key=$KEY"',
    }),
  },
  '/v1/live/sse': {
    get: describe({
      id: 'openLiveSse',
      tag: 'Live',
      summary: 'Follow events (Server-Sent Events)',
      description: sseText,
      scope: 'read',
      keyInQuery: true,
      parameters: [
        ...liveFilters,
        {
          name: 'Last-Event-ID',
          in: 'header',
          required: false,
          description: 'The last cursor received; set by browsers when they connect again.',
          schema: { type: 'string' },
        },
      ],
      responses: {
        200: {
          description: 'A stream without end.',
          content: {
            'text/event-stream': {
              schema: { type: 'string' },
              example:
                'id: 2ts.0.mwquxfsd\nevent: event\ndata: {"id":"order-8841","customer":"c1",…}\n\n',
            },
          },
        },
      },
      errors: ['malformed', 'invalid', 'cursor_expired', 'overloaded', 'unavailable'],
      curl: `curl -sN "http://127.0.0.1:8787/v1/live/sse?type=Purchased" ${auth}`,
    }),
  },
};
