/**
 * What a customer's tape looked like when something was made of it: with the same place, it is the same.
 * That is told in steps, each dearer than the one before: nothing at all has changed; nothing but events has
 * come, none of them the customer's, or none of a type that it was made of; parts were sealed or merged
 * besides, but nothing was taken away and nobody linked.
 */
import type { Position } from '../tape/cursor.ts';
import { ordinalMax } from '../tape/layout.ts';
import type { Tape } from '../tape/tape.ts';

/** Events of one identity that are looked at to tell that none is of a type that matters: a few microseconds. */
const newerStepsMax = 250;

export interface Place {
  /** The customer's newest event. */
  latest: Position | undefined;
  /** What was erased by then. */
  readonly rules: number;
  /** What was past its retention by then, by age, and by bytes. */
  readonly receivedFrom: number;
  readonly dropped: number;
  /** Who belonged to the customer: see `Membership.mark`. */
  readonly members: number;
  /** What the identities' events are found by. */
  readonly hashes: readonly number[];
  /** All up to this stamp had been seen. */
  seenUpTo: number;
  /** `Tape.layout`, and `Tape.grownTo` with it. */
  layout: number;
  grown: readonly Position[];
  /** `Tape.revision` when the place was last found to be the same. */
  revision: number;
}

/** Take it before a scan: what is committed during one then makes another place. */
export function placeOf(tape: Tape, workspace: number, customer: string): Place {
  return inOneRead(tape, (seenUpTo) => placeIn(tape, { workspace, customer }, seenUpTo));
}

/**
 * A read around several looks: they speak of one state of the tape, as far as it is files and rules, and
 * nothing is taken away in between. What was settled before it began is found by all of them.
 */
function inOneRead<Found>(tape: Tape, look: (seenUpTo: number) => Found): Found {
  const seenUpTo = tape.horizon();
  tape.enter();
  try {
    return look(seenUpTo);
  } finally {
    tape.leave();
  }
}

interface Who {
  readonly workspace: number;
  readonly customer: string;
}

function placeIn(tape: Tape, { customer, workspace }: Who, seenUpTo: number): Place {
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
    seenUpTo,
    layout,
    grown: tape.grownTo(hashes),
    revision,
  };
}

/** The place for what is made as of an instant of the past: nobody ever stands there. */
export function formerPlaceOf(tape: Tape, workspace: number, customer: string): Place {
  const nowhere = { stamp: -1, ordinal: -1 };
  const place = placeOf(tape, workspace, customer);
  const grown = place.grown.map(() => nowhere);
  return { ...place, latest: nowhere, grown, revision: Number.NaN };
}

/**
 * Whether the customer of a place stands there still.
 * @param types hashes of the types of events that matter; undefined: all do.
 */
export function standsAt(
  tape: Tape,
  place: Place,
  workspace: number,
  customer: string,
  types?: ReadonlySet<number>,
): boolean {
  return inOneRead(tape, (seenUpTo) => {
    const { layout, revision } = tape;
    if (revision === place.revision) return true;
    const who = { workspace, customer };
    if (layout === place.layout) {
      if (hasMoved(tape, place) && !movesAlong(tape, place, { ...who, types }, seenUpTo))
        return false;
      place.revision = revision;
      return true;
    }
    const now = placeIn(tape, who, seenUpTo);
    if (!isAsWhole(now, place)) return false;
    const isSame = isSamePosition(now.latest, place.latest);
    if (!isSame && hasComeSince(tape, place, types)) return false;
    place.latest = now.latest;
    place.seenUpTo = now.seenUpTo;
    place.layout = now.layout;
    place.grown = now.grown;
    place.revision = now.revision;
    return true;
  });
}

/** Whether any event of these types may have come to the customer since it stood there. */
function hasComeSince(
  tape: Tape,
  { grown, hashes, revision, seenUpTo }: Place,
  types: ReadonlySet<number> | undefined,
): boolean {
  // One of the past stands nowhere.
  if (types === undefined || Number.isNaN(revision)) return true;
  const seen = { stamp: seenUpTo, ordinal: ordinalMax };
  return hashes.some((hash, at) => {
    const since = isAfter(grown[at]!, seen) ? grown[at]! : seen;
    return tape.hasComeSince(hash, since, types, newerStepsMax);
  });
}

function isAfter(one: Position, other: Position): boolean {
  return one.stamp === other.stamp ? one.ordinal > other.ordinal : one.stamp > other.stamp;
}

/** Whether any event of the customer's has come. */
function hasMoved(tape: Tape, { grown, hashes }: Place): boolean {
  return tape.grownTo(hashes).some((now, at) => !isSamePosition(now, grown[at]));
}

/** Moves a place along to where the customer stands, if nothing of these types has come in between. */
function movesAlong(
  tape: Tape,
  place: Place,
  who: Who & { readonly types: ReadonlySet<number> | undefined },
  seenUpTo: number,
): boolean {
  // The rest is taken before what came is looked at: what comes meanwhile is looked at again.
  const latest = tape.latestPosition(who.workspace, who.customer);
  const now = tape.grownTo(place.hashes);
  if (hasComeSince(tape, place, who.types)) return false;
  place.seenUpTo = seenUpTo;
  place.latest = latest;
  place.grown = now;
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
