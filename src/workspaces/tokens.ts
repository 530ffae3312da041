/**
 * Tokens: short-lived credentials for places where a key must not go (a URL, a browser). A token is
 * signed, not stored; it can do at most what the key it came from can, and dies with that key.
 *
 *     tk_<claims: base64url of JSON>.<HMAC-SHA-256 over everything before the dot: base64url>
 *     claims  {"w":workspace,"k":key id,"s":scopes,"e":expiry (epoch ms),"v":views if narrowed,"r":role,"a":agent}
 *
 * Views a key is narrowed to, and its role, are not repeated in its tokens: the key is looked up anyway.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { AppError } from '../std/errors.ts';
import { checkAgentWish } from './agents.ts';
import { type Credential, type DirectorySnapshot, type Scope, scopes } from './types.ts';

export const tokenPrefix = 'tk_';
/** A token has to fit into a URL or a header. */
export const tokenBytesMax = 2048;
export const tokenTtlSecondsMax = 86_400;
const signatureCharacters = 43;

export interface MintedToken {
  readonly token: string;
  /** Epoch milliseconds; the token is refused from this instant on. */
  readonly expiresAt: number;
}

export interface TokenClaims {
  readonly workspace: number;
  readonly keyId: string;
  readonly scopes: readonly Scope[];
  readonly expiresAt: number;
  readonly views: readonly string[] | undefined;
  readonly role: string | undefined;
  readonly agent: string | undefined;
}

export interface TokenWish {
  readonly scopes: readonly Scope[];
  readonly ttlSeconds: number;
  readonly views?: readonly string[] | undefined;
  /** One that the workspace has. */
  readonly role?: string | undefined;
  /** With the scope `agent`, and only with it. */
  readonly agent?: string | undefined;
}

/**
 * Makes a token. A token cannot make another one, or it would never have to end.
 *
 * @throws AppError invalid (the wish makes no sense), forbidden (it asks for more than one has).
 */
export function mintToken(
  credential: Credential,
  wish: TokenWish,
  nowMs: number,
  directory: Pick<DirectorySnapshot, 'tokenSecret'>,
): MintedToken {
  if (credential.expiresAt !== undefined) {
    throw new AppError('forbidden', 'a token cannot make tokens: use the key it came from');
  }
  checkWish(wish);
  checkAllowed(credential, wish);
  const expiresAt = nowMs + wish.ttlSeconds * 1000;
  const claims = {
    w: credential.workspace,
    k: credential.keyId,
    s: [...new Set(wish.scopes)],
    e: expiresAt,
    v: wish.views,
    r: wish.role,
    a: wish.agent,
  };
  const head = tokenPrefix + Buffer.from(JSON.stringify(claims)).toString('base64url');
  const token = `${head}.${sign(head, directory.tokenSecret)}`;
  if (token.length > tokenBytesMax) throw new AppError('invalid', 'views are too many for a token');
  return { token, expiresAt };
}

function checkWish(wish: TokenWish): void {
  checkAgentWish(wish);
  const { role, ttlSeconds, views } = wish;
  if (wish.scopes.length === 0 || !wish.scopes.every((scope) => scopes.includes(scope))) {
    throw new AppError('invalid', `scopes must be one or more of ${scopes.join(', ')}`);
  }
  if (!Number.isInteger(ttlSeconds) || ttlSeconds < 1 || ttlSeconds > tokenTtlSecondsMax) {
    throw new AppError(
      'invalid',
      `ttlSeconds must be a whole number from 1 to ${tokenTtlSecondsMax}`,
    );
  }
  if (views === undefined && role === undefined) return;
  if (views?.length === 0) throw new AppError('invalid', 'views must name at least one view');
  if (!wish.scopes.includes('read') || wish.scopes.includes('admin')) {
    const what = views === undefined ? 'a role narrows' : 'views narrow';
    throw new AppError('invalid', `${what} the scope read: ask for read and not for admin`);
  }
}

function checkAllowed(credential: Credential, wish: TokenWish): void {
  const allowed = grantableScopes(credential.scopes);
  for (const scope of wish.scopes) {
    if (!allowed.has(scope)) {
      throw new AppError('forbidden', `this key cannot give the scope ${scope}`);
    }
  }
  if (wish.role !== undefined && credential.role !== undefined) {
    if (wish.role !== credential.role.name) {
      throw new AppError('forbidden', 'this key has a role of its own');
    }
  }
  if (credential.agent !== undefined && wish.agent !== credential.agent) {
    throw new AppError('forbidden', 'this key speaks for another agent');
  }
  const own = credential.views;
  if (own === undefined || wish.views === undefined) return;
  for (const view of wish.views) {
    if (!own.includes(view)) throw new AppError('forbidden', `this key cannot read that view`);
  }
}

/** What one may hand on: what one has, and what that includes. */
function grantableScopes(own: ReadonlySet<Scope>): Set<Scope> {
  const allowed = new Set(own);
  if (own.has('admin')) allowed.add('read').add('write').add('decide').add('agent');
  if (allowed.has('write')) allowed.add('publish');
  return allowed;
}

/** Checks signature and expiry. Whether the key still exists is for the caller to check. */
export function verifyToken(
  token: string,
  secret: Uint8Array,
  nowMs: number,
): TokenClaims | undefined {
  const dot = token.length - signatureCharacters - 1;
  if (dot <= tokenPrefix.length || token[dot] !== '.' || token.length > tokenBytesMax) {
    return undefined;
  }
  const head = token.slice(0, dot);
  const sent = Buffer.from(token.slice(dot + 1));
  const expected = Buffer.from(sign(head, secret));
  if (sent.length !== expected.length || !timingSafeEqual(sent, expected)) return undefined;
  const claims = readClaims(head);
  return nowMs < claims.expiresAt ? claims : undefined;
}

/** Only for text with a good signature: we wrote it ourselves. */
function readClaims(head: string): TokenClaims {
  const text = Buffer.from(head.slice(tokenPrefix.length), 'base64url').toString();
  const claims = JSON.parse(text) as {
    w: number;
    k: string;
    s: Scope[];
    e: number;
    v?: string[];
    r?: string;
    a?: string;
  };
  return {
    workspace: claims.w,
    keyId: claims.k,
    scopes: claims.s,
    expiresAt: claims.e,
    views: claims.v,
    role: claims.r,
    agent: claims.a,
  };
}

function sign(head: string, secret: Uint8Array): string {
  return createHmac('sha256', secret).update(head).digest('base64url');
}
