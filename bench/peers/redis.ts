/** Redis Streams: the append-only file is flushed before every answer. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { customerDigits } from '../frames.ts';
import { findDebian } from './debian.ts';
import type { Peer, Place, Site, Tools } from './peer.ts';
import { diskBytes, exchange, startProgram } from './process.ts';
import { replyEnd } from './wires/redis.ts';

export const redis: Peer = {
  name: 'redis',
  title: 'Redis Streams',
  durability: 'flushed before the answer (appendfsync always)',
  tuned:
    'no snapshots; the file is rewritten once after the load, before its size and the restart are taken; ' +
    'a stream per customer, which is not stored in the event again; pipelined XADD over ' +
    '20 raw sockets, of each of which it takes 16 KiB to a flush',
  wire: 'redis',
  lanes: 20,
  window: 4,
  readers: 16,
  find,
};

const settings = {
  appendonly: 'yes',
  appendfsync: 'always',
  'auto-aof-rewrite-percentage': '0',
  'aof-use-rdb-preamble': 'yes',
  save: '',
  'enable-debug-command': 'no',
  bind: '127.0.0.1',
};

const settlePollMs = 100;

async function find(tools: Tools): Promise<Site> {
  const { command, env, version } = await findDebian(tools, {
    package: 'redis-server',
    program: 'redis-server',
    versionOf: (output) => /v=(\S+)/.exec(output)?.[1],
  });
  return {
    version,
    start: ({ directory, port }) => {
      const args = Object.entries({ ...settings, port: String(port), dir: directory }).flatMap(
        ([name, value]) => [`--${name}`, value],
      );
      const log = join(directory, 'peer.log');
      // It answers -LOADING until its file is read.
      return startProgram({ command, args, env, log }, () => call(port, 'DBSIZE'));
    },
    async settle({ port }) {
      await call(port, 'BGREWRITEAOF');
      for (;;) {
        const info = await call(port, 'INFO persistence');
        if (/aof_rewrite_in_progress:0/.test(info) && /aof_rewrite_scheduled:0/.test(info)) return;
        await sleep(settlePollMs);
      }
    },
    count,
    bytes: async ({ directory }) => diskBytes(join(directory, 'appendonlydir')),
  };
}

async function count({ customers, port }: Place): Promise<number> {
  const script =
    `local n=0;for i=0,${customers - 1} do ` +
    `n=n+redis.call('XLEN',string.format('customer-%0${customerDigits}d',i)) end;return n`;
  const request = `*3\r\n$4\r\nEVAL\r\n$${script.length}\r\n${script}\r\n$1\r\n0\r\n`;
  const answer = await exchange(port, request, (bytes) => replyEnd(bytes, 0));
  return Number(answer.toString('latin1', 1));
}

async function call(port: number, line: string): Promise<string> {
  const answer = await exchange(port, `${line}\r\n`, (bytes) => replyEnd(bytes, 0));
  return answer.toString();
}
