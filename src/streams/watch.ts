/** Which subscribers follow customers that an identity belongs to, so that a new link finds them. */
import type { Subscriber } from './subscriber.ts';

export interface ChangedIdentity {
  readonly workspace: number;
  readonly identity: string;
}

export class Watch {
  readonly #byName = new Map<string, Set<Subscriber>>();

  /** Call again when the subscriber's filter is another, after `forget`. */
  add(subscriber: Subscriber): void {
    for (const name of namesOf(subscriber)) {
      const others = this.#byName.get(name);
      if (others === undefined) this.#byName.set(name, new Set([subscriber]));
      else others.add(subscriber);
    }
  }

  forget(subscriber: Subscriber): void {
    for (const name of namesOf(subscriber)) {
      const others = this.#byName.get(name);
      others?.delete(subscriber);
      if (others?.size === 0) this.#byName.delete(name);
    }
  }

  /** Subscribers whose customers may consist of others now. */
  concernedBy(changed: readonly ChangedIdentity[]): Set<Subscriber> {
    const found = new Set<Subscriber>();
    if (this.#byName.size === 0) return found;
    for (const { identity, workspace } of changed) {
      for (const subscriber of this.#byName.get(`${workspace}/${identity}`) ?? []) {
        found.add(subscriber);
      }
    }
    return found;
  }
}

/** All identities of its customers, and the names it asked for. */
function namesOf({ filter, wanted }: Subscriber): Set<string> {
  const { workspace } = wanted;
  const members = filter.customers.map(({ customer }) => Buffer.from(customer).toString('utf8'));
  return new Set([...members, ...wanted.customers].map((name) => `${workspace}/${name}`));
}
