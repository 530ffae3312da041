/** A reader of Server-Sent Events that can be paused, over a socket of its own. */
import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { TestServer } from './server.ts';
import type { StoredEvent } from './session.ts';

export interface StreamMessage {
  /** Empty when the message has none. */
  readonly id: string;
  readonly event: string;
  readonly data: StoredEvent;
}

export class Stream {
  readonly response: IncomingMessage;
  /** Comments so far. */
  comments = 0;
  /** The cursor that the stream begins with, before any event. */
  firstId: string | undefined;
  readonly #request: ClientRequest;
  readonly #messages: StreamMessage[] = [];
  #rest = '';
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(sent: ClientRequest, response: IncomingMessage) {
    this.#request = sent;
    this.response = response;
    response.setEncoding('utf8');
    response.on('data', (text: string) => this.#read(text));
    const end = (): void => {
      this.#ended = true;
      this.#wake?.();
    };
    response.on('end', end).on('close', end).on('error', end);
  }

  /** The next event. Rejects when the stream ends first. */
  async next(): Promise<StreamMessage> {
    while (this.#messages.length === 0) {
      if (this.#ended) throw new Error('the stream ended before the event came');
      await this.#more();
    }
    return this.#messages.shift()!;
  }

  /** The events that are left once the stream has ended. */
  async rest(): Promise<StreamMessage[]> {
    while (!this.#ended) await this.#more();
    return this.#messages.splice(0);
  }

  /** The cursor to resume from when no event came. */
  async start(): Promise<string> {
    while (this.firstId === undefined) {
      if (this.#ended) throw new Error('the stream ended before it began');
      await this.#more();
    }
    return this.firstId;
  }

  /** Until so many comments have come. */
  async untilComments(count: number): Promise<void> {
    while (this.comments < count) {
      if (this.#ended) throw new Error('the stream ended before a comment came');
      await this.#more();
    }
  }

  close(): void {
    this.#request.destroy();
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #read(text: string): void {
    const blocks = (this.#rest + text).split('\n\n');
    this.#rest = blocks.pop()!;
    for (const block of blocks) this.#readBlock(block.split('\n'));
    this.#wake?.();
  }

  #readBlock(lines: readonly string[]): void {
    if (lines[0]?.startsWith(':')) this.comments += 1;
    const value = (name: string): string | undefined =>
      lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
    const id = value('id');
    const data = value('data');
    this.firstId ??= id;
    if (data === undefined) return;
    this.#messages.push({
      id: id ?? '',
      event: value('event')!,
      data: JSON.parse(data) as StoredEvent,
    });
  }
}

/** Opens `/v1/live/sse` with the read key. */
export function openStream(
  server: TestServer,
  query = '',
  headers: Readonly<Record<string, string>> = {},
): Promise<Stream> {
  const path = `/v1/live/sse${query === '' ? '' : `?${query}`}`;
  return openStreamAt(server, path, { authorization: `Bearer ${server.keys.read}`, ...headers });
}

/** Opens a stream of Server-Sent Events. */
export async function openStreamAt(
  server: TestServer,
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<Stream> {
  const sent = request({
    port: server.port,
    host: '127.0.0.1',
    agent: false,
    path,
    headers,
  });
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  sent.on('error', () => {});
  if (response.statusCode !== 200)
    throw new Error(`the stream was refused: ${response.statusCode}`);
  return new Stream(sent, response);
}
