/** Erasures as they are asked for, kept and told of: plain data. */
import type { RetentionRule } from './gone.ts';
import type { ErasedCustomer } from './job.ts';

/** An erasure as it is kept. */
export interface Erasure {
  readonly id: string;
  readonly workspace: number;
  readonly requestedAt: number;
  /** Absent when it is done. */
  readonly customers?: readonly ErasedCustomer[];
  readonly doneAt?: number;
}

/** An erasure as whoever asked for it sees it. */
export interface ErasureState {
  readonly id: string;
  readonly status: 'pending' | 'done';
  readonly requestedAt: number;
  readonly doneAt?: number;
  /** Files that hold something to be removed and are still to be written anew; known during a sweep. */
  readonly filesLeft?: number;
}

/** As a client wishes it. */
export interface EraseWish {
  readonly workspace: number;
  /** Any identity of the customer. */
  readonly customer: string;
  /** Answer when it is done. */
  readonly now: boolean;
}

/** What is to be erased of a customer: under each of its identities, all of it or a span of time. */
export interface ErasePlan {
  readonly workspace: number;
  readonly shares: readonly ErasedShare[];
  /** Answer when it is done. */
  readonly now: boolean;
}

export interface ErasedShare {
  readonly identity: string;
  /** Epoch milliseconds, `to` not itself; null: without an end. */
  readonly from: number | null;
  readonly to: number | null;
  /** What has a stamp up to this one; absent: what is on the tape when it comes into force. */
  readonly upTo?: number;
}

/** What fronts ask for. */
export type ErasureAsk =
  | { readonly kind: 'erase'; readonly wish: EraseWish }
  | { readonly kind: 'list'; readonly workspace: number };

/** The workspaces there are, the next number that will be given out, and how long events are kept. */
export interface WorkspaceFacts {
  readonly living: readonly number[];
  readonly next: number;
  readonly retention: readonly RetentionRule[];
}
