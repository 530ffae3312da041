/**
 * What the server has promised, and when: the moment a receipt began to leave the process, taken from
 * the bytes that went to its socket. A client sees it later, so this is the strictest moment there is.
 */
import type { Call } from './journal.ts';

/** An event as it was sent. */
export interface SentEvent {
  readonly id: string;
  readonly customer: string;
  readonly type: string;
  readonly time: number;
  readonly data: Readonly<Record<string, unknown>>;
}

/** A view's look-back, which tells its versions apart, or whether a key is there; null: removed. */
export interface Definition {
  readonly name: string;
  readonly value: string | null;
}

/** An answer that a client got, and what it stands for. */
export interface Receipt {
  readonly port: number;
  /** Of the frame it acknowledges; or, over HTTP, of the answer on its connection, from 1. */
  readonly number: number;
  readonly door: 'frames' | 'answers';
  readonly ids: readonly string[];
  readonly definition?: Definition;
}

/** What clients know when a recording ends. */
export interface Facts {
  readonly sent: readonly SentEvent[];
  readonly receipts: readonly Receipt[];
  /** Ports of live subscribers. */
  readonly live: readonly number[];
  /** In the order in which they were asked for, answered or not. */
  readonly definitions: readonly Definition[];
}

export interface Promised {
  /** Event id → from when on it has to be there, in the journal's time. */
  readonly events: Readonly<Record<string, number>>;
  /** Per definition, its values in order; `from` is null when nobody was answered. */
  readonly definitions: Readonly<
    Record<string, { readonly value: string | null; readonly from: number | null }[]>
  >;
}

/** The bytes sent to one port, and when each send began. */
class Outgoing {
  #text = '';
  readonly #sends: { readonly at: number; readonly start: number }[] = [];

  add({ data, start }: Call): void {
    this.#sends.push({ at: this.#text.length, start });
    this.#text += data.toString('latin1');
  }

  /** Every match, with the time at which its last byte began to leave. */
  *find(pattern: RegExp): Iterable<{ readonly found: RegExpExecArray; readonly from: number }> {
    for (const found of this.#text.matchAll(pattern)) {
      const end = found.index + found[0].length;
      yield { found, from: this.#sends.findLast(({ at }) => at < end)!.start };
    }
  }
}

const patterns = {
  frames: /\{"ack":(\d+),[^}]*\}/g,
  answers: /HTTP\/1\.1 \d{3} /g,
  live: /"id":"([^"]+)"/g,
} as const;

/** @param before what was there when the recording began, all of it on the disk. */
export function promisesOf(
  calls: readonly Call[],
  facts: Facts,
  before: { readonly ids: readonly string[]; readonly definitions: readonly Definition[] },
): Promised {
  const outgoing = outgoingByPort(calls);
  const events: Record<string, number> = {};
  const promise = (id: string, from: number): void => {
    events[id] = Math.min(events[id] ?? from, from);
  };
  for (const id of before.ids) promise(id, 0);
  const answered = new Map<Definition, number>();
  for (const receipt of facts.receipts) {
    const from = leaves(outgoing.get(receipt.port), receipt);
    for (const id of receipt.ids) promise(id, from);
    if (receipt.definition !== undefined) answered.set(receipt.definition, from);
  }
  // Whoever reads an event may act on it: it must not be taken back either.
  for (const port of facts.live) {
    for (const { found, from } of outgoing.get(port)?.find(patterns.live) ?? []) {
      promise(found[1]!, from);
    }
  }
  const definitions: Record<string, { value: string | null; from: number | null }[]> = {};
  const note = ({ name, value }: Definition, from: number | null): void => {
    definitions[name] ??= [];
    definitions[name].push({ value, from });
  };
  for (const definition of before.definitions) note(definition, 0);
  for (const definition of facts.definitions) note(definition, answered.get(definition) ?? null);
  return { events, definitions };
}

function outgoingByPort(calls: readonly Call[]): Map<number, Outgoing> {
  const byPort = new Map<number, Outgoing>();
  for (const call of calls) {
    if (call.kind !== 'send') continue;
    const outgoing = byPort.get(call.offset) ?? new Outgoing();
    outgoing.add(call);
    byPort.set(call.offset, outgoing);
  }
  return byPort;
}

/** @throws when a client has a receipt that the journal does not: the shim missed a call. */
function leaves(outgoing: Outgoing | undefined, { door, number, port }: Receipt): number {
  let answer = 0;
  for (const { found, from } of outgoing?.find(patterns[door]) ?? []) {
    answer += 1;
    if (number === (door === 'frames' ? Number(found[1]) : answer)) return from;
  }
  throw new Error(`receipt ${number} on port ${port} is not in the journal`);
}
