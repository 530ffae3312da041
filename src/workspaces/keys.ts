/**
 * Keys: long-lived secrets of a workspace. A prefix tells people and secret scanners what a key can
 * do; the rest is 196 random bits. Only the SHA-256 of a key is ever stored: the keys we make
 * cannot be guessed, so a slow password hash would add nothing but time to every request.
 *
 *     rk_3vTq0…  (33 characters of base62)
 *     ak_ admin or server · rk_ read · wk_ write · pk_ publish · gk_ agent
 */
import { hash, timingSafeEqual } from 'node:crypto';
import { AppError } from '../std/errors.ts';
import type { Random } from '../std/random.ts';
import type { Scope } from './types.ts';

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** 33 × log2(62) = 196 bits. */
const secretCharacters = 33;
export const keyCharactersMax = 256;

/** A new key whose prefix is that of its strongest scope. `random` must be the system's. */
export function makeKey(scopes: readonly Scope[], random: Random): string {
  return `${prefixOf(scopes)}${base62(secretCharacters, random)}`;
}

/** From strongest to weakest: who reads everything can harm more than who only adds. */
function prefixOf(scopes: readonly Scope[]): string {
  if (scopes.includes('admin') || scopes.includes('server')) return 'ak_';
  if (scopes.includes('read')) return 'rk_';
  if (scopes.includes('decide')) return 'dk_';
  if (scopes.includes('write')) return 'wk_';
  if (scopes.includes('agent')) return 'gk_';
  return 'pk_';
}

/** `count` characters of base62, each equally likely. */
export function base62(count: number, random: Random): string {
  let text = '';
  while (text.length < count) {
    for (const byte of random.bytes(count)) {
      // 248 = 4 × 62: bytes from there on would make some characters likelier than others.
      if (byte < 248 && text.length < count) text += alphabet[byte % 62];
    }
  }
  return text;
}

/** What is stored of a key: its SHA-256 in hexadecimal. */
export function hashKey(key: string): string {
  return hash('sha256', key, 'hex');
}

/** Compares two hexadecimal hashes in a time that does not depend on where they differ. */
export function hashesEqual(stored: string, sent: string): boolean {
  const storedBytes = Buffer.from(stored, 'latin1');
  const sentBytes = Buffer.from(sent, 'latin1');
  return storedBytes.length === sentBytes.length && timingSafeEqual(storedBytes, sentBytes);
}

/**
 * Checks a key that an operator chose. Any printable ASCII without spaces will do, because it has
 * to fit into a header; its strength is the operator's choice.
 *
 * @throws AppError invalid.
 */
export function checkChosenKey(key: string, name: string): void {
  if (key.length > keyCharactersMax || !/^[\x21-\x7e]+$/.test(key)) {
    throw new AppError(
      'invalid',
      `the ${name} key must be 1 to ${keyCharactersMax} printable ASCII characters without spaces`,
    );
  }
  if (key.startsWith('tk_')) {
    throw new AppError('invalid', `the ${name} key must not begin with tk_, which marks tokens`);
  }
}
