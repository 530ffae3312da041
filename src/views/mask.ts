/**
 * Masking: how a value is shown to a role that may not see it whole.
 *
 *     hide      null, and the field says nothing else       present   true when there is a value
 *     last4     the last four characters: "*******4567"     email     "j***@example.com"
 *     hash      "h:" and 16 hexadecimal digits, the same for equal values of one workspace
 *
 * No value stays what it is: null, and 0 for count and sum. In a list each value is masked. `last4` and `email` show nothing of objects and lists, and `last4`
 * nothing of what has fewer than eight characters: "****".
 */
import { createHmac } from 'node:crypto';
import { unreachable } from '../std/assert.ts';
import type { MaskRule, MaskWay } from '../workspaces/role.ts';
import { canonicalText } from './canonical.ts';

/** What a reader's role says of the fields it may read. */
export interface Masks {
  readonly rules: readonly MaskRule[];
  /** The workspace's, for hashes. */
  readonly secret: Uint8Array;
}

const hashDigits = 16;
const shownMax = 4;
/** Of shorter values the last four characters would be half. */
const maskedCharactersMin = 8;
const nothing = '"****"';

/** @param text the JSON text of a value that is not null. */
export function maskText(way: MaskWay, text: string, secret: Uint8Array): string {
  switch (way) {
    case 'hide':
      return 'null';
    case 'present':
      return 'true';
    case 'last4':
      return maskLast(text);
    case 'email':
      return maskEmail(text);
    case 'hash': {
      const digest = createHmac('sha256', secret).update(canonicalText(text)).digest('hex');
      return `"h:${digest.slice(0, hashDigits)}"`;
    }
    default:
      return unreachable(way);
  }
}

function maskLast(text: string): string {
  const characters = [...(scalarOf(text) ?? '')];
  if (characters.length < maskedCharactersMin) return nothing;
  const hidden = '*'.repeat(characters.length - shownMax);
  return JSON.stringify(hidden + characters.slice(-shownMax).join(''));
}

function maskEmail(text: string): string {
  const [first, domain] = /^(.)[^@]*@([^@\s]+)$/u.exec(scalarOf(text) ?? '')?.slice(1) ?? [];
  return domain === undefined ? nothing : JSON.stringify(`${first}***@${domain}`);
}

/** A string, or a number as it was sent. */
function scalarOf(text: string): string | undefined {
  if (text.startsWith('"')) return JSON.parse(text) as string;
  return /^[-0-9]/.test(text) ? text : undefined;
}
