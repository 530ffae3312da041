/** Subscribers that never read, a process of its own: each stops right after its handshake. */
import { leave, readPlan, tell } from './child.ts';
import { giveUp } from './lane.ts';
import { openSocket } from './socket.ts';

export interface StallPlan {
  readonly port: number;
  readonly key: string;
  readonly subscribers: number;
  readonly from: 'now' | 'earliest';
}

export type StallMessage = { readonly kind: 'stalled' };

const plan = readPlan<StallPlan>();
const opening = Array.from({ length: plan.subscribers }, async () => {
  const socket = await openSocket({
    port: plan.port,
    key: plan.key,
    path: `/v1/live?from=${plan.from}`,
    onMessage: () => undefined,
    onLost: giveUp,
  });
  socket.stall();
  return socket;
});
const sockets = await Promise.all(opening);
process.on('message', () => {
  for (const socket of sockets) socket.end();
  leave();
});
tell({ kind: 'stalled' });
