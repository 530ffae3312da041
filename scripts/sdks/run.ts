/** Lets one library send through a bad network, then reads back what was stored. */
import { systemClock } from '../../src/std/clock.ts';
import { everyFault, type Fault, FaultProxy } from '../../test/support/faultproxy.ts';
import type { TestServer } from '../../test/support/server.ts';
import { metric, until } from '../../test/support/session.ts';
import { type Audit, audit, countStored } from './audit.ts';
import type { Library } from './library.ts';
import type { Message } from './messages.ts';

export interface Outcome extends Audit {
  readonly name: string;
  readonly version: string;
  /** The faults that its requests met, in order. */
  readonly met: readonly Fault[];
  /** Messages that the server knew already. */
  readonly resent: number;
}

/** Within this time everything has arrived, or is missing. */
const patienceMs = 60_000;

let runs = 0;

/** @param writeKey as it would be used there. @throws Missing; Error when the library gives up. */
export async function run(
  server: TestServer,
  library: Library,
  { visitors, writeKey = server.keys.write }: { visitors: number; writeKey?: string },
): Promise<Outcome> {
  const { send, version } = await library.prepare();
  const plan = library.faults ?? everyFault;
  const proxy = await FaultProxy.open(server.port, plan, { onlyPosts: true, retryAfterSeconds: 1 });
  const before = await metric(server, 'events_duplicate_total');
  const resentBy = async (): Promise<number> =>
    (await metric(server, 'events_duplicate_total')) - before;
  runs += 1;
  const course = { visitors, writeKey, url: proxy.url, stem: `s${runs}` };
  let sent: readonly Message[] = [];
  try {
    await send(course, async (messages) => {
      sent = messages;
      // What replies were lost of is on the tape already: the library must be seen to send it again.
      await patiently(async () => {
        if (proxy.plan.length > 0 || (await resentBy()) < times(proxy.met, 'lost')) return false;
        return (await countStored(server, messages)) === messages.length;
      });
    });
  } finally {
    await proxy.close();
  }
  const found = await audit(server, sent);
  return { ...found, name: library.name, version, met: proxy.met, resent: await resentBy() };
}

/** How often a fault was met. */
export function times(met: readonly Fault[], fault: Fault): number {
  return met.filter((each) => each === fault).length;
}

/** Libraries in pages send on after they say that they have. What is missing in the end the audit tells. */
async function patiently(holds: () => Promise<boolean>): Promise<void> {
  const endMs = systemClock.monotonicMs() + patienceMs;
  await until(async () => systemClock.monotonicMs() > endMs || holds());
}
