/** What the torture's processes say to each other. */

/** How a client process is started: JSON in its first argument. */
export interface ClientStart {
  /** Begins all its ids. */
  readonly name: string;
  readonly door: 'msgpack' | 'json' | 'http';
  readonly url: string;
  readonly key: string;
  readonly seed: number;
  readonly customers: number;
  /** The file that its receipts go to. */
  readonly journal: string;
  /** How long it waits for an answer before it tries another connection. */
  readonly patienceMs: number;
}

export type ToClient = { readonly kind: 'go' } | { readonly kind: 'pause' };

/** Everything it sent has a receipt, and every receipt is in the journal. */
export interface FromClient {
  readonly kind: 'drained';
  readonly sent: number;
}
