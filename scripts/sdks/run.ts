/** Lets one library send through a bad network, then reads back what was stored. */

import { systemClock } from '../../src/std/clock.ts';
import { everyFault, type Fault, FaultProxy } from '../../test/support/faultproxy.ts';
import type { TestServer } from '../../test/support/server.ts';
import { metric, until } from '../../test/support/session.ts';
import { type Audit, audit, countStored } from './audit.ts';
import type { Library, Ready } from './library.ts';

export interface Outcome extends Audit {
  readonly name: string;
  readonly version: string;
  readonly met: Readonly<Record<Fault, number>>;
  /** Messages that the server knew already. */
  readonly resent: number;
}

export interface Plan {
  readonly visitors: number;
  readonly faults?: readonly Fault[];
}

const patienceMs = 60_000;

let runs = 0;

/** @throws Missing; Error when the library gives up. */
export async function run(
  server: TestServer,
  library: Library,
  { faults = everyFault, visitors }: Plan,
): Promise<Outcome> {
  const ready = await library.prepare();
  const proxy = await FaultProxy.open(server.port);
  const before = await metric(server, 'events_duplicate_total');
  try {
    proxy.plan = [...faults];
    const sent = await sendThrough(proxy, ready, { visitors, writeKey: server.keys.write });
    // Browsers send on after they say that they have. What is missing at the end, the audit tells.
    const endMs = systemClock.monotonicMs() + patienceMs;
    await until(async () => {
      if (systemClock.monotonicMs() > endMs) return true;
      return (await countStored(server, sent)) === sent.length;
    });
    const found = await audit(server, sent);
    const resent = (await metric(server, 'events_duplicate_total')) - before;
    return { ...found, name: library.name, version: ready.version, met: proxy.met, resent };
  } finally {
    await proxy.close();
  }
}

function sendThrough(
  proxy: FaultProxy,
  ready: Ready,
  what: { visitors: number; writeKey: string },
): ReturnType<Ready['send']> {
  runs += 1;
  return ready.send({ ...what, url: proxy.url, stem: `s${runs}` });
}
