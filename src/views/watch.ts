/** One view of one customer that somebody follows, in one shape: what is known of it. */
import type { AppError } from '../std/errors.ts';
import type { ViewFound } from './answer.ts';
import type { KeptView } from './kept.ts';
import type { Place } from './place.ts';

/** A follower's connection. */
export interface ViewSink {
  /** Bytes that it has not taken yet. */
  bufferedBytes(): number;
  /** Called only when nothing is waiting. */
  send(answer: string): void;
  /** Ends the connection: the view is gone, or cannot be answered. */
  fail(error: AppError): void;
}

export class Watch {
  readonly key: string;
  readonly workspace: number;
  readonly customer: string;
  /** As it is stored now. */
  view: KeptView;
  /** What each follower was sent last, as the JSON text of the fields. */
  readonly sinks = new Map<ViewSink, string | undefined>();
  /** The latest answer, and where the customer stood before it was read. */
  found: ViewFound | undefined;
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
