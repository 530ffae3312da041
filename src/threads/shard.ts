/** Entry of a shard thread: owns one shard's log and index, and only switches on messages. */
import { isMainThread, type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { assert, unreachable } from '../std/assert.ts';
import { systemClock } from '../std/clock.ts';
import { openLog } from '../std/log.ts';
import { openMetrics } from '../std/metrics.ts';
import { openShard } from '../tape/open.ts';
import type { ParcelReceipt } from '../tape/shard.ts';
import { Bells } from './bells.ts';
import type {
  FrontToShard,
  MainToShard,
  ShardStart,
  ShardToFront,
  ShardToMain,
} from './messages.ts';

assert(!isMainThread && parentPort !== null, 'a shard runs on a thread of its own');
const main = parentPort;
const start = workerData as ShardStart;
const log = openLog(systemClock.now, { thread: `shard-${start.number}` });
const bells = new Bells(start.bells);
const fronts: { port: MessagePort; receipts: ParcelReceipt[] }[] = [];

const opened = openShard({
  number: start.number,
  memory: start.tape,
  clock: systemClock,
  log,
  metrics: openMetrics(start.metrics, start.row),
  onWritable: (writable, reason) => tell({ kind: 'writable', writable, reason }),
  onPublished: ringBells,
});

main.on('message', (message: MainToShard) => {
  switch (message.kind) {
    case 'connect':
      connect(message.front, message.port);
      break;
    case 'close':
      void close();
      break;
    default:
      unreachable(message);
  }
});
tell({ kind: 'opened', events: opened.events });

function connect(front: number, port: MessagePort): void {
  const connection = { port, receipts: [] as ParcelReceipt[] };
  fronts[front] = connection;
  port.on('message', (message: FrontToShard) => {
    opened.shard.accept(message.parcel, (receipt) => {
      connection.receipts.push(receipt);
      if (connection.receipts.length === 1) queueMicrotask(() => sendReceipts(connection));
    });
    commitSoon();
  });
}

let commitQueued = false;

/** After the messages of this turn, so that they are committed together. */
function commitSoon(): void {
  if (commitQueued) return;
  commitQueued = true;
  setImmediate(() => {
    commitQueued = false;
    void opened.shard.commit();
  });
}

function sendReceipts(connection: { port: MessagePort; receipts: ParcelReceipt[] }): void {
  const { receipts } = connection;
  connection.receipts = [];
  const message: ShardToFront = { kind: 'receipts', receipts };
  connection.port.postMessage(
    message,
    receipts.map(({ buffer }) => buffer),
  );
}

function ringBells(): void {
  for (const [front, { port }] of fronts.entries()) {
    if (bells.ring(front)) port.postMessage({ kind: 'published' } satisfies ShardToFront);
  }
}

async function close(): Promise<void> {
  await opened.close();
  for (const { port } of fronts) port.close();
  tell({ kind: 'closed' });
  main.close();
}

function tell(message: ShardToMain): void {
  main.postMessage(message);
}
