/**
 * Entry of the engine's thread: a front without connections. It reads the tape with eyes of its own, puts
 * what it has to say on it, and answers the fronts; here is only the switch on what others say to it.
 */
import { join } from 'node:path';
import { isMainThread, type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { LinkReader } from '../identity/reader.ts';
import { ByteBudget } from '../ingest/budget.ts';
import { Contention } from '../ingest/contention.ts';
import { Ingest } from '../ingest/ingest.ts';
import { Sayer } from '../ingest/say.ts';
import type { EngineAsk } from '../journeys/engine/asks.ts';
import { Engine } from '../journeys/engine/engine.ts';
import { publishedIn } from '../journeys/engine/published.ts';
import { assert, unreachable } from '../std/assert.ts';
import { sleep, systemClock } from '../std/clock.ts';
import { AppError } from '../std/errors.ts';
import { openLog } from '../std/log.ts';
import { openMetrics } from '../std/metrics.ts';
import { systemRandom } from '../std/random.ts';
import type { MailboxReply } from '../streams/mailbox.ts';
import { journeysFile, roomsFile } from '../tape/layout.ts';
import { recentBlocks } from '../tape/recentblocks.ts';
import { Tape } from '../tape/tape.ts';
import type { ViewFound } from '../views/answer.ts';
import { ViewReader } from '../views/reader.ts';
import { Directory } from '../workspaces/directory.ts';
import type { WorkspaceReply } from '../workspaces/types.ts';
import { Asked } from './asked.ts';
import { batching } from './batching.ts';
import { Bells } from './bells.ts';
import type {
  EngineReply,
  EngineStart,
  EngineToFront,
  EngineToMain,
  FrontToEngine,
  FrontToShard,
  MainToEngine,
  ShardToFront,
} from './messages.ts';
import { threadErrorOf } from './refusal.ts';

assert(!isMainThread && parentPort !== null, 'the engine runs on a thread of its own');
const main = parentPort;
const start = workerData as EngineStart;
const clock = systemClock;
const metrics = openMetrics(start.metrics, start.row);
const log = openLog(clock.now, { thread: 'engine' });
const bells = new Bells(start.bells);
const directory = new Directory(start.directory);
const shards: MessagePort[] = [];
const fronts: MessagePort[] = [];
recentBlocks.limit(start.cacheBytes);

/** Files that were sealed or merged away take room until every thread has let go of them. */
const filesCheckMs = 1000;
/** What was said last gets this long to be written. */
const drainMsMax = 5000;
const drainPollMs = 10;

let engine: Engine | undefined;
let ingest: Ingest | undefined;

/** Of main. */
const asked = new Asked();

function ask<T>(message: (request: number) => EngineToMain): Promise<T> {
  return asked.ask((request) => tell(message(request)));
}

main.on('message', (message: MainToEngine) => {
  switch (message.kind) {
    case 'connect':
      connectShard(message.shard, message.port);
      break;
    case 'front':
      connectFront(message.port);
      break;
    case 'open':
      open();
      break;
    case 'directory':
      directory.replace(message.snapshot);
      engine?.followDirectory();
      tell({ kind: 'inForce', version: message.snapshot.version });
      break;
    case 'forget':
      report(message.request, engine?.forget(message.workspace, message.identity));
      break;
    case 'purge':
      report(message.request, engine?.purge(message.living));
      break;
    case 'mailbox':
    case 'changed':
    case 'read':
      asked.settle(message.request, message.reply);
      break;
    case 'refused':
      asked.refuse(message.request, message.error);
      break;
    case 'close':
      void close();
      break;
    default:
      unreachable(message);
  }
});

function connectShard(shard: number, port: MessagePort): void {
  shards[shard] = port;
  port.on('message', (message: ShardToFront) => {
    switch (message.kind) {
      case 'receipts':
        ingest?.settle(shard, message.receipts);
        break;
      case 'published':
        bells.answer(start.front);
        engine?.wake();
        break;
      default:
        unreachable(message);
    }
  });
}

function connectFront(port: MessagePort): void {
  fronts.push(port);
  const reply = batching<EngineReply>((answers) => {
    port.postMessage({ kind: 'answers', answers } satisfies EngineToFront);
    // Once all that a message has settled is answered, and before anything else is done.
  }, process.nextTick);
  port.on('message', ({ asks }: FrontToEngine) => {
    for (const { ask: wanted, request } of asks) answerTo(wanted, request, reply);
  });
}

function answerTo(wanted: EngineAsk, request: number, reply: (reply: EngineReply) => void): void {
  if (engine === undefined) {
    const error = { code: 'unavailable', message: 'the server is starting' } as const;
    reply({ request, error });
    return;
  }
  engine.answer(wanted).then(
    (answer) => reply({ request, answer }),
    (error: unknown) => reply({ request, error: threadErrorOf(error, log) }),
  );
}

/** Every shard is open: read, and say. */
function open(): void {
  ingest = new Ingest({
    shards: start.shards,
    fronts: start.front,
    hashSeed: start.tape.hashSeed,
    budget: new ByteBudget(start.inflightBytesMax, metrics),
    contention: new Contention(start.contention, clock),
    clock,
    random: systemRandom,
    metrics,
    send(shard, parcel) {
      const message: FrontToShard = { kind: 'parcel', parcel };
      shards[shard]!.postMessage(message, [parcel.buffer]);
    },
  });
  const links = new LinkReader(start.links);
  const tape = new Tape(start.tape, metrics, links);
  clock.every(filesCheckMs, () => tape.refresh());
  const sayer = new Sayer({ clock, log, ingest: () => ingest! });
  const views = new ViewReader({
    tape,
    metrics,
    clock,
    shown: start.shown,
    pool: (wanted) =>
      ask<readonly ViewFound[]>((request) => ({
        kind: 'heavy',
        request,
        ask: { kind: 'views', ask: wanted },
      })),
  });
  engine = new Engine({
    path: join(start.tape.directory, journeysFile),
    roomsPath: join(start.tape.directory, roomsFile),
    clock,
    log,
    metrics,
    random: systemRandom,
    tape,
    links,
    directory,
    webhookAllow: start.webhookAllow,
    source: publishedIn(directory),
    listen: (on) => bells.listen(start.front, on),
    say: (workspace, events) => sayer.say(workspace, events),
    readViews: (reading) => views.read(reading),
    change: (command) => ask<WorkspaceReply>((request) => ({ kind: 'change', request, command })),
    tell: (push) => {
      for (const port of fronts) port.postMessage({ kind: 'push', push } satisfies EngineToFront);
    },
    mailbox: (wanted) =>
      ask<MailboxReply>((request) => ({ kind: 'mailbox', request, ask: wanted })),
  });
  engine.open();
  tell({ kind: 'opened' });
}

/** Before the engine is open nothing is known of anybody. */
function report(request: number, work: Promise<void> | undefined): void {
  const done = (error?: unknown): void => {
    tell({
      kind: 'done',
      request,
      error: error === undefined ? undefined : threadErrorOf(error, log),
    });
  };
  if (work === undefined) done();
  else work.then(() => done(), dieOr(done));
}

/** What is no refusal ends the thread, and with it the process: what is on disk is not what is in memory. */
function dieOr(refuse: (error: AppError) => void): (error: unknown) => void {
  return (error) => {
    if (error instanceof AppError) refuse(error);
    else
      setImmediate(() => {
        throw error;
      });
  };
}

/** Nobody asks any more: what was said is written, then everything is closed. */
async function close(): Promise<void> {
  await engine?.close();
  ingest?.sendOpen();
  const patienceEnds = clock.monotonicMs() + drainMsMax;
  while ((ingest?.pending ?? 0) > 0 && clock.monotonicMs() < patienceEnds) {
    await sleep(clock, drainPollMs);
  }
  // Answers leave at the end of a turn.
  await new Promise((resolve) => setImmediate(resolve));
  for (const port of [...shards, ...fronts]) port?.close();
  tell({ kind: 'closed' });
  main.close();
}

function tell(message: EngineToMain): void {
  main.postMessage(message);
}
