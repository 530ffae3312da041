/** A customer with all its identities, counted by type: what the limits are about. */
import type { Draft } from './draft.ts';
import { clusterOf } from './graph.ts';
import type { Node } from './node.ts';
import type { IdentitySettings } from './settings.ts';
import { isSpelling } from './spelling.ts';
import { typedOf, untyped } from './typed.ts';

/** Identities that one customer may have in all, whatever their types. */
export const identitiesPerCustomerMax = 1000;
const dayMs = 86_400_000;

/** An untyped identity is a customer's name, one that was merged too, until it is linked to another. */
export function typeOf(identity: string, node: Node, settings: IdentitySettings): string {
  const { type } = typedOf(identity, settings);
  if (type !== untyped) return type;
  const isLinked = node.claims.some(({ to }) => to !== '') || isSpelling(node);
  return isLinked ? 'temporaryId' : 'customerId';
}

/** A customer and what belongs to it. */
export class Profile {
  readonly root: string;
  readonly #members: Map<string, Node>;
  readonly #settings: IdentitySettings;
  readonly #rootType: string | undefined;

  /** @param rootType what the customer itself is taken for, if not for what its text says. */
  constructor(
    draft: Draft,
    workspace: number,
    root: string,
    settings: IdentitySettings,
    rootType?: string,
  ) {
    this.root = root;
    this.#rootType = rootType;
    const all = [...clusterOf(draft, workspace, root)];
    // Another way to write an identity is no identity more.
    this.#members = new Map(all.filter(([, node]) => !isSpelling(node)));
    this.#settings = settings;
  }

  get size(): number {
    return this.#members.size;
  }

  /** The priority of its strongest identity. */
  get rank(): number {
    let rank = Number.POSITIVE_INFINITY;
    for (const type of this.#types()) rank = Math.min(rank, this.#settings.types[type]!.priority);
    return rank;
  }

  /** Whether it has nothing but identities of devices. */
  get isAnonymous(): boolean {
    return [...this.#types()].every((type) => this.#settings.types[type]!.shared);
  }

  /** How many identities of a type count towards its limit at `time`: linked so close to it, or ever. */
  count(type: string, time: number): number {
    const { days } = this.#settings.types[type]!;
    const spanMs = days === null ? Number.POSITIVE_INFINITY : days * dayMs;
    let count = 0;
    for (const [identity, node] of this.#members) {
      if (this.#typeOf(identity, node) !== type) continue;
      const since = identity === this.root ? time : this.#linkedAt(node);
      if (since !== undefined && Math.abs(since - time) < spanMs) count += 1;
    }
    return count;
  }

  /** Undefined: it has gone to another since. */
  #linkedAt({ claims, merged }: Node): number | undefined {
    const last = claims.at(-1);
    if (last !== undefined && last.to !== '') {
      return this.#members.has(last.to) ? last.since : undefined;
    }
    return merged !== undefined && this.#members.has(merged.into) ? merged.at : undefined;
  }

  /** The types it has an identity of. */
  types(): Set<string> {
    return new Set(this.#types());
  }

  *#types(): Iterable<string> {
    for (const [identity, node] of this.#members) yield this.#typeOf(identity, node);
  }

  #typeOf(identity: string, node: Node): string {
    if (identity === this.root && this.#rootType !== undefined) return this.#rootType;
    return typeOf(identity, node, this.#settings);
  }
}

/** Whether two profiles may become one at `time`: together within every limit. */
export function fitTogether(
  one: Profile,
  other: Profile,
  time: number,
  { types }: IdentitySettings,
): boolean {
  if (one.size + other.size > identitiesPerCustomerMax) return false;
  for (const type of new Set([...one.types(), ...other.types()])) {
    const [mine, theirs] = [one.count(type, time), other.count(type, time)];
    // What one of them has too many of already is no reason to refuse the other.
    if (theirs > 0 && mine > 0 && mine + theirs > types[type]!.limit) return false;
  }
  return true;
}
