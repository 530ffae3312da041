/**
 * Foreign JSON into events, as the map of a source says: one item (an object of the body) gives one
 * event, or one for each entry of a list in it. An item maps whole or not at all; one that does not is
 * kept in quarantine as an event of the server's, with the reason, to be mapped again later.
 * Thread: a front's own.
 */
import { createHash } from 'node:crypto';
import { batchEventsMax, Envelope } from '../event/envelope.ts';
import { walkJsonEvent } from '../event/json.ts';
import { compileMapping, type Mapping, Refused } from '../event/mapping.ts';
import { Pattern } from '../event/pattern.ts';
import { dataTooDeep, typeReserved } from '../event/refusal.ts';
import { cut } from '../event/validator.ts';
import { requiredFields, type SourceRecord } from '../workspaces/source.ts';
import { MapAllowance, Spent } from './mapallowance.ts';
import { writeJson } from './wire/json.ts';
import type { WireApart, WireEvent, WireRefusal } from './wire/store.ts';

/** The type of events that stand for what could not be mapped; their data is `{"item": …}`. */
export const unmappedType = 'tapeline.unmapped';
/** Entries of the list that `each` names. */
export const entriesMax = 1000;

/** A pattern's unit of work takes longer than looking at a value. */
const stepsPerUnit = 3;

interface Row {
  readonly entry: unknown;
  readonly item: unknown;
}

/** The events of an item; or why there are none; or what its body has used up, so that they are not known. */
export type Mapped =
  | { readonly events: readonly WireEvent[] }
  | { readonly reason: string }
  | { readonly spent: string };

/** An event is deeper than can be written, and so than any may be. */
const tooDeep = { reason: dataTooDeep.message };

export class Source {
  readonly revision: number;
  readonly #name: string;
  readonly #each: readonly string[] | undefined;
  readonly #mapping: Mapping<Row>;
  /** Of the body whose item is being mapped. */
  #allowance = new MapAllowance();

  constructor({ map, name, revision }: SourceRecord) {
    this.revision = revision;
    this.#name = name;
    this.#each = map.each?.split('.');
    const unknown = new Set(map.unknown ?? []);
    this.#mapping = compileMapping<Row>(map.event, {
      find: (path) => this.#finder(path, unknown),
      pattern: (source) => this.#pattern(source),
      write: writeJson,
      spend: (steps) => this.#allowance.takeSteps(steps),
      required: requiredFields,
    });
  }

  /** `{a.b}` is of the entry, `{^a.b}` of the item around it, `{*}` and `{^*}` all of them. */
  #finder(name: string, unknown: ReadonlySet<string>): (row: Row) => unknown {
    const isOfItem = name.startsWith('^');
    const path = isOfItem ? name.slice(1) : name;
    const steps = path === '*' ? [] : path.split('.');
    return ({ entry, item }) => {
      const value = dig(isOfItem ? item : entry, steps);
      this.#allowance.takeSteps(steps.length);
      this.#weigh(value);
      return typeof value === 'string' && unknown.has(value) ? undefined : value;
    };
  }

  /** It may be copied whole, as often as the map names it. */
  #weigh(value: unknown): void {
    if (typeof value === 'string') this.#allowance.takeSteps(1 + value.length / 8);
    else this.#allowance.takeSteps(1);
    if (typeof value !== 'object' || value === null) return;
    for (const name of Object.keys(value)) {
      if (!Array.isArray(value)) this.#allowance.takeSteps(name.length / 8);
      this.#weigh((value as Record<string, unknown>)[name]);
    }
  }

  #pattern(source: string): Pick<Pattern, 'exec'> {
    const pattern = new Pattern(source);
    return {
      exec: (text) => {
        this.#allowance.takeSteps(pattern.unitsFor(text) * stepsPerUnit);
        return pattern.exec(text);
      },
    };
  }

  /** @param allowance of the item's body. */
  map(item: unknown, allowance: MapAllowance): Mapped {
    this.#allowance = allowance;
    allowance.beginItem();
    try {
      return this.#map(item, allowance);
    } catch (error) {
      if (error instanceof RangeError) return tooDeep;
      if (!(error instanceof Spent)) throw error;
      return error.isOfItem ? { reason: error.message } : { spent: error.message };
    }
  }

  #map(item: unknown, allowance: MapAllowance): Mapped {
    const entries = this.#each === undefined ? [item] : dig(item, this.#each);
    const path = this.#each?.join('.');
    if (!Array.isArray(entries)) return { reason: cut(`${path} is not a list`) };
    if (entries.length > entriesMax) {
      return { reason: cut(`${path} has more than ${entriesMax} entries`) };
    }
    const events: WireEvent[] = [];
    for (const [number, entry] of entries.entries()) {
      allowance.takeEvent();
      const event = this.#mapping({ entry, item });
      if (event instanceof Refused) {
        const place = this.#each === undefined ? '' : `${path}.${number}: `;
        return { reason: cut(`${place}${event.reason}`) };
      }
      const whole = { source: this.#name, ...event } as WireEvent;
      allowance.takeBytes(Buffer.byteLength(writeJson(whole)));
      events.push(whole);
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

const envelope = new Envelope();

/**
 * What of an item that could not be mapped goes to the quarantine, or the refusal of one that is larger
 * or deeper than an event may be. The same item is kept once.
 *
 * @param reason at most `problemBytesMax` bytes.
 */
export function unmapped(
  item: unknown,
  source: string,
  reason: string,
  nowMs: number,
): WireApart | WireRefusal {
  const apart = bodyOf(item, source);
  let fault = apart === undefined ? dataTooDeep : undefined;
  if (apart !== undefined) {
    walkJsonEvent(apart, 0, apart.length, nowMs, envelope);
    if (envelope.rejection !== typeReserved) fault = envelope.rejection;
    else return { apart, reason };
  }
  const { code, message } = fault!;
  return {
    refused: {
      code: code as WireRefusal['refused']['code'],
      message: `${reason}; it cannot be kept, because ${message}`,
    },
  };
}

/** Undefined for an item that is too deep to be written. */
function bodyOf(item: unknown, source: string): Uint8Array | undefined {
  let text: string;
  try {
    text = writeJson(item);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
  const id = createHash('sha256').update(`${source}\n${text}`).digest('hex').slice(0, 32);
  const customer = customerOfUnmapped(source);
  const head = JSON.stringify({ id, customer, type: unmappedType, source });
  return Buffer.from(`${head.slice(0, -1)},"data":{"item":${text}}}`);
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
    return source;
  }
}

/** Maps that a front keeps compiled. */
const compiledMax = 10_000;

/** Items of one body. */
export const itemsMax = batchEventsMax;
