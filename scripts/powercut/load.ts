/**
 * What the server has to do while it is recorded: senders over WebSocket and HTTP, batches of many
 * sizes, resends, late events, live readers, and an administrator who makes, changes and removes views
 * and keys. The clients note every receipt.
 */
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import type { Socket } from 'node:net';
import type { Random } from '../../src/std/random.ts';
import { openIngest, openLive } from '../../test/support/frames.ts';
import type { TestServer } from '../../test/support/server.ts';
import type { Definition, Facts, Receipt, SentEvent } from './promises.ts';

export interface LoadOptions {
  /** Begins all ids and names; another for each recording. */
  readonly name: string;
  readonly events: number;
  readonly random: Random;
  readonly customers: number;
  /** Sent before, without a receipt: clients send such events again. */
  readonly unanswered: readonly SentEvent[];
}

const windowFrames = 3;
const customerNames = (count: number): string[] =>
  Array.from({ length: count }, (_, number) => `customer ${number}`);
const types = ['Click', 'Add To Cart', 'Purchased', 'Login'] as const;
const startMs = 1_763_740_000_000;
const lateMsMax = 100_000;

export async function load(server: TestServer, options: LoadOptions): Promise<Facts> {
  const run = new Load(server, options);
  const readers = [await openLive(server, 'from=earliest'), await openLive(server)];
  const live = readers.map(({ tcp }) => tcp.localPort!);
  await Promise.all([run.sendFrames(), run.sendFrames(), run.sendRequests(), run.administer()]);
  for (const reader of readers) reader.close();
  return { sent: run.sent, receipts: run.receipts, live, definitions: run.definitions };
}

class Load {
  readonly sent: SentEvent[] = [];
  readonly receipts: Receipt[] = [];
  readonly definitions: Definition[] = [];
  readonly #server: TestServer;
  readonly #options: LoadOptions;
  readonly #customers: string[];
  readonly #unanswered: SentEvent[];
  #made = 0;

  constructor(server: TestServer, options: LoadOptions) {
    this.#server = server;
    this.#options = options;
    this.#customers = customerNames(options.customers);
    this.#unanswered = [...options.unanswered];
  }

  get #isDone(): boolean {
    return this.#made >= this.#options.events && this.#unanswered.length === 0;
  }

  /** Mostly new events; sometimes one that was sent before. */
  #batch(): SentEvent[] {
    const { random } = this.#options;
    const size = 1 + random.below(random.below(4) === 0 ? 120 : 12);
    const batch = this.#unanswered.splice(0, size);
    while (batch.length < size) {
      const isResend = this.sent.length > 0 && random.below(20) === 0;
      batch.push(isResend ? this.sent[random.below(this.sent.length)]! : this.#event());
    }
    this.sent.push(...batch);
    return batch;
  }

  #event(): SentEvent {
    const { name, random } = this.#options;
    this.#made += 1;
    const fillBytes = random.below(30) === 0 ? random.below(20_000) : random.below(300);
    return {
      id: `${name}-${this.#made}`,
      customer: this.#customers[random.below(this.#customers.length)]!,
      type: types[random.below(types.length)]!,
      time: startMs + this.#made * 10 - random.below(lateMsMax),
      data: { n: this.#made, fill: String(random.next()).repeat(40).slice(0, fillBytes) },
    };
  }

  async sendFrames(): Promise<void> {
    const socket = await openIngest(this.#server);
    const port = socket.tcp.localPort!;
    const waiting = new Map<number, SentEvent[]>();
    const take = async (): Promise<void> => {
      const said = await socket.next();
      const events = waiting.get(said.ack ?? -1);
      if (events === undefined) throw new Error(`a strange answer: ${JSON.stringify(said)}`);
      waiting.delete(said.ack!);
      this.#noteBatch({ port, number: said.ack!, door: 'frames', ids: [] }, events, said);
    };
    for (let seq = 1; !this.#isDone; seq++) {
      const events = this.#batch();
      waiting.set(seq, events);
      socket.text({ seq, events });
      while (waiting.size >= windowFrames) await take();
    }
    while (waiting.size > 0) await take();
    socket.close();
  }

  #noteBatch(
    receipt: Receipt,
    events: readonly SentEvent[],
    said: { readonly accepted?: number; readonly duplicates?: number },
  ): void {
    if ((said.accepted ?? 0) + (said.duplicates ?? 0) !== events.length) {
      throw new Error(`a strange receipt: ${JSON.stringify(said)}`);
    }
    this.receipts.push({ ...receipt, ids: events.map(({ id }) => id) });
  }

  async sendRequests(): Promise<void> {
    const caller = new Caller(this.#server, this.#server.keys.write);
    while (!this.#isDone) {
      const events = this.#batch();
      const { json, number, port } = await caller.call('POST', '/v1/events', events);
      this.#noteBatch({ port, number, door: 'answers', ids: [] }, events, json);
    }
    caller.close();
  }

  async administer(): Promise<void> {
    const { name, random } = this.#options;
    const caller = new Caller(this.#server, this.#server.keys.admin);
    const keys: string[] = [];
    const change = async (method: string, path: string, body?: object, value?: string) => {
      const definition = { name: path, value: value ?? null };
      this.definitions.push(definition);
      const { number, port } = await caller.call(method, path, body);
      this.receipts.push({ port, number, door: 'answers', ids: [], definition });
    };
    for (let version = 1; !this.#isDone; version++) {
      const view = `/v1/views/${name}-${random.below(4)}`;
      const choice = random.below(8);
      if (choice < 5) await change('PUT', view, viewOf(version), `${version}d`);
      else if (choice === 5 && this.#exists(view)) await change('DELETE', view);
      else if (choice === 6 && keys.length > 0) await change('DELETE', keys.pop()!);
      else {
        const wanted = { name: `${name}-${version}`, scopes: ['read'] };
        const { json, number, port } = await caller.call('POST', '/v1/keys', wanted);
        keys.push(`/v1/keys/${json.id}`);
        const definition = { name: keys.at(-1)!, value: 'present' };
        this.definitions.push(definition);
        this.receipts.push({ port, number, door: 'answers', ids: [], definition });
      }
    }
    caller.close();
  }

  #exists(path: string): boolean {
    return (this.definitions.findLast(({ name }) => name === path)?.value ?? null) !== null;
  }
}

/** A look-back of so many days tells the versions of a view apart. */
function viewOf(version: number): object {
  return { fields: [{ name: 'Logins', event: 'Login', type: 'count', lookback: `${version}d` }] };
}

interface Answered {
  readonly port: number;
  readonly number: number;
  readonly json: { readonly id?: string; readonly accepted?: number; readonly duplicates?: number };
}

/** One connection at a time, kept open; tells which answer of which connection it got. */
class Caller {
  readonly #server: TestServer;
  readonly #key: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #answers = new Map<number, number>();

  constructor(server: TestServer, key: string) {
    this.#server = server;
    this.#key = key;
  }

  async call(method: string, path: string, body?: object): Promise<Answered> {
    const text = body === undefined ? '' : JSON.stringify(body);
    const headers: Record<string, string | number> = { authorization: `Bearer ${this.#key}` };
    if (body !== undefined) headers['content-type'] = 'application/json';
    if (body !== undefined) headers['content-length'] = Buffer.byteLength(text);
    const { port: serverPort } = this.#server;
    const options = { host: '127.0.0.1', port: serverPort, agent: this.#agent };
    const sent = request({ ...options, method, path, headers });
    sent.end(text);
    const [socket] = (await once(sent, 'socket')) as [Socket];
    const [response] = await once(sent, 'response');
    const port = socket.localPort!;
    const number = (this.#answers.get(port) ?? 0) + 1;
    this.#answers.set(port, number);
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk);
    const said = Buffer.concat(chunks).toString();
    if (response.statusCode >= 300) throw new Error(`${method} ${path}: ${said}`);
    return { port, number, json: said === '' ? {} : JSON.parse(said) };
  }

  close(): void {
    this.#agent.destroy();
  }
}
