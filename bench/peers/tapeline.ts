/** Tapeline itself, as it is by default but for what it keeps in memory. */
import { setTimeout as sleep } from 'node:timers/promises';
import { testKeys } from '../../test/support/server.ts';
import { cpuMicrosOf } from '../child.ts';
import { customerName } from '../frames.ts';
import { startOn } from '../server.ts';
import { Link } from './link.ts';
import type { Peer, Place, Site } from './peer.ts';
import { diskBytes } from './process.ts';
import { tapelineWire } from './wires/tapeline.ts';

export const tapeline: Peer = {
  name: 'tapeline',
  title: 'Tapeline',
  durability: 'flushed before the answer, always',
  tuned: 'up to 4 GiB of inflated blocks are kept, as PostgreSQL has buffers; MessagePack is read',
  wire: 'tapeline',
  key: testKeys,
  window: 16,
  readers: 16,
  find: async () => site,
};

/** Background work is over when the files have not changed for so long. */
const quietMs = 3000;
const settleMsMax = 300_000;
/** A tape page's limit, at most; longer tapes are not counted by one page. */
const pageEventsMax = 1000;
const countConnections = 16;

const site: Site = {
  version: '',
  async start({ directory, port, settings }) {
    const server = await startOn(directory, settings, port, { TAPELINE_CACHE_MIB: '4096' });
    return { cpuMicros: () => cpuMicrosOf(server.process.pid!), kill: () => server.kill() };
  },
  async settle({ directory, settings }) {
    const deadlineMs = performance.now() + settleMsMax;
    let before = -1;
    for (let now = diskBytes(directory); now !== before; now = diskBytes(directory)) {
      if (performance.now() > deadlineMs) throw new Error('Tapeline does not come to rest');
      before = now;
      await sleep(settings.smoke ? 0 : quietMs);
    }
  },
  count: countTapes,
  bytes: async ({ directory }) => diskBytes(directory),
};

/** Reads every tape: no counter is believed. */
async function countTapes({ customers, port }: Place): Promise<number> {
  let events = 0;
  let next = 0;
  const walk = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const plan = { lane: 0, batch: 0, limit: pageEventsMax, key: testKeys.read, countsAll: true };
      const ask = (): void => {
        if (next < customers) link.write(wire.read(customerName(next++)));
        else {
          link.close();
          resolve();
        }
      };
      const wire = tapelineWire(plan, (found) => {
        events += found!;
        ask();
      });
      const link = new Link({ port, wire, onLost: (reason) => reject(new Error(reason)) });
      link.open().then(ask, reject);
    });
  await Promise.all(Array.from({ length: countConnections }, walk));
  return events;
}
