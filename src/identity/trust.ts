/** What a key in a page has linked and a key that is trusted says too is trusted from then on. */
import type { Nodes } from './graph.ts';
import { type Claim, claimAt, parentAt } from './node.ts';

/** An instant in a workspace, and who speaks. */
export interface Spoken {
  readonly workspace: number;
  readonly time: number;
  readonly isTrusted: boolean;
}

/**
 * Identities whose links a statement makes trusted: it joins what has one customer at its time, of which
 * one side got there by trusted links alone.
 */
export function confirmedBy(nodes: Nodes, spoken: Spoken, one: string, other: string): string[] {
  if (!spoken.isTrusted) return [];
  const [first, second] = [guestsAbove(nodes, spoken, one), guestsAbove(nodes, spoken, other)];
  // Two strangers' devices at one customer: that they are one person's does not say whose.
  return first.length > 0 && second.length > 0 ? [] : [...first, ...second];
}

/** On the way from an identity to its customer those that a key in a page has linked. */
function guestsAbove(nodes: Nodes, { time, workspace }: Spoken, identity: string): string[] {
  const guests: string[] = [];
  for (let name = identity; name !== ''; ) {
    const node = nodes.node(workspace, name);
    const claim = claimAt(node, time);
    if (claim?.guestAt !== undefined && claim.to !== '') guests.push(name);
    name = parentAt(node, time);
  }
  return guests;
}

/** The claims with the one that holds at `time` trusted. */
export function confirmed(claims: readonly Claim[], time: number): Claim[] {
  const holding = claimAt({ claims }, time);
  return claims.map((claim) => (claim === holding ? { since: claim.since, to: claim.to } : claim));
}
