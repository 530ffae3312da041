/**
 * Visitors: browsers that nobody knows yet. The server makes a visitor's identity and signs a token for
 * it, so that a page can show which browser it is: whoever learns another's identity has no token for it.
 *
 *     vt_<workspace>.<key id>.<22 characters>.<expiry, epoch ms in base 36>.<HMAC-SHA-256: base64url>
 *     the visitor's identity    cookie:<the same 22 characters>
 *
 * Each workspace has a secret of its own, derived from that of the data directory. A token opens the
 * visitor's channel and nothing else; it is no credential of any other route, and dies with the
 * publish key that it was asked for with (the browser then asks with the next one).
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Random } from '../std/random.ts';
import { base62 } from './keys.ts';

/** 22 × log2(62) = 131 bits. */
const visitorCharacters = 22;
const visitorPattern = /^cookie:[0-9A-Za-z]{22}$/;
const tokenPattern =
  /^(vt_(\d{1,15})\.(\w{1,64})\.([0-9A-Za-z]{22})\.([0-9a-z]{1,10}))\.([\w-]{43})$/;
const tokenCharactersMax = 256;
/** A browser in use gets a new token every day; one that stays away longer than this is a new visitor. */
export const visitorTokenMs = 90 * 86_400_000;

export interface VisitorClaims {
  readonly workspace: number;
  readonly keyId: string;
  /** The identity, such as `cookie:3vTq0…`. */
  readonly visitor: string;
  /** Epoch milliseconds from which on the token is refused. */
  readonly expiresAt: number;
}

/** The identity of a browser that was not seen before. `random` must be the system's. */
export function newVisitor(random: Random): string {
  return `cookie:${base62(visitorCharacters, random)}`;
}

/** Whether an identity is one that this server makes for browsers. */
export function isVisitor(identity: string): boolean {
  return visitorPattern.test(identity);
}

export function signVisitor(claims: VisitorClaims, tokenSecret: Uint8Array): string {
  const { workspace, keyId, visitor, expiresAt } = claims;
  const name = visitor.slice(visitor.indexOf(':') + 1);
  const head = `vt_${workspace}.${keyId}.${name}.${expiresAt.toString(36)}`;
  return `${head}.${signatureOf(head, workspace, tokenSecret)}`;
}

/** Undefined for what is forged, damaged or expired. Whether the key stands is for the caller to check. */
export function verifyVisitor(
  token: string,
  tokenSecret: Uint8Array,
  nowMs: number,
): VisitorClaims | undefined {
  if (token.length > tokenCharactersMax) return undefined;
  const parts = tokenPattern.exec(token);
  if (parts === null) return undefined;
  const [, head, number, keyId, name, expiry, signature] = parts;
  const workspace = Number(number);
  const expected = Buffer.from(signatureOf(head!, workspace, tokenSecret));
  if (!timingSafeEqual(Buffer.from(signature!), expected)) return undefined;
  const expiresAt = Number.parseInt(expiry!, 36);
  if (nowMs >= expiresAt) return undefined;
  return { workspace, keyId: keyId!, visitor: `cookie:${name}`, expiresAt };
}

function signatureOf(head: string, workspace: number, tokenSecret: Uint8Array): string {
  const secret = createHmac('sha256', tokenSecret).update(`visitors of ${workspace}`).digest();
  return createHmac('sha256', secret).update(head).digest('base64url');
}
