/**
 * Reading single members of an audience, for `parse.ts` and `parsepattern.ts`. All of them throw AppError
 * invalid, with the place.
 */
import { conditionCharactersMax } from '../event/condition.ts';
import { typeBytesMax } from '../event/envelope.ts';
import { membersOf, parseLookback, quote, readText, refuse } from '../workspaces/view.ts';
import type { AudienceWhen, SequenceStep } from './definition.ts';

export const audienceWithinMsMax = 366 * 24 * 60 * 60 * 1000;
const nameBytesMax = 256;

export type Members = Map<string, unknown>;

export function onlyMembers(sent: Members, known: readonly string[], place: string): void {
  for (const member of sent.keys()) {
    if (!known.includes(member)) {
      refuse(`${place} has an unknown member ${quote(member)} (known: ${known.join(', ')})`);
    }
  }
}

export function readWhole(value: unknown, place: string, min: number, max: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    refuse(`${place} must be a whole number from ${min} to ${max}`);
  }
  return value;
}

export function readList(value: unknown, place: string, min: number, max: number): unknown[] {
  if (!Array.isArray(value) || value.length < min || value.length > max) {
    refuse(`${place} must be a list of ${min} to ${max} entries`);
  }
  return value;
}

function readBytes(value: unknown, place: string, bytesMax: number): string {
  const text = readText(value, place, bytesMax);
  if (Buffer.byteLength(text) > bytesMax) refuse(`${place} must be at most ${bytesMax} bytes long`);
  return text;
}

/** Of an event; `*` for any. */
export function readType(value: unknown, place: string): string {
  return readBytes(value, place, typeBytesMax);
}

export function readName(value: unknown, place: string): string {
  return readBytes(value, place, nameBytesMax);
}

export function readWhere(sent: Members, place: string): { where?: string } {
  if (!sent.has('where')) return {};
  return { where: readText(sent.get('where'), `${place}.where`, conditionCharactersMax) };
}

export function readStep(value: unknown, place: string): string | SequenceStep {
  if (typeof value === 'string') return readType(value, place);
  const sent = membersOf(value, place);
  onlyMembers(sent, ['event', 'where'], place);
  return { event: readType(sent.get('event'), `${place}.event`), ...readWhere(sent, place) };
}

export function readWithin(sent: Members, place: string): { within?: string } {
  if (!sent.has('within')) return {};
  const within = sent.get('within');
  const withinMs = typeof within === 'string' ? parseLookback(within) : Number.NaN;
  if (!(withinMs <= audienceWithinMsMax)) {
    refuse(`${place}.within must look like 30s, 5m, 12h or 7d, at most 366d`);
  }
  return { within: within as string };
}

export function readWhen(sent: Members, place: string): { when?: AudienceWhen } {
  if (!sent.has('when')) return {};
  const when = sent.get('when');
  if (when !== 'now' && when !== 'ever') refuse(`${place}.when must be now or ever`);
  return { when };
}
