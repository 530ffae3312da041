/**
 * An HTTP proxy between a real client and a real server that answers some requests itself, or loses
 * them, as a plan says; then it passes everything on.
 *
 *     rate    429 with `Retry-After`, the server never hears of it
 *     error   500, the same
 *     cut     the connection ends before an answer, the server never hears of it
 *     lost    the server takes the request; the connection ends before the client hears so
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

export type Fault = 'rate' | 'error' | 'cut' | 'lost';

/** Every fault, the worst one twice. */
export const everyFault: readonly Fault[] = ['rate', 'lost', 'error', 'cut', 'lost'];

export class FaultProxy {
  /** What becomes of the next requests that carry a body. */
  plan: Fault[] = [];
  /** What became of those that were treated badly. */
  readonly met: Record<Fault, number> = { rate: 0, error: 0, cut: 0, lost: 0 };
  readonly #server: Server;
  readonly #target: number;

  private constructor(target: number) {
    this.#target = target;
    this.#server = createServer((incoming, reply) => {
      this.#serve(incoming, reply).catch(() => reply.destroy());
    });
  }

  /** Opens a proxy on a free port, to `target` on this machine. */
  static async open(target: number): Promise<FaultProxy> {
    const proxy = new FaultProxy(target);
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

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #serve(incoming: IncomingMessage, reply: ServerResponse): Promise<void> {
    const body = await bytesOf(incoming);
    const fault = incoming.method === 'POST' ? this.plan.shift() : undefined;
    if (fault !== undefined) this.met[fault] += 1;
    switch (fault) {
      case 'rate':
      case 'error':
        refuse(incoming, reply, fault);
        return;
      case 'cut':
        incoming.socket.destroy();
        return;
      case 'lost':
        await this.#forward(incoming, body);
        incoming.socket.destroy();
        return;
      case undefined: {
        const answer = await this.#forward(incoming, body);
        reply.writeHead(answer.status, answer.headers).end(answer.body);
      }
    }
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

/** As a server would that has a bad moment: pages may read it, too. */
function refuse(incoming: IncomingMessage, reply: ServerResponse, fault: 'rate' | 'error'): void {
  const { origin } = incoming.headers;
  reply.writeHead(fault === 'rate' ? 429 : 500, {
    'Content-Type': 'application/json',
    ...(fault === 'rate' && { 'Retry-After': '1' }),
    ...(origin !== undefined && {
      'Access-Control-Allow-Origin': origin,
      'Access-Control-Expose-Headers': 'Retry-After',
    }),
  });
  const code = fault === 'rate' ? 'rate_limited' : 'internal';
  reply.end(JSON.stringify({ success: false, code, message: 'injected by a test' }));
}

async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}
