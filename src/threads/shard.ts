/** Entry of a shard thread: owns one shard's log and index, and only switches on messages. */
import { isMainThread, type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { assert, unreachable } from '../std/assert.ts';
import { systemClock } from '../std/clock.ts';
import { openLoad } from '../std/load.ts';
import { openLog } from '../std/log.ts';
import { openMetrics } from '../std/metrics.ts';
import type { SegmentFacts } from '../tape/job.ts';
import { openShard } from '../tape/open.ts';
import type { ParcelReceipt } from '../tape/receipt.ts';
import type { UpkeepJob } from '../tape/upkeep.ts';
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
/** Of the thread's time. */
const busyShare = 0.5;
const bells = new Bells(start.bells);
/** Jobs under way elsewhere, by request. */
const jobs = new Map<
  number,
  { done(facts: SegmentFacts | undefined): void; fail(error: Error): void }
>();
let jobsAsked = 0;
const fronts: { port: MessagePort; receipts: ParcelReceipt[] }[] = [];

const opened = openShard({
  number: start.number,
  memory: start.tape,
  clock: systemClock,
  log,
  metrics: openMetrics(start.metrics, start.row),
  limits: start.limits,
  work: askForUpkeep,
  isBusy: openLoad(busyShare),
  onProgress: (events, partsLeft) => tell({ kind: 'indexed', events, partsLeft }),
  onSweeping: (filesLeft) => tell({ kind: 'sweeping', filesLeft }),
  onWritable: (writable, reason) => tell({ kind: 'writable', writable, reason }),
  // After the receipts, which leave in a microtask too: senders come before subscribers.
  onPublished: () => queueMicrotask(ringBells),
});

main.on('message', (message: MainToShard) => {
  switch (message.kind) {
    case 'connect':
      connect(message.front, message.port);
      break;
    case 'upkept':
      settleUpkeep(message);
      break;
    case 'sweep':
      void opened.upkeep.sweep().then((version) => tell({ kind: 'swept', version }));
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

function askForUpkeep(job: UpkeepJob): Promise<SegmentFacts | undefined> {
  const request = ++jobsAsked;
  tell({ kind: 'upkeep', request, job });
  return new Promise((done, fail) => jobs.set(request, { done, fail }));
}

function settleUpkeep({ error, facts, request }: Extract<MainToShard, { kind: 'upkept' }>): void {
  const asked = jobs.get(request)!;
  jobs.delete(request);
  if (error === undefined) asked.done(facts);
  else asked.fail(new Error(error));
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
