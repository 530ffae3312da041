/** The doors for Snowplow trackers, and the picture for e-mails. */
import { doorErrors, doorReceipts } from './cloudevents.ts';
import { describe, inQuery, jsonOf, type Paths, refTo } from './describe.ts';
import { base } from './words.ts';

const snowplowText = `
What Snowplow trackers send, as they are. The key is a header (\`customHeaders\` of a tracker), \`?key=\`, or the app id, which is then not stored.

| parameter | event |
|---|---|
| \`eid\` | \`id\`, the idempotency key |
| \`uid\`, or else \`cookie:\` and \`duid\`, \`tnuid\`, \`nuid\`, the cookie \`sp\`, \`sid\` | \`customer\` |
| \`cookie:\` and \`duid\`, beside \`uid\` | \`previous\` |
| \`e\` | \`type\`: \`page_view\`, \`page_ping\`, \`transaction\`, \`transaction_item\`; the action of a structured event; the name in the schema of a self-describing one |
| \`ttm\`, or else \`dtm\` | \`time\`; that of a device whose clock is off by more than a minute when it sends is corrected |
| \`aid\`, \`p\` | \`source\`, \`channel\` |
| what the event says | \`data\` |
| all the rest as it was sent, contexts decoded | \`data.sp\` |

A page without an identity of its own gets the cookie \`sp\` (365 days, HttpOnly), unless the tracker sends \`SP-Anonymous\`. The cookie names a visitor, it is no credential. Bad payloads are refused alone; a status that trackers would repeat for ever (404, 413, 415) is 400 here.`;

const pixelText = `
For e-mails, and pages without scripts. \`customer\`, \`id\`, \`type\`, \`channel\`, \`source\`, \`previous\` and \`time\` are those of an event; every other parameter goes to \`data\`, as text. Use a key with the scope \`publish\`: the address is in everybody's hands.

Mail programs fetch a picture many times. With an \`id\` it counts once. With \`every\` (\`10m\`, \`12h\`, \`1d\`) it counts once in each such period; without both, once an hour for each address. A refusal is a picture as well, with its status and \`X-Tapeline-Error\`. \`HEAD\` stores nothing.`;

const otlpText = `
OTLP/HTTP logs in JSON, also at \`/otlp/v1/logs\` (\`OTEL_EXPORTER_OTLP_PROTOCOL=http/json\`; \`encoding: json\` in a Collector); Protobuf is \`unsupported_media_type\`. A record with an event name is an event; others are refused, which the answer says as a partial success.

| record | event |
|---|---|
| \`eventName\` (or the attribute \`event.name\`) | \`type\` |
| attribute \`customer\`, \`enduser.id\`, \`user.id\`, \`enduser.pseudo.id\` or \`session.id\`, the first there is (of the record, then of the resource) | \`customer\` |
| \`enduser.pseudo.id\` or else \`session.id\`, if it is another | \`previous\` |
| \`timeUnixNano\`, or else \`observedTimeUnixNano\` | \`time\` |
| attribute \`channel\`, resource \`service.name\` | \`channel\`, \`source\` |
| attributes, their dots levels; \`body\` | \`data\`, \`data.body\` |
| everything else, scope and resource | \`data.otel\` |
| attribute \`log.record.uid\`, or else a digest of all of it | \`id\` |

So a request that is sent again is stored once. 429 and 503 may be sent again after \`Retry-After\`. The body of a refusal is a \`google.rpc.Status\`. A body has at most 16 MiB.`;

const page = {
  e: 'pv',
  eid: '8b0e6a3c-…',
  uid: 'ada',
  url: 'https://shop.example/',
  dtm: '1763740000000',
};
const logs = {
  resourceLogs: [
    {
      resource: { attributes: [{ key: 'service.name', value: { stringValue: 'ivr' } }] },
      scopeLogs: [
        {
          logRecords: [
            {
              timeUnixNano: '1763740000000000000',
              eventName: 'call.started',
              attributes: [{ key: 'enduser.id', value: { stringValue: 'ada' } }],
            },
          ],
        },
      ],
    },
  ],
};

const picture = {
  200: {
    description: 'A transparent pixel; the event is durable.',
    content: { 'image/gif': { schema: { type: 'string', format: 'binary' } } },
  },
} as const;
const send = `\\\n  -H "Authorization: Bearer $KEY" \\\n  -H 'Content-Type: application/json' \\\n  -d`;

export const trackerPaths: Paths = {
  '/com.snowplowanalytics.snowplow/tp2': {
    post: describe({
      id: 'sendSnowplow',
      tag: 'Other clients',
      summary: 'Send events of Snowplow trackers',
      description: snowplowText,
      scope: 'write',
      keyInQuery: true,
      parameters: [],
      body: {
        'application/json': { schema: refTo('SnowplowPayloads'), example: { data: [page] } },
      },
      responses: {
        200: {
          description: '`ok`; a receipt when some payloads were refused.',
          content: { 'text/plain': { schema: { type: 'string' }, example: 'ok' } },
        },
        422: doorReceipts[422]!,
      },
      errors: doorErrors,
      curl: `curl -s ${base}/com.snowplowanalytics.snowplow/tp2 ${send} '${JSON.stringify({ data: [page] })}'`,
    }),
  },
  '/i': {
    get: describe({
      id: 'sendSnowplowPixel',
      tag: 'Other clients',
      summary: 'Send an event of a Snowplow tracker by GET',
      description: 'The same parameters, in the query. The answer is a transparent pixel.',
      scope: 'write',
      keyInQuery: true,
      responses: picture,
      errors: ['invalid', 'rate_limited'],
      refusal: picture[200].content,
      takesAnyQuery: true,
      curl: `curl -s "${base}/i?key=$KEY&e=pv&eid=1&uid=ada&url=https://shop.example/" -o pixel.gif`,
    }),
  },
  '/pixel.gif': {
    get: describe({
      id: 'lookAtPixel',
      tag: 'Other clients',
      summary: 'Count an opened e-mail',
      description: pixelText,
      scope: 'write',
      keyInQuery: true,
      parameters: [
        inQuery('customer', 'Who looks.'),
        inQuery('id', 'What is looked at, such as the number of the mail.'),
        inQuery('every', 'Count again after so long.'),
        inQuery('type', '`Email Opened` when absent.'),
        inQuery('channel', '`email` when absent.'),
      ],
      responses: picture,
      errors: ['invalid', 'rate_limited'],
      refusal: picture[200].content,
      takesAnyQuery: true,
      curl: `curl -s "${base}/pixel.gif?key=$KEY&customer=ada&id=mail-7" -o pixel.gif`,
    }),
  },
  '/v1/logs': {
    post: describe({
      id: 'sendLogs',
      tag: 'Other clients',
      summary: 'Send OTLP logs',
      description: otlpText,
      scope: 'write',
      keyInQuery: true,
      body: { 'application/json': { schema: refTo('OtlpLogs'), example: logs } },
      responses: {
        200: {
          description: 'Everything accepted is durable; a partial success names what is not.',
          content: jsonOf('OtlpAnswer', {}),
        },
      },
      errors: doorErrors,
      refusal: jsonOf('RpcStatus'),
      curl: `curl -s ${base}/v1/logs ${send} '${JSON.stringify(logs)}'`,
    }),
  },
};
