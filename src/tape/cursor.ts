/**
 * A position on the tape as clients hold it: opaque, URL-safe, three numbers in base 36.
 *
 *     <stamp>.<ordinal>.<time>     the event at (stamp, ordinal) in commit order, and when it occurred
 *     <stamp>.<ordinal>            a place in commit order only (a live stream's start)
 *
 * A position says nothing of a workspace; what it is used on is filtered by the credential's.
 */
import { AppError } from '../std/errors.ts';
import { ordinalMax } from './layout.ts';

/** A place in commit order: everything up to and including (stamp, ordinal) lies behind it. */
export interface Position {
  readonly stamp: number;
  readonly ordinal: number;
}

/** An event's place in both orders. */
export interface EventPosition extends Position {
  readonly time: number;
}

export const earliest: Position = { stamp: 0, ordinal: 0 };

/** The place of which this is the next. */
export function justBefore({ ordinal, stamp }: Position): Position {
  if (ordinal > 0) return { stamp, ordinal: ordinal - 1 };
  return { stamp: stamp - 1, ordinal: ordinalMax };
}

export function formatCursor(stamp: number, ordinal: number, time?: number): string {
  const place = `${stamp.toString(36)}.${ordinal.toString(36)}`;
  return time === undefined ? place : `${place}.${time.toString(36)}`;
}

const cursorPattern = /^([0-9a-z]{1,11})\.([0-9a-z]{1,4})(?:\.([0-9a-z]{1,11}))?$/;

/** @param droppedUpTo events with stamps up to this one are no longer kept. */
export function cursorExpired(droppedUpTo: number): AppError {
  const first = formatCursor(droppedUpTo, ordinalMax);
  const message = `events after this cursor are no longer kept; the earliest cursor still held is ${first}`;
  return new AppError('cursor_expired', message, { earliest: first });
}

/** @throws AppError `invalid` when the text is not a cursor of ours. */
export function parsePosition(text: string): Position {
  const parts = cursorPattern.exec(text);
  if (parts === null) throw new AppError('invalid', 'the cursor is not one this server gave out');
  return { stamp: parseInt(parts[1]!, 36), ordinal: parseInt(parts[2]!, 36) };
}

/** @throws AppError `invalid` when the text is not the cursor of an event. */
export function parseEventPosition(text: string): EventPosition {
  const parts = cursorPattern.exec(text);
  if (parts?.[3] === undefined) {
    throw new AppError('invalid', 'the cursor is not the cursor of an event');
  }
  return { ...parsePosition(text), time: parseInt(parts[3], 36) };
}
