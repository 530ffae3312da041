/** Reading the whole tape in commit order, with stops. */
import { strict as assert } from 'node:assert';
import type { Random } from '../../src/std/random.ts';
import { parsePosition } from '../../src/tape/cursor.ts';
import { Tail } from '../../src/tape/tail.ts';
import type { Tape } from '../../src/tape/tape.ts';

/** What a tail hands out: which event, and its cursor. */
export interface Visited {
  readonly n: number;
  readonly cursor: string;
}

/** Everything after `cursor`, as a reader meets it that now and then refuses an event once. */
export function tailFrom(tape: Tape, random: Random, cursor: string): Visited[] {
  const numbers = tape.shards.map((_, number) => number);
  const tail = new Tail(tape, numbers, parsePosition(cursor));
  const visited: Visited[] = [];
  const horizon = tape.horizon();
  let last = parsePosition(cursor);
  while (
    tail.visitBlock(horizon, (event) => {
      if (random.below(200) === 0) return false;
      const isLater =
        event.stamp > last.stamp || (event.stamp === last.stamp && event.ordinal > last.ordinal);
      assert.ok(isLater || last.stamp === 0, 'cursors rise');
      last = { stamp: event.stamp, ordinal: event.ordinal };
      const n = Number(/"n":(\d+)/.exec(event.data()!)![1]);
      visited.push({ n, cursor: event.cursor });
      return true;
    })
  );
  return visited;
}
