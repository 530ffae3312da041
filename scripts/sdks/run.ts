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
  readonly met: Readonly<Record<Fault, number>>;
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
  const proxy = await FaultProxy.open(server.port);
  const before = await metric(server, 'events_duplicate_total');
  runs += 1;
  const course = { visitors, writeKey, url: proxy.url, stem: `s${runs}` };
  proxy.plan = [...(library.faults ?? everyFault)];
  let sent: readonly Message[] = [];
  try {
    await send(course, async (messages) => {
      sent = messages;
      await allStored(server, messages);
    });
  } finally {
    await proxy.close();
  }
  const found = await audit(server, sent);
  const resent = (await metric(server, 'events_duplicate_total')) - before;
  return { ...found, name: library.name, version, met: proxy.met, resent };
}

/** Some libraries send on after they say that they have. What is missing in the end the audit tells. */
async function allStored(server: TestServer, sent: readonly Message[]): Promise<void> {
  const endMs = systemClock.monotonicMs() + patienceMs;
  await until(async () => {
    if (systemClock.monotonicMs() > endMs) return true;
    return (await countStored(server, sent)) === sent.length;
  });
}
