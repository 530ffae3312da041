/** What is told of an identity: whose it is, and everything else of that customer. */
import { clusterOf, customerOf, type Piece, piecesOf } from './graph.ts';
import { intervalsTo, type Node } from './node.ts';
import { typeOf } from './profile.ts';
import type { LinkReader } from './reader.ts';
import type { IdentitySettings } from './settings.ts';

/** Times are epoch milliseconds. */
export interface ShownIdentity {
  readonly identity: string;
  readonly type: string;
  /** When it was linked or merged; null: it is the customer's own name. */
  readonly since: number | null;
  /** The events sent under it that are the customer's: from this time on, null: from the first, … */
  readonly from: number | null;
  /** … until before this one; null: without an end. */
  readonly to: number | null;
}

export interface ShownCustomer {
  readonly identity: string;
  readonly customer: string;
  readonly identities: readonly ShownIdentity[];
}

/** Follows what is in force now. */
export function showCustomer(
  links: LinkReader,
  workspace: number,
  text: string,
  settings: IdentitySettings,
): ShownCustomer {
  links.refresh();
  const identity = links.canonical(text);
  const customer = customerOf(links, workspace, identity);
  const nodes = clusterOf(links, workspace, customer);
  const identities = piecesOf(links, workspace, customer).map((piece): ShownIdentity => {
    const node = nodes.get(piece.identity)!;
    const named = node.merged?.isSpelling === true ? node.merged.into : piece.identity;
    return {
      identity: piece.identity,
      type: typeOf(named, named === piece.identity ? node : nodes.get(named)!, settings),
      since: piece.identity === customer ? null : sinceOf(node, piece),
      from: finite(piece.from),
      to: finite(piece.to),
    };
  });
  return { identity, customer, identities };
}

/** When what holds at the beginning of a piece was said. */
function sinceOf(node: Node, { from }: Piece): number | null {
  const { claims, merged } = node;
  for (const { since, to } of claims) {
    if (to === '') continue;
    if (intervalsTo(node, to).some((each) => each.from <= from && from < each.to)) return since;
  }
  return merged?.at ?? null;
}

function finite(time: number): number | null {
  return Number.isFinite(time) ? time : null;
}
