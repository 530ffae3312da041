/** What other threads ask the owner of the graph to do, and what they learn: plain data. */
import type { Outcome, Statement } from './rules.ts';

/** Statements of one ask: others' asks have their turn in between. */
export const statementsPerAskMax = 100;

/** Thread: a front asks, main carries it out. */
export type LinkAsk =
  /** What events say, `statementsPerAskMax` at the most; one outcome for each. */
  | {
      readonly kind: 'state';
      readonly statements: readonly Statement[];
      /** So many erasures had been before the events were stored; absent: nobody was erased since. */
      readonly erasures?: number;
    }
  | {
      readonly kind: 'link';
      readonly workspace: number;
      readonly from: string;
      readonly to: string;
    }
  | {
      readonly kind: 'merge';
      readonly workspace: number;
      readonly into: string;
      readonly from: readonly string[];
    }
  | { readonly kind: 'unmerge'; readonly workspace: number; readonly customer: string };

/** What came of it. */
export interface LinkAnswer {
  readonly outcomes: readonly Outcome[];
  /** The customer that the identity, or what was merged, belongs to now. */
  readonly customer?: string;
  /** What goes on the tape. */
  readonly outbox: Outbox;
}

/** Events that the server makes itself and that wait to be on the tape, under the number of their row. */
export interface Outbox {
  readonly number: number;
  readonly records: readonly TapeRecord[];
}

/** An event that the server makes itself; its number stands in its id, so it is stored once. */
export interface TapeRecord {
  readonly number: number;
  readonly workspace: number;
  /** JSON text, as a sender would write it. */
  readonly event: string;
}

/** What events say, in asks of a size that others can wait for. */
export function asksOf(statements: readonly Statement[], erasures?: number): LinkAsk[] {
  const asks: LinkAsk[] = [];
  for (let at = 0; at < statements.length; at += statementsPerAskMax) {
    const part = statements.slice(at, at + statementsPerAskMax);
    asks.push({ kind: 'state', statements: part, ...(erasures !== undefined && { erasures }) });
  }
  return asks;
}
