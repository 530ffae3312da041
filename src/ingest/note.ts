/** The note that an event carries behind its payload: why it was flagged or quarantined (`layout.ts`). */
import { type Envelope, extraBytesMax } from '../event/envelope.ts';
import { problemBytesMax } from '../event/validator.ts';
import { assert } from '../std/assert.ts';

/** The text and its length. */
export const noteBytesMax = problemBytesMax + 1;

/** Appends the note to the envelope's extra bytes, before the event is added to a parcel. */
export function writeNote(envelope: Envelope, reason: string): void {
  const extra = Buffer.from(envelope.extra.buffer, envelope.extra.byteOffset, extraBytesMax);
  const at = envelope.extraBytes;
  assert(at + noteBytesMax <= extraBytesMax, 'a note fits behind decoded fields');
  const length = extra.write(reason, at, problemBytesMax, 'utf8');
  extra[at + length] = length;
  envelope.extraBytes = at + length + 1;
}
