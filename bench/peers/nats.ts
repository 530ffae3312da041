/** NATS JetStream: a file store, a subject per customer; with its default flushing and with `sync: always`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findGo } from './go.ts';
import type { Peer, Place, Site, Tools } from './peer.ts';
import { diskBytes, exchange, startProgram } from './process.ts';
import { natsConnect, natsStream, natsSubject } from './wires/nats.ts';

const forward =
  'the subject walked forwards by a batched direct get: streams cannot be read backwards';
const tuned =
  'one replica; no deduplication; direct gets; fast batch publishing, answered once a batch';

export const nats: Peer = {
  name: 'nats',
  title: 'NATS JetStream, default',
  durability: 'written, not flushed (every 2 minutes)',
  tuned,
  wire: 'nats',
  publish: 'fast',
  window: 4,
  readers: 16,
  readNote: forward,
  find: (tools) => find(tools, '2m'),
};

export const natsAlways: Peer = {
  ...nats,
  name: 'nats-always',
  title: 'NATS JetStream, sync always',
  durability: 'flushed before the answer (sync_interval: always)',
  tuned: tuned.replace('fast batch publishing, answered', 'atomic batch publishing, flushed'),
  publish: 'atomic',
  find: (tools) => find(tools, 'always'),
};

/** Batch publishing that flushes once a batch came with this version. */
const version = 'v2.15.2';

async function find(tools: Tools, sync: string): Promise<Site> {
  const command = await findGo(tools, {
    module: `github.com/nats-io/nats-server/v2@${version}`,
    program: 'nats-server',
    isRight: (output) => output.includes(version),
  });
  let isCreated = false;
  return {
    version: version.slice(1),
    start(place) {
      const store = join(place.directory, 'store');
      mkdirSync(store, { recursive: true });
      const file = join(place.directory, 'nats.conf');
      writeFileSync(file, configuration(place.port, store, sync));
      const log = join(place.directory, 'peer.log');
      return startProgram({ command, args: ['-c', file], log }, () =>
        isCreated ? count(place) : ask(place.port, '$JS.API.INFO', ''),
      );
    },
    async create({ port }) {
      const stream = {
        name: natsStream,
        subjects: [`${natsSubject}.>`],
        storage: 'file',
        retention: 'limits',
        num_replicas: 1,
        duplicate_window: 0,
        allow_direct: true,
        allow_atomic: true,
        allow_batched: true,
      };
      await ask(port, `$JS.API.STREAM.CREATE.${natsStream}`, JSON.stringify(stream));
      isCreated = true;
    },
    count,
    bytes: async ({ directory }) => diskBytes(join(directory, 'store')),
  };
}

function configuration(port: number, store: string, sync: string): string {
  return `
listen: 127.0.0.1:${port}
ping_interval: "1h"
write_deadline: "60s"
max_pending: 512MB
jetstream { store_dir: ${JSON.stringify(store)}, max_mem: 1GB, max_file: 1TB, sync_interval: ${sync} }
`;
}

async function count({ port }: Place): Promise<number> {
  const info = await ask(port, `$JS.API.STREAM.INFO.${natsStream}`, '');
  return (info as { state: { messages: number } }).state.messages;
}

/** One request of JetStream's interface. @throws Error when it is refused. */
async function ask(port: number, subject: string, body: string): Promise<object> {
  const request = `${natsConnect}SUB _A 1\r\nPUB ${subject} _A ${body.length}\r\n${body}\r\n`;
  let answer: object | undefined;
  await exchange(port, request, (bytes) => {
    const text = bytes.toString();
    if (text.includes('-ERR') || text.includes(' 503')) throw new Error(text);
    const head = /\r\nMSG _A 1 (\d+)\r\n/.exec(text);
    if (head === null) return -1;
    const at = head.index + head[0].length;
    if (text.length < at + Number(head[1])) return -1;
    answer = JSON.parse(text.slice(at, at + Number(head[1]))) as object;
    return 0;
  });
  if (answer === undefined || 'error' in answer) throw new Error(JSON.stringify(answer));
  return answer;
}
