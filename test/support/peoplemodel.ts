/** Who is who, as two maps: the oracle of the model test. Rules by brute force, nothing kept ready. */

export interface ModelClaim {
  readonly since: number;
  readonly to: string;
}

interface Type {
  readonly priority: number;
  readonly shared: boolean;
}

/** As by default, and no limits but one customerId: the play sets them so high. */
const types: Readonly<Record<string, Type>> = {
  customerId: { priority: 1, shared: false },
  email: { priority: 2, shared: false },
  cookie: { priority: 7, shared: true },
  ip: { priority: 8, shared: true },
};

const typeOf = (name: string): string => {
  if (name.includes('@')) return 'email';
  return name.includes(':') ? name.split(':')[0]! : 'ip';
};

export class PeopleModel {
  readonly names: readonly string[];
  #claims = new Map<string, readonly ModelClaim[]>();
  #merged = new Map<string, string>();

  constructor(names: readonly string[]) {
    this.names = names;
  }

  owner(name: string, time: number): string {
    const parent = this.#claimed(name, time) || (this.#merged.get(name) ?? '');
    return parent === '' ? name : this.owner(parent, time);
  }

  now(name: string): string {
    return this.owner(name, Number.POSITIVE_INFINITY);
  }

  #claimed(name: string, time: number): string {
    const claims = this.#claims.get(name) ?? [];
    const holding = claims.filter(({ since }, n) => n === 0 || since <= time);
    return holding.at(-1)?.to ?? '';
  }

  /** Everything that has led to a customer at some time. */
  #cluster(root: string): string[] {
    return this.names.filter((name) => this.#reaches(name, root));
  }

  #reaches(from: string, to: string, seen: readonly string[] = []): boolean {
    if (from === to) return true;
    if (seen.includes(from)) return false;
    const owners = (this.#claims.get(from) ?? []).map((claim) => claim.to).filter(Boolean);
    if (this.#merged.has(from)) owners.push(this.#merged.get(from)!);
    return owners.some((owner) => this.#reaches(owner, to, [...seen, from]));
  }

  #isAlone(name: string): boolean {
    return this.#cluster(name).length === 1;
  }

  #type(name: string): Type {
    return types[typeOf(name)]!;
  }

  #rank(root: string): number {
    return Math.min(...this.#cluster(root).map((name) => this.#type(name).priority));
  }

  #isAnonymous(root: string): boolean {
    return this.#cluster(root).every((name) => this.#type(name).shared);
  }

  #customers(root: string): number {
    return this.#cluster(root).filter((name) => typeOf(name) === 'customerId').length;
  }

  state(customer: string, previous: string, time: number, isTrusted: boolean): void {
    const [mine, theirs] = [this.owner(customer, time), this.owner(previous, time)];
    if (mine === theirs) return;
    const isSwapped = this.#rank(mine) > this.#rank(theirs);
    const [weak, strong] = isSwapped ? [customer, previous] : [previous, customer];
    const owner = this.owner(weak, time);
    const isFree = owner === weak && !this.#claims.has(weak);
    const counts = [mine, theirs].map((root) => this.#customers(root));
    const areKnown = [mine, theirs].every((root) => !this.#isAnonymous(root));
    const isThrough = [customer, previous].some(
      (name) => this.#type(name).shared && this.owner(name, time) !== name,
    );
    const isFew = Math.min(...counts) === 0 || counts[0]! + counts[1]! <= 1;
    const fits = isFew && !(areKnown && isThrough);
    if (typeOf(weak) === 'ip') {
      if (typeOf(strong) === 'ip') return;
      if (isFree && (isTrusted || this.#isAlone(weak))) this.#claim(weak, strong, time);
      else if (isTrusted) this.#switch(weak, strong, time, isSwapped);
    } else if (typeOf(strong) !== 'ip' && fits) {
      const mayGive = isTrusted || (isFree && this.#isAlone(owner) && this.#isAnonymous(owner));
      if (mayGive) this.#claim(owner, strong, time);
    } else if (isTrusted) this.#switch(weak, strong, time, isSwapped);
  }

  #switch(weak: string, strong: string, time: number, isSwapped: boolean): void {
    const isLogin = !isSwapped && this.#type(strong).priority < this.#type(weak).priority;
    const isLinked = this.owner(weak, time) !== weak && !this.#merged.has(weak);
    if (isLogin && isLinked && this.#type(weak).shared) this.#claim(weak, strong, time);
  }

  #claim(name: string, strong: string, time: number): void {
    let to = strong;
    for (let next = to; next !== ''; next = this.#claimed(to, time)) to = next;
    if (this.#reaches(to, name)) return;
    const others = (this.#claims.get(name) ?? []).filter(({ since }) => since !== time);
    const sorted = [...others, { since: time, to }].sort((a, b) => a.since - b.since);
    this.#set(name, sorted);
  }

  /** No claim says what the one before says. */
  #set(name: string, claims: readonly ModelClaim[]): void {
    const tidy = claims.filter(({ to }, n) => n === 0 || claims[n - 1]!.to !== to);
    if (tidy.some(({ to }) => to !== '')) this.#claims.set(name, tidy);
    else this.#claims.delete(name);
  }

  /** False when it would close a circle. */
  merge(into: string, from: string): boolean {
    const [stays, goes] = [this.now(into), this.now(from)];
    if (stays === goes) return true;
    if (this.#reaches(stays, goes)) return false;
    this.#merged.set(goes, stays);
    return true;
  }

  /** False when there is nothing to take back. */
  unmerge(name: string): boolean {
    const claims = this.#claims.get(name) ?? [];
    if (claims.length > 0 && claims.at(-1)!.to !== '') this.#set(name, claims.slice(0, -1));
    else return this.#merged.delete(name);
    return true;
  }

  forget(name: string): void {
    const gone = new Set(this.#cluster(this.now(name)));
    for (const each of gone) {
      const claims = this.#claims.get(each) ?? [];
      this.#set(
        each,
        claims.map(({ since, to }) => ({ since, to: gone.has(to) ? '' : to })),
      );
      if (gone.has(this.#merged.get(each) ?? '')) this.#merged.delete(each);
    }
  }
}
