/**
 * Entry of a front thread: an HTTP application of its own on the shared port, and the switch on what
 * main and the shards say. It listens from the start, so that `/healthz` can tell how the start goes.
 */

import { type us_listen_socket, us_listen_socket_close } from 'uWebSockets.js';
import { isMainThread, type MessagePort, parentPort, workerData } from 'node:worker_threads';
import type { LinkAnswer } from '../identity/ask.ts';
import { LinkReader } from '../identity/reader.ts';
import { showCustomer } from '../identity/shown.ts';
import { ByteBudget } from '../ingest/budget.ts';
import { Contention } from '../ingest/contention.ts';
import { Ingest } from '../ingest/ingest.ts';
import { Quotas } from '../ingest/quotas.ts';
import { Sayer } from '../ingest/say.ts';
import { Statements } from '../ingest/statements.ts';
import { Taxonomies } from '../ingest/taxonomy.ts';
import { assert, unreachable } from '../std/assert.ts';
import { systemClock } from '../std/clock.ts';
import { AppError } from '../std/errors.ts';
import { openLog } from '../std/log.ts';
import { openMetrics } from '../std/metrics.ts';
import { systemRandom } from '../std/random.ts';
import { Feed, type FeedParts } from '../streams/feed.ts';
import { bornOf } from '../tape/born.ts';
import { ScanBudget, ScanTooLong } from '../tape/budget.ts';
import type { ErasureAsk, ErasureState } from '../tape/erasure.ts';
import { tapePage } from '../tape/page.ts';
import { quarantinePage } from '../tape/quarantine.ts';
import { recentBlocks } from '../tape/recentblocks.ts';
import { Tape } from '../tape/tape.ts';
import { Asked } from '../threads/asked.ts';
import { Bells } from '../threads/bells.ts';
import type {
  FrontStart,
  FrontToMain,
  FrontToShard,
  HeavyRead,
  MainToFront,
  ShardToFront,
} from '../threads/messages.ts';
import type { ViewFound, ViewsAsk } from '../views/answer.ts';
import { Followers } from '../views/followers.ts';
import { readStepsMax, ViewReader } from '../views/reader.ts';
import { Directory } from '../workspaces/directory.ts';
import type { ViewRecord, WorkspaceReply } from '../workspaces/types.ts';
import { AgentFeeds } from './agentfeeds.ts';
import { openApp, openTraffic } from './app.ts';
import { cjdsRoutes } from './cjds/routes.ts';
import { CjdsStreams } from './cjds/streams.ts';
import { cloudEventsDoor } from './cloudevents.ts';
import type { Front, Health } from './context.ts';
import { demoRoutes } from './demo.ts';
import { doors } from './doors.ts';
import { EnginePort } from './engineport.ts';
import { ingestRoute } from './ingest.ts';
import { IngestSockets } from './ingestsocket.ts';
import { Linking } from './linking.ts';
import { Live, type LiveParts } from './live.ts';
import { LiveSubscribers } from './livesubscribers.ts';
import { LiveViews } from './liveviews.ts';
import { VisitorChannels } from './tagchannel.ts';
import { UnreadAnswers } from './unread.ts';
import { WaitingGauges } from './waiting.ts';
import { acceptWire, wireRoute } from './wire.ts';

assert(!isMainThread && parentPort !== null, 'a front runs on a thread of its own');
const main = parentPort;
const start = workerData as FrontStart;
const clock = systemClock;
const metrics = openMetrics(start.metrics, start.row);
const log = openLog(clock.now, { thread: `front-${start.number}` });
const bells = new Bells(start.bells);
const directory = new Directory(start.directory);
const taxonomies = new Taxonomies(directory);
const links = new LinkReader(start.links);
const linkProgress = new Float64Array(start.links.progress);
const engine = new EnginePort();
const shards: MessagePort[] = [];
recentBlocks.limit(start.cacheBytes);

/** Clients that do not take their answers by then are cut off; what they sent is durable. */
const drainMsMax = 5000;
/** How often open sockets are looked at for tokens that have expired. */
const credentialCheckMs = 5000;

/** Sockets that were ended get this long to take what is on its way to them. */
const lingerMs = 300;

let health: Health = { status: 'starting', reason: 'the server is starting' };
let ingest: Ingest | undefined;
let live: LiveParts | undefined;
let views: ViewReader | undefined;
let followers: Followers | undefined;
let listenSocket: us_listen_socket | undefined;

/** Of main. */
const asked = new Asked();

function ask<T>(message: (request: number) => FrontToMain): Promise<T> {
  return asked.ask((request) => tell(message(request)));
}

/** What is there once every shard is open. @throws AppError unavailable. */
function opened<Part>(part: Part | undefined): Part {
  if (part !== undefined) return part;
  throw new AppError('unavailable', 'the server is starting', { retryAfterSeconds: 1 });
}

function askPool<T>(heavy: HeavyRead): Promise<T> {
  metrics.add('scans_pooled_total', 1);
  return ask((request) => ({ kind: 'heavy', request, ask: heavy }));
}

/** Reads on this thread; what outgrows the budget is done again in the pool. */
async function read<T>(heavy: HeavyRead, light: (tape: Tape, budget: ScanBudget) => T): Promise<T> {
  metrics.add('scans_total', 1);
  const startedMs = clock.monotonicMs();
  try {
    return light(opened(live).tape, new ScanBudget(readStepsMax));
  } catch (error) {
    if (!(error instanceof ScanTooLong)) throw error;
    return await askPool(heavy);
  } finally {
    metrics.observe('read_seconds', (clock.monotonicMs() - startedMs) / 1000);
  }
}

function askErasures(wanted: ErasureAsk): Promise<readonly ErasureState[]> {
  return ask((request) => ({ kind: 'erasures', request, ask: wanted }));
}

const sayer = new Sayer({ clock, log, ingest: () => opened(ingest) });
const linking = new Linking({
  metrics,
  sayer,
  ask: (wanted) => ask<LinkAnswer>((request) => ({ kind: 'links', request, ask: wanted })),
  recorded: (number) => tell({ kind: 'recorded', number }),
});

const front: Front = {
  clock,
  log,
  metrics,
  metricsMemory: start.metrics,
  directory,
  quotas: new Quotas(start.quotas, clock, metrics),
  taxonomies,
  corsOrigins: start.corsOrigins,
  random: systemRandom,
  change: (command) => ask<WorkspaceReply>((request) => ({ kind: 'change', request, command })),
  async erase(wish) {
    const [erasure] = await askErasures({ kind: 'erase', wish });
    return erasure!;
  },
  erasures: (workspace) => askErasures({ kind: 'list', workspace }),
  mailbox: (wanted) => ask((request) => ({ kind: 'mailbox', request, ask: wanted })),
  identity: (workspace, identity, settings) => showCustomer(links, workspace, identity, settings),
  link: (wanted) => linking.change(wanted),
  engine: (wanted) => engine.ask(wanted),
  hear: (hearer) => engine.hear(hearer),
  issued: () => opened(live).tape.told(),
  say: (workspace, event) => sayer.say(workspace, [event]),
  born: (asked) =>
    read({ kind: 'born', ask: asked }, (tape, budget) => bornOf(tape, asked, budget)),
  trace: (asked) => askPool({ kind: 'trace', ask: asked }),
  dryRun: (asked) => askPool({ kind: 'dryRun', ask: asked }),
  readTape: (query) =>
    read({ kind: 'page', query }, (tape, budget) => tapePage(tape, query, budget)),
  readViews: (reading) => opened(views).read(reading),
  readQuarantine: (query) =>
    read({ kind: 'quarantine', query }, (tape, budget) => quarantinePage(tape, query, budget)),
  ingest: () => ingest,
  health: () => health,
  draining: () => health.status === 'draining',
  lookAtGauges: () => waiting.look(),
};

const traffic = openTraffic(front);
const sockets = new IngestSockets(front, () => ingest);
const subscribers = new Live(front, () => live);
const unread = new UnreadAnswers();
const liveViews = new LiveViews(front, () => followers, unread);
const cjdsParts = () => live && followers && { ...live, followers };
const cjdsStreams = new CjdsStreams(front, cjdsParts, unread);
const channels = new VisitorChannels(front);
const agentFeeds = new AgentFeeds(front);
const listening = [
  subscribers.connections,
  liveViews.connections,
  cjdsStreams.connections,
  channels.connections,
  agentFeeds.connections,
];
const waiting = new WaitingGauges(front, listening, unread);
const routes = [
  ingestRoute(
    () => ingest,
    (request, ...parts) => acceptWire(cloudEventsDoor, request, ...parts),
  ),
  ...doors.map((door) => wireRoute(door, () => ingest)),
  ...cjdsRoutes(() => ingest),
  ...(start.demo ? demoRoutes : []),
];
const app = openApp(front, { traffic, routes });
sockets.register(app);
subscribers.register(app);
liveViews.register(app);
cjdsStreams.register(app);
channels.register(app);
agentFeeds.register(app);

clock.every(credentialCheckMs, () => sockets.dropRevoked());

process.on('uncaughtException', fail);

main.on('message', (message: MainToFront) => {
  switch (message.kind) {
    case 'listen':
      listen(message.port);
      break;
    case 'connect':
      connect(message.shard, message.port);
      break;
    case 'engine':
      engine.connect(message.port);
      break;
    case 'health':
      // A server that cannot write, from its start on, reads all the same.
      if (message.health.status === 'ready' || message.health.status === 'unavailable') open();
      if (health.status !== 'draining') health = message.health;
      break;
    case 'directory':
      directory.replace(message.snapshot);
      sockets.dropRevoked();
      for (const connections of listening) connections.dropRevoked();
      followers?.followDefinitions();
      tell({ kind: 'inForce', version: message.snapshot.version });
      break;
    case 'changed':
    case 'erasures':
    case 'mailbox':
    case 'linked':
    case 'read':
      asked.settle(message.request, message.reply);
      break;
    case 'visitor':
      channels.change(message.change);
      break;
    case 'relink':
      live?.feed.relink(message.changed);
      tell({ kind: 'relinked', change: message.change });
      break;
    case 'record':
      linking.leave(message.outboxes);
      break;
    case 'refused':
      asked.refuse(message.request, message.error);
      break;
    case 'drain':
      drain();
      break;
    case 'close':
      close();
      break;
    default:
      unreachable(message);
  }
});

function listen(port: number): void {
  app.listen(start.host, port, (socket) => {
    if (socket === false) {
      tell({ kind: 'busy', message: `cannot listen on ${start.host}:${port}` });
      return;
    }
    listenSocket = socket;
    tell({ kind: 'listening' });
  });
}

function connect(shard: number, port: MessagePort): void {
  shards[shard] = port;
  port.on('message', (message: ShardToFront) => {
    switch (message.kind) {
      case 'receipts':
        ingest?.settle(shard, message.receipts);
        break;
      case 'published':
        bells.answer(start.number);
        live?.feed.wake();
        break;
      default:
        unreachable(message);
    }
  });
}

const filesCheckMs = 1000;
/** How often a front says how far what its events say is in force. */
const progressMs = 1000;

/** Every shard is open: read and write. */
function open(): void {
  if (live !== undefined) return;
  const tape = new Tape(start.tape, metrics, links);
  const listen = (on: boolean): void => bells.listen(start.number, on);
  const publish: FeedParts['publish'] = (topic, batch) => subscribers.publish(topic, batch);
  const feed = new Feed({ tape, clock, metrics, listen, publish });
  live = { tape, feed, subscribers: new LiveSubscribers(feed) };
  const pool = (wanted: ViewsAsk): Promise<readonly ViewFound[]> =>
    askPool({ kind: 'views', ask: wanted });
  views = new ViewReader({ tape, metrics, clock, shown: start.shown, pool });
  const stored = (workspace: number, name: string): ViewRecord | undefined =>
    directory.view(workspace, name);
  followers = new Followers({ tape, feed, reader: views, clock, metrics, log, stored });
  // Files that were sealed or merged away take room until every thread has let go of them.
  clock.every(filesCheckMs, () => tape.refresh());
  const statements = new Statements({
    links,
    clock,
    horizon: () => tape.horizon(),
    establish: (said, erasures) => linking.establish(said, erasures),
  });
  clock.every(progressMs, () => {
    linkProgress[start.number] = statements.progress();
  });
  ingest = new Ingest({
    statements,
    shards: start.shards,
    fronts: start.fronts,
    hashSeed: start.tape.hashSeed,
    budget: new ByteBudget(start.inflightBytesMax, metrics),
    contention: new Contention(start.contention, clock),
    clock,
    random: systemRandom,
    metrics,
    taxonomyOf: (workspace) => taxonomies.of(workspace),
    send(shard, parcel) {
      const message: FrontToShard = { kind: 'parcel', parcel };
      shards[shard]!.postMessage(message, [parcel.buffer]);
    },
  });
  linking.recordLeft();
}

/** Stops listening, lets everything that was received be answered, then says so. */
function drain(): void {
  health = { status: 'draining', reason: 'the server is shutting down' };
  stopListening();
  const hasSockets = sockets.size > 0 || listening.some(({ size }) => size > 0);
  sockets.drain();
  for (const connections of listening) connections.drain();
  ingest?.sendOpen();
  const patienceEnds = clock.monotonicMs() + drainMsMax;
  const whenQuiet = (): void => {
    const unwritten = ingest?.pending ?? 0;
    const isPatient = clock.monotonicMs() < patienceEnds;
    if (unwritten > 0 || (isPatient && traffic.pending + sockets.size > 0)) {
      clock.after(10, whenQuiet);
      return;
    }
    // To close over bytes that a client is still sending would reset the connection, and the client
    // would see an error instead of the last answers and the close code.
    if (hasSockets) clock.after(lingerMs, close);
    else close();
  };
  whenQuiet();
}

function stopListening(): void {
  if (listenSocket !== undefined) us_listen_socket_close(listenSocket);
  listenSocket = undefined;
}

/**
 * Ends every connection: a thread may not end while its loop still holds one. Twice, and then a turn
 * of the loop to let go of the handles: closing a connection can put another past the first sweep.
 */
function close(): void {
  stopListening();
  traffic.close();
  app.close();
  for (const port of [...shards, engine]) port?.close();
  setImmediate(() => {
    app.close();
    setImmediate(() => tell({ kind: 'drained' }));
  });
}

/** This thread cannot go on, and with it the process; its connections end first. */
function fail(error: unknown): void {
  tell({ kind: 'failed', reason: (error as Error).stack ?? String(error) });
  close();
}

function tell(message: FrontToMain): void {
  main.postMessage(message);
}
