/**
 * What a statement "these two are the same customer" does: an event with `previous`, or a call. Pure: it
 * changes a draft. The weaker of the two profiles is linked to the stronger, as a whole, if together they
 * stay within the limits. If they would not, the weaker identity is left out (Segment's demotion) and the
 * event stays where it was sent; but one that is of a device, and sent along by a stronger one (a login),
 * changes hands at that instant: what came before stays with whoever had it.
 *
 * An ip never brings a profile along: it is linked alone.
 * A key that is not trusted (`publish`) links a device on its own that nobody has yet, and that says it is
 * one (`cookie:…`).
 */
import type { Draft } from './draft.ts';
import { ownerAt, reaches } from './graph.ts';
import { claimedAt, withClaim } from './node.ts';
import {
  fitTogether,
  hasRoomForGuest,
  identitiesPerCustomerMax,
  type Profile,
  typeOf,
} from './profile.ts';
import type { IdentitySettings } from './settings.ts';
import { confirmed, confirmedBy } from './trust.ts';
import { canonicalOf, isBlocked, isUuid, type PhoneRegion, typedOf, untyped } from './typed.ts';

/** Times that one identity may change hands; after that it is linked to nobody any more. */
export const claimsPerIdentityMax = 1000;

export interface Statement {
  readonly workspace: number;
  readonly customer: string;
  readonly previous: string;
  /** Epoch milliseconds. */
  readonly time: number;
  /** False: a `publish` key made it. */
  readonly isTrusted: boolean;
}

/**
 * What came of a statement. But for the first two, whose is what has not changed; `erased`: it was made
 * before one of the two was erased.
 */
export type Outcome =
  | 'linked'
  | 'switched'
  | 'inForce'
  | 'blocked'
  | 'limit'
  | 'untrusted'
  | 'erased';

export interface Ruling {
  readonly outcome: Outcome;
  /** Set when there is a new link: what was linked to whom. */
  readonly identity?: string;
  readonly customer?: string;
}

interface Side {
  readonly identity: string;
  readonly type: string;
  readonly owner: string;
  readonly profile: Profile;
}

export function rule(
  draft: Draft,
  statement: Statement,
  settings: IdentitySettings,
  { nowMs, region }: { readonly nowMs: number; readonly region: PhoneRegion },
): Ruling {
  const { time, workspace } = statement;
  const customer = canonicalOf(statement.customer, region);
  const previous = canonicalOf(statement.previous, region);
  const names = [customer, previous].map((name) => typedOf(name, settings).value);
  if (names.some((value) => isBlocked(value, settings.blocked))) return { outcome: 'blocked' };
  const owners = [customer, previous].map((name) => ownerAt(draft, workspace, name, time));
  if (owners[0] === owners[1]) return confirm(draft, statement, settings, [customer, previous]);
  const side = (identity: string, owner: string, type: string): Side => {
    const rootType = owner === identity ? type : undefined;
    const profile = draft.profile(workspace, owner, settings, rootType);
    return { identity, type, owner, profile };
  };
  const node = draft.node(workspace, customer);
  const main = side(customer, owners[0]!, typeOf(customer, node, settings));
  const other = side(previous, owners[1]!, previousType(draft, workspace, previous, settings));
  return new Case({ draft, statement, settings, nowMs }, main, other).decide();
}

/** Both have one customer already. What a key in a page has linked counts for the limits once it is trusted. */
function confirm(
  draft: Draft,
  statement: Statement,
  settings: IdentitySettings,
  [customer, previous]: readonly [string, string],
): Ruling {
  const { time, workspace } = statement;
  for (const guest of confirmedBy(draft, statement, customer, previous)) {
    const node = draft.node(workspace, guest);
    const root = ownerAt(draft, workspace, guest, time);
    const profile = draft.profile(workspace, root, settings);
    const type = typeOf(guest, node, settings);
    const isFull = profile.count(type, time) >= settings.types[type]!.limit;
    if (isFull || profile.size >= identitiesPerCustomerMax) return { outcome: 'limit' };
    draft.begin();
    const claims = confirmed(node.claims, time);
    draft.put(workspace, guest, { claims, merged: node.merged });
  }
  return { outcome: 'inForce' };
}

/** Sent as `previous`, an untyped text that is nobody's customer yet belongs to the one it came with. */
function previousType(
  draft: Draft,
  workspace: number,
  previous: string,
  settings: IdentitySettings,
): string {
  const node = draft.node(workspace, previous);
  const isTyped = typedOf(previous, settings).type !== untyped;
  const isVisitor =
    isUuid(previous) && draft.profile(workspace, previous, settings, 'temporaryId').isAnonymous;
  const isCustomer = node.merged !== undefined || (node.members.length > 0 && !isVisitor);
  return isTyped || isCustomer ? typeOf(previous, node, settings) : 'temporaryId';
}

interface CaseParts {
  readonly draft: Draft;
  readonly statement: Statement;
  readonly settings: IdentitySettings;
  readonly nowMs: number;
}

class Case {
  readonly #draft: Draft;
  readonly #statement: Statement;
  readonly #settings: IdentitySettings;
  readonly #nowMs: number;
  readonly #main: Side;
  readonly #other: Side;

  constructor({ draft, nowMs, settings, statement }: CaseParts, main: Side, other: Side) {
    this.#draft = draft;
    this.#statement = statement;
    this.#settings = settings;
    this.#nowMs = nowMs;
    this.#main = main;
    this.#other = other;
  }

  decide(): Ruling {
    const [weak, strong] = this.#ordered();
    if (weak.type === 'ip') return this.#linkAlone(weak, strong);
    if (this.#mayJoin(weak, strong)) {
      if (!this.#statement.isTrusted) {
        if (!this.#isUnclaimed(weak)) return { outcome: 'untrusted' };
        if (!this.#hasRoomForGuest(weak, strong)) return { outcome: 'limit' };
      }
      return this.#link(weak.owner, strong, 'linked');
    }
    if (!this.#statement.isTrusted) return { outcome: 'untrusted' };
    return this.#switch(weak, strong);
  }

  /** The weaker profile first; of equals, the one that came along. */
  #ordered(): [Side, Side] {
    const [main, other] = [this.#main, this.#other];
    return main.profile.rank > other.profile.rank ? [main, other] : [other, main];
  }

  #mayJoin(weak: Side, strong: Side): boolean {
    if (strong.type === 'ip') return false;
    const { isTrusted, time } = this.#statement;
    const areKnown = !weak.profile.isAnonymous && !strong.profile.isAnonymous;
    // Two people who have used one device are two people.
    if (areKnown && (this.#isThroughDevice(weak) || this.#isThroughDevice(strong))) return false;
    return fitTogether(weak.profile, strong.profile, time, this.#settings, !isTrusted);
  }

  #isThroughDevice({ identity, owner, type }: Side): boolean {
    return this.#settings.types[type]!.shared && owner !== identity;
  }

  #hasRoom({ profile }: Side, type: string): boolean {
    const { limit } = this.#settings.types[type]!;
    const { isTrusted, time } = this.#statement;
    return profile.size < identitiesPerCustomerMax && profile.count(type, time, !isTrusted) < limit;
  }

  #hasRoomForGuest(weak: Side, strong: Side): boolean {
    return hasRoomForGuest(strong.profile, weak.type, this.#nowMs, this.#settings);
  }

  /**
   * Whether the weak side is what a key in a web page may give to somebody: a device by its text, that
   * nobody has or had, and that has nobody. An untyped text, a UUID too, may be a customer's name.
   */
  #isUnclaimed(weak: Side): boolean {
    const { identity, owner, profile } = weak;
    if (owner !== identity || this.#isClaimed(weak)) return false;
    if (this.#draft.node(this.#statement.workspace, identity).members.length > 0) return false;
    return profile.isAnonymous && typedOf(identity, this.#settings).type !== untyped;
  }

  /** An ip goes to whoever it came with, without whatever it belonged to. */
  #linkAlone(weak: Side, strong: Side): Ruling {
    if (strong.type === 'ip') return { outcome: 'limit' };
    const { isTrusted } = this.#statement;
    if (
      isTrusted ? weak.owner === weak.identity && !this.#isClaimed(weak) : this.#isUnclaimed(weak)
    ) {
      if (!this.#hasRoom(strong, weak.type)) return { outcome: 'limit' };
      if (!isTrusted && !this.#hasRoomForGuest(weak, strong)) return { outcome: 'limit' };
      return this.#link(weak.identity, strong, 'linked');
    }
    if (!isTrusted) return { outcome: 'untrusted' };
    return this.#switch(weak, strong);
  }

  #isClaimed({ identity }: Side): boolean {
    return this.#draft.node(this.#statement.workspace, identity).claims.length > 0;
  }

  /** Somebody else logs in where another was before. */
  #switch(weak: Side, strong: Side): Ruling {
    const { types } = this.#settings;
    const isLogin =
      weak === this.#other && types[strong.type]!.priority < types[weak.type]!.priority;
    const { merged } = this.#draft.node(this.#statement.workspace, weak.identity);
    const isMovable =
      types[weak.type]!.shared && weak.owner !== weak.identity && merged === undefined;
    if (!isLogin || !isMovable || !this.#hasRoom(strong, weak.type)) return { outcome: 'limit' };
    return this.#link(weak.identity, strong, 'switched');
  }

  #link(identity: string, strong: Side, outcome: 'linked' | 'switched'): Ruling {
    const { time, workspace } = this.#statement;
    const draft = this.#draft;
    const target = this.#declared(strong);
    if (reaches(draft, workspace, target, identity)) return { outcome: 'limit' };
    const { claims, merged } = draft.node(workspace, identity);
    const guestAt = this.#statement.isTrusted ? undefined : this.#nowMs;
    const made = { since: time, to: target, ...(guestAt !== undefined && { guestAt }) };
    draft.begin();
    if (claims.length >= claimsPerIdentityMax) {
      // Too many people share it for it to say anything of one of them.
      if (claims.at(-1)?.to !== '') {
        draft.put(workspace, identity, {
          claims: withClaim(claims, { since: time, to: '' }),
          merged,
        });
      }
      return { outcome: 'limit' };
    }
    draft.put(workspace, identity, { claims: withClaim(claims, made), merged });
    return { outcome, identity, customer: target };
  }

  /** Whom a link names: the customer as it was before any merge, so that an un-merge takes it along. */
  #declared({ identity }: Side): string {
    const { time, workspace } = this.#statement;
    let name = identity;
    for (;;) {
      const to = claimedAt(this.#draft.node(workspace, name), time);
      if (to === '') return name;
      name = to;
    }
  }
}
