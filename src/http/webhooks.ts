/** Webhook endpoints: where actions are posted to. Their secrets are told once, when they are made. */
import { assert } from '../std/assert.ts';
import { AppError } from '../std/errors.ts';
import type { WorkspaceReply } from '../workspaces/types.ts';
import {
  checkWebhookName,
  secretKeepSecondsDefault,
  type WebhookChange,
  type WebhookRecord,
  webhookNameBytesMax,
} from '../workspaces/webhook.ts';
import { checkNewRotation, checkNewWebhook } from './check.ts';
import type { Front } from './context.ts';
import { bounded } from './names.ts';
import { emptyReply, jsonReply, type Reply } from './reply.ts';
import type { Route, RouteRequest } from './route.ts';

export const webhookBodyBytesMax = 64 * 1024;
const path = '/v1/webhooks/{name}';
const bodyBytesMax = webhookBodyBytesMax;

export const webhookRoutes: readonly Route[] = [
  { method: 'get', path: '/v1/webhooks', scope: 'admin', query: [], handle: listWebhooks },
  { method: 'get', path, scope: 'admin', query: [], handle: getWebhook },
  { method: 'put', path, scope: 'admin', query: [], bodyBytesMax, handle: putWebhook },
  { method: 'delete', path, scope: 'admin', query: [], handle: deleteWebhook },
  {
    method: 'post',
    path: `${path}/rotate`,
    scope: 'admin',
    query: [],
    bodyBytesMax,
    handle: rotate,
  },
];

function listWebhooks({ credential }: RouteRequest, front: Front): Reply {
  return jsonReply(200, { webhooks: front.directory.webhooks(credential.workspace).map(shown) });
}

function getWebhook(request: RouteRequest, front: Front): Reply {
  return jsonReply(200, shown(findWebhook(request, front)));
}

async function putWebhook(request: RouteRequest, front: Front): Promise<Reply> {
  const wish = checkNewWebhook(request.json());
  const reply = await change(request, front, { kind: 'put', name: webhookNameOf(request), wish });
  return jsonReply(reply.created ? 201 : 200, told(reply));
}

async function rotate(request: RouteRequest, front: Front): Promise<Reply> {
  const wish = checkNewRotation(request.body.length === 0 ? {} : request.json());
  const { keepSeconds = secretKeepSecondsDefault, secret } = wish;
  const name = webhookNameOf(request);
  const made = { kind: 'rotate' as const, name, keepSeconds };
  const reply = await change(request, front, secret === undefined ? made : { ...made, secret });
  return jsonReply(200, told(reply));
}

async function deleteWebhook(request: RouteRequest, front: Front): Promise<Reply> {
  const { workspace } = request.credential;
  const name = webhookNameOf(request);
  await front.change({ kind: 'changeWebhooks', workspace, change: { kind: 'delete', name } });
  return emptyReply;
}

type WebhookReply = Extract<WorkspaceReply, { kind: 'webhook' }>;

async function change(
  { credential }: RouteRequest,
  front: Front,
  wanted: WebhookChange,
): Promise<WebhookReply> {
  const { workspace } = credential;
  const reply = await front.change({ kind: 'changeWebhooks', workspace, change: wanted });
  assert(reply.kind === 'webhook', 'a change of a webhook answers with it');
  return reply;
}

/** @throws AppError invalid. */
function webhookNameOf(request: RouteRequest): string {
  const name = request.param('name');
  checkWebhookName(name);
  return name;
}

/** Those of actions of CJDS too. @throws AppError invalid, not_found. */
export function findWebhook(request: RouteRequest, front: Front): WebhookRecord {
  const name = bounded(request.param('name'), 'the name of a webhook', webhookNameBytesMax);
  const webhook = front.directory.webhook(request.credential.workspace, name);
  if (webhook === undefined) throw new AppError('not_found', `there is no webhook '${name}'`);
  return webhook;
}

function told({ secret, webhook }: WebhookReply): Record<string, unknown> {
  return { ...shown(webhook), ...(secret !== undefined && { secret }) };
}

/** Neither a secret nor what a header holds. */
function shown(webhook: WebhookRecord): Record<string, unknown> {
  const { description, disabled, headers, name, secrets, updatedAt, url } = webhook;
  return {
    name,
    url,
    ...(description !== undefined && { description }),
    headerNames: Object.keys(headers),
    secrets: secrets.map(({ expiresAt }) => (expiresAt === undefined ? {} : { expiresAt })),
    ...(disabled !== undefined && { disabled }),
    updatedAt,
  };
}
