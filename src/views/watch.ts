/** One view of one customer that somebody follows, in one shape: what is known of it. */
import type { AppError } from '../std/errors.ts';
import type { ViewFound } from './answer.ts';
import type { KeptView } from './kept.ts';
import type { LiveAnswer } from './liveanswer.ts';
import type { Place } from './place.ts';

/** A follower's connection. */
export interface ViewSink {
  /** Bytes that it has not taken yet. */
  bufferedBytes(): number;
  /** Called only when nothing is waiting. */
  send(answer: LiveAnswer): void;
  /** Ends the connection: the view is gone, or cannot be answered. */
  fail(error: AppError): void;
}

export class Watch {
  readonly key: string;
  readonly workspace: number;
  readonly customer: string;
  /** As it is stored now. */
  view: KeptView;
  /** The digest of what each follower was sent last. */
  readonly sinks = new Map<ViewSink, string | undefined>();
  /** The digest of the latest answer. */
  digest: string | undefined;
  /** With nothing new it is the same until then; epoch milliseconds. */
  holdsUntil = Number.POSITIVE_INFINITY;
  /** The answer itself when it is small; a large one is read again when it is wanted again. */
  found: ViewFound | undefined;
  /** Where the customer stood before the answer was read. */
  place: Place | undefined;
  /** Monotonic milliseconds. */
  restsUntil = 0;
  /** The pool reads it. */
  isReading = false;

  constructor(key: string, workspace: number, customer: string, view: KeptView) {
    this.key = key;
    this.workspace = workspace;
    this.customer = customer;
    this.view = view;
  }
}
