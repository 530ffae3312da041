/** Who is who, as two maps: the oracle of the model test. Rules by brute force, nothing kept ready. */
import { peopleTypes, typeByText } from './peopletypes.ts';

export interface ModelClaim {
  readonly since: number;
  readonly to: string;
  /** When a key in a page said so. */
  readonly guestAt?: number | undefined;
}

interface Merged {
  readonly into: string;
  readonly at: number;
}

/** Who says something, and when: event and server. */
export interface Spoken {
  readonly time: number;
  readonly nowMs: number;
  readonly isTrusted: boolean;
}

interface Side {
  readonly name: string;
  readonly owner: string;
  /** What the name is taken for, and with it the owner if that is the same. */
  readonly type: string;
}

export class PeopleModel {
  /** In the one way in which each is kept. */
  readonly names: readonly string[];
  #claims = new Map<string, readonly ModelClaim[]>();
  #merged = new Map<string, Merged>();

  constructor(names: readonly string[]) {
    this.names = names;
  }

  /** What `restore` brings back. */
  save(): () => void {
    const [claims, merged] = [new Map(this.#claims), new Map(this.#merged)];
    return () => {
      this.#claims = claims;
      this.#merged = merged;
    };
  }

  owner(name: string, time: number): string {
    const parent = this.#parent(name, time);
    return parent === '' ? name : this.owner(parent, time);
  }

  now(name: string): string {
    return this.owner(name, Number.POSITIVE_INFINITY);
  }

  #parent(name: string, time: number): string {
    return this.#claimed(name, time) || (this.#merged.get(name)?.into ?? '');
  }

  #claimsOf(name: string): readonly ModelClaim[] {
    return this.#claims.get(name) ?? [];
  }

  #holding(name: string, time: number): ModelClaim | undefined {
    return this.#claimsOf(name)
      .filter(({ since }, n) => n === 0 || since <= time)
      .at(-1);
  }

  #claimed(name: string, time: number): string {
    return this.#holding(name, time)?.to ?? '';
  }

  /** Everything that has led to a customer at some time. */
  #cluster(root: string): string[] {
    return this.names.filter((name) => this.#reaches(name, root));
  }

  #reaches(from: string, to: string, seen: readonly string[] = []): boolean {
    if (from === to) return true;
    if (seen.includes(from)) return false;
    const owners = this.#claimsOf(from).map((claim) => claim.to);
    owners.push(this.#merged.get(from)?.into ?? '');
    return owners.some((owner) => owner !== '' && this.#reaches(owner, to, [...seen, from]));
  }

  /** An untyped name is a customer's, until it is linked. */
  #type(name: string): string {
    const isLinked = this.#claimsOf(name).some(({ to }) => to !== '');
    return typeByText(name) ?? (isLinked ? 'temporaryId' : 'customerId');
  }

  /** As `previous` it belongs to another, unless it has been merged or has somebody itself. */
  #previousType(name: string): string {
    const rest = this.#cluster(name).filter((each) => each !== name);
    const isVisitor =
      name.includes('-') && rest.every((each) => peopleTypes[this.#type(each)]!.shared);
    const isCustomer = this.#merged.has(name) || (rest.length > 0 && !isVisitor);
    return typeByText(name) ?? (isCustomer ? this.#type(name) : 'temporaryId');
  }

  #typeIn({ name, owner, type }: Side, member: string): string {
    return member === owner && owner === name ? type : this.#type(member);
  }

  #typesOf(side: Side): string[] {
    return this.#cluster(side.owner).map((name) => this.#typeIn(side, name));
  }

  #rank(side: Side): number {
    return Math.min(...this.#typesOf(side).map((type) => peopleTypes[type]!.priority));
  }

  #isAnonymous(side: Side): boolean {
    return this.#typesOf(side).every((type) => peopleTypes[type]!.shared);
  }

  #guestAt(root: string, name: string): number | undefined {
    return name === root ? undefined : this.#claimsOf(name).at(-1)?.guestAt;
  }

  /** How many of a type count for its limit at that time. */
  #count(side: Side, type: string, time: number, withGuests: boolean): number {
    const { owner } = side;
    const cluster = this.#cluster(owner);
    return cluster.filter((name) => {
      if (this.#typeIn(side, name) !== type) return false;
      if (this.#guestAt(owner, name) !== undefined && !withGuests) return false;
      const last = this.#claimsOf(name).at(-1);
      const linked =
        last !== undefined && last.to !== ''
          ? { into: last.to, at: last.since }
          : this.#merged.get(name);
      if (name === owner) return true;
      if (linked === undefined || !cluster.includes(linked.into)) return false;
      return Math.abs(linked.at - time) < peopleTypes[type]!.spanMs;
    }).length;
  }

  /** @returns false when it was refused. */
  state(customer: string, previous: string, spoken: Spoken): boolean {
    const { isTrusted, time } = spoken;
    const [mine, theirs] = [this.owner(customer, time), this.owner(previous, time)];
    if (mine === theirs) return !isTrusted || this.#confirm(customer, previous, time);
    const main: Side = { name: customer, owner: mine, type: this.#type(customer) };
    const other: Side = { name: previous, owner: theirs, type: this.#previousType(previous) };
    const isSwapped = this.#rank(main) > this.#rank(other);
    const [weak, strong] = isSwapped ? [main, other] : [other, main];
    if (weak.type === 'ip' && strong.type === 'ip') return false;
    if (weak.type === 'ip') {
      const isFree = weak.owner === weak.name && !this.#claims.has(weak.name);
      if (isTrusted ? isFree : this.#isDeviceAlone(weak)) {
        const hasRoom = this.#hasRoom(strong, weak.type, spoken);
        return hasRoom && this.#claim(weak.name, strong.name, spoken);
      }
      return isTrusted && this.#switch(weak, strong, spoken, isSwapped);
    }
    if (strong.type !== 'ip' && this.#fit(weak, strong, spoken)) {
      if (!isTrusted && !this.#isDeviceAlone(weak)) return false;
      if (!isTrusted && !this.#hasGuestRoom(strong, weak.type, spoken.nowMs)) return false;
      return this.#claim(weak.owner, strong.name, spoken);
    }
    return isTrusted && this.#switch(weak, strong, spoken, isSwapped);
  }

  #fit(weak: Side, strong: Side, { isTrusted, time }: Spoken): boolean {
    const areKnown = !this.#isAnonymous(weak) && !this.#isAnonymous(strong);
    const isThrough = [weak, strong].some(
      ({ name, owner, type }) => peopleTypes[type]!.shared && owner !== name,
    );
    if (areKnown && isThrough) return false;
    return Object.entries(peopleTypes).every(([type, { limit }]) => {
      const [a, b] = [weak, strong].map((side) => this.#count(side, type, time, !isTrusted));
      return a === 0 || b === 0 || a! + b! <= limit;
    });
  }

  #hasRoom(strong: Side, type: string, { isTrusted, nowMs, time }: Spoken): boolean {
    if (this.#count(strong, type, time, !isTrusted) >= peopleTypes[type]!.limit) return false;
    return isTrusted || this.#hasGuestRoom(strong, type, nowMs);
  }

  #hasGuestRoom(strong: Side, type: string, nowMs: number): boolean {
    const { limit, spanMs } = peopleTypes[type]!;
    const guests = this.#cluster(strong.owner).filter((name) => {
      const at = this.#guestAt(strong.owner, name);
      return this.#typeIn(strong, name) === type && at !== undefined && at >= nowMs - spanMs;
    });
    return guests.length < limit;
  }

  #isDeviceAlone(side: Side): boolean {
    const { name, owner } = side;
    const isAlone = owner === name && !this.#claims.has(name) && this.#cluster(name).length === 1;
    return isAlone && typeByText(name) !== undefined && this.#isAnonymous(side);
  }

  #switch(weak: Side, strong: Side, spoken: Spoken, isSwapped: boolean): boolean {
    const [low, high] = [peopleTypes[weak.type]!, peopleTypes[strong.type]!];
    const isLogin = !isSwapped && high.priority < low.priority;
    const isLinked = weak.owner !== weak.name && !this.#merged.has(weak.name);
    if (!isLogin || !isLinked || !low.shared) return false;
    const isFull = this.#count(strong, weak.type, spoken.time, false) >= low.limit;
    return !isFull && this.#claim(weak.name, strong.name, spoken);
  }

  #claim(name: string, strong: string, { isTrusted, nowMs, time }: Spoken): boolean {
    let to = strong;
    for (let next = to; next !== ''; next = this.#claimed(to, time)) to = next;
    if (this.#reaches(to, name)) return false;
    const others = this.#claimsOf(name).filter(({ since }) => since !== time);
    const made = { since: time, to, guestAt: isTrusted ? undefined : nowMs };
    this.#set(
      name,
      [...others, made].sort((a, b) => a.since - b.since),
    );
    return true;
  }

  /** Of two with one customer, what keys in pages linked of the one, if nothing of the other is so. */
  #confirm(one: string, other: string, time: number): boolean {
    const guests = [one, other].map((name) => this.#guestsAbove(name, time));
    if (guests.every(({ length }) => length > 0)) return true;
    for (const name of guests.flat()) {
      const owner = this.owner(name, time);
      const type = this.#type(name);
      const isFull =
        this.#count({ name: '', owner, type: '' }, type, time, false) >= peopleTypes[type]!.limit;
      if (isFull) return false;
      const holding = this.#holding(name, time);
      const claims = this.#claimsOf(name);
      this.#set(
        name,
        claims.map((claim) => (claim === holding ? { since: claim.since, to: claim.to } : claim)),
      );
    }
    return true;
  }

  #guestsAbove(name: string, time: number): string[] {
    const parent = this.#parent(name, time);
    const holding = this.#holding(name, time);
    const isGuest = holding?.guestAt !== undefined && holding.to !== '';
    const own = isGuest ? [name] : [];
    return parent === '' ? own : [...own, ...this.#guestsAbove(parent, time)];
  }

  /** No claim says what the one before says. */
  #set(name: string, claims: readonly ModelClaim[]): void {
    const tidy = claims.filter(({ to }, n) => n === 0 || claims[n - 1]!.to !== to);
    if (tidy.some(({ to }) => to !== '')) this.#claims.set(name, tidy);
    else this.#claims.delete(name);
  }

  /** False when it would close a circle. */
  merge(into: string, from: string, at: number): boolean {
    const [stays, goes] = [this.now(into), this.now(from)];
    if (stays === goes) return true;
    if (this.#reaches(stays, goes)) return false;
    this.#merged.set(goes, { into: stays, at });
    return true;
  }

  /** False when there is nothing to take back. */
  unmerge(name: string): boolean {
    const claims = this.#claimsOf(name);
    if (claims.length > 0 && claims.at(-1)!.to !== '') this.#set(name, claims.slice(0, -1));
    else return this.#merged.delete(name);
    return true;
  }

  /** When a name is a customer's, tried at every instant at which anything changes. */
  spanOf(name: string, owner: string): 'ever' | 'sometimes' | 'never' {
    const times = this.#instants().map((time) => this.owner(name, time) === owner);
    if (times.every(Boolean)) return 'ever';
    return times.some(Boolean) ? 'sometimes' : 'never';
  }

  /** One before everything that was ever said, and every one at which something begins to hold. */
  #instants(): number[] {
    const since = [...this.#claims.values()].flatMap((claims) => claims.map((each) => each.since));
    return [Number.NEGATIVE_INFINITY, ...new Set(since)].sort((a, b) => a - b);
  }

  /** What was the customer's at an instant is nobody's then; what was another's stays so. */
  forget(name: string): void {
    const customer = this.now(name);
    const whole = this.names.filter((each) => this.spanOf(each, customer) === 'ever');
    const instants = this.#instants();
    const before = this.names.map((each) => {
      const parents = instants.map((time) => {
        const isGone = this.owner(each, time) === customer;
        return { time, claim: this.#holding(each, time), isGone };
      });
      return { name: each, parents };
    });
    for (const { name: each, parents } of before) {
      const byMerge = parents.filter(({ claim }) => (claim?.to ?? '') === '');
      const isOver = byMerge.length > 0 && byMerge.every(({ isGone }) => isGone);
      const isLeftover = whole.includes(this.#merged.get(each)?.into ?? '');
      if (isOver || isLeftover) this.#merged.delete(each);
      if (!this.#claims.has(each)) continue;
      // The first claim holds for what came before it: when it begins is only what was said.
      const edge = parents.find(({ isGone }) => isGone !== parents[0]!.isGone)?.time;
      const second = this.#claimsOf(each)[1]?.since ?? Number.POSITIVE_INFINITY;
      const next = Math.min(edge ?? second, second);
      const first = Math.min(this.#claimsOf(each)[0]!.since, next - 1);
      const claims = parents.map(({ claim, isGone, time }) => {
        const since = Number.isFinite(time) ? time : first;
        return isGone ? { since, to: '' } : { ...claim!, since };
      });
      this.#set(each, claims);
    }
  }
}
