/**
 * An HTTP proxy that fails on purpose, request by request, in the order a test says. The server behind
 * it is real; what it did not get it cannot have stored, and what it did get it has, answered or not.
 */
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * A number: this status, the server gets nothing. `cut`: nothing gets there, the connection breaks.
 * `lost`: the server gets it, its answer does not come back. `good`: all is well.
 */
export type Fault = number | 'cut' | 'lost' | 'good';

export interface FaultyProxy {
  readonly url: string;
  readonly port: number;
  /** What happened to each request so far, preflights aside, in order. */
  readonly done: readonly Fault[];
  close(): Promise<void>;
}

/** Requests meet `faults` in turn, and then no more; preflights pass. */
export async function openFaultyProxy(
  target: number,
  faults: readonly Fault[],
): Promise<FaultyProxy> {
  const done: Fault[] = [];
  const server = createServer((incoming, answer) => {
    void serve(incoming, answer);
  });
  const serve = async (incoming: IncomingMessage, answer: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const isPreflight = incoming.method === 'OPTIONS';
    const fault = isPreflight ? 'good' : (faults[done.length] ?? 'good');
    if (!isPreflight) done.push(fault);
    if (fault === 'cut') answer.socket?.resetAndDestroy();
    else if (typeof fault === 'number') {
      const origin = incoming.headers.origin ?? '*';
      answer.writeHead(fault, {
        'retry-after': '0',
        'access-control-allow-origin': origin,
        'access-control-allow-credentials': 'true',
      });
      answer.end('{}');
    } else await pass(incoming, body, answer, fault);
  };
  const pass = async (
    incoming: IncomingMessage,
    body: Buffer,
    answer: ServerResponse,
    fault: Fault,
  ): Promise<void> => {
    const { headers, method, url } = incoming;
    const sent = request({ port: target, host: '127.0.0.1', path: url, method, headers });
    sent.end(body);
    const [reply] = (await once(sent, 'response')) as [IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of reply as AsyncIterable<Buffer>) chunks.push(chunk);
    if (fault === 'lost') {
      answer.socket?.resetAndDestroy();
      return;
    }
    answer.writeHead(reply.statusCode!, reply.headers);
    answer.end(Buffer.concat(chunks));
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    done,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
