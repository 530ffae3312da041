/** A customer with all its identities, counted by type: what the limits are about. */
import { clusterOf, type Nodes } from './graph.ts';
import type { Node } from './node.ts';
import type { IdentitySettings } from './settings.ts';
import { isSpelling } from './spelling.ts';
import { typedOf, untyped } from './typed.ts';

/** Identities that one customer may have in all, whatever their types. */
export const identitiesPerCustomerMax = 1000;
/** Besides, identities that keys in pages have linked to one customer. */
export const guestsPerCustomerMax = 200;
/** And those of all that became one customer by merges and links together. */
export const guestsTogetherMax = 1000;
const dayMs = 86_400_000;

/** An untyped identity is a customer's name, one that was merged too, until it is linked to another. */
export function typeOf(identity: string, node: Node, settings: IdentitySettings): string {
  const { type } = typedOf(identity, settings);
  if (type !== untyped) return type;
  const isLinked = node.claims.some(({ to }) => to !== '') || isSpelling(node);
  return isLinked ? 'temporaryId' : 'customerId';
}

/** What the limits need to know of one identity. */
interface Summary {
  readonly isRoot: boolean;
  /** See `Claim`. */
  readonly guestAt: number | undefined;
  /** When it was linked, by the time of the event; undefined: it has gone to another since. */
  readonly since: number | undefined;
}

/** A customer and what belongs to it, as it was when it was made: see `Draft.profile`. */
export class Profile {
  readonly root: string;
  readonly settings: IdentitySettings;
  readonly #members: Map<string, Node>;
  readonly #rootType: string | undefined;
  #summaries: ReadonlyMap<string, readonly Summary[]> | undefined;
  #guestCount = 0;

  /** @param rootType what the customer itself is taken for, if not for what its text says. */
  constructor(
    nodes: Nodes,
    workspace: number,
    root: string,
    settings: IdentitySettings,
    rootType?: string,
  ) {
    this.root = root;
    this.#rootType = rootType;
    const all = [...clusterOf(nodes, workspace, root)];
    // Another way to write an identity is no identity more.
    this.#members = new Map(all.filter(([, node]) => !isSpelling(node)));
    this.settings = settings;
  }

  /** Identities that count towards `identitiesPerCustomerMax`: all but what keys in pages linked. */
  get size(): number {
    return this.#members.size - this.guests;
  }

  /** How many of its identities keys in pages have linked. */
  get guests(): number {
    this.#byType();
    return this.#guestCount;
  }

  /** How many of those are of a type and were linked since `from`. */
  guestsOf(type: string, from: number): number {
    let count = 0;
    for (const { guestAt } of this.#byType().get(type) ?? []) {
      if (guestAt !== undefined && guestAt >= from) count += 1;
    }
    return count;
  }

  /** The priority of its strongest identity. */
  get rank(): number {
    let rank = Number.POSITIVE_INFINITY;
    for (const type of this.types()) rank = Math.min(rank, this.settings.types[type]!.priority);
    return rank;
  }

  /** Whether it has nothing but identities of devices. */
  get isAnonymous(): boolean {
    return [...this.types()].every((type) => this.settings.types[type]!.shared);
  }

  /**
   * How many identities of a type count towards its limit at `time`: linked so close to it, or ever.
   * Those that keys in pages linked have a quota of their own: they take nobody's place.
   */
  count(type: string, time: number, withGuests = false): number {
    const { days } = this.settings.types[type]!;
    const spanMs = days === null ? Number.POSITIVE_INFINITY : days * dayMs;
    let count = 0;
    for (const { guestAt, isRoot, since } of this.#byType().get(type) ?? []) {
      if (guestAt !== undefined && !withGuests) continue;
      const linkedAt = isRoot ? time : since;
      if (linkedAt !== undefined && Math.abs(linkedAt - time) < spanMs) count += 1;
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
  types(): Iterable<string> {
    return this.#byType().keys();
  }

  /** Worked out once: many statements of a batch may ask. */
  #byType(): ReadonlyMap<string, readonly Summary[]> {
    if (this.#summaries !== undefined) return this.#summaries;
    const found = new Map<string, Summary[]>();
    for (const [identity, node] of this.#members) {
      const type = this.#typeOf(identity, node);
      const isRoot = identity === this.root;
      const guestAt = isRoot ? undefined : node.claims.at(-1)?.guestAt;
      if (guestAt !== undefined) this.#guestCount += 1;
      const summary = { isRoot, guestAt, since: this.#linkedAt(node) };
      const same = found.get(type);
      if (same === undefined) found.set(type, [summary]);
      else same.push(summary);
    }
    this.#summaries = found;
    return found;
  }

  #typeOf(identity: string, node: Node): string {
    if (identity === this.root && this.#rootType !== undefined) return this.#rootType;
    return typeOf(identity, node, this.settings);
  }
}

/**
 * Whether a key in a page may link an identity of a type to a customer at `nowMs`: within its limit by the
 * server's clock too, since the times of its events are as it likes.
 */
export function hasRoomForGuest(
  profile: Profile,
  type: string,
  nowMs: number,
  { types }: IdentitySettings,
): boolean {
  const { days, limit } = types[type]!;
  const from = days === null ? Number.NEGATIVE_INFINITY : nowMs - days * dayMs;
  return profile.guests < guestsPerCustomerMax && profile.guestsOf(type, from) < limit;
}

/** Whether two profiles are few enough together, whatever the types of their identities. */
export function haveRoomTogether(one: Profile, other: Profile): boolean {
  if (one.size + other.size > identitiesPerCustomerMax) return false;
  return one.guests + other.guests <= guestsTogetherMax;
}

/** Whether two profiles may become one at `time`: together within every limit. */
export function fitTogether(
  one: Profile,
  other: Profile,
  time: number,
  { types }: IdentitySettings,
  withGuests = false,
): boolean {
  if (!haveRoomTogether(one, other)) return false;
  for (const type of new Set([...one.types(), ...other.types()])) {
    const [mine, theirs] = [one.count(type, time, withGuests), other.count(type, time, withGuests)];
    // What one of them has too many of already is no reason to refuse the other.
    if (theirs > 0 && mine > 0 && mine + theirs > types[type]!.limit) return false;
  }
  return true;
}
