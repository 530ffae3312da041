/**
 * Finding customers: up from an identity to whom it belongs, and down from a customer to everything that
 * is its own, each with its spans of time. A claim can point at what is claimed itself; what holds at an
 * instant is followed from one to the next, so the spans on a way are cut with each other.
 */
import { AssertionError } from '../std/assert.ts';
import { always, type Interval, intervalsTo, type Node, ownersOf, parentAt } from './node.ts';

export interface Nodes {
  /** `noNode` when nothing is known of the identity. */
  node(workspace: number, identity: string): Node;
}

/** More steps than any way has: the rules of linking make circles impossible. */
const stepsMax = 10_000;

/** The customer that an identity's events of an instant belong to. */
export function ownerAt(nodes: Nodes, workspace: number, identity: string, time: number): string {
  let owner = identity;
  for (let steps = 0; steps < stepsMax; steps++) {
    const parent = parentAt(nodes.node(workspace, owner), time);
    if (parent === '') return owner;
    owner = parent;
  }
  throw new AssertionError('links have no circles');
}

/** The same, and the span around that instant in which it stays so. */
export function ownerSpanAt(
  nodes: Nodes,
  workspace: number,
  identity: string,
  time: number,
): Interval & { readonly owner: string } {
  let owner = identity;
  let { from, to } = always;
  for (let steps = 0; steps < stepsMax; steps++) {
    const node = nodes.node(workspace, owner);
    const parent = parentAt(node, time);
    const own = intervalsTo(node, parent).find((each) => each.from <= time && time < each.to);
    from = Math.max(from, own!.from);
    to = Math.min(to, own!.to);
    if (parent === '') return { owner, from, to };
    owner = parent;
  }
  throw new AssertionError('links have no circles');
}

/**
 * Of two that have one customer at an instant, the names on their ways to where these meet that a claim
 * holds there: were one of them claimed by somebody else, the two would be parted.
 */
export function looseBelow(
  nodes: Nodes,
  workspace: number,
  one: string,
  other: string,
  time: number,
): string[] {
  const ways = [one, other].map((identity) => {
    const way: Node[] = [];
    const names: string[] = [];
    for (let name = identity; name !== ''; name = parentAt(way.at(-1)!, time)) {
      names.push(name);
      way.push(nodes.node(workspace, name));
    }
    return names.map((name, n) => ({ name, isClaimed: way[n]!.claims.length > 0 }));
  });
  const [first, second] = ways as [(typeof ways)[0], (typeof ways)[0]];
  const shared = new Set(second.map(({ name }) => name));
  const meeting = first.find(({ name }) => shared.has(name))!.name;
  return ways.flatMap((way) => {
    const below = way.slice(
      0,
      way.findIndex(({ name }) => name === meeting),
    );
    return below.filter(({ isClaimed }) => isClaimed).map(({ name }) => name);
  });
}

/** The customer that an identity belongs to from now on. */
export function customerOf(nodes: Nodes, workspace: number, identity: string): string {
  return ownerAt(nodes, workspace, identity, Number.POSITIVE_INFINITY);
}

/** What an identity contributes to a customer. */
export interface Piece extends Interval {
  readonly identity: string;
}

/** Everything that belongs to a customer, itself first. */
export function piecesOf(nodes: Nodes, workspace: number, customer: string): Piece[] {
  const pieces: Piece[] = [];
  const visit = (identity: string, node: Node, spans: readonly Interval[]): void => {
    for (const { from, to } of spans) pieces.push({ identity, from, to });
    for (const member of node.members) {
      const below = nodes.node(workspace, member);
      const inside = cut(intervalsTo(below, identity), spans);
      if (inside.length > 0) visit(member, below, inside);
    }
  };
  const own = nodes.node(workspace, customer);
  visit(customer, own, intervalsTo(own, ''));
  return joined(pieces);
}

/** All identities that have to do with a customer at some time, itself first. */
export function clusterOf(nodes: Nodes, workspace: number, customer: string): Map<string, Node> {
  const found = new Map<string, Node>();
  const line = [customer];
  for (let identity = line.pop(); identity !== undefined; identity = line.pop()) {
    if (found.has(identity)) continue;
    const node = nodes.node(workspace, identity);
    found.set(identity, node);
    line.push(...node.members);
  }
  return found;
}

/** An identity, and everybody whom it, or who is on the way, has belonged to at some time. */
export function* lineOf(nodes: Nodes, workspace: number, identity: string): Iterable<string> {
  const seen = new Set<string>();
  const line = [identity];
  for (let name = line.pop(); name !== undefined; name = line.pop()) {
    if (seen.has(name)) continue;
    seen.add(name);
    yield name;
    line.push(...ownersOf(nodes.node(workspace, name)));
  }
}

/** Whether `to` can be reached from `from`, whatever the time: a link from `to` would close a circle. */
export function reaches(nodes: Nodes, workspace: number, from: string, to: string): boolean {
  for (const name of lineOf(nodes, workspace, from)) if (name === to) return true;
  return false;
}

function cut(ones: readonly Interval[], others: readonly Interval[]): Interval[] {
  const both = ones.flatMap((one) =>
    others.map(({ from, to }) => {
      return { from: Math.max(one.from, from), to: Math.min(one.to, to) };
    }),
  );
  return both.filter(({ from, to }) => from < to);
}

/** An identity can come by several ways: what touches is one piece. */
function joined(pieces: readonly Piece[]): Piece[] {
  const byIdentity = new Map<string, Piece[]>();
  for (const piece of pieces) {
    const same = byIdentity.get(piece.identity);
    if (same === undefined) byIdentity.set(piece.identity, [piece]);
    else same.push(piece);
  }
  return [...byIdentity.values()].flatMap((same) => {
    same.sort((a, b) => a.from - b.from);
    const whole: Piece[] = [];
    for (const piece of same) {
      const last = whole.at(-1);
      if (last === undefined || last.to < piece.from) whole.push(piece);
      else if (piece.to > last.to) whole[whole.length - 1] = { ...last, to: piece.to };
    }
    return whole;
  });
}
