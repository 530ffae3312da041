/**
 * Whose an identity is, as the tape has said so far. Links and merges are applied where they stand on the
 * tape, like everything else, so that a replay joins and parts customers at the same places. What was linked
 * before anything was in force in the workspace is taken from the graph of identities when it is first met.
 */
import { parentAt } from '../../identity/node.ts';
import type { LinkReader } from '../../identity/reader.ts';
import { aliasKey, type PersonName } from './layout.ts';
import type { JourneyStore } from './store.ts';

/** More steps than any way has. */
const stepsMax = 1000;
/** It is its own, whatever the graph says. */
const own = Buffer.alloc(0);

export class Aliases {
  readonly #store: JourneyStore;
  readonly #links: LinkReader;
  readonly #firstChange: (workspace: number) => number;

  /** @param firstChange of the graph: handles up to it were made before the tape was listened to. */
  constructor(store: JourneyStore, links: LinkReader, firstChange: (workspace: number) => number) {
    this.#store = store;
    this.#links = links;
    this.#firstChange = firstChange;
  }

  /** The customer that an identity belongs to. @param hash of its tape, if it is known. */
  ownerOf(workspace: number, identity: string, hash?: number): PersonName {
    let customer = this.#links.canonical(identity);
    if (hash !== undefined && customer === identity && !this.#links.mayBeLinked(hash)) {
      return { workspace, customer };
    }
    for (let steps = 0; steps < stepsMax; steps++) {
      const next = this.#next({ workspace, customer });
      if (next === undefined || next === customer) break;
      customer = next;
    }
    return { workspace, customer };
  }

  #next(name: PersonName): string | undefined {
    const value = this.#store.get(aliasKey(name));
    if (value !== undefined) return value.length === 0 ? undefined : value.toString('utf8');
    const { customer, workspace } = name;
    const node = this.#links.node(workspace, customer);
    const isOlder = (node.handle ?? 0) <= this.#firstChange(workspace);
    const parent = isOlder ? parentAt(node, Number.POSITIVE_INFINITY) : '';
    return parent === '' ? undefined : parent;
  }

  /** From now on it is `owner`'s, unless that would be a circle. */
  set({ customer, workspace }: PersonName, owner: string): void {
    if (this.ownerOf(workspace, owner).customer === customer) return;
    this.#store.put(aliasKey({ workspace, customer }), Buffer.from(owner));
  }

  /** It is not the customer's any more that it was linked to: its own, or `owner`'s. */
  part(name: PersonName, owner: string | undefined): void {
    this.#store.put(aliasKey(name), owner === undefined ? own : Buffer.from(owner));
  }

  /** Nothing is known of it. */
  remove(name: PersonName): void {
    this.#store.put(aliasKey(name), undefined);
  }
}
