/** The routes of webhook endpoints and of what was delivered to them. */
import { describe, inPath, inQuery, jsonOf, type Paths } from './describe.ts';
import { deleted, got, listed, put, type Stored } from './stored.ts';
import { auth, base, json, storeErrors } from './words.ts';

const name = inPath('name', 'The webhook, percent-encoded, 1–128 bytes.');

const wish = { url: 'https://crm.example/hooks/tapeline', headers: { 'X-Team': 'care' } };
const webhook = {
  name: 'crm',
  url: 'https://crm.example/hooks/tapeline',
  headerNames: ['X-Team'],
  secrets: [{}],
  updatedAt: 1763740000000,
};
const made = { ...webhook, secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw' };

const delivery = {
  id: 'act_3vTq0aXk9LmZr81bWc7YdE3vTq0aXk9L',
  state: 'failed',
  customer: 'c1',
  rule: 'stalled',
  request: 'r/stalled/17',
  decidedAt: 1763740000000,
  at: 1764010000000,
  attempts: 10,
  replays: 0,
  attemptedAt: 1764010000000,
  status: 503,
  body: {
    type: 'tapeline.action',
    timestamp: '2025-11-21T15:46:40.000Z',
    data: { action: 'act_3vTq0aXk9LmZr81bWc7YdE3vTq0aXk9L', customer: 'c1' },
  },
};

const listText = `
What was decided to go there and what became of it, the newest first. \`pending\` waits for its next attempt, \`failed\` is a dead letter: all attempts are over, or there was no sense in more.

An action is tried ten times: at once and then after 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h and 24 h (each up to a tenth longer). 2xx is a success; 410 disables the webhook; 429, 502 and 504 let it rest too, from a second to five minutes; \`Retry-After\` makes a wait longer, up to a day; anything else, a redirect and no answer within 20 seconds too, is tried again. Attempts outlive a restart. What became of an action is an event \`tapeline.delivery\` on the customer’s tape.

Kept are 10,000 failed and 100 delivered ones of a webhook, the oldest going first. At most 100,000 wait in a workspace: more fail at once.`;

const webhookText = `
Where \`webhook\` actions of journeys and rules are posted to, signed as [Standard Webhooks](https://www.standardwebhooks.com) has it: \`webhook-id\` is the action's and the same at each attempt, \`webhook-timestamp\` is of the attempt (seconds), \`webhook-signature\` holds \`v1,\` and base64 of HMAC-SHA-256 over \`id.timestamp.body\`, one for each secret that signs, with blanks between.

Absent \`secret\` and \`headers\` stay what they are; a new webhook without \`secret\` gets one, which this answer tells and no other. Secrets are kept as they are, readable by the server's user alone.

The address must be https and lead to public addresses: what a name resolves to is checked at each attempt, and the connection goes to the address that was checked. Addresses that are private, loopback, link-local, shared (CGNAT), multicast, reserved or of a cloud's metadata are refused, unless \`--webhook-allow\` names them. Redirects are not followed.

At most 100 webhooks a workspace, 20 headers of 1,024 characters.`;

const stored: Stored = {
  ...{ tag: 'Webhooks', path: '/v1/webhooks', at: 'crm', name, readers: 'admin' },
  ...{ schema: 'Webhook', example: webhook },
};

export const webhookPaths: Paths = {
  '/v1/webhooks': {
    get: listed(
      stored,
      {
        id: 'listWebhooks',
        summary: 'List webhooks',
        description:
          'All endpoints of the workspace by name, without secrets and values of headers.',
      },
      { description: 'The webhooks.', schema: 'Webhooks', member: 'webhooks' },
    ),
  },
  '/v1/webhooks/{name}': {
    get: got(
      stored,
      {
        id: 'getWebhook',
        summary: 'Get a webhook',
        description: 'The endpoint, without secrets and values of headers.',
      },
      'The webhook.',
    ),
    put: put(
      stored,
      { id: 'putWebhook', summary: 'Store a webhook', description: webhookText },
      { schema: 'NewWebhook', example: wish },
      made,
    ),
    delete: deleted(stored, {
      id: 'deleteWebhook',
      summary: 'Delete a webhook',
      description: 'What still waits for it fails at its next attempt.',
    }),
  },
  '/v1/webhooks/{name}/rotate': {
    post: describe({
      id: 'rotateWebhookSecret',
      tag: 'Webhooks',
      summary: 'Give a webhook another secret',
      description:
        'The new secret signs from now on; the one before signs beside it for `keepSeconds` (a day when absent, at most a week), so that a receiver can change over without losing a message. At most 3 sign at once (then `conflict`). The secret is in this answer and in no other.',
      scope: 'admin',
      parameters: [name],
      body: jsonOf('NewRotation', { keepSeconds: 86400 }),
      responses: { 200: { description: 'The webhook.', content: jsonOf('Webhook', made) } },
      errors: [...storeErrors, 'not_found'],
      curl: `curl -s ${base}/v1/webhooks/crm/rotate ${auth} ${json} \\\n  -d '{"keepSeconds":86400}'`,
    }),
  },
  '/v1/webhooks/{name}/deliveries': {
    get: describe({
      id: 'listWebhookDeliveries',
      tag: 'Webhooks',
      summary: 'List what became of actions',
      description: listText,
      scope: 'admin',
      parameters: [
        name,
        inQuery('state', 'Only these.', { enum: ['pending', 'delivered', 'failed'] }),
        inQuery('limit', 'At most so many.', {
          type: 'integer',
          minimum: 1,
          maximum: 100,
          default: 20,
        }),
        inQuery('before', '`next` of the page before.'),
      ],
      responses: {
        200: {
          description: 'The deliveries.',
          content: jsonOf('WebhookDeliveries', { deliveries: [delivery], next: null }),
        },
      },
      errors: ['malformed', 'invalid', 'not_found', 'unavailable'],
      curl: `curl -s '${base}/v1/webhooks/crm/deliveries?state=failed' ${auth}`,
    }),
  },
  '/v1/webhooks/{name}/deliveries/replay': {
    post: describe({
      id: 'replayWebhookDeliveries',
      tag: 'Webhooks',
      summary: 'Send everything that failed once more',
      description:
        'Every dead letter is tried again from the first attempt on, the oldest first, under its id and with the same body. What becomes of it is on the tape again. A webhook that is disabled is a `conflict`: enable it first.',
      scope: 'admin',
      parameters: [name],
      responses: {
        202: { description: 'Under way.', content: jsonOf('WebhookReplay', { replayed: 3 }) },
      },
      errors: ['malformed', 'invalid', 'not_found', 'conflict', 'overloaded', 'unavailable'],
      curl: `curl -s -X POST ${base}/v1/webhooks/crm/deliveries/replay ${auth}`,
    }),
  },
  '/v1/webhooks/{name}/deliveries/{id}/replay': {
    post: describe({
      id: 'replayWebhookDelivery',
      tag: 'Webhooks',
      summary: 'Send one once more',
      description:
        'One that failed, or that was delivered, is tried again from the first attempt on, under its id. One that is pending is a `conflict`.',
      scope: 'admin',
      parameters: [name, inPath('id', 'The action.')],
      responses: {
        202: { description: 'Under way.', content: jsonOf('WebhookReplay', { replayed: 1 }) },
      },
      errors: ['malformed', 'invalid', 'not_found', 'conflict', 'overloaded', 'unavailable'],
      curl: `curl -s -X POST ${base}/v1/webhooks/crm/deliveries/act_1/replay ${auth}`,
    }),
  },
  '/v1/webhooks/{name}/test': {
    post: describe({
      id: 'testWebhook',
      tag: 'Webhooks',
      summary: 'Send a test message',
      description:
        'One signed message of the type `tapeline.test`, tried once, now; the answer says what came back. It is kept nowhere.',
      scope: 'admin',
      parameters: [name],
      responses: {
        200: {
          description: 'What came back.',
          content: jsonOf('WebhookTest', { id: 'test_1', delivered: true, status: 204, ms: 31 }),
        },
      },
      errors: ['malformed', 'invalid', 'not_found', 'conflict', 'overloaded', 'unavailable'],
      curl: `curl -s -X POST ${base}/v1/webhooks/crm/test ${auth}`,
    }),
  },
};
