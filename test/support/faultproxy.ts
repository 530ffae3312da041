/**
 * An HTTP proxy between a real client and a real server that answers some requests itself, or loses them, as a
 * plan says; then it passes everything on. What the server did not get it cannot have stored, and what
 * it did get it has, answered or not.
 *
 *     a number   this status (429 and 503 with `Retry-After`), the server never hears of it
 *     cut        the connection ends before an answer, the server never hears of it
 *     lost       the server takes the request; the connection ends before the client hears so
 *     good       all is well
 */
import { once } from 'node:events';
import {
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';

export type Fault = number | 'cut' | 'lost' | 'good';

/** Every kind of fault, the worst one twice. */
export const everyFault: readonly Fault[] = [429, 'lost', 500, 'cut', 'lost'];

export interface FaultOptions {
  /** What a client is told to wait; 0 unless given. */
  readonly retryAfterSeconds?: number;
  /** Requests of other methods meet no faults; preflights never do. */
  readonly onlyPosts?: boolean;
}

export class FaultProxy {
  /** What becomes of the next requests. */
  plan: Fault[] = [];
  /** What became of each request that may meet faults, in order. */
  readonly done: Fault[] = [];
  readonly #server: Server;
  readonly #target: number;
  readonly #options: FaultOptions;

  private constructor(target: number, options: FaultOptions) {
    this.#target = target;
    this.#options = options;
    this.#server = createServer((incoming, reply) => {
      this.#serve(incoming, reply).catch(() => reply.destroy());
    });
  }

  /** Opens a proxy on a free port, to `target` on this machine. */
  static async open(
    target: number,
    plan: readonly Fault[] = [],
    options: FaultOptions = {},
  ): Promise<FaultProxy> {
    const proxy = new FaultProxy(target, options);
    proxy.plan = [...plan];
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** The faults among them. */
  get met(): readonly Fault[] {
    return this.done.filter((each) => each !== 'good');
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #serve(incoming: IncomingMessage, reply: ServerResponse): Promise<void> {
    const body = await bytesOf(incoming);
    const fault = this.#next(incoming.method ?? '');
    if (typeof fault === 'number') refuse(incoming, reply, fault, this.#options.retryAfterSeconds);
    else if (fault === 'cut') incoming.socket.resetAndDestroy();
    else {
      const answer = await this.#forward(incoming, body);
      if (fault === 'lost') incoming.socket.resetAndDestroy();
      else reply.writeHead(answer.status, answer.headers).end(answer.body);
    }
  }

  #next(method: string): Fault {
    const isSpared = this.#options.onlyPosts === true ? method !== 'POST' : method === 'OPTIONS';
    if (isSpared) return 'good';
    const fault = this.plan.shift() ?? 'good';
    this.done.push(fault);
    return fault;
  }

  async #forward(incoming: IncomingMessage, body: Buffer): Promise<Answer> {
    const { headers, method, url: path } = incoming;
    const options = { port: this.#target, host: '127.0.0.1', agent: false, path, method, headers };
    const sent = request(options);
    sent.end(body);
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    return {
      status: answer.statusCode!,
      headers: answer.headers,
      body: await bytesOf(answer),
    };
  }
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

/** As a server would that has a bad moment: pages may read it, too, with cookies. */
function refuse(
  incoming: IncomingMessage,
  reply: ServerResponse,
  status: number,
  retryAfterSeconds = 0,
): void {
  const { origin } = incoming.headers;
  reply.writeHead(status, {
    'Content-Type': 'application/json',
    ...((status === 429 || status === 503) && { 'Retry-After': String(retryAfterSeconds) }),
    ...(origin !== undefined && {
      'Access-Control-Allow-Origin': origin,
      'Access-Control-Allow-Credentials': 'true',
      'Access-Control-Expose-Headers': 'Retry-After',
    }),
  });
  const code = status === 429 ? 'rate_limited' : 'internal';
  reply.end(JSON.stringify({ success: false, code, message: 'injected by a test' }));
}

async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}
