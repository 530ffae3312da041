/** What a customer's tape looked like when something was made of it: with the same place, it is the same. */
import type { Position } from '../tape/cursor.ts';
import type { Tape } from '../tape/tape.ts';

export interface Place {
  /** The customer's newest event. */
  readonly latest: Position | undefined;
  /** What was erased by then. */
  readonly rules: number;
  /** What was past its retention by then, by age, and by bytes. */
  readonly receivedFrom: number;
  readonly dropped: number;
  /** Who belonged to the customer: see `Membership.mark`. */
  readonly members: number;
}

/** Take it before a scan: what is committed during one then makes another place. */
export function placeOf(tape: Tape, workspace: number, customer: string): Place {
  // Asked for first: it follows the rules that the others speak of.
  const latest = tape.latestPosition(workspace, customer);
  const { mark, members } = tape.membersOf(workspace, customer);
  const hashes = members.map(({ hash }) => hash);
  return {
    latest,
    rules: tape.rulesVersion,
    receivedFrom: tape.receivedFrom(workspace),
    dropped: tape.droppedUpTo(workspace, hashes),
    members: mark,
  };
}

export function isSamePlace(a: Place, b: Place): boolean {
  const isSameLatest =
    a.latest?.stamp === b.latest?.stamp && a.latest?.ordinal === b.latest?.ordinal;
  return isSameLatest && isAsWhole(a, b);
}

/** Whether nothing was taken away in between, nor anybody linked or parted; something may have come. */
export function isAsWhole(a: Place, b: Place): boolean {
  const isKept = a.receivedFrom === b.receivedFrom && a.dropped === b.dropped;
  return isKept && a.rules === b.rules && a.members === b.members;
}
