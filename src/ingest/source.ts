/**
 * Foreign JSON into events, as the map of a source says: one item (an object of the body) gives one
 * event, or one for each entry of a list in it. An item maps whole or not at all; one that does not is
 * kept in quarantine as an event of the server's, with the reason, to be mapped again later.
 * Thread: a front's own.
 */
import { createHash } from 'node:crypto';
import { batchEventsMax, Envelope, encodingJson } from '../event/envelope.ts';
import { walkJsonEvent } from '../event/json.ts';
import { compileMapping, type Mapping, Refused } from '../event/mapping.ts';
import { Pattern } from '../event/pattern.ts';
import { typeReserved } from '../event/refusal.ts';
import { cut } from '../event/validator.ts';
import { AppError } from '../std/errors.ts';
import { requiredFields, type SourceRecord } from '../workspaces/source.ts';
import type { Receipt } from './receipt.ts';
import { writeJson } from './wire/json.ts';
import type { WireEvent, WireSink } from './wire/store.ts';

/** The type of events that stand for what could not be mapped; their data is `{"item": …}`. */
export const unmappedType = 'tapeline.unmapped';
/** Entries of the list that `each` names. */
export const entriesMax = 1000;
/** Steps that the map may take for all items of a body. */
export const mapStepsMax = 2_000_000;

interface Row {
  readonly entry: unknown;
  readonly item: unknown;
}

/** The events of an item, or why there are none. */
export type Mapped = { readonly events: readonly WireEvent[] } | { readonly reason: string };

class Spent extends Error {}

export class Source {
  readonly revision: number;
  readonly #name: string;
  readonly #each: readonly string[] | undefined;
  readonly #mapping: Mapping<Row>;
  #stepsLeft = 0;

  constructor({ map, name, revision }: SourceRecord) {
    this.revision = revision;
    this.#name = name;
    this.#each = map.each?.split('.');
    const unknown = new Set(map.unknown ?? []);
    this.#mapping = compileMapping<Row>(map.event, {
      find: (path) => this.#finder(path, unknown),
      pattern: (source) => this.#pattern(source),
      write: writeJson,
      required: requiredFields,
    });
  }

  /** A new body begins. */
  begin(): void {
    this.#stepsLeft = mapStepsMax;
  }

  /** `{a.b}` is of the entry, `{^a.b}` of the item around it, `{*}` and `{^*}` all of them. */
  #finder(name: string, unknown: ReadonlySet<string>): (row: Row) => unknown {
    const isOfItem = name.startsWith('^');
    const path = isOfItem ? name.slice(1) : name;
    const steps = path === '*' ? [] : path.split('.');
    return ({ entry, item }) => {
      const value = dig(isOfItem ? item : entry, steps);
      this.#spend(steps.length + (typeof value === 'string' ? value.length / 8 : 1));
      return typeof value === 'string' && unknown.has(value) ? undefined : value;
    };
  }

  #pattern(source: string): Pick<Pattern, 'exec'> {
    const pattern = new Pattern(source);
    return {
      exec: (text) => {
        this.#spend(pattern.unitsFor(text));
        return pattern.exec(text);
      },
    };
  }

  #spend(steps: number): void {
    this.#stepsLeft -= steps;
    if (this.#stepsLeft < 0) throw new Spent();
  }

  map(item: unknown): Mapped {
    try {
      return this.#map(item);
    } catch (error) {
      if (error instanceof Spent) return { reason: 'mapping the body takes too many steps' };
      throw error;
    }
  }

  #map(item: unknown): Mapped {
    const entries = this.#each === undefined ? [item] : dig(item, this.#each);
    const path = this.#each?.join('.');
    if (!Array.isArray(entries)) return { reason: cut(`${path} is not a list`) };
    if (entries.length > entriesMax) {
      return { reason: cut(`${path} has more than ${entriesMax} entries`) };
    }
    const events: WireEvent[] = [];
    for (const [number, entry] of entries.entries()) {
      const event = this.#mapping({ entry, item });
      if (event instanceof Refused) {
        const place = this.#each === undefined ? '' : `${path}.${number}: `;
        return { reason: cut(`${place}${event.reason}`) };
      }
      events.push({ source: this.#name, ...event } as WireEvent);
    }
    return { events };
  }
}

function dig(value: unknown, path: readonly string[]): unknown {
  let at = value;
  for (const step of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return undefined;
    at = (at as Record<string, unknown>)[step];
  }
  return at;
}

/** Whose tape an item would be on that has no customer: where its erasure finds it. */
export function customerOfUnmapped(source: string): string {
  return `source:${source}`;
}

export interface UnmappedItem {
  readonly index: number;
  readonly item: unknown;
  readonly reason: string;
}

const envelope = new Envelope();

/**
 * Keeps items that could not be mapped in quarantine; the same item is kept once. Resolves when they are
 * durable. Indexes of the receipt are the items'.
 *
 * @throws AppError `overloaded`, with none of them stored.
 */
export function storeUnmapped(
  items: readonly UnmappedItem[],
  source: string,
  { ingest, isTrusted, limits, metrics, nowMs, quotas, workspace }: WireSink,
): Promise<Receipt> {
  const bodies = items.map(({ item }) => {
    const text = writeJson(item);
    const id = createHash('sha256').update(`${source}\n${text}`).digest('hex').slice(0, 32);
    const customer = customerOfUnmapped(source);
    const head = JSON.stringify({ id, customer, type: unmappedType, source });
    return Buffer.from(`${head.slice(0, -1)},"data":{"item":${text}}}`);
  });
  const bytes = bodies.reduce((sum, body) => sum + body.length, 0);
  if (ingest.budget.isOver(workspace, bytes)) {
    metrics.add('batches_overloaded_total', 1);
    const message = 'too many events are waiting to be written; send the body again';
    throw new AppError('overloaded', message, { retryAfterSeconds: 1 });
  }
  quotas.charge(limits, items.length, bytes);
  const batch = ingest.begin(workspace, bytes, isTrusted);
  for (const [number, body] of bodies.entries()) {
    walkJsonEvent(body, 0, body.length, nowMs, envelope);
    if (envelope.rejection === typeReserved) {
      envelope.rejection = undefined;
      ingest.addApart(batch, body, envelope, encodingJson, items[number]!.reason);
    } else {
      // Larger or deeper than an event may be: the sender is told.
      const { code, message } = envelope.rejection!;
      const reason = `${items[number]!.reason}; it cannot be kept, because ${message}`;
      ingest.reject(batch, { code, message: reason }, undefined);
    }
  }
  return new Promise((resolve) => {
    ingest.send(batch, (receipt) => {
      const rejected = receipt.rejected.map((each) => {
        return { ...each, index: items[each.index]!.index };
      });
      resolve({ ...receipt, rejected });
    });
  });
}

/** The sources of all workspaces, compiled when they are first needed. */
export class Sources {
  readonly #made = new Map<string, Source>();

  of(record: SourceRecord): Source {
    const key = `${record.workspace}/${record.name}`;
    let source = this.#made.get(key);
    if (source?.revision !== record.revision) {
      if (this.#made.size >= compiledMax) this.#made.clear();
      source = new Source(record);
      this.#made.set(key, source);
    }
    source.begin();
    return source;
  }
}

/** Maps that a front keeps compiled. */
const compiledMax = 10_000;

/** Items of one body. */
export const itemsMax = batchEventsMax;
