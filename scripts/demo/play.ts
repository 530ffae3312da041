/** Plays the store: who is active, what they do, at a steady rate. */
import type { IngestClient } from '../../src/client/ingest.ts';
import type { Event } from '../../src/client/types.ts';
import { type Clock, sleep } from '../../src/std/clock.ts';
import type { Random } from '../../src/std/random.ts';
import type { Customer } from './shop.ts';
import { openVisitor, step, type Visitor } from './visits.ts';

export interface PlayOptions {
  readonly client: IngestClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly customers: readonly Customer[];
  /** Events a second. */
  readonly rate: number;
  /** 0: until stopped. */
  readonly seconds: number;
  /** What the ids of this play begin with; no two plays share it. */
  readonly name: string;
  readonly isStopping: () => boolean;
  readonly shown: (told: Told) => void;
}

export interface Told {
  readonly sent: number;
  readonly durable: number;
  readonly refused: number;
  readonly seconds: number;
}

const tickMs = 50;
const batchEventsMax = 1000;
/** After a pause of the machine the play does not try to make up for more than this. */
const behindSecondsMax = 2;

/** Plays until it is told to stop or the time is up. @throws ClientError when the server is lost */
export async function play(options: PlayOptions): Promise<Told> {
  const { client, clock, rate, seconds, isStopping, shown } = options;
  const next = openStore(options);
  const startMs = clock.monotonicMs();
  let sent = 0;
  let durable = 0;
  let refused = 0;
  let due = 0;
  let tickedMs = startMs;
  let learned: Promise<unknown> = Promise.resolve();
  const told = (): Told => ({
    sent,
    durable,
    refused,
    seconds: (clock.monotonicMs() - startMs) / 1000,
  });
  while (!isStopping() && (seconds === 0 || told().seconds < seconds)) {
    await sleep(clock, tickMs);
    const nowMs = clock.monotonicMs();
    due += (Math.min(nowMs - tickedMs, behindSecondsMax * 1000) / 1000) * rate;
    tickedMs = nowMs;
    while (due >= 1) {
      const count = Math.min(Math.floor(due), batchEventsMax);
      due -= count;
      const events = Array.from({ length: count }, next);
      const { receipt } = await client.send(events);
      sent += count;
      const learning = receipt.then(
        ({ accepted, duplicates, rejected }) => {
          durable += accepted + duplicates;
          refused += rejected.length;
        },
        // A failure of the client shows at the next send or at the drain.
        () => undefined,
      );
      learned = Promise.all([learned, learning]);
    }
    shown(told());
  }
  await client.drain();
  await learned;
  return told();
}

/** Makes the next event of the store, whoever it is about. */
function openStore({ clock, random, customers, name }: PlayOptions): () => Event {
  const visitors = customers.map(openVisitor);
  const activeMax = Math.max(3, Math.ceil(visitors.length / 8));
  const active: Visitor[] = [];
  let made = 0;
  const choose = (): Visitor => {
    if (active.length > 0 && (active.length >= activeMax || random.next() < 0.8)) {
      return active[random.below(active.length)]!;
    }
    // The first customer is the one whose pages the hints point to: let something happen there.
    return visitors[random.next() < 0.1 ? 0 : random.below(visitors.length)]!;
  };
  return () => {
    const visitor = choose();
    const event = step(visitor, random);
    const index = active.indexOf(visitor);
    if (visitor.stage === 'away' && index >= 0) active.splice(index, 1);
    if (visitor.stage !== 'away' && index < 0) active.push(visitor);
    made += 1;
    return { id: `${name}-${made}`, ...event, time: clock.now() };
  };
}
