/** A recording on disk: what the server was given, what it did, what it promised. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Reference } from './examine.ts';

/** Where things are in a recording's directory. */
export function placesOf(recording: string) {
  return {
    /** A copy of `disk` as it was before. */
    base: join(recording, 'base'),
    /** What the server saw: the root that the shim watches. */
    disk: join(recording, 'disk'),
    /** The server's data directory, from either of them. */
    data: 'data',
    journal: join(recording, 'journal'),
    reference: join(recording, 'reference.json'),
  } as const;
}

export interface Recorded {
  readonly shards: number;
  readonly reference: Reference;
}

export function saveRecorded(recording: string, recorded: Recorded): void {
  writeFileSync(placesOf(recording).reference, JSON.stringify(recorded));
}

export function loadRecorded(recording: string): Recorded {
  return JSON.parse(readFileSync(placesOf(recording).reference, 'utf8')) as Recorded;
}
