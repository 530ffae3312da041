/**
 * What an identity is, by its text. `cookie:abc` has the type `cookie` when the workspace knows such a
 * type; `tel:` is `phone:`. Without one, a text with an @ inside is an email, +… that is a number a
 * phone, an IPv4 or IPv6 address an ip. Any other text has no type of its own: it is a `customerId`
 * where it is a customer, and a `temporaryId` where it belongs to one.
 *
 * Phone numbers are one identity however they are written: `canonicalOf` gives +14155552671 for
 * `tel:+1 (415) 555-2671`. Other texts are compared as they are.
 */
import { isIP } from 'node:net';
import { type CountryCode, parsePhoneNumberFromString } from 'libphonenumber-js';
import type { BlockedValues, IdentitySettings } from './settings.ts';

/** Where numbers without a country code are at home, such as `US`; undefined: they stay as they are. */
export type PhoneRegion = string | undefined;

const phonePrefix = /^(?:tel|phone):/i;
const plainNumber = /^\+[1-9]\d{6,14}$/;
/** Digits with what people put between them. */
const phoneCharactersMax = 40;

/** One text for all ways to write an identity. */
export function canonicalOf(identity: string, region: PhoneRegion): string {
  if (!mayBePhone(identity)) return identity;
  const prefix = phonePrefix.exec(identity)?.[0] ?? '';
  if (prefix === '' && !identity.startsWith('+')) return identity;
  const text = identity.slice(prefix.length);
  if (plainNumber.test(text)) return text;
  if (text.length > phoneCharactersMax) return identity;
  const options = {
    ...(region !== undefined && { defaultCountry: region as CountryCode }),
    extract: false,
  };
  const number = parsePhoneNumberFromString(text, options);
  return number?.isPossible() === true && number.ext === undefined ? number.number : identity;
}

const [plus, colon, letterT, letterP] = [0x2b, 0x3a, 0x74, 0x70];
const [digitZero, digitNine, lowerCase] = [0x30, 0x39, 0x20];

/** By how it begins, which is asked for every event: a pattern takes ten times as long. */
function mayBePhone(identity: string): boolean {
  const first = identity.charCodeAt(0);
  const letter = first | lowerCase;
  return first === plus || letter === letterT || letter === letterP;
}

/**
 * Whether an identity in UTF-8 may be a phone number that is not written in its canonical way. Asked for
 * every event: a few bytes are looked at and nothing is built.
 */
export function maySpellPhone(bytes: Uint8Array, at: number, length: number): boolean {
  const first = bytes[at]!;
  if (first === plus) return !isPlainNumber(bytes, at, length);
  const letter = first | lowerCase;
  if (letter === letterT) return length > 4 && bytes[at + 3] === colon && isPrefix(bytes, at, 4);
  return letter === letterP && length > 6 && bytes[at + 5] === colon && isPrefix(bytes, at, 6);
}

/** As `plainNumber` says. */
function isPlainNumber(bytes: Uint8Array, at: number, length: number): boolean {
  if (length < 8 || length > 16 || bytes[at + 1] === digitZero) return false;
  for (let n = at + 1; n < at + length; n++) {
    if (bytes[n]! < digitZero || bytes[n]! > digitNine) return false;
  }
  return true;
}

function isPrefix(bytes: Uint8Array, at: number, length: number): boolean {
  const { buffer, byteOffset } = bytes;
  return phonePrefix.test(Buffer.from(buffer, byteOffset + at, length).toString('latin1'));
}

export const untyped = 'untyped';
const typedForm = /^([A-Za-z][A-Za-z0-9_-]{0,31}):(.+)$/s;
const emailForm = /^[^\s@]+@[^\s@]+$/;

export interface Typed {
  /** A type of the workspace's, or `untyped`. */
  readonly type: string;
  readonly value: string;
}

/** @param identity a canonical one. */
export function typedOf(identity: string, settings: IdentitySettings): Typed {
  const [, prefix, value] = typedForm.exec(identity) ?? [];
  const type = prefix === undefined ? undefined : prefixesOf(settings).get(prefix.toLowerCase());
  if (type !== undefined) return { type, value: value! };
  return { type: formOf(identity), value: identity };
}

const prefixes = new WeakMap<IdentitySettings['types'], ReadonlyMap<string, string>>();

/** Types by what stands before the colon, in lower case. */
function prefixesOf({ types }: IdentitySettings): ReadonlyMap<string, string> {
  let known = prefixes.get(types);
  if (known === undefined) {
    const names = Object.keys(types).map((name) => [name.toLowerCase(), name] as const);
    known = new Map([...names, ['tel', 'phone']]);
    prefixes.set(types, known);
  }
  return known;
}

function formOf(text: string): string {
  if (plainNumber.test(text)) return 'phone';
  if (emailForm.test(text)) return 'email';
  return isIP(text) === 0 ? untyped : 'ip';
}

const uuidForm = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

/** What client libraries make up for visitors that nobody knows yet. */
export function isUuid(text: string): boolean {
  return uuidForm.test(text);
}

const zeros = /^[0-]*$/;

/** Whether a value names nobody. Quotes around it make no difference. */
export function isBlocked(value: string, { anyCase, exact }: BlockedValues): boolean {
  const bare = /^(['"])(.*)\1$/s.exec(value)?.[2] ?? value;
  const text = bare.trim();
  return (
    zeros.test(text) ||
    exact.includes(text) ||
    anyCase.some((blocked) => blocked.toLowerCase() === text.toLowerCase())
  );
}
