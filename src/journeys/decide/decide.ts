/**
 * Decides: what rules ask for when something has happened or has not (`requests.ts`), and what a touchpoint
 * asks for (`choose.ts`). Enter the room here.
 */
import type { Random } from '../../std/random.ts';
import type { Answerer } from '../engine/asks.ts';
import type { EngineContext, Worker } from '../engine/work.ts';
import type { DecideAsks } from './asks.ts';
import { choose } from './choose.ts';
import { type Audiences, Requests } from './requests.ts';
import { Reservations } from './reservations.ts';
import { respond } from './respond.ts';
import { Saying } from './saying.ts';
import { Spending } from './spending.ts';

const sweepMs = 5000;
/** 120 bits. */
const idBytes = 15;

export interface Decider extends Worker {
  readonly answerer: Answerer<keyof DecideAsks>;
}

/** Random for each start, then counted: drawing each would be a system call. */
function idsOf(random: Random): () => string {
  const start = Buffer.from(random.bytes(idBytes)).toString('base64url');
  let count = 0;
  return () => `dec_${start}${(++count).toString(36)}`;
}

export function openDecide(context: EngineContext, audiences: Audiences): Decider {
  const reservations = new Reservations(() => context.passedUpTo);
  const saying = new Saying(context);
  const spending = new Spending(context);
  const common = { context, reservations, saying, spending, audiences };
  const requests = new Requests(common);
  const stopSweeping = context.clock.every(sweepMs, () => reservations.sweep());
  const parts = { ...common, nextId: idsOf(context.random) };
  return {
    take: (work) => requests.take(work),
    answerer: {
      decide: (wish) => choose(parts, wish),
      respond: (wish) => respond(parts, wish),
    },
    forget(workspace, identity) {
      reservations.forget(workspace, identity);
      saying.forget(workspace, identity);
    },
    async close() {
      stopSweeping();
      saying.close();
    },
  };
}
