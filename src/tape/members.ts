/**
 * Whose events make up a customer's tape. An event stays on the tape of the identity that it was sent
 * under; a customer with several identities is read as the union of what each of them contributes.
 * The room `identity` knows which those are; the tape asks through `MemberSource`.
 */

/** What one identity contributes: its events from `from` up to but not including `to`. */
export interface Member {
  readonly customer: Uint8Array;
  readonly hash: number;
  /** Epoch milliseconds, or infinite. */
  readonly from: number;
  readonly to: number;
}

export interface Membership {
  /** One identity may be here several times, with spans that do not overlap. */
  readonly members: readonly Member[];
  /** Another one whenever the members or their spans are others. */
  readonly mark: number;
}

export interface MemberSource {
  /** Follows what is in force. Called when a read begins, never within one. */
  refresh(): void;
  /** Another one when anybody's identities may be others than before. */
  readonly version: number;
  membersOf(workspace: number, customer: string): Membership;
}

/** A customer without links is alone on its tape. */
export function aloneOn(customer: Uint8Array, hash: number): Membership {
  const from = Number.NEGATIVE_INFINITY;
  return { members: [{ customer, hash, from, to: Number.POSITIVE_INFINITY }], mark: 0 };
}
