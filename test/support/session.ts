/** A client of a real server: requests with a key, events in, tapes out. For tests of the contract. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http';
import { request } from 'node:http';
import { type ServerOptions, startServer, type TestServer } from './server.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The body as JSON; undefined when it is none. */
  readonly json: unknown;
  /** The code of an error. */
  readonly code: string | undefined;
  readonly message: string | undefined;
}

export interface Ask {
  readonly method?: string;
  readonly key?: string | undefined;
  readonly type?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /** An object is sent as JSON. */
  readonly body?: string | Uint8Array | object | undefined;
}

export interface StoredEvent {
  readonly id: string;
  readonly customer: string;
  readonly type: string;
  readonly time: number;
  readonly received: number;
  readonly cursor: string;
  readonly channel?: string;
  readonly source?: string;
  readonly previous?: string;
  readonly data?: Record<string, unknown>;
}

export interface Rejected {
  readonly index: number;
  readonly id?: string;
  readonly code: string;
  readonly message: string;
}

export interface Receipt {
  readonly accepted: number;
  readonly duplicates: number;
  readonly rejected: readonly Rejected[];
}

export interface Page {
  readonly customer: string;
  readonly events: readonly StoredEvent[];
  readonly next: string | null;
  readonly live: string;
}

/** A server of two fronts and two shards, which is the least that shows what threads get wrong. */
export function startTwo(options: ServerOptions = {}): Promise<TestServer> {
  return startServer({ shards: 2, fronts: 2, ...options });
}

/** One request on a connection of its own, so that the kernel spreads them over the fronts. */
export async function ask(server: TestServer, path: string, options: Ask = {}): Promise<Answer> {
  const { body, key, type } = options;
  const isPlain = body === undefined || typeof body === 'string' || body instanceof Uint8Array;
  const bytes = isPlain ? body : JSON.stringify(body);
  const headers: Record<string, string | number> = { ...options.headers };
  if (key !== undefined) headers['authorization'] = `Bearer ${key}`;
  if (type !== undefined) headers['content-type'] = type;
  else if (!isPlain) headers['content-type'] = 'application/json';
  if (bytes !== undefined) headers['content-length'] = Buffer.byteLength(bytes);
  const method = options.method ?? (body === undefined ? 'GET' : 'POST');
  const sent = request({
    port: server.port,
    host: '127.0.0.1',
    agent: false,
    path,
    method,
    headers,
  });
  sent.end(bytes);
  const [response] = await once(sent, 'response');
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  return answerOf(response.statusCode, response.headers, Buffer.concat(chunks).toString());
}

function answerOf(status: number, headers: IncomingHttpHeaders, text: string): Answer {
  const isJson = headers['content-type'] === 'application/json; charset=utf-8' && text !== '';
  const json: unknown = isJson ? JSON.parse(text) : undefined;
  const { error } = (json ?? {}) as { error?: { code: string; message: string } };
  return { status, headers, text, json, code: error?.code, message: error?.message };
}

/** Posts to `/v1/events` with the write key; the body is JSON unless `type` says otherwise. */
export function post(
  server: TestServer,
  body: string | Uint8Array | object,
  options: Ask = {},
): Promise<Answer> {
  const type = options.type ?? 'application/json';
  return ask(server, '/v1/events', { key: server.keys.write, ...options, type, body });
}

/** Posts events and expects every one of them stored. */
export async function store(server: TestServer, events: readonly object[]): Promise<void> {
  const answer = await post(server, events);
  assert.equal(answer.text, `{"accepted":${events.length},"duplicates":0,"rejected":[]}`);
}

export function tapePath(customer: string, query = ''): string {
  return `/v1/customers/${encodeURIComponent(customer)}/tape${query === '' ? '' : `?${query}`}`;
}

/** One page of a tape. */
export async function tape(server: TestServer, customer: string, query = ''): Promise<Page> {
  const answer = await ask(server, tapePath(customer, query), { key: server.keys.read });
  assert.equal(answer.status, 200, answer.text);
  return answer.json as Page;
}

/** What was sent, newest first: without what the server adds, such as links. */
export async function sentEvents(server: TestServer, customer: string): Promise<StoredEvent[]> {
  const { events } = await tape(server, customer);
  return events.filter(({ type }) => !type.startsWith('tapeline.'));
}

/** The ids on a tape, newest first. */
export async function tapeIds(server: TestServer, customer: string, query = ''): Promise<string[]> {
  return (await tape(server, customer, query)).events.map(({ id }) => id);
}

/** The value of a metric. */
export async function metric(server: TestServer, name: string): Promise<number> {
  const { text } = await ask(server, '/metrics');
  const line = text.split('\n').find((each) => each.startsWith(`tapeline_${name} `));
  assert.ok(line !== undefined, `there is no metric ${name}`);
  return Number(line.split(' ')[1]);
}

/** Waits until a condition holds, asking again at a bearable pace. */
export async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
}

let lastName = 0;
/** A name that no other test of the file has used. */
export function fresh(stem: string): string {
  lastName += 1;
  return `${stem}-${lastName}`;
}

export function count(length: number): number[] {
  return Array.from({ length }, (_, index) => index);
}
