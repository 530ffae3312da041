/** A receiver of webhooks on a port of its own, which answers as it is told to, or does not. */
import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createSecure } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { until } from './session.ts';

export interface Received {
  readonly method: string;
  readonly path: string;
  readonly id: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Epoch milliseconds: when it had arrived. */
  readonly at: number;
}

export type Behaviour = (response: ServerResponse, received: Received) => void;

export const status =
  (code: number, headers: Record<string, string> = {}, body = ''): Behaviour =>
  (response) => {
    response.writeHead(code, headers).end(body);
  };
export const ok = status(204);
/** Neither an answer nor an end. */
export const hang: Behaviour = () => undefined;
/** Takes the message and cuts the connection. */
export const cut: Behaviour = (response) => {
  response.socket?.destroy();
};

export class Receiver {
  readonly received: Received[] = [];
  /** For the next requests, in order; then `otherwise`. */
  readonly next: Behaviour[] = [];
  otherwise: Behaviour = ok;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #scheme: string;

  constructor(tls?: { readonly key: string; readonly cert: string }) {
    this.#server = tls === undefined ? createServer() : (createSecure(tls) as unknown as Server);
    this.#scheme = tls === undefined ? 'http' : 'https';
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    this.#server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { headers, method = '', url = '' } = request;
        const body = Buffer.concat(chunks).toString();
        const id = String(headers['webhook-id']);
        const received = { method, path: url, id, headers, body, at: Date.now() };
        this.received.push(received);
        (this.next.shift() ?? this.otherwise)(response, received);
      });
    });
  }

  async listen(): Promise<this> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return this;
  }

  /** @param host what the URL calls it. */
  url(path = '/', host = '127.0.0.1'): string {
    const { port } = this.#server.address() as AddressInfo;
    return `${this.#scheme}://${host}:${port}${path}`;
  }

  /** Connections that are open now. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Resolves to the last of the first `count`. */
  async nth(count: number): Promise<Received> {
    await until(() => Promise.resolve(this.received.length >= count));
    return this.received[count - 1]!;
  }

  cutAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.cutAll();
    await closed;
  }
}
