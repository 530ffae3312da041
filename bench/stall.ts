/**
 * Subscribers that never read, a process of its own: each stops right after its handshake, over WebSocket or as a
 * reader of Server-Sent Events. One of the latter is cut by the server after some ten seconds, and stays away.
 */
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { leave, readPlan, tell } from './child.ts';
import { giveUp } from './lane.ts';
import { openSocket } from './socket.ts';

export interface StallPlan {
  readonly port: number;
  readonly key: string;
  readonly subscribers: number;
  readonly protocol: 'websocket' | 'sse';
}

export type StallMessage = { readonly kind: 'stalled' };

/** They ask for the whole tape, so that every buffer on the way to them gets full. */
const query = 'from=earliest';
/** So many handshakes at a time: a server has only so long a line of those that knock. */
const openingMax = 50;

interface Stalled {
  end(): void;
}

const plan = readPlan<StallPlan>();

async function openWebSocket(): Promise<Stalled> {
  const { key, port } = plan;
  const socket = await openSocket({
    ...{ port, key },
    path: `/v1/live?${query}`,
    onMessage: () => undefined,
    onLost: giveUp,
  });
  socket.stall();
  return socket;
}

async function openStream(): Promise<Stalled> {
  const socket: Socket = createConnection({ host: '127.0.0.1', port: plan.port });
  socket.on('error', () => undefined);
  socket.write(
    `GET /v1/live/sse?${query} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${plan.key}\r\n\r\n`,
  );
  const [head] = (await once(socket, 'data')) as [Buffer];
  socket.pause();
  const status = head.toString('latin1', 0, head.indexOf('\r\n'));
  if (!status.startsWith('HTTP/1.1 200')) giveUp(`the server answered ${status}`);
  return { end: () => socket.destroy() };
}

const open = plan.protocol === 'sse' ? openStream : openWebSocket;
const sockets: Stalled[] = [];
while (sockets.length < plan.subscribers) {
  const some = Math.min(openingMax, plan.subscribers - sockets.length);
  sockets.push(...(await Promise.all(Array.from({ length: some }, open))));
}
process.on('message', () => {
  for (const socket of sockets) socket.end();
  leave();
});
tell({ kind: 'stalled' });
