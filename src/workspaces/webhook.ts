/**
 * Webhook endpoints: where actions of journeys and rules are posted to, under a name, and what they are
 * signed with. Checked when they are stored. A secret is kept as it is, for it has to sign; it lies in
 * `workspaces.mdb`, whose directory only the server's user may enter, and is told once, when it is made.
 */
import { AppError } from '../std/errors.ts';
import type { Random } from '../std/random.ts';
import { derivedPrefix } from './definition.ts';

export const webhooksPerWorkspaceMax = 100;
export const webhookNameBytesMax = 128;
export const webhookUrlCharactersMax = 2048;
export const webhookHeadersMax = 20;
export const webhookHeaderBytesMax = 1024;
export const webhookSecretPrefix = 'whsec_';
/** What may be behind the prefix, decoded. */
export const webhookSecretBytesMin = 24;
export const webhookSecretBytesMax = 64;
const newSecretBytes = 32;
/** Secrets that sign at the same time. */
export const webhookSecretsMax = 3;
/** How long a secret that was replaced goes on signing beside the new one. */
export const secretKeepSecondsDefault = 86_400;
export const secretKeepSecondsMax = 604_800;

export interface WebhookSecret {
  readonly secret: string;
  /** Absent: the one that stays. Epoch milliseconds from which on it signs no more. */
  readonly expiresAt?: number;
}

export const webhookMethods = ['POST', 'PUT', 'PATCH', 'DELETE', 'GET'] as const;
export type WebhookMethod = (typeof webhookMethods)[number];

export interface WebhookRecord {
  readonly workspace: number;
  readonly name: string;
  readonly url: string;
  /** Of an action of CJDS, when it is not POST. */
  readonly method?: WebhookMethod;
  readonly description?: string;
  /** Sent with each request, by their names as they were given. */
  readonly headers: Readonly<Record<string, string>>;
  /** The newest first; none: nothing is signed, as with actions of CJDS. */
  readonly secrets: readonly WebhookSecret[];
  /** Nothing is sent there: somebody said so, or the endpoint did, by answering 410. */
  readonly disabled?: 'asked' | 'gone';
  readonly revision: number;
  readonly updatedAt: number;
}

/** An absent secret, or absent headers, leave those that there are: nobody can read them to send them again. */
export interface WebhookWish {
  readonly url: string;
  readonly description?: string;
  readonly secret?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly disabled?: boolean;
}

export type WebhookChange =
  | { readonly kind: 'put'; readonly name: string; readonly wish: WebhookWish }
  | { readonly kind: 'delete'; readonly name: string }
  | {
      readonly kind: 'rotate';
      readonly name: string;
      readonly secret?: string;
      readonly keepSeconds: number;
    }
  /** The endpoint answered that it is gone; nothing when it is another one by now. */
  | { readonly kind: 'gone'; readonly name: string; readonly revision: number };

const reservedHeaders =
  /^(host|connection|content-.*|transfer-encoding|te|trailer|upgrade|expect|keep-alive|proxy-.*|webhook-.*|user-agent)$/;

/** The name has to fit into a path. @throws AppError invalid. */
export function checkWebhookName(name: string): void {
  if (name.startsWith(derivedPrefix)) {
    throw new AppError(
      'invalid',
      `names that begin with ${derivedPrefix} belong to actions of CJDS`,
    );
  }
  const bytes = Buffer.byteLength(name);
  if (bytes >= 1 && bytes <= webhookNameBytesMax && !/[\p{Control}\p{Surrogate}]/u.test(name)) {
    return;
  }
  throw new AppError(
    'invalid',
    `the name of a webhook must be 1 to ${webhookNameBytesMax} bytes without control characters`,
  );
}

/** What can be told without looking a name up; where it leads is checked when it is sent to. @throws AppError invalid. */
export function checkWebhookUrl(text: string): string {
  const url = parsed(text);
  if (url === null || text.length > webhookUrlCharactersMax) {
    throw new AppError(
      'invalid',
      `url must be a URL of at most ${webhookUrlCharactersMax} characters`,
    );
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new AppError(
      'invalid',
      'url must begin with https: (or http:, to an address that is allowed)',
    );
  }
  if (url.username !== '' || url.password !== '') {
    throw new AppError('invalid', 'url may not have a user or password: use headers');
  }
  if (url.hash !== '') throw new AppError('invalid', 'url may not have a fragment');
  return url.href;
}

function parsed(text: string): URL | null {
  try {
    return new URL(text);
  } catch {
    return null;
  }
}

/** @throws AppError invalid. */
export function checkWebhookHeaders(headers: Readonly<Record<string, string>>): void {
  const names = Object.keys(headers);
  if (names.length > webhookHeadersMax) {
    throw new AppError('invalid', `a webhook has at most ${webhookHeadersMax} headers`);
  }
  if (new Set(names.map((name) => name.toLowerCase())).size < names.length) {
    throw new AppError('invalid', 'headers may name each header once');
  }
  for (const [name, value] of Object.entries(headers)) {
    if (!/^[!#$%&'*+.^_`|~\w-]{1,128}$/.test(name) || reservedHeaders.test(name.toLowerCase())) {
      throw new AppError('invalid', `headers may not have '${name.slice(0, 128)}'`);
    }
    if (value.length > webhookHeaderBytesMax || !/^[\x20-\x7e]*$/.test(value)) {
      const message = `headers.${name} must be at most ${webhookHeaderBytesMax} printable ASCII characters`;
      throw new AppError('invalid', message);
    }
  }
}

/** The bytes that sign. @throws AppError invalid; never with the secret in its message. */
export function secretBytes(secret: string): Buffer {
  const text = secret.startsWith(webhookSecretPrefix)
    ? secret.slice(webhookSecretPrefix.length)
    : '';
  const bytes = Buffer.from(text, 'base64');
  const isBase64 = /^[A-Za-z0-9+/]+={0,2}$/.test(text);
  if (isBase64 && bytes.length >= webhookSecretBytesMin && bytes.length <= webhookSecretBytesMax) {
    return bytes;
  }
  throw new AppError(
    'invalid',
    `secret must be ${webhookSecretPrefix} and base64 of ${webhookSecretBytesMin} to ${webhookSecretBytesMax} bytes`,
  );
}

export function newSecret(random: Random): string {
  return webhookSecretPrefix + Buffer.from(random.bytes(newSecretBytes)).toString('base64');
}

/** The secrets that sign at an instant, the newest first. */
export function secretsAt({ secrets }: Pick<WebhookRecord, 'secrets'>, nowMs: number): string[] {
  const valid = secrets.filter(({ expiresAt }) => expiresAt === undefined || nowMs < expiresAt);
  return valid.map(({ secret }) => secret);
}
