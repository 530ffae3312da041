/** Changes to a workspace's webhook endpoints: checked and worked out, not yet done; see `plan.ts`. */
import type { Clock } from '../std/clock.ts';
import { AppError } from '../std/errors.ts';
import type { Random } from '../std/random.ts';
import { type Meta, type Plan, type Tenant, webhookKey } from './records.ts';
import {
  checkWebhookHeaders,
  checkWebhookName,
  checkWebhookUrl,
  newSecret,
  secretBytes,
  secretKeepSecondsMax,
  secretsAt,
  type WebhookChange,
  type WebhookRecord,
  type WebhookSecret,
  webhookSecretsMax,
  webhooksPerWorkspaceMax,
} from './webhook.ts';

type ChangeOf<Kind extends WebhookChange['kind']> = Extract<WebhookChange, { kind: Kind }>;

export interface WebhookContext {
  readonly clock: Clock;
  readonly random: Random;
}

/** @throws AppError not_found, conflict, invalid. */
export function planWebhooks(
  tenant: Tenant,
  meta: Meta,
  change: WebhookChange,
  context: WebhookContext,
): Plan {
  const held = tenant.webhooks.get(change.name);
  if (change.kind === 'put') return planPut(tenant, meta, change, held, context);
  if (held === undefined) throw new AppError('not_found', 'there is no such webhook');
  switch (change.kind) {
    case 'delete':
      return {
        changes: [[webhookKey(held), undefined]],
        meta,
        apply: () => tenant.webhooks.delete(held.name),
        reply: { kind: 'done' },
      };
    case 'rotate':
      return planRotate(tenant, meta, change, held, context);
    case 'gone': {
      const isSame = held.revision === change.revision && held.disabled === undefined;
      const webhook = { ...held, disabled: 'gone' as const, updatedAt: context.clock.now() };
      return kept(tenant, meta, isSame ? { ...webhook, revision: meta.revision } : held, {});
    }
  }
}

function planPut(
  tenant: Tenant,
  meta: Meta,
  { name, wish }: ChangeOf<'put'>,
  held: WebhookRecord | undefined,
  { clock, random }: WebhookContext,
): Plan {
  checkWebhookName(name);
  if (held === undefined && tenant.webhooks.size >= webhooksPerWorkspaceMax) {
    throw new AppError('conflict', `a workspace has at most ${webhooksPerWorkspaceMax} webhooks`);
  }
  if (wish.secret !== undefined) secretBytes(wish.secret);
  const headers = wish.headers ?? held?.headers ?? {};
  checkWebhookHeaders(headers);
  const made = wish.secret ?? (held === undefined ? newSecret(random) : undefined);
  const webhook: WebhookRecord = {
    workspace: tenant.workspace.number,
    name,
    url: checkWebhookUrl(wish.url),
    ...(wish.description !== undefined && { description: wish.description }),
    headers,
    secrets: made === undefined ? held!.secrets : [{ secret: made }],
    ...(wish.disabled === true && { disabled: 'asked' as const }),
    revision: meta.revision,
    updatedAt: clock.now(),
  };
  const shown = wish.secret === undefined && made !== undefined ? { secret: made } : {};
  return kept(tenant, meta, webhook, { created: held === undefined, ...shown });
}

/** The secrets before stay for a while, so that receivers can change theirs without losing a message. */
function planRotate(
  tenant: Tenant,
  meta: Meta,
  { keepSeconds, secret: wanted }: ChangeOf<'rotate'>,
  held: WebhookRecord,
  { clock, random }: WebhookContext,
): Plan {
  if (!Number.isInteger(keepSeconds) || keepSeconds < 0 || keepSeconds > secretKeepSecondsMax) {
    const message = `keepSeconds must be a whole number from 0 to ${secretKeepSecondsMax}`;
    throw new AppError('invalid', message);
  }
  if (wanted !== undefined) secretBytes(wanted);
  const now = clock.now();
  const secret = wanted ?? newSecret(random);
  const until = now + keepSeconds * 1000;
  const signing = new Set(secretsAt(held, now));
  const before = held.secrets
    .filter((each) => keepSeconds > 0 && signing.has(each.secret) && each.secret !== secret)
    .map(
      (each): WebhookSecret => ({ ...each, expiresAt: Math.min(each.expiresAt ?? until, until) }),
    );
  if (before.length >= webhookSecretsMax) {
    const message = `${webhookSecretsMax} secrets sign already; wait for one to end, or keep none`;
    throw new AppError('conflict', message);
  }
  const secrets = [{ secret }, ...before];
  const webhook = { ...held, secrets, revision: meta.revision, updatedAt: now };
  return kept(tenant, meta, webhook, wanted === undefined ? { secret } : {});
}

function kept(
  { webhooks }: Tenant,
  meta: Meta,
  webhook: WebhookRecord,
  told: { readonly created?: boolean; readonly secret?: string },
): Plan {
  return {
    changes: [[webhookKey(webhook), webhook]],
    meta,
    apply: () => webhooks.set(webhook.name, webhook),
    reply: { kind: 'webhook', webhook, created: false, ...told },
  };
}
