/**
 * Every delivery of a webhook that is remembered, in memory without its body, and in rows. Bounded: what
 * waits in a workspace and in all, and what is kept of an endpoint's settled ones, the oldest going first.
 */
import type { Rows } from '../engine/work.ts';
import {
  bodyKey,
  type DeliveryState,
  type Entry,
  type Kept,
  keptOf,
  metaKey,
  type Place,
  placeOf,
} from './record.ts';

export interface LedgerLimits {
  /** Deliveries that wait for an attempt, of one workspace and of all. */
  readonly pendingPerWorkspaceMax: number;
  readonly pendingMax: number;
  /** Settled ones of an endpoint that are kept. */
  readonly failedPerWebhookMax: number;
  readonly deliveredPerWebhookMax: number;
}

export const ledgerLimits: LedgerLimits = {
  pendingPerWorkspaceMax: 100_000,
  pendingMax: 500_000,
  failedPerWebhookMax: 10_000,
  deliveredPerWebhookMax: 100,
};

type Shelf = Readonly<Record<DeliveryState, Map<string, Entry>>>;

export class Ledger {
  readonly #rows: Rows;
  readonly #limits: LedgerLimits;
  /** By workspace and webhook; in each shelf the newest last. */
  readonly #shelves = new Map<string, Shelf>();
  readonly #pending = new Map<number, number>();
  #pendingAll = 0;

  constructor(rows: Rows, limits = ledgerLimits) {
    this.#rows = rows;
    this.#limits = limits;
    const entries = [...rows.range('m')].map(([key, value]) => {
      return { ...placeOf(key), ...(value as Kept) };
    });
    for (const entry of entries.sort((a, b) => a.at - b.at)) this.#shelve(entry);
  }

  get pending(): number {
    return this.#pendingAll;
  }

  /** Whether one more may wait. */
  hasRoom(workspace: number): boolean {
    const own = this.#pending.get(workspace) ?? 0;
    const { pendingMax, pendingPerWorkspaceMax } = this.#limits;
    return own < pendingPerWorkspaceMax && this.#pendingAll < pendingMax;
  }

  find({ id, webhook, workspace }: Place): Entry | undefined {
    const shelf = this.#shelves.get(shelfKey(workspace, webhook));
    return shelf?.pending.get(id) ?? shelf?.failed.get(id) ?? shelf?.delivered.get(id);
  }

  add(entry: Entry, body: string): void {
    this.#shelve(entry);
    this.#rows.put(bodyKey(entry), body);
    this.#rows.put(metaKey(entry), keptOf(entry));
    this.#trim(entry);
  }

  /** Something of it is another now. */
  keep(entry: Entry): void {
    if (entry.gone !== true) this.#rows.put(metaKey(entry), keptOf(entry));
  }

  move(entry: Entry, state: DeliveryState, at: number): void {
    if (entry.gone === true) return;
    this.#unshelve(entry);
    entry.state = state;
    entry.at = at;
    this.#shelve(entry);
    this.keep(entry);
    this.#trim(entry);
  }

  body(entry: Entry): string | undefined {
    return this.#rows.get(bodyKey(entry)) as string | undefined;
  }

  /** The newest first; later ones are those that are in the state for longer. */
  *list(workspace: number, webhook: string, state?: DeliveryState): Iterable<Entry> {
    const shelf = this.#shelves.get(shelfKey(workspace, webhook));
    if (shelf === undefined) return;
    const wanted = state === undefined ? Object.values(shelf) : [shelf[state]];
    const entries = wanted.flatMap((each) => [...each.values()]);
    yield* entries.sort(newestFirst);
  }

  /** Every one that waits. */
  *waiting(): Iterable<Entry> {
    for (const { pending } of this.#shelves.values()) yield* pending.values();
  }

  /** Those of endpoints that a test picks. */
  *of(picks: (workspace: number, webhook: string) => boolean): Iterable<Entry> {
    for (const [key, shelf] of this.#shelves) {
      const [workspace, webhook] = key.split('\0');
      if (!picks(Number(workspace), webhook!)) continue;
      for (const entries of Object.values(shelf)) yield* [...entries.values()];
    }
  }

  remove(entry: Entry): void {
    entry.gone = true;
    this.#unshelve(entry);
    this.#rows.put(metaKey(entry), undefined);
    this.#rows.put(bodyKey(entry), undefined);
  }

  /** All that was put is durable when it resolves. @throws AppError unavailable. */
  flush(): Promise<void> {
    return this.#rows.flush();
  }

  #shelve(entry: Entry): void {
    const key = shelfKey(entry.workspace, entry.webhook);
    let shelf = this.#shelves.get(key);
    if (shelf === undefined) {
      shelf = { pending: new Map(), delivered: new Map(), failed: new Map() };
      this.#shelves.set(key, shelf);
    }
    shelf[entry.state].set(entry.id, entry);
    if (entry.state === 'pending') this.#count(entry.workspace, 1);
  }

  #unshelve(entry: Entry): void {
    const key = shelfKey(entry.workspace, entry.webhook);
    const shelf = this.#shelves.get(key);
    if (shelf?.[entry.state].delete(entry.id) !== true) return;
    if (entry.state === 'pending') this.#count(entry.workspace, -1);
    if (Object.values(shelf).every(({ size }) => size === 0)) this.#shelves.delete(key);
  }

  #count(workspace: number, change: number): void {
    const own = (this.#pending.get(workspace) ?? 0) + change;
    if (own === 0) this.#pending.delete(workspace);
    else this.#pending.set(workspace, own);
    this.#pendingAll += change;
  }

  #trim({ state, webhook, workspace }: Entry): void {
    if (state === 'pending') return;
    const entries = this.#shelves.get(shelfKey(workspace, webhook))?.[state];
    const { deliveredPerWebhookMax, failedPerWebhookMax } = this.#limits;
    const most = state === 'failed' ? failedPerWebhookMax : deliveredPerWebhookMax;
    while (entries !== undefined && entries.size > most) {
      this.remove(entries.values().next().value!);
    }
  }
}

export function newestFirst(a: Entry, b: Entry): number {
  return b.at - a.at || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}

function shelfKey(workspace: number, webhook: string): string {
  return `${workspace}\0${webhook}`;
}
