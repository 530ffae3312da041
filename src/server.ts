/**
 * The composition root: opens everything left to right, closes it right to left. Runs on the main
 * thread, which serves nobody; it owns the definitions and watches over the threads.
 */
import { MessageChannel } from 'node:worker_threads';
import type { Config } from './config.ts';
import { createLinkMemory } from './identity/memory.ts';
import { createContentionMemory } from './ingest/contention.ts';
import { openDirectory, openStores, type Stores } from './server/stores.ts';
import { unreachable } from './std/assert.ts';
import type { Clock } from './std/clock.ts';
import { AppError } from './std/errors.ts';
import type { Log } from './std/log.ts';
import { createMetricsMemory } from './std/metrics.ts';
import type { Random } from './std/random.ts';
import { Mailbox } from './streams/mailbox.ts';
import type { ErasureAsk, ErasureState } from './tape/erasure.ts';
import type { Erasures } from './tape/erasures.ts';
import { createTapeMemory } from './tape/tape.ts';
import { createBells } from './threads/bells.ts';
import { EngineThread } from './threads/enginethread.ts';
import { openErasures } from './threads/erasing.ts';
import { InForce } from './threads/inforce.ts';
import { LinkDesk } from './threads/linkdesk.ts';
import type { FrontToMain, MainToFront, ThreadStart } from './threads/messages.ts';
import { openReaderPools, type ReaderPool, Thread, type ThreadEntries } from './threads/pool.ts';
import { Readiness } from './threads/readiness.ts';
import { threadErrorOf } from './threads/refusal.ts';
import { ShardThreads } from './threads/shards.ts';
import { Signal } from './threads/signal.ts';
import { createShownMemory } from './views/shown.ts';
import type { WorkspaceCommand, WorkspaceReply } from './workspaces/types.ts';
import type { NamedKeys } from './workspaces/workspaces.ts';

const freeSpaceCheckMs = 1000;

export interface ServerParts {
  readonly config: Config;
  readonly entries: ThreadEntries;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Called before the server starts, so that it can be cut if a thread dies meanwhile. */
  readonly onCreated: (server: Server) => void;
  /** A thread died: end the process with this reason. */
  readonly onDeath: (name: string, reason: string) => void;
}

/** Opens a server; resolves when it serves. @throws AppError when it cannot. */
export async function openServer(parts: ServerParts): Promise<Server> {
  const directory = openDirectory(parts);
  try {
    const server = new Server(parts, await openStores(directory, parts));
    parts.onCreated(server);
    await server.start().catch(async (error: unknown) => {
      await server.cut();
      throw error;
    });
    return server;
  } catch (error) {
    directory.release();
    throw error;
  }
}

type FrontThread = Thread<MainToFront, FrontToMain>;

export class Server {
  readonly #parts: ServerParts;
  readonly #opened: Stores;
  readonly #shards: ShardThreads;
  readonly #fronts: { thread: FrontThread; listening: Signal; drained: Signal }[] = [];
  readonly #readers: ReaderPool;
  readonly #readiness: Readiness;
  readonly #erasures: Erasures;
  readonly #links: LinkDesk;
  readonly #engine: EngineThread;
  readonly #mailbox: Mailbox;
  readonly #contention = createContentionMemory();
  readonly #threadStart: ThreadStart;
  #stopWatching: (() => void) | undefined;
  readonly #inForce: InForce;

  /** Use `openServer`. */
  constructor(parts: ServerParts, opened: Stores) {
    const { config, entries } = parts;
    const { directory } = opened;
    this.#parts = parts;
    this.#opened = opened;
    // Shards, fronts, the engine, and one row for all that main and the pool do.
    const threads = directory.shards + config.fronts + 2;
    const { hashSeed, path, shards } = directory;
    const { fronts, phoneRegion } = config;
    this.#threadStart = {
      tape: createTapeMemory(path, shards, hashSeed),
      links: createLinkMemory({ directory: path, hashSeed, phoneRegion, fronts }),
      metrics: createMetricsMemory(threads),
      row: threads - 1,
      bells: createBells(config.fronts + 1),
      shown: createShownMemory(),
    };
    this.#readers = openReaderPools(entries.reader, { kind: 'reader', ...this.#threadStart });
    this.#inForce = new InForce(config.fronts + 1);
    this.#readiness = new Readiness({
      directory: directory.path,
      freeBytesMin: config.freeBytesMin,
      log: parts.log,
      onChange: (health) => {
        for (const { thread } of this.#fronts) thread.post({ kind: 'health', health });
      },
    });
    this.#shards = new ShardThreads({
      entries,
      start: this.#threadStart,
      count: shards,
      limits: config.parts,
      readiness: this.#readiness,
      onDeath: parts.onDeath,
      onSweeping: (number, filesLeft) => this.#erasures.noteLeft(number, filesLeft),
    });
    this.#erasures = this.#openErasures();
    this.#links = this.#openLinks();
    this.#engine = this.#openEngine();
    this.#mailbox = new Mailbox({
      documents: opened.messages,
      clock: parts.clock,
      onChange: (change) => {
        for (const { thread } of this.#fronts) thread.post({ kind: 'visitor', change });
      },
    });
  }

  /** Before any shard is opened: what is gone must not be served. */
  #openErasures(): Erasures {
    const { erasures: documents, workspaces } = this.#opened;
    const erasures = openErasures(this.#parts, documents, this.#threadStart.tape, {
      sweep: (number) => this.#shards.sweep(number),
      purge: async () => {
        const { living } = workspaces.facts();
        await this.#links.purge(living);
        await this.#engine.purge(living);
      },
    });
    erasures.follow(workspaces.facts());
    return erasures;
  }

  #openLinks(): LinkDesk {
    const { clock, config, log } = this.#parts;
    return new LinkDesk({
      memory: this.#threadStart.links,
      clock,
      log,
      fronts: config.fronts,
      settings: (workspace) => this.#opened.workspaces.identitiesOf(workspace),
      post: (front, message) => {
        const { thread } = this.#fronts[front]!;
        if (!thread.hasEnded) thread.post(message);
      },
      forget: async (workspace, visitor) => {
        await this.#mailbox.forget({ workspace, visitor });
        await this.#engine.forget(workspace, visitor);
      },
    });
  }

  #openEngine(): EngineThread {
    const { config, entries, log, onDeath } = this.#parts;
    const { directory, workspaces } = this.#opened;
    return new EngineThread({
      entry: entries.engine,
      start: {
        ...this.#threadStart,
        row: directory.shards + config.fronts,
        front: config.fronts,
        shards: directory.shards,
        inflightBytesMax: config.inflightBytesMax,
        cacheBytes: config.cacheBytes,
        webhookAllow: config.webhookAllow,
        contention: this.#contention,
      },
      log,
      directory: () => workspaces.snapshot(),
      change: (command) => this.#change(command),
      mailbox: (ask) => this.#mailbox.answer(ask),
      read: (heavy) => this.#readers.read(heavy),
      onInForce: (version) => this.#inForce.note(config.fronts, version),
      onDeath,
    });
  }

  get port(): number {
    return this.#opened.port;
  }

  /** Events found on the tape at the start. */
  get events(): number {
    return this.#shards.events;
  }

  get shards(): number {
    return this.#opened.directory.shards;
  }

  /** Keys made for a new data directory, in the clear. */
  get freshKeys(): NamedKeys {
    return this.#opened.workspaces.freshKeys;
  }

  /** Fronts first, so that `/healthz` answers; then shards; then each front to each shard. */
  async start(): Promise<void> {
    const { clock, config } = this.#parts;
    for (let number = 0; number < config.fronts; number++) this.#startFront(number);
    for (const { listening, thread } of this.#fronts) {
      thread.post({ kind: 'listen', port: this.port });
      await listening.promise;
    }
    await this.#shards.start();
    this.#engine.start();
    this.#connect();
    // What there is no room for is told before anybody relies on it.
    await this.#engine.open();
    this.#erasures.open();
    await this.#links.open(this.#threadStart, this.#erasures);
    this.#readiness.open();
    this.#stopWatching = clock.every(freeSpaceCheckMs, () => this.#readiness.watchSpace());
  }

  #startFront(number: number): void {
    const { config, entries, onDeath } = this.#parts;
    const { directory, workspaces } = this.#opened;
    const front = { listening: new Signal(), drained: new Signal() };
    const thread: FrontThread = new Thread(
      entries.front,
      {
        kind: 'front',
        ...this.#threadStart,
        number,
        row: directory.shards + number,
        fronts: config.fronts,
        shards: directory.shards,
        host: config.host,
        inflightBytesMax: Math.ceil(config.inflightBytesMax / config.fronts),
        cacheBytes: Math.floor(config.cacheBytes / config.fronts),
        corsOrigins: config.corsOrigins,
        demo: config.demo,
        directory: workspaces.snapshot(),
        quotas: workspaces.quotaMemory,
        contention: this.#contention,
      },
      { onMessage: (message) => this.#fromFront(number, message), onDeath },
    );
    this.#fronts.push({ ...front, thread });
  }

  #connect(): void {
    for (const [shard, shardThread] of this.#shards.threads.entries()) {
      for (const [front, { thread: frontThread }] of this.#fronts.entries()) {
        const { port1, port2 } = new MessageChannel();
        shardThread.post({ kind: 'connect', front, port: port1 }, [port1]);
        frontThread.post({ kind: 'connect', shard, port: port2 }, [port2]);
      }
      this.#engine.connectShard(shard, shardThread);
    }
    for (const { thread } of this.#fronts) this.#engine.connectFront(thread);
  }

  #fromFront(number: number, message: FrontToMain): void {
    const front = this.#fronts[number]!;
    switch (message.kind) {
      case 'listening':
        front.listening.fulfil();
        break;
      case 'busy':
        front.listening.reject(new AppError('conflict', message.message));
        break;
      case 'change':
        this.#answer(front.thread, message, this.#change(message.command), (reply, request) => {
          return { kind: 'changed', request, reply };
        });
        break;
      case 'erasures':
        this.#answer(front.thread, message, this.#erase(message.ask), (reply, request) => {
          return { kind: 'erasures', request, reply };
        });
        break;
      case 'mailbox':
        this.#answer(front.thread, message, this.#mailbox.answer(message.ask), (reply, request) => {
          return { kind: 'mailbox', request, reply };
        });
        break;
      case 'links':
        this.#links
          .answer(number, message.request, message.ask)
          .catch((error: unknown) => this.#refuseOrDie(front.thread, message.request, error));
        break;
      case 'relinked':
        this.#links.relinked(number, message.change);
        break;
      case 'recorded':
        this.#links.recorded(message.number);
        break;
      case 'inForce':
        this.#inForce.note(number, message.version);
        break;
      case 'heavy': {
        const { request } = message;
        const reading = this.#readers.read(message.ask).then(
          (reply) => front.thread.post({ kind: 'read', request, reply }),
          (error: unknown) => this.#refuse(front.thread, request, error),
        );
        void reading;
        break;
      }
      case 'failed':
        this.#parts.onDeath(`front-${number}`, message.reason);
        break;
      case 'drained':
        front.drained.fulfil();
        break;
      default:
        unreachable(message);
    }
  }

  /** A change is answered when it is durable and every front, and the engine, has it. */
  async #change(command: WorkspaceCommand): Promise<WorkspaceReply> {
    const { workspaces } = this.#opened;
    const reply = await workspaces.execute(command);
    const snapshot = workspaces.snapshot();
    this.#erasures.follow(workspaces.facts());
    this.#mailbox.follow(workspaces.facts().living);
    const inForce = this.#inForce.everywhere(snapshot.version);
    this.#engine.follow(snapshot);
    for (const front of this.#fronts) front.thread.post({ kind: 'directory', snapshot });
    await inForce;
    return reply;
  }

  #answer<Value>(
    thread: FrontThread,
    { request }: { readonly request: number },
    work: Promise<Value>,
    messageOf: (value: Value, request: number) => MainToFront,
  ): void {
    work.then(
      (value) => thread.post(messageOf(value, request)),
      (error: unknown) => this.#refuseOrDie(thread, request, error),
    );
  }

  async #erase(ask: ErasureAsk): Promise<readonly ErasureState[]> {
    if (ask.kind === 'list') return this.#erasures.list(ask.workspace);
    return [await this.#links.erase(this.#erasures, ask.wish)];
  }

  #refuseOrDie(thread: FrontThread, request: number, error: unknown): void {
    if (error instanceof AppError) this.#refuse(thread, request, error);
    // The device or the library failed: what is on disk is not what is in memory.
    else this.#parts.onDeath('main', (error as Error).stack ?? String(error));
  }

  #refuse(thread: FrontThread, request: number, error: unknown): void {
    thread.post({ kind: 'refused', request, error: threadErrorOf(error, this.#parts.log) });
  }

  /** The process must end now: cuts every connection and ends every thread, whatever is lost. */
  async cut(): Promise<void> {
    const living = this.#fronts.filter(({ thread }) => !thread.hasEnded);
    for (const { thread } of living) {
      thread.expectEnd();
      thread.post({ kind: 'close' });
    }
    await Promise.all(living.map(({ drained }) => drained.promise));
    await this.#shards.hold();
    const fronts = this.#fronts.map(({ thread }) => thread);
    await Promise.all([...fronts, ...this.#shards.threads].map((thread) => thread.end()));
    await this.#engine.end();
  }

  /** Stops accepting, answers what was received, closes everything. */
  async stop(): Promise<void> {
    this.#readiness.drain();
    this.#stopWatching?.();
    for (const { thread } of this.#fronts) {
      thread.expectEnd();
      thread.post({ kind: 'drain' });
    }
    await Promise.all(this.#fronts.map(({ drained }) => drained.promise));
    await this.#engine.close();
    await this.#readers.close();
    await this.#shards.close();
    await this.#erasures.close();
    await this.#links.close();
    await this.#mailbox.close();
    await this.#opened.documents.close();
    this.#opened.directory.release();
  }
}
