/**
 * A plain HTTP sender on sockets of its own, as a small device would be: a connection for a few
 * requests, bodies in pieces, a deadline, and the same body again until it has a receipt.
 */
import { gzipSync } from 'node:zlib';
import { sleep, systemClock } from '../../src/std/clock.ts';
import type { Random } from '../../src/std/random.ts';
import { type RawReply, Wire } from '../../test/support/wire.ts';
import type { Acked } from '../torture/crowd.ts';

export interface RawOptions {
  readonly name: string;
  readonly port: number;
  readonly key: string;
  readonly random: Random;
  readonly patienceMs: number;
  readonly acked: Map<string, Acked>;
  readonly found: (problem: string) => void;
}

interface Event {
  readonly id: string;
  readonly customer: string;
  readonly type: string;
  readonly time: number;
  readonly data: object;
}

/** The HTTP parser below us gives up on a request line that is split within its version. */
const splitVersionStatus = 505;
const connectionRequestsMax = 4;
const eventsMax = 60;
const retryMs = 20;

export class RawSender {
  resends = 0;
  /** Requests refused because their first line came in two segments. */
  splits = 0;
  readonly #options: RawOptions;
  #wire: Wire | undefined;
  #left = 0;
  #sent = 0;
  #isSending = false;
  #running: Promise<void> = Promise.resolve();

  constructor(options: RawOptions) {
    this.#options = options;
  }

  go(): void {
    this.#isSending = true;
    this.#running = this.#run();
  }

  /** Resolves when everything it sent has a receipt. */
  async pause(): Promise<void> {
    this.#isSending = false;
    await this.#running;
    this.close();
  }

  close(): void {
    this.#wire?.close();
    this.#wire = undefined;
  }

  async #run(): Promise<void> {
    while (this.#isSending) await this.#sendUntilStored(this.#makeBatch());
  }

  #makeBatch(): Event[] {
    const { name, random } = this.#options;
    return Array.from({ length: 1 + random.below(eventsMax) }, () => ({
      id: `${name}-${++this.#sent}`,
      customer: `raw-${random.below(40)}`,
      type: 'Click',
      time: systemClock.now() - random.below(5_000),
      data: { note: 'é€😀 '.repeat(random.below(40)) },
    }));
  }

  async #sendUntilStored(events: readonly Event[]): Promise<void> {
    const { acked, found, random } = this.#options;
    const request = this.#requestOf(events);
    for (let attempt = 0; ; attempt++) {
      if (attempt > 0) this.resends += 1;
      const reply = await this.#exchange(request).catch(() => undefined);
      if (reply?.status === 200) {
        const { accepted, duplicates } = JSON.parse(reply.body) as Record<string, number>;
        if (accepted! + duplicates! !== events.length) found(`a strange receipt: ${reply.body}`);
        for (const { customer, id, time } of events) acked.set(id, { customer, id, time });
        return;
      }
      if (reply?.status === splitVersionStatus) this.splits += 1;
      else if (reply !== undefined && reply.status !== 503)
        found(`a strange answer: ${reply.status} ${reply.body}`);
      await sleep(systemClock, retryMs * (1 + random.below(3)));
    }
  }

  #requestOf(events: readonly Event[]): Buffer {
    const { key, random } = this.#options;
    const isLines = random.below(2) === 0;
    const isZipped = random.below(3) === 0;
    const lines = events.map((event) => JSON.stringify(event));
    const text = Buffer.from(isLines ? lines.join('\n') : `[${lines.join(',')}]`);
    const body = isZipped ? gzipSync(text) : text;
    const head = [
      'POST /v1/events HTTP/1.1',
      'Host: localhost',
      `Authorization: Bearer ${key}`,
      `Content-Type: ${isLines ? 'application/x-ndjson' : 'application/json'}`,
      `Content-Length: ${body.length}`,
      ...(isZipped ? ['Content-Encoding: gzip'] : []),
    ];
    return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body]);
  }

  /** One request in pieces. Rejects when the connection ends or the deadline passes. */
  async #exchange(request: Buffer): Promise<RawReply> {
    const { patienceMs, port, random } = this.#options;
    if (this.#wire === undefined || this.#left <= 0) {
      this.close();
      this.#wire = new Wire(port);
      this.#left = 1 + random.below(connectionRequestsMax);
    }
    this.#left -= 1;
    const wire = this.#wire;
    const cancel = systemClock.after(patienceMs, () => wire.close());
    try {
      for (let at = 0; at < request.length; ) {
        const end = Math.min(request.length, at + 1 + random.below(4_000));
        wire.send(request.subarray(at, end));
        at = end;
        await new Promise((resolve) => setImmediate(resolve));
      }
      const reply = await wire.reply();
      if (reply.headers.get('connection') === 'close') this.#left = 0;
      return reply;
    } catch (error) {
      this.close();
      throw error;
    } finally {
      cancel();
    }
  }
}
