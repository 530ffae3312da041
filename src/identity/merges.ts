/** Merging customers, and taking that back: a redirect is written or dropped, no tape is touched. */
import { AppError } from '../std/errors.ts';
import type { Draft } from './draft.ts';
import { customerOf, reaches } from './graph.ts';
import { tidied } from './node.ts';
import {
  guestsTogetherMax,
  haveRoomTogether,
  identitiesPerCustomerMax,
  type Profile,
} from './profile.ts';
import type { IdentitySettings } from './settings.ts';

export interface MergeWish {
  readonly workspace: number;
  /** The customer that stays, by any of its identities. */
  readonly into: string;
  readonly from: readonly string[];
  readonly nowMs: number;
}

/** What came of it. */
export interface MergeResult {
  readonly customer: string;
  /** Those that had been on their own, with how many identities each had. Empty when all of it was so before. */
  readonly merged: readonly { readonly customer: string; readonly identities: number }[];
}

/** @throws AppError conflict; the draft is then of no use. */
export function merge(draft: Draft, wish: MergeWish, settings: IdentitySettings): MergeResult {
  const { from, into, nowMs, workspace } = wish;
  const customer = customerOf(draft, workspace, into);
  const merged: { customer: string; identities: number }[] = [];
  for (const name of from) {
    const other = customerOf(draft, workspace, name);
    if (other === customer) continue;
    if (reaches(draft, workspace, customer, other)) {
      const message = `${customer} has belonged to ${other} before; merge it the other way round`;
      throw new AppError('conflict', message);
    }
    const [mine, theirs] = [customer, other].map((root) => {
      return draft.profile(workspace, root, settings);
    }) as [Profile, Profile];
    if (!haveRoomTogether(mine, theirs)) {
      const message = `a customer may have at most ${identitiesPerCustomerMax} identities, and ${guestsTogetherMax} that keys in pages linked`;
      throw new AppError('conflict', message);
    }
    draft.begin();
    const { claims } = draft.node(workspace, other);
    draft.put(workspace, other, { claims, merged: { into: customer, at: nowMs } });
    merged.push({ customer: other, identities: theirs.size });
  }
  return { customer, merged };
}

/** What was taken back: the identity, and the customer that it belonged to directly. */
export interface Parted {
  readonly identity: string;
  readonly from: string;
}

/**
 * Takes back what made an identity another's: its merge, or else the claim in force, so that it is as
 * it was before that. @throws AppError not_found when it is its own.
 */
export function unmerge(draft: Draft, workspace: number, identity: string): Parted {
  const { claims, merged } = draft.node(workspace, identity);
  const last = claims.at(-1);
  if (last !== undefined && last.to !== '') {
    draft.begin();
    draft.put(workspace, identity, { claims: tidied(claims.slice(0, -1)), merged });
    return { identity, from: last.to };
  }
  if (merged === undefined || merged.isSpelling === true) {
    throw new AppError('not_found', `${identity} is neither merged nor linked to another customer`);
  }
  draft.begin();
  draft.put(workspace, identity, { claims, merged: undefined });
  return { identity, from: merged.into };
}
