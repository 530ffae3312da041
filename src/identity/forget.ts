/**
 * Takes a customer out of the graph. An identity that others have had too keeps their spans: what was the
 * customer's of it becomes nobody's.
 */
import type { ErasedShare } from '../tape/erasure.ts';
import type { Draft } from './draft.ts';
import { clusterOf, customerOf, piecesOf } from './graph.ts';
import { type Claim, tidied } from './node.ts';

/** An erasure that is to be carried out on the tape; its names are gone from the graph. */
export interface Forgotten {
  readonly number: number;
  readonly workspace: number;
  readonly shares: readonly ErasedShare[];
}

/** Of what is still to be erased, that which concerns any of these names. */
export function leftOf(
  all: readonly Forgotten[],
  workspace: number,
  names: readonly string[],
): Forgotten[] {
  const wanted = new Set(names);
  return all.filter(
    (each) => each.workspace === workspace && each.shares.some((one) => wanted.has(one.identity)),
  );
}

/** What is asked for now and what was left; each span of a name once, up to the newest stamp. */
export function withLeft(own: readonly ErasedShare[], left: readonly Forgotten[]): ErasedShare[] {
  const shares = new Map<string, ErasedShare>();
  for (const share of [...left.flatMap((each) => each.shares), ...own]) {
    shares.set(JSON.stringify([share.identity, share.from, share.to]), share);
  }
  return [...shares.values()];
}

/** @returns what is to be erased on the tape: everything that was the customer's. */
export function forget(draft: Draft, workspace: number, identity: string): ErasedShare[] {
  const customer = customerOf(draft, workspace, identity);
  const spans = piecesOf(draft, workspace, customer).flatMap(({ from, identity: name, to }) => {
    const { others = [] } = draft.node(workspace, name);
    return [name, ...others].map((each): ErasedShare => {
      return { identity: each, from: finite(from), to: finite(to) };
    });
  });
  const gone = clusterOf(draft, workspace, customer);
  draft.begin();
  for (const name of gone.keys()) {
    const { claims, merged, others } = draft.node(workspace, name);
    const kept = claims.map(
      (claim): Claim => (gone.has(claim.to) ? { since: claim.since, to: '' } : claim),
    );
    const isAnyLeft = kept.some(({ to }) => to !== '');
    draft.put(workspace, name, {
      claims: isAnyLeft ? tidied(kept) : [],
      merged: merged !== undefined && gone.has(merged.into) ? undefined : merged,
      others: isAnyLeft ? others : undefined,
    });
  }
  return spans;
}

function finite(time: number): number | null {
  return Number.isFinite(time) ? time : null;
}
