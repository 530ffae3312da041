/** A library of Segment or RudderStack, unmodified, as the audit meets it. */
import type { Fault } from '../../test/support/faultproxy.ts';
import type { Message } from './messages.ts';

export interface Library {
  /** As its users install it. */
  readonly name: string;
  /** What it meets on its way; by default everything. */
  readonly faults?: readonly Fault[];
  /** Gets it ready; what it takes is downloaded once, into the cache. @throws Missing. */
  prepare(): Promise<Ready>;
}

export interface Ready {
  readonly version: string;
  /** Sends messages, and tells what they were; `stored` resolves when the library may end. */
  send(course: Course, stored: (sent: readonly Message[]) => Promise<void>): Promise<void>;
}

export interface Course {
  /** Where the server is, behind the proxy. */
  readonly url: string;
  readonly writeKey: string;
  /** Begins every identity. */
  readonly stem: string;
  readonly visitors: number;
}

/** Something that a library needs is not on this machine. */
export class Missing extends Error {}
