/** The door for CloudEvents. */
import { type Description, describe, inQuery, jsonOf, type Paths, refTo } from './describe.ts';

/** Every door gives these. */
export const doorErrors: Description['errors'] = [
  'malformed',
  'unsupported_media_type',
  'too_large',
  'rate_limited',
  'overloaded',
  'unavailable',
];

export const doorReceipts: Description['responses'] = {
  200: {
    description: 'Everything accepted is durable.',
    content: jsonOf('Receipt', { accepted: 1, duplicates: 0, rejected: [] }),
  },
  422: {
    description: 'Every event was refused (a receipt), or the request as such is `invalid`.',
    content: { 'application/json': { schema: { oneOf: [refTo('Receipt'), refTo('Error')] } } },
  },
};

const sample = {
  specversion: '1.0',
  id: 'order-8841',
  source: '/shop',
  type: 'Purchased',
  time: '2025-11-21T15:46:40Z',
  subject: 'c1',
  data: { Product: 'Trail shoes', total: 89.5 },
};

const text = `
CloudEvents 1.0 in all three modes of the HTTP binding: structured (\`application/cloudevents+json\`), batched (\`application/cloudevents-batch+json\`; this receiver asks for batches) and binary (\`ce-\` headers, the body is the data). \`POST /v1/events\` takes them as well, by the same marks.

| CloudEvent | event |
|---|---|
| \`source\` and \`id\` | \`id\` is both with a space between, the idempotency key; a SHA-256 of that when it is over 256 bytes |
| \`identity\`, or else \`subject\`, or else \`?customer=\` | \`customer\` |
| \`previousidentity\` | \`previous\` |
| \`type\`, \`time\`, \`source\`, \`channel\` | the same |
| \`data\`, an object | \`data\` |
| other JSON, text, XML | \`data.value\` |
| bytes of other types | \`data.base64\` |
| every other attribute, and \`id\` as sent | \`data.ce\` |

An object with a member \`ce\` of its own goes to \`data.value\`. Header values may be quoted and are percent-decoded once. Senders of webhooks may ask first (\`OPTIONS\` with \`WebHook-Request-Origin\`), and pass the key as user name of Basic or as \`?access_token=\`. A batch with more than 10,000 events is stored in several steps, and answered once.`;

export const cloudEventsPaths: Paths = {
  '/v1/cloudevents': {
    post: describe({
      id: 'sendCloudEvents',
      tag: 'Other clients',
      summary: 'Send CloudEvents',
      description: text,
      scope: 'write',
      keyInQuery: true,
      parameters: [inQuery('customer', 'The customer of events that name none.')],
      body: {
        'application/cloudevents+json': { schema: refTo('CloudEvent'), example: sample },
        'application/cloudevents-batch+json': {
          schema: { type: 'array', items: refTo('CloudEvent') },
          example: [sample],
        },
        '*/*': { schema: { description: 'Binary mode: the data, with `ce-` headers.' } },
      },
      responses: doorReceipts,
      errors: doorErrors,
      curl: `curl -s http://127.0.0.1:8787/v1/cloudevents \\
  -H "Authorization: Bearer $KEY" \\
  -H 'Content-Type: application/cloudevents+json' \\
  -d '${JSON.stringify(sample)}'`,
    }),
  },
};
