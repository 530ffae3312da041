/** The client processes, and what their journals say. */
import { type ChildProcess, fork } from 'node:child_process';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ClientStart, FromClient, ToClient } from './messages.ts';

/** An event that a client holds a receipt for. */
export interface Acked {
  readonly customer: string;
  readonly id: string;
  readonly time: number;
}

export interface CrowdOptions {
  readonly clients: number;
  readonly directory: string;
  readonly url: string;
  readonly key: string;
  readonly seed: number;
  readonly customers: number;
  readonly patienceMs?: number;
}

const patienceMsUsual = 30_000;

const entry = fileURLToPath(new URL('./client.js', import.meta.url));
const doors = ['msgpack', 'json', 'http'] as const;

interface Client {
  readonly child: ChildProcess;
  readonly journal: string;
  drained: (() => void) | undefined;
  /** Bytes of the journal read so far. */
  read: number;
}

export class Crowd {
  readonly #clients: Client[] = [];
  /** Receipts by id; a resend is acknowledged again. */
  readonly acked = new Map<string, Acked>();
  #failed!: (error: Error) => void;
  /** Rejects when a client fails: its receipt was not what it should be. */
  readonly failure = new Promise<never>((_, reject) => {
    this.#failed = reject;
  });

  constructor(options: CrowdOptions) {
    this.failure.catch(() => undefined);
    for (let number = 0; number < options.clients; number++) this.#start(number, options);
  }

  #start(number: number, options: CrowdOptions): void {
    const { customers, directory, key, patienceMs = patienceMsUsual, url } = options;
    const seed = options.seed + number;
    const name = `k${number}`;
    const journal = join(directory, `journal-${name}`);
    closeSync(openSync(journal, 'a'));
    const door = doors[number % doors.length]!;
    const start: ClientStart = { name, door, url, key, seed, customers, journal, patienceMs };
    const child = fork(entry, [JSON.stringify(start)]);
    const client: Client = { child, journal, drained: undefined, read: 0 };
    child.on('message', (_: FromClient) => client.drained?.());
    child.on('exit', (code) => {
      if (code !== 0) this.#failed(new Error(`client ${name} (${door}) ended with ${code}`));
    });
    this.#clients.push(client);
  }

  go(): void {
    for (const { child } of this.#clients) child.send({ kind: 'go' } satisfies ToClient);
  }

  /** Resolves when everything that was sent is acknowledged and in the journals. */
  async pause(): Promise<void> {
    const drained = this.#clients.map(
      (client) =>
        new Promise<void>((resolve) => {
          client.drained = resolve;
          client.child.send({ kind: 'pause' } satisfies ToClient);
        }),
    );
    await Promise.race([Promise.all(drained), this.failure]);
    for (const client of this.#clients) this.#readJournal(client);
  }

  #readJournal(client: Client): void {
    const file = openSync(client.journal, 'r');
    const bytes = Buffer.alloc(fstatSync(file).size - client.read);
    readSync(file, bytes, 0, bytes.length, client.read);
    closeSync(file);
    client.read += bytes.length;
    for (const line of bytes.toString('utf8').split('\n')) {
      if (line === '') continue;
      const [customer, id, time] = line.split('\t');
      this.acked.set(id!, { customer: customer!, id: id!, time: Number(time) });
    }
  }

  close(): void {
    for (const { child } of this.#clients) if (child.connected) child.disconnect();
  }
}
