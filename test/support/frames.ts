/** A WebSocket client that shows everything: each message in order, the close code, the refusal. */
import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { pack, unpack } from 'msgpackr';
import { WebSocket } from 'ws';
import type { TestServer } from './server.ts';
import type { StoredEvent } from './session.ts';

export interface OpenOptions {
  readonly key?: string | undefined;
  readonly protocol?: string | undefined;
}

export interface Closed {
  readonly code: number;
  readonly reason: string;
}

/** What a server says on `/v1/ingest`. */
export interface Said {
  readonly hello?: number;
  readonly window?: number;
  readonly windowBytes?: number;
  readonly frameBytesMax?: number;
  readonly ack?: number;
  readonly nack?: number;
  readonly accepted?: number;
  readonly duplicates?: number;
  readonly rejected?: readonly unknown[];
  readonly error?: { code: string; message: string; retryAfterMs?: number };
}

/** What a server says on `/v1/live`. */
export interface LiveSaid {
  readonly cursor: string;
  readonly event: StoredEvent;
}

export class FrameSocket {
  readonly ws: WebSocket;
  /** Messages that nobody has taken yet. */
  readonly messages: (Buffer | string)[] = [];
  readonly closed: Promise<Closed>;
  #isClosed = false;
  #wake: (() => void) | undefined;

  constructor(ws: WebSocket) {
    this.ws = ws;
    ws.on('message', (data: Buffer, isBinary: boolean) => {
      this.messages.push(isBinary ? data : data.toString());
      this.#wake?.();
    });
    ws.on('error', () => {});
    this.closed = new Promise((resolve) => {
      ws.on('close', (code, reason) => {
        this.#isClosed = true;
        this.#wake?.();
        resolve({ code, reason: reason.toString() });
      });
    });
  }

  /** The next message, raw. Rejects when the socket closes first. */
  async raw(): Promise<Buffer | string> {
    while (this.messages.length === 0) {
      if (this.#isClosed) throw new Error('the socket closed before the message came');
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.messages.shift()!;
  }

  /** The next message, read. */
  async next(): Promise<Said> {
    const message = await this.raw();
    return (typeof message === 'string' ? JSON.parse(message) : unpack(message)) as Said;
  }

  async live(): Promise<LiveSaid> {
    return JSON.parse((await this.raw()) as string) as LiveSaid;
  }

  /** The next `count` live events. */
  async events(count: number): Promise<StoredEvent[]> {
    const events: StoredEvent[] = [];
    while (events.length < count) events.push((await this.live()).event);
    return events;
  }

  text(message: unknown): void {
    this.ws.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  binary(message: unknown): void {
    this.ws.send(message instanceof Uint8Array ? message : pack(message));
  }

  /** Sends many frames in one write, so that the server finds them at once. */
  burst(frames: readonly (string | Uint8Array)[]): void {
    this.tcp.cork();
    for (const frame of frames) this.ws.send(frame);
    this.tcp.uncork();
  }

  get tcp(): Socket {
    return (this.ws as unknown as { _socket: Socket })._socket;
  }

  close(): void {
    this.ws.terminate();
  }
}

function address(server: TestServer, path: string): string {
  return `ws://127.0.0.1:${server.port}${path}`;
}

function connect(server: TestServer, path: string, { key, protocol }: OpenOptions): WebSocket {
  const headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
  const protocols = protocol === undefined ? [] : protocol.split(',');
  const options = { headers, perMessageDeflate: false, maxPayload: 64 * 1024 * 1024 };
  return new WebSocket(address(server, path), protocols, options);
}

/** Opens a WebSocket. Rejects when it is refused. */
export async function openFrames(
  server: TestServer,
  path: string,
  options: OpenOptions = {},
): Promise<FrameSocket> {
  const ws = connect(server, path, options);
  const socket = new FrameSocket(ws);
  await new Promise<void>((resolve, reject) => {
    ws.once('open', resolve);
    ws.once('error', reject);
  });
  return socket;
}

/** An ingest socket that has said hello. */
export async function openIngest(
  server: TestServer,
  protocol: string | undefined = 'tapeline.json',
): Promise<FrameSocket> {
  const socket = await openFrames(server, '/v1/ingest', { key: server.keys.write, protocol });
  assert.equal((await socket.next()).hello, 1);
  return socket;
}

/** A live socket with the read key. */
export function openLive(server: TestServer, query = ''): Promise<FrameSocket> {
  return openFrames(server, `/v1/live${query === '' ? '' : `?${query}`}`, {
    key: server.keys.read,
  });
}

export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly headers: IncomingMessage['headers'];
  /** The earliest cursor still held, where one has expired. */
  readonly earliest: string | undefined;
}

/** How an upgrade is refused; fails when it is not. */
export function refusedUpgrade(
  server: TestServer,
  path: string,
  options: OpenOptions = {},
): Promise<Refusal> {
  return new Promise((resolve, reject) => {
    const ws = connect(server, path, options);
    ws.on('error', reject);
    ws.on('open', () => {
      ws.terminate();
      reject(new Error(`${path} was not refused`));
    });
    ws.on('unexpected-response', (_request, response: IncomingMessage) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => {
        const { error } = JSON.parse(text) as { error: { code: string; earliest?: string } };
        const { headers, statusCode } = response;
        resolve({ status: statusCode!, code: error.code, headers, earliest: error.earliest });
      });
    });
  });
}
