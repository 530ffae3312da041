/**
 * What is kept of one identity, and how it lies in `identities.mdb`. Values are JSON; keys:
 *
 *     n <workspace u32 BE> <identity>   Node: its claims, where it was merged to, what belongs to it
 *     h <workspace u32 BE> <handle u64 BE>   the identity with this handle, as text
 *     o <number u64 BE>                 events of ours that are not on the tape yet, those of one ask
 *     e <number u64 BE>                 names to be erased from the tape (`forget.ts`)
 *     m                                 Meta: the counter of changes, how far the tape was read
 *
 * A claim says whose an identity is from an instant on, until the next one; the first holds for what came
 * before it too, since a tape that was nobody's belongs to whoever claims it first.
 *
 *     claims     c1 since 100 ─ c2 since 200         cookie:1 is c1's until 200, then c2's
 *     intervals  [−∞, 200) → c1   [200, ∞) → c2
 */

export interface Claim {
  /** Epoch milliseconds. */
  readonly since: number;
  /** Whose it is; empty: nobody's but its own. */
  readonly to: string;
  /** When a key in a page said so, by the server's clock; absent: one that is trusted did. */
  readonly guestAt?: number;
}

export interface Merged {
  readonly into: string;
  /** When that was, epoch milliseconds. */
  readonly at: number;
  /** It is only another way to write the same identity. */
  readonly isSpelling?: boolean;
}

export interface Node {
  /** Which change of the graph made it what it is. */
  readonly version: number;
  /** In the order of time, never two to the same in a row, at least one to somebody. */
  readonly claims: readonly Claim[];
  /** Whose it is where no claim says otherwise. */
  readonly merged?: Merged | undefined;
  /**
   * What stands for the identity in events on the tapes of others, who must not name it: the number of a
   * change. It has one from its first link on, for good.
   */
  readonly handle?: number | undefined;
  /** Identities that have a claim to this one, or were merged into it. */
  readonly members: readonly string[];
  /** Of a phone number: ways to write it that are not members and have tapes of their own. */
  readonly others?: readonly string[] | undefined;
}

export const noNode: Node = { version: 0, claims: [], members: [] };

export interface Interval {
  readonly from: number;
  /** Not itself. */
  readonly to: number;
}

export const always: Interval = {
  from: Number.NEGATIVE_INFINITY,
  to: Number.POSITIVE_INFINITY,
};

/** When a node is `owner`'s by its claims and redirect; its own (`''`) when nothing else holds. */
export function intervalsTo({ claims, merged }: Node, owner: string): Interval[] {
  const rest = merged?.into ?? '';
  const intervals: Interval[] = [];
  if (claims.length === 0 && rest === owner) intervals.push(always);
  for (const [n, { since, to }] of claims.entries()) {
    if ((to === '' ? rest : to) !== owner) continue;
    const from = n === 0 ? always.from : since;
    intervals.push({ from, to: claims[n + 1]?.since ?? always.to });
  }
  return intervals;
}

/** The claim that decides at an instant: the first one for what came before it too. */
export function claimAt({ claims }: Pick<Node, 'claims'>, time: number): Claim | undefined {
  let holding = claims[0];
  for (const claim of claims) if (claim.since <= time) holding = claim;
  return holding;
}

/** Whose a node is at an instant by its claims alone; `''`: no claim holds. */
export function claimedAt(node: Node, time: number): string {
  return claimAt(node, time)?.to ?? '';
}

/** Whose a node is at an instant; `''`: its own. */
export function parentAt(node: Node, time: number): string {
  return claimedAt(node, time) || (node.merged?.into ?? '');
}

/** The claims with one more: from `since` until the next of them it is `to`'s. */
export function withClaim(claims: readonly Claim[], made: Claim): Claim[] {
  const sorted = [...claims.filter(({ since }) => since !== made.since), made];
  sorted.sort((a, b) => a.since - b.since);
  return tidied(sorted);
}

/** Without claims that say what the one before says, and without any when all say that it is nobody's. */
export function tidied(claims: readonly Claim[]): Claim[] {
  if (claims.every(({ to }) => to === '')) return [];
  return claims.filter(({ to }, n) => n === 0 || claims[n - 1]!.to !== to);
}

/** Everybody whom a node names as its owner, now or at some time. */
export function ownersOf({ claims, merged }: Node): Set<string> {
  const owners = new Set(claims.map(({ to }) => to));
  if (merged !== undefined) owners.add(merged.into);
  owners.delete('');
  return owners;
}

const kindBytes = 1;
export const nodeKind = 0x6e;
export const handleKind = 0x68;
export const outboxKind = 0x6f;
export const erasedKind = 0x65;
export const metaKey = Buffer.from('m');

export function nodeKey(workspace: number, identity: string): Buffer {
  const key = Buffer.allocUnsafe(kindBytes + 4 + Buffer.byteLength(identity));
  key[0] = nodeKind;
  key.writeUInt32BE(workspace, kindBytes);
  key.write(identity, kindBytes + 4, 'utf8');
  return key;
}

export function handleKey(workspace: number, handle: number): Buffer {
  const key = Buffer.allocUnsafe(kindBytes + 12);
  key[0] = handleKind;
  key.writeUInt32BE(workspace, kindBytes);
  key.writeBigUInt64BE(BigInt(handle), kindBytes + 4);
  return key;
}

/** The workspace of a node's key, or of a handle's. */
export function workspaceOfKey(key: Buffer): number {
  return key.readUInt32BE(kindBytes);
}

export function numberedKey(kind: number, number: number): Buffer {
  const key = Buffer.allocUnsafe(kindBytes + 8);
  key[0] = kind;
  key.writeBigUInt64BE(BigInt(number), kindBytes);
  return key;
}

/** The workspace and identity of a node's key. */
export function parseNodeKey(key: Buffer): { workspace: number; identity: string } {
  return {
    workspace: key.readUInt32BE(kindBytes),
    identity: key.toString('utf8', kindBytes + 4),
  };
}

export function isEmptyNode({ claims, handle, members, merged, others = [] }: Node): boolean {
  const isAlone = claims.length + members.length + others.length === 0 && merged === undefined;
  return isAlone && handle === undefined;
}
