/** The routes of webhook endpoints and of what was delivered to them. */
import { type Description, describe, inPath, jsonOf, type Paths } from './describe.ts';

const auth = '\\\n  -H "Authorization: Bearer $KEY"';
const json = "\\\n  -H 'Content-Type: application/json'";
const base = 'http://127.0.0.1:8787';
const name = inPath('name', 'The webhook, percent-encoded, 1–128 bytes.');
const bodyErrors: Description['errors'] = [
  'malformed',
  'unsupported_media_type',
  'too_large',
  'invalid',
  'conflict',
  'unavailable',
];

const wish = { url: 'https://crm.example/hooks/tapeline', headers: { 'X-Team': 'care' } };
const webhook = {
  name: 'crm',
  url: 'https://crm.example/hooks/tapeline',
  headerNames: ['X-Team'],
  secrets: [{}],
  updatedAt: 1763740000000,
};
const made = { ...webhook, secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw' };

const webhookText = `
Where \`webhook\` actions of journeys and rules are posted to, signed as [Standard Webhooks](https://www.standardwebhooks.com) has it: \`webhook-id\` is the action's and the same at each attempt, \`webhook-timestamp\` is of the attempt (seconds), \`webhook-signature\` holds \`v1,\` and base64 of HMAC-SHA-256 over \`id.timestamp.body\`, one for each secret that signs, with blanks between.

Absent \`secret\` and \`headers\` stay what they are; a new webhook without \`secret\` gets one, which this answer tells and no other. Secrets are kept as they are, readable by the server's user alone.

The address must be https and lead to public addresses: what a name resolves to is checked at each attempt, and the connection goes to the address that was checked. Addresses that are private, loopback, link-local, shared (CGNAT), multicast, reserved or of a cloud's metadata are refused, unless \`--webhook-allow\` names them. Redirects are not followed.

At most 100 webhooks a workspace, 20 headers of 1,024 characters.`;

export const webhookPaths: Paths = {
  '/v1/webhooks': {
    get: describe({
      id: 'listWebhooks',
      tag: 'Webhooks',
      summary: 'List webhooks',
      description: 'All endpoints of the workspace by name, without secrets and values of headers.',
      scope: 'admin',
      responses: {
        200: { description: 'The webhooks.', content: jsonOf('Webhooks', { webhooks: [webhook] }) },
      },
      errors: [],
      curl: `curl -s ${base}/v1/webhooks ${auth}`,
    }),
  },
  '/v1/webhooks/{name}': {
    get: describe({
      id: 'getWebhook',
      tag: 'Webhooks',
      summary: 'Get a webhook',
      description: 'The endpoint, without secrets and values of headers.',
      scope: 'admin',
      parameters: [name],
      responses: { 200: { description: 'The webhook.', content: jsonOf('Webhook', webhook) } },
      errors: ['malformed', 'invalid', 'not_found'],
      curl: `curl -s ${base}/v1/webhooks/crm ${auth}`,
    }),
    put: describe({
      id: 'putWebhook',
      tag: 'Webhooks',
      summary: 'Store a webhook',
      description: webhookText,
      scope: 'admin',
      parameters: [name],
      body: jsonOf('NewWebhook', wish),
      responses: {
        200: { description: 'Replaced.', content: jsonOf('Webhook', webhook) },
        201: { description: 'Created.', content: jsonOf('Webhook', made) },
      },
      errors: bodyErrors,
      curl: `curl -s -X PUT ${base}/v1/webhooks/crm ${auth} ${json} \\\n  -d '${JSON.stringify(wish)}'`,
    }),
    delete: describe({
      id: 'deleteWebhook',
      tag: 'Webhooks',
      summary: 'Delete a webhook',
      description: 'What still waits for it fails at its next attempt.',
      scope: 'admin',
      parameters: [name],
      responses: { 204: { description: 'Gone.' } },
      errors: ['malformed', 'invalid', 'not_found', 'unavailable'],
      curl: `curl -s -X DELETE ${base}/v1/webhooks/crm ${auth}`,
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
      errors: [...bodyErrors, 'not_found'],
      curl: `curl -s ${base}/v1/webhooks/crm/rotate ${auth} ${json} \\\n  -d '{"keepSeconds":86400}'`,
    }),
  },
};
