/**
 * Readers that hold the server to its receipts. One follows the live stream through every crash; its
 * account of the commit order is what all others are compared with.
 */
import WebSocket from 'ws';
import type { Reader } from '../../src/client/reader.ts';
import type { StoredEvent } from '../../src/client/types.ts';
import { sleep, systemClock } from '../../src/std/clock.ts';
import type { Random } from '../../src/std/random.ts';
import { parsePosition } from '../../src/tape/cursor.ts';
import type { Acked } from './crowd.ts';

export interface Findings {
  lost: number;
  duplicated: number;
  disordered: number;
  /** Stored although nobody holds a receipt: every sender resends until it has one. */
  unknown: number;
}

interface Place {
  readonly id: string;
  readonly customer: string;
  readonly time: number;
  readonly cursor: string;
}

/** Without a new event for this long, what is missing will not come. */
const silenceMsMax = 5_000;

export class Auditor {
  readonly findings: Findings = { lost: 0, duplicated: 0, disordered: 0, unknown: 0 };
  readonly #reader: Reader;
  readonly #report: (problem: string) => void;
  /** In the order of the stream. */
  readonly #history: Place[] = [];
  readonly #placeOf = new Map<string, number>();
  readonly #stop = new AbortController();
  #heardMs = 0;
  /** History checked against the receipts so far. */
  #checked = 0;

  constructor(reader: Reader, report: (problem: string) => void) {
    this.#reader = reader;
    this.#report = report;
  }

  get events(): number {
    return this.#history.length;
  }

  /** Follows the stream from its beginning until `close`, resuming after each crash. */
  async follow(): Promise<void> {
    const { signal } = this.#stop;
    for await (const { cursor, event } of this.#reader.live({ from: 'earliest', signal })) {
      this.#heardMs = systemClock.monotonicMs();
      this.#visit(cursor, event);
    }
  }

  close(): void {
    this.#stop.abort();
  }

  #visit(cursor: string, { customer, id, time }: StoredEvent): void {
    if (this.#placeOf.has(id)) this.#found('duplicated', `${id} came twice in the live stream`);
    const last = this.#history.at(-1);
    if (last !== undefined && !isAfter(cursor, last.cursor)) {
      this.#found('disordered', `${id} came at ${cursor}, after ${last.cursor}`);
    }
    this.#placeOf.set(id, this.#history.length);
    this.#history.push({ id, customer, time, cursor });
  }

  #found(what: keyof Findings, problem: string): void {
    this.findings[what] += 1;
    this.#report(`${what}: ${problem}`);
  }

  /** Nobody sends: the stream has to show exactly what is acknowledged. */
  async checkReceipts(acked: ReadonlyMap<string, Acked>): Promise<void> {
    this.#heardMs = systemClock.monotonicMs();
    while (this.#placeOf.size < acked.size) {
      if (systemClock.monotonicMs() - this.#heardMs > silenceMsMax) break;
      await sleep(systemClock, 5);
    }
    if (this.#placeOf.size < acked.size) {
      for (const { id } of acked.values()) {
        if (!this.#placeOf.has(id)) this.#found('lost', `${id} is not in the live stream`);
      }
    }
    for (; this.#checked < this.#history.length; this.#checked++) {
      const { customer, id, time } = this.#history[this.#checked]!;
      const receipt = acked.get(id);
      if (receipt === undefined) this.#found('unknown', `${id} was never acknowledged`);
      else if (receipt.customer !== customer || receipt.time !== time) {
        this.#found('disordered', `${id} has another customer or time`);
      }
    }
  }

  /** The tapes of some customers, each read twice with pages of different sizes. */
  async checkTapes(customers: readonly string[], random: Random): Promise<void> {
    for (const customer of customers) {
      const wanted = this.#tapeOf(customer);
      for (const limit of [1000, 20 + random.below(400)]) {
        const found: Place[] = [];
        for await (const { cursor, id, time } of this.#reader.events(customer, { limit })) {
          found.push({ id, customer, time, cursor });
        }
        this.#compare(found, wanted, `the tape of ${customer}`);
      }
    }
  }

  /** By (time, commit), newest first. */
  #tapeOf(customer: string): Place[] {
    const places = this.#history.filter((place) => place.customer === customer);
    const order = (place: Place): number => this.#placeOf.get(place.id)!;
    return places.sort((a, b) => b.time - a.time || order(b) - order(a));
  }

  /** A new stream over WebSocket, from the beginning or from any cursor, says the same again. */
  async checkStream(url: string, key: string, from: number): Promise<void> {
    const cursor = from === 0 ? 'earliest' : this.#history[from - 1]!.cursor;
    const wanted = this.#history.slice(from);
    const found = await readSocket(`${url}/v1/live?from=${cursor}`, key, wanted.length);
    this.#compare(found, wanted, `the stream from ${cursor}`);
  }

  #compare(found: readonly Place[], wanted: readonly Place[], what: string): void {
    const isSame =
      found.length === wanted.length &&
      found.every(({ cursor, id }, index) => {
        return id === wanted[index]!.id && cursor === wanted[index]!.cursor;
      });
    if (isSame) return;
    const ids = new Set(found.map(({ id }) => id));
    if (ids.size < found.length) this.#found('duplicated', `${what} has events twice`);
    const missing = wanted.filter(({ id }) => !ids.has(id));
    for (const { id } of missing) this.#found('lost', `${id} is not in ${what}`);
    if (missing.length === 0) this.#found('disordered', `${what} is not in order`);
  }

  /** Every customer that was seen. */
  customers(): string[] {
    return [...new Set(this.#history.map(({ customer }) => customer))];
  }
}

function isAfter(a: string, b: string): boolean {
  const [first, second] = [parsePosition(b), parsePosition(a)];
  if (first.stamp !== second.stamp) return second.stamp > first.stamp;
  return second.ordinal > first.ordinal;
}

/** The next `count` events of a live WebSocket; fewer when it falls silent. */
function readSocket(address: string, key: string, count: number): Promise<Place[]> {
  const found: Place[] = [];
  if (count === 0) return Promise.resolve(found);
  return new Promise((resolve, reject) => {
    const options = { headers: { authorization: `Bearer ${key}` }, perMessageDeflate: false };
    const socket = new WebSocket(address.replace(/^http/, 'ws'), options);
    let cancel = systemClock.after(silenceMsMax, () => socket.terminate());
    socket.on('message', (data) => {
      const { cursor, event } = JSON.parse(String(data)) as { cursor: string; event: StoredEvent };
      const { customer, id, time } = event;
      found.push({ id, customer, time, cursor });
      if (found.length % 100 === 0) {
        cancel();
        cancel = systemClock.after(silenceMsMax, () => socket.terminate());
      }
      if (found.length === count) socket.terminate();
    });
    socket.on('error', reject);
    socket.on('close', () => {
      cancel();
      resolve(found);
    });
  });
}
