/**
 * What a customer's tape looked like when something was made of it: with the same place, it is the same.
 * That is told in three steps, each dearer than the one before: nothing at all has changed; nothing but
 * events has come, none of them the customer's; the customer's place made anew is the same.
 */
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
  /** What the identities' events are found by. */
  readonly hashes: readonly number[];
  /** `Tape.layout`, and `Tape.grownTo` with it. */
  layout: number;
  grown: Position;
  /** `Tape.revision` when the place was last found to be the same. */
  revision: number;
}

/** Take it before a scan: what is committed during one then makes another place. */
export function placeOf(tape: Tape, workspace: number, customer: string): Place {
  // A read around all of them: they speak of one state of the tape, as far as it is files and rules.
  tape.enter();
  try {
    const { layout, revision } = tape;
    const { mark, members } = tape.membersOf(workspace, customer);
    const hashes = members.map(({ hash }) => hash);
    return {
      latest: tape.latestPosition(workspace, customer),
      rules: tape.rulesVersion,
      receivedFrom: tape.receivedFrom(workspace),
      dropped: tape.droppedUpTo(workspace, hashes),
      members: mark,
      hashes,
      layout,
      grown: tape.grownTo(hashes),
      revision,
    };
  } finally {
    tape.leave();
  }
}

/** The place for what is made as of an instant of the past: nobody ever stands there. */
export function formerPlaceOf(tape: Tape, workspace: number, customer: string): Place {
  const nowhere = { stamp: -1, ordinal: -1 };
  const place = placeOf(tape, workspace, customer);
  return { ...place, latest: nowhere, grown: nowhere, revision: Number.NaN };
}

/** Whether the customer of a place stands there still. */
export function standsAt(tape: Tape, place: Place, workspace: number, customer: string): boolean {
  tape.refresh();
  const { layout, revision } = tape;
  if (revision === place.revision) return true;
  if (layout === place.layout) {
    if (!isSamePosition(tape.grownTo(place.hashes), place.grown)) return false;
    place.revision = revision;
    return true;
  }
  const now = placeOf(tape, workspace, customer);
  if (!isSamePosition(now.latest, place.latest) || !isAsWhole(now, place)) return false;
  place.layout = now.layout;
  place.grown = now.grown;
  place.revision = now.revision;
  return true;
}

/** Whether nothing was taken away since, nor anybody linked or parted; something may have come. */
export function isWhole(tape: Tape, place: Place, workspace: number, customer: string): boolean {
  tape.refresh();
  return tape.layout === place.layout || isAsWhole(placeOf(tape, workspace, customer), place);
}

function isSamePosition(a: Position | undefined, b: Position | undefined): boolean {
  return a?.stamp === b?.stamp && a?.ordinal === b?.ordinal;
}

function isAsWhole(a: Place, b: Place): boolean {
  const isKept = a.receivedFrom === b.receivedFrom && a.dropped === b.dropped;
  return isKept && a.rules === b.rules && a.members === b.members;
}
