/** The routes of Segment and RudderStack. */
import { segmentCalls } from '../../ingest/wire/segment.ts';
import {
  type Description,
  describe,
  inPath,
  inQuery,
  type Json,
  jsonOf,
  type Paths,
  type Response,
} from './describe.ts';
import { base } from './words.ts';

const tag = 'Segment and RudderStack';

const refused = { success: false, code: 'invalid', message: 'userId or anonymousId is required' };

function refusal(description: string): Response {
  return { description, content: jsonOf('SegmentReply') };
}

const responses: { readonly [status: string]: Response } = {
  200: {
    description:
      'Everything is durable but what `rejected` names. Libraries do not look at that: it is counted in `tapeline_events_rejected_total`.',
    content: jsonOf('SegmentReply', { success: true }),
  },
  400: {
    description: 'Nothing could be taken: `malformed`, `too_large`, or every message was refused.',
    content: jsonOf('SegmentReply', refused),
  },
  401: refusal('`unauthorized`'),
  403: refusal('`forbidden`'),
  429: {
    ...refusal('`rate_limited` or `overloaded`: send again after `Retry-After`.'),
    headers: {
      'Retry-After': { description: 'Whole seconds to wait.', schema: { type: 'integer' } },
      'X-RateLimit-Reset': { description: 'The same.', schema: { type: 'integer' } },
    },
  },
  503: refusal('`unavailable`: send again; what is stored already is recognised by its id.'),
};

const keysText = `The key is the user name of \`Authorization: Basic\` (with or without the colon), or a Bearer, or \`writeKey\` in the query or in the body; a header wins over the query, and that over the body. A body that carries the key itself has at most 1 MiB.`;

function posted(spec: Pick<Description, 'id' | 'summary' | 'description' | 'curl'>, shape: Json) {
  return {
    post: describe({
      ...spec,
      tag,
      scope: 'write',
      keyInQuery: true,
      body: { 'application/json': { schema: shape }, 'text/plain': { schema: shape } },
      responses,
      errors: [],
      refusal: jsonOf('SegmentReply'),
      takesAnyQuery: true,
    }),
  };
}

const message: Json = { $ref: '#/components/schemas/SegmentMessage' };
const batch: Json = { $ref: '#/components/schemas/SegmentBatch' };

const callPaths: Paths = Object.fromEntries(
  segmentCalls.map((call) => {
    const short = call === 'merge' ? '' : `, and as \`/v1/${call[0]}\``;
    return [
      `/v1/${call}`,
      posted(
        {
          id: `segment${call[0]!.toUpperCase()}${call.slice(1)}`,
          summary: `Send one ${call}`,
          description: `One message. Also with a slash at the end${short}. ${keysText}`,
          curl: `curl -s ${base}/v1/${call} -u "$KEY:" -H 'Content-Type: application/json' -d '${JSON.stringify(sampleOf(call))}'`,
        },
        message,
      ),
    ];
  }),
);

function sampleOf(call: string): Json {
  const userId = 'ada';
  if (call === 'track') return { messageId: 'm1', userId, event: 'Added to Cart', properties: {} };
  if (call === 'alias') return { messageId: 'm1', userId, previousId: 'visitor-7' };
  if (call === 'group') return { messageId: 'm1', userId, groupId: 'acme' };
  if (call !== 'merge') return { messageId: 'm1', userId, anonymousId: 'visitor-7' };
  const [email, phone] = ['ada@example.com', '+15550100'];
  return {
    messageId: 'm1',
    mergeProperties: [
      { type: 'email', value: email },
      { type: 'phone', value: phone },
    ],
  };
}

const batchText = `
For the server libraries of Segment and RudderStack, unmodified: give them this server's address as their host, endpoint or data plane. Also at \`/v1/b\` and \`/v1/import\`, all with or without a slash at the end; gzip is understood, and the \`Content-Type\` is not looked at. At most 4,000 KB, 2,500 messages, and 32 KiB a message.

${keysText}

| message | event |
|---|---|
| \`messageId\` | \`id\`, by which a resend is recognised |
| \`userId\`, else \`anonymous:\` and the \`anonymousId\` | \`customer\` |
| the same beside a \`userId\`; \`previousId\` of an alias | \`previous\`, which links the two |
| \`event\` of a track | \`type\` |
| anything else | \`type\` is \`identify\`, \`page\`, \`screen\`, \`group\`, \`alias\` or \`merge\`; a page's name is \`data.name\` |
| \`timestamp\`, or \`originalTimestamp\` | \`time\`; if \`sentAt\` shows that the client's clock is off by more than a second, it is corrected by that |
| \`channel\`, \`context.channel\`, else what the context tells | \`channel\`: \`web\`, \`mobile\`, or as sent |
| \`context.library.name\` | \`source\` |
| \`properties\`, \`traits\`, \`context\` and all the rest | \`data\`, under the same names |

With \`context.direct\` the address of the sender (of a proxy, if one is before the server) is kept as \`context.ip\`. A time that cannot be read, or is more than a day ahead, is replaced by that of receipt; \`data.timestamp\` keeps what was sent.`;

const dot: Response = {
  description: 'A transparent dot, whatever happened; the status tells.',
  content: { 'image/gif': { schema: { type: 'string', format: 'binary' } } },
};

const pixelPaths: Paths = Object.fromEntries(
  ['track', 'page'].map((call) => [
    `/pixel/v1/${call}`,
    {
      get: describe({
        id: `rudderPixel${call[0]!.toUpperCase()}${call.slice(1)}`,
        tag,
        summary: `Send one ${call} by an image`,
        description:
          'The members of a message in the query, those of objects with dots: `properties.campaign=spring`. Without a `messageId` an image that is loaded again counts again.',
        scope: 'write',
        keyInQuery: true,
        parameters: [
          inQuery('writeKey', 'The key, best one with the scope `publish`.'),
          inQuery('anonymousId', 'Or `userId`.'),
          inQuery(call === 'track' ? 'event' : 'name', 'What was done, or the page.'),
        ],
        responses: { 200: dot, 400: dot, 401: dot, 403: dot, 429: dot, 503: dot },
        errors: [],
        refusal: dot.content!,
        takesAnyQuery: true,
        curl: `curl -s "${base}/pixel/v1/${call}?writeKey=$KEY&anonymousId=visitor-7&${call === 'track' ? 'event=Opened' : 'name=Home'}" -o /dev/null`,
      }),
    },
  ]),
);

const anyObject: Json = { type: 'object' };

const settingsPaths: Paths = {
  '/v1/projects/{writeKey}/settings': {
    get: describe({
      id: 'segmentSettings',
      tag,
      summary: 'Settings of the browser library of Segment',
      description:
        'With this server as its `cdnURL` the library asks here where to send, and is told: here, over https if `X-Forwarded-Proto` or the page says so.',
      scope: 'none',
      parameters: [inPath('writeKey', 'A key that may send events.')],
      responses: {
        200: {
          description: 'No integrations.',
          content: { 'application/json': { schema: anyObject } },
        },
      },
      errors: ['not_found'],
      takesAnyQuery: true,
      curl: `curl -s ${base}/v1/projects/$KEY/settings`,
    }),
  },
  '/sourceConfig': {
    get: describe({
      id: 'rudderConfig',
      tag,
      summary: 'Configuration of the browser library of RudderStack',
      description:
        'With this server as its `configUrl` the library asks here for its destinations.',
      scope: 'write',
      keyInQuery: true,
      parameters: [inQuery('writeKey', 'The key, where no header carries it.')],
      responses: {
        200: {
          description: 'No destinations.',
          content: { 'application/json': { schema: anyObject } },
        },
      },
      errors: [],
      takesAnyQuery: true,
      curl: `curl -s "${base}/sourceConfig?writeKey=$KEY"`,
    }),
  },
  '/v1/m': {
    post: describe({
      id: 'segmentMetrics',
      tag,
      summary: 'Metrics of the browser library of Segment',
      description: 'Taken and dropped: they are about the library. The settings turn them off.',
      scope: 'none',
      body: { 'text/plain': { schema: { type: 'string' } } },
      responses: {
        200: { description: 'Dropped.', content: jsonOf('SegmentReply', { success: true }) },
      },
      errors: ['too_large'],
      takesAnyQuery: true,
      curl: `curl -s ${base}/v1/m -d '{"series":[]}'`,
    }),
  },
};

export const segmentPaths: Paths = {
  '/v1/batch': posted(
    {
      id: 'segmentBatch',
      summary: 'Send a batch of messages',
      description: batchText,
      curl: `curl -s ${base}/v1/batch -u "$KEY:" -H 'Content-Type: application/json' -d '{"batch":[{"type":"track","messageId":"m1","userId":"ada","event":"Added to Cart"}]}'`,
    },
    batch,
  ),
  ...callPaths,
  '/beacon/v1/batch': posted(
    {
      id: 'rudderBeacon',
      summary: 'Send a batch by a beacon',
      description: `What \`navigator.sendBeacon\` sends, with \`writeKey\` in the query. Otherwise as \`/v1/batch\`.`,
      curl: `curl -s "${base}/beacon/v1/batch?writeKey=$KEY" -d '{"batch":[{"type":"page","messageId":"m2","anonymousId":"visitor-7"}]}'`,
    },
    batch,
  ),
  ...pixelPaths,
  ...settingsPaths,
};
