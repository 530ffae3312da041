/** A batch on its way from a front to the shards: what is known of it until its receipt. */
import type { Rejection } from '../event/envelope.ts';
import type { ErrorCode } from '../std/errors.ts';
import type { Receipt, RejectedEvent } from './receipt.ts';
import type { NotedStatement } from './statements.ts';
import type { Taxonomy, Verdict } from './taxonomy.ts';

/** A batch that is being filled or under way. */
export class Batch {
  readonly workspace: number;
  readonly ticket: number;
  readonly bytes: number;
  /** False: a `publish` key sends it. */
  readonly isTrusted: boolean;
  /** What its events say of identities that is not in force. */
  statements: NotedStatement[] | undefined;
  accepted = 0;
  duplicates = 0;
  events = 0;
  readonly rejected: RejectedEvent[] = [];
  /** Parcels with events of this batch that are not back yet. */
  parcels = 0;
  refused = 0;
  /** What it takes of the budget while it is under way. */
  held = 0;
  /** Its events are stored, but what they say of identities could not be. */
  isUnlinked = false;
  /** Its workspace has much under way. */
  isHeavy = false;
  /** Undefined, as for most: nothing is asked about its events. */
  taxonomy: Taxonomy | undefined = undefined;
  /** Numbers of events that the taxonomy kept apart or flagged. */
  quarantined: number[] | undefined = undefined;
  flagged: number[] | undefined = undefined;
  /** When it was complete, on the monotonic clock. */
  sentMs = 0;
  done: ((receipt: Receipt) => void) | undefined;

  constructor(workspace: number, ticket: number, bytes: number, isTrusted: boolean) {
    this.workspace = workspace;
    this.ticket = ticket;
    this.bytes = bytes;
    this.isTrusted = isTrusted;
  }

  /** It is complete, as of `nowMs` on the monotonic clock. */
  sent(done: (receipt: Receipt) => void, nowMs: number): void {
    this.done = done;
    this.sentMs = nowMs;
  }

  /** The next event is refused. */
  addRefusal({ code, message }: Rejection, id: string | undefined): void {
    this.rejected.push(refusalOf(this.events, id, code, message));
    this.events += 1;
  }

  /** Events that a shard could not store. */
  addUnwritten(
    events: readonly { readonly index: number; readonly id: string | undefined }[],
  ): void {
    this.refused += events.length;
    const message = 'the event could not be written; send it again';
    for (const { id, index } of events) {
      this.rejected.push(refusalOf(index, id, 'unavailable', message));
    }
  }

  /** What the taxonomy made of the next event. */
  mark(mode: Verdict['mode']): void {
    const list = mode === 'flag' ? 'flagged' : 'quarantined';
    this[list] ??= [];
    this[list].push(this.events);
  }
}

function refusalOf(
  index: number,
  id: string | undefined,
  code: ErrorCode,
  message: string,
): RejectedEvent {
  return id === undefined ? { index, code, message } : { index, id, code, message };
}

/** Every parcel of the batch is back. */
export function receiptOf(batch: Batch): Receipt {
  const stored = batch.accepted + batch.duplicates;
  return {
    accepted: batch.accepted,
    duplicates: batch.duplicates,
    rejected: batch.rejected,
    quarantined: storedOf(batch, batch.quarantined),
    flagged: storedOf(batch, batch.flagged),
    unavailable: batch.isUnlinked || (stored === 0 && batch.refused > 0),
  };
}

/** How many of these events are stored. */
function storedOf({ refused, rejected }: Batch, events: readonly number[] | undefined): number {
  if (events === undefined) return 0;
  if (refused === 0) return events.length;
  const lost = new Set(rejected.map(({ index }) => index));
  return events.filter((event) => !lost.has(event)).length;
}
