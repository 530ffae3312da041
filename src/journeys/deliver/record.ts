/**
 * What is kept of a webhook's delivery, pending and settled, in rows of the engine's file:
 *
 *     m <workspace> <webhook> <action id>   Kept: how it stands        (parts with a NUL between)
 *     b <workspace> <webhook> <action id>   the body that is posted, the same each time
 */
export type DeliveryState = 'pending' | 'delivered' | 'failed';
export const deliveryStates: readonly DeliveryState[] = ['pending', 'delivered', 'failed'];

/** Times are epoch milliseconds. */
export interface Kept {
  /** As the person was called when it was decided. */
  readonly customer: string;
  readonly rule?: string;
  readonly instance?: string;
  readonly request: string;
  readonly decidedAt: number;
  state: DeliveryState;
  /** Of this round: a replay begins anew. */
  attempts: number;
  replays: number;
  /** Since when it has been in this state. */
  at: number;
  /** Pending: not before. */
  nextAt: number;
  /** What came back last. */
  status?: number;
  failure?: string;
  excerpt?: string;
  attemptedAt?: number;
}

export interface Place {
  readonly workspace: number;
  readonly webhook: string;
  /** Of the action: `webhook-id`. */
  readonly id: string;
}

export interface Entry extends Place, Kept {
  /** It was erased while somebody was busy with it. */
  gone?: boolean;
  /** What became of it is said on the tape, or about to be. */
  told?: boolean;
}

export function metaKey(place: Place): string {
  return `m${tailOf(place)}`;
}

export function bodyKey(place: Place): string {
  return `b${tailOf(place)}`;
}

function tailOf({ id, webhook, workspace }: Place): string {
  return `${workspace}\0${webhook}\0${id}`;
}

export function placeOf(key: string): Place {
  const [workspace, webhook, id] = key.slice(1).split('\0');
  return { workspace: Number(workspace), webhook: webhook!, id: id! };
}

/** What is stored: all but the place, which is the key. */
export function keptOf({
  gone: _,
  told: __,
  workspace: ___,
  webhook: ____,
  id: _____,
  ...kept
}: Entry): Kept {
  return kept;
}
