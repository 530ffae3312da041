/** A library of Segment or RudderStack, unmodified, as the audit meets it. */
import type { Message } from './messages.ts';

export interface Library {
  /** As its users install it. */
  readonly name: string;
  /** Gets it ready; what it takes is downloaded once, into the cache. @throws Missing. */
  prepare(): Promise<Ready>;
}

export interface Ready {
  readonly version: string;
  /** Sends messages and resolves when the library believes that it has, with what they were. */
  send(course: Course): Promise<readonly Message[]>;
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
