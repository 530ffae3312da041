/**
 * Whose an identity is, as the tape has said so far. Links and merges are applied where they stand on the
 * tape, like everything else, so that a replay joins and parts customers at the same places.
 */
import type { LinkReader } from '../../identity/reader.ts';
import { aliasKey, type PersonName } from './layout.ts';
import type { JourneyStore } from './store.ts';

/** More steps than any way has. */
const stepsMax = 1000;

export class Aliases {
  readonly #store: JourneyStore;
  readonly #links: LinkReader;

  constructor(store: JourneyStore, links: LinkReader) {
    this.#store = store;
    this.#links = links;
  }

  /** The customer that an identity belongs to. @param hash of its tape, if it is known. */
  ownerOf(workspace: number, identity: string, hash?: number): PersonName {
    let customer = this.#links.canonical(identity);
    if (hash !== undefined && customer === identity && !this.#links.mayBeLinked(hash)) {
      return { workspace, customer };
    }
    for (let steps = 0; steps < stepsMax; steps++) {
      const next = this.#next({ workspace, customer });
      if (next === undefined) break;
      customer = next;
    }
    return { workspace, customer };
  }

  #next(name: PersonName): string | undefined {
    const value = this.#store.get(aliasKey(name));
    return value === undefined || value.length === 0 ? undefined : value.toString('utf8');
  }

  /** From now on it is `owner`'s. */
  set({ customer, workspace }: PersonName, owner: string): void {
    if (this.ownerOf(workspace, owner).customer === customer) return;
    this.#store.put(aliasKey({ workspace, customer }), Buffer.from(owner));
  }

  /** It is its own again. */
  remove(name: PersonName): void {
    this.#store.put(aliasKey(name), undefined);
  }
}
