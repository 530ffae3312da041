/** What came of one client of Cisco's Journey API. */
import { isDeepStrictEqual } from 'node:util';
import type { Fault } from '../../test/support/faultproxy.ts';

export interface Outcome {
  readonly name: string;
  readonly version: string;
  /** Events, or changes of persons, and how many of them are there. */
  readonly sent: number;
  readonly stored: number;
  /** The faults that its requests met, in order. */
  readonly met: readonly Fault[];
  /** What the server knew already. */
  readonly resent: number;
  /** What is there more than once. */
  readonly twice: number;
  /** What was answered, shown or stored otherwise than it should be. */
  readonly problems: readonly string[];
}

/** Holds what a client meets to what it should. */
export class Findings {
  readonly problems: string[] = [];

  same(what: string, found: unknown, expected: unknown): void {
    if (isDeepStrictEqual(found, expected)) return;
    this.problems.push(`${what}: ${JSON.stringify(found)} instead of ${JSON.stringify(expected)}`);
  }
}
