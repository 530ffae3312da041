/**
 * Takes a customer out of the graph. An identity that others have had too keeps their spans: what was the
 * customer's of it becomes nobody's.
 */
import type { ErasedShare } from '../tape/erasure.ts';
import type { Draft } from './draft.ts';
import { customerOf, piecesOf } from './graph.ts';
import { always, type Claim, type Interval, intervalsTo, type Node, tidied } from './node.ts';

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
  const pieces = piecesOf(draft, workspace, customer);
  const shares = pieces.flatMap(({ from, identity: name, to }) => {
    const { others = [] } = draft.node(workspace, name);
    return [name, ...others].map((each): ErasedShare => {
      return { identity: each, from: finite(from), to: finite(to) };
    });
  });
  const spans = new Map<string, Interval[]>();
  for (const piece of pieces) {
    spans.set(piece.identity, [...(spans.get(piece.identity) ?? []), piece]);
  }
  draft.begin();
  for (const [name, own] of spans) {
    draft.put(workspace, name, without(draft.node(workspace, name), own));
    if (areIn([always], own)) forgetMerges(draft, workspace, name);
  }
  return shares;
}

/** No redirect leads to a name that is gone, nor one that claims have put out of force. */
function forgetMerges(draft: Draft, workspace: number, name: string): void {
  for (const member of draft.node(workspace, name).members) {
    const { claims, merged } = draft.node(workspace, member);
    if (merged?.into === name) draft.put(workspace, member, { claims, merged: undefined });
  }
}

/** A node whose `spans` are nobody's; what others have of it stays theirs. */
function without(
  node: Node,
  spans: readonly Interval[],
): Pick<Node, 'claims' | 'handle' | 'merged' | 'others'> {
  const { claims, handle, merged, others } = node;
  const redirected = merged === undefined ? [] : intervalsTo(node, merged.into);
  const isGone = redirected.length > 0 && areIn(redirected, spans);
  const isWhole = areIn([always], spans);
  return {
    claims: freed(claims, spans),
    merged: isGone ? undefined : merged,
    others: isWhole ? undefined : others,
    handle: isWhole ? undefined : handle,
  };
}

function areIn(intervals: readonly Interval[], spans: readonly Interval[]): boolean {
  return intervals.every(({ from, to }) =>
    spans.some((span) => span.from <= from && to <= span.to),
  );
}

/** The claims, each only where no span is. */
function freed(claims: readonly Claim[], spans: readonly Interval[]): Claim[] {
  const edges = new Set<number>();
  for (const { from, to } of spans) edges.add(from).add(to);
  const cut: Claim[] = [];
  for (const [n, claim] of claims.entries()) {
    const [from, to] = [n === 0 ? always.from : claim.since, claims[n + 1]?.since ?? always.to];
    const inside = [...edges].filter((edge) => from < edge && edge < to).sort((a, b) => a - b);
    for (const start of [from, ...inside]) {
      const isFree = spans.some((span) => span.from <= start && start < span.to);
      // The first one holds for what came before it: when it begins is only what was said.
      const since = start === always.from ? Math.min(claim.since, (inside[0] ?? to) - 1) : start;
      cut.push(isFree ? { since, to: '' } : { ...claim, since });
    }
  }
  return tidied(cut);
}

function finite(time: number): number | null {
  return Number.isFinite(time) ? time : null;
}
