/** Where the text of an envelope's field is: in the bytes as sent, or decoded beside them. */
import { type Envelope, extraBase } from '../event/envelope.ts';

export function fieldBytes(source: Uint8Array, envelope: Envelope, at: number): Uint8Array {
  return at >= extraBase ? envelope.extra : source;
}

export function fieldOffset(at: number): number {
  return at >= extraBase ? at - extraBase : at;
}

/** The id of a refused event, where it was found. */
export function idText(source: Uint8Array, envelope: Envelope): string | undefined {
  if (envelope.idAt === -1) return undefined;
  const bytes = fieldBytes(source, envelope, envelope.idAt);
  const at = fieldOffset(envelope.idAt);
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, envelope.idBytes).toString('utf8');
}
