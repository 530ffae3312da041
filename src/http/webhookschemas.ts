/** The shapes of webhook endpoints and of what is delivered to them: see `schemas.ts`. */
import { type Static, Type } from 'typebox';
import {
  secretKeepSecondsDefault,
  secretKeepSecondsMax,
  webhookHeaderBytesMax,
  webhookHeadersMax,
  webhookUrlCharactersMax,
} from '../workspaces/webhook.ts';
import { anything, closed, epochMs, ref } from './shape.ts';

const secret = Type.Optional(
  Type.String({
    minLength: 1,
    maxLength: 128,
    description: '`whsec_` and base64 of 24 to 64 bytes. Absent: one is made, and told once.',
  }),
);

export const NewWebhook = Type.Object(
  {
    url: Type.String({
      minLength: 1,
      maxLength: webhookUrlCharactersMax,
      description: 'https; http only to a host that the server’s setting `--webhook-allow` names.',
    }),
    description: Type.Optional(Type.String({ maxLength: 1024, description: 'For people.' })),
    secret,
    headers: Type.Optional(
      Type.Unsafe<Readonly<Record<string, string>>>({
        type: 'object',
        additionalProperties: { type: 'string', maxLength: webhookHeaderBytesMax },
        maxProperties: webhookHeadersMax,
        description:
          'Sent with each request, such as `Authorization`; only their names are shown again. Absent: those that there are stay.',
      }),
    ),
    disabled: Type.Optional(
      Type.Boolean({ description: 'Nothing is sent; what is decided meanwhile has failed.' }),
    ),
  },
  closed,
);
export type NewWebhook = Static<typeof NewWebhook>;

export const NewRotation = Type.Object(
  {
    secret,
    keepSeconds: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: secretKeepSecondsMax,
        default: secretKeepSecondsDefault,
        description: 'How long the secrets before sign beside the new one.',
      }),
    ),
  },
  closed,
);
export type NewRotation = Static<typeof NewRotation>;

const Webhook = Type.Object({
  name: Type.String(),
  url: Type.String(),
  description: Type.Optional(Type.String()),
  headerNames: Type.Array(Type.String()),
  secrets: Type.Array(Type.Object({ expiresAt: Type.Optional(epochMs('When it signs no more')) }), {
    description: 'How many sign; the newest first.',
  }),
  disabled: Type.Optional(
    Type.Enum(['asked', 'gone'], { description: '`gone`: the endpoint answered 410.' }),
  ),
  secret: Type.Optional(
    Type.String({ description: 'Only in the answer to the request that made it.' }),
  ),
  updatedAt: epochMs('When it was stored'),
});
const Webhooks = Type.Object({ webhooks: Type.Array(ref('Webhook')) });

const answered = {
  status: Type.Optional(Type.Integer({ description: 'Of the last answer.' })),
  failure: Type.Optional(Type.String({ description: 'Why there was no answer.' })),
  excerpt: Type.Optional(Type.String({ description: 'The beginning of the last answer.' })),
};
const WebhookDelivery = Type.Object({
  id: Type.String({ description: 'Of the action: `webhook-id`.' }),
  state: Type.Enum(['pending', 'delivered', 'failed']),
  customer: Type.String(),
  rule: Type.Optional(Type.String()),
  instance: Type.Optional(Type.String({ description: 'The journey instance it is about.' })),
  request: Type.String({ description: 'The decision it is of.' }),
  decidedAt: epochMs('When it was decided'),
  at: epochMs('Since when it has been in this state'),
  attempts: Type.Integer(),
  replays: Type.Integer(),
  attemptedAt: Type.Optional(epochMs('The last attempt')),
  nextAt: Type.Optional(epochMs('The next attempt, not before')),
  ...answered,
  body: anything('What is posted.'),
});
const WebhookDeliveries = Type.Object({
  deliveries: Type.Array(ref('WebhookDelivery')),
  next: Type.Union([Type.String(), Type.Null()], { description: 'Continues as `before`.' }),
});
const WebhookReplay = Type.Object({ replayed: Type.Integer() });
const WebhookTest = Type.Object({
  id: Type.String(),
  delivered: Type.Boolean(),
  ...answered,
  ms: Type.Integer({ description: 'How long it took, milliseconds.' }),
});

export const webhookSchemas = {
  NewWebhook,
  NewRotation,
  Webhook,
  Webhooks,
  WebhookDelivery,
  WebhookDeliveries,
  WebhookReplay,
  WebhookTest,
};
