/**
 * The composition root: opens everything left to right, closes it right to left. Runs on the main
 * thread, which serves nobody; it owns the definitions and watches over the threads.
 */
import { join } from 'node:path';
import { MessageChannel } from 'node:worker_threads';
import { type Config, shardsDefault } from './config.ts';
import { findPort } from './http/port.ts';
import { createContentionMemory } from './ingest/contention.ts';
import { unreachable } from './std/assert.ts';
import type { Clock } from './std/clock.ts';
import { AppError } from './std/errors.ts';
import type { Log } from './std/log.ts';
import { createMetricsMemory } from './std/metrics.ts';
import type { Random } from './std/random.ts';
import { type DataDirectory, openDataDirectory } from './store/directory.ts';
import { LmdbDocuments } from './store/documents.ts';
import { type ErasureAsk, Erasures } from './tape/erasures.ts';
import type { SegmentFacts } from './tape/job.ts';
import { directoryVersion, erasuresFile, workspacesFile } from './tape/layout.ts';
import { createTapeMemory } from './tape/tape.ts';
import { createBells } from './threads/bells.ts';
import { InForce } from './threads/inforce.ts';
import type {
  FrontToMain,
  MainToFront,
  MainToShard,
  ShardToMain,
  ThreadStart,
} from './threads/messages.ts';
import { openReaderPool, openUpkeepPool, type ReaderPool, Thread } from './threads/pool.ts';
import { Readiness } from './threads/readiness.ts';
import { threadErrorOf } from './threads/refusal.ts';
import { Signal } from './threads/signal.ts';
import type { WorkspaceCommand } from './workspaces/types.ts';
import { type NamedKeys, openWorkspaces, type Workspaces } from './workspaces/workspaces.ts';

const freeSpaceCheckMs = 1000;

export interface ServerParts {
  readonly config: Config;
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
  const { clock, config, random } = parts;
  const directory = openDataDirectory(config.data, {
    format: directoryVersion,
    shards: config.shards,
    shardsDefault,
    random,
  });
  try {
    const port = await findPort(config.host, config.port);
    const documents = new LmdbDocuments(join(directory.path, workspacesFile));
    const initialKeys = { admin: config.adminKey, write: config.writeKey, read: config.readKey };
    const quotaDefault = {
      eventsPerSecond: config.quotaEventsPerSecond,
      bytesPerSecond: config.quotaBytesPerSecond,
    };
    const retentionDefault = { days: config.retentionDays, bytes: config.retentionBytes };
    const options = { clock, random, initialKeys, quotaDefault, retentionDefault };
    const workspaces = await openWorkspaces(documents, options);
    const server = new Server(parts, { directory, documents, workspaces, port });
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

interface Opened {
  readonly directory: DataDirectory;
  readonly documents: LmdbDocuments;
  readonly workspaces: Workspaces;
  readonly port: number;
}

type ShardThread = Thread<MainToShard, ShardToMain>;
type FrontThread = Thread<MainToFront, FrontToMain>;

export class Server {
  readonly #parts: ServerParts;
  readonly #opened: Opened;
  readonly #shards: {
    thread: ShardThread;
    opened: Signal;
    closed: Signal;
    swept: Signal<number>;
  }[] = [];
  readonly #fronts: { thread: FrontThread; listening: Signal; drained: Signal }[] = [];
  readonly #readers: ReaderPool;
  readonly #upkeep = openUpkeepPool();
  readonly #readiness: Readiness;
  readonly #erasures: Erasures;
  readonly #contention = createContentionMemory();
  readonly #threadStart: ThreadStart;
  #events = 0;
  #stopWatching: (() => void) | undefined;
  readonly #inForce: InForce;

  /** Use `openServer`. */
  constructor(parts: ServerParts, opened: Opened) {
    const { config } = parts;
    const { directory } = opened;
    this.#parts = parts;
    this.#opened = opened;
    const threads = directory.shards + config.fronts + 1;
    this.#threadStart = {
      tape: createTapeMemory(directory.path, directory.shards, directory.hashSeed),
      metrics: createMetricsMemory(threads),
      row: threads - 1,
      bells: createBells(config.fronts),
    };
    this.#readers = openReaderPool({ kind: 'reader', ...this.#threadStart });
    this.#inForce = new InForce(config.fronts);
    this.#readiness = new Readiness({
      directory: directory.path,
      freeBytesMin: config.freeBytesMin,
      log: parts.log,
      onChange: (health) => {
        for (const { thread } of this.#fronts) thread.post({ kind: 'health', health });
      },
    });
    this.#erasures = this.#openErasures();
  }

  /** Before any shard is opened: what is gone must not be served. */
  #openErasures(): Erasures {
    const { clock, config, log, random } = this.#parts;
    const { tape: memory } = this.#threadStart;
    const erasures = new Erasures({
      documents: new LmdbDocuments(join(memory.directory, erasuresFile)),
      memory,
      clock,
      random,
      log,
      waitMs: config.erasureWaitMs,
      sweep: (number) => {
        const shard = this.#shards[number]!;
        shard.swept = new Signal();
        shard.thread.post({ kind: 'sweep' });
        return shard.swept.promise;
      },
    });
    erasures.follow(this.#opened.workspaces.facts());
    return erasures;
  }

  get port(): number {
    return this.#opened.port;
  }

  /** Events found on the tape at the start. */
  get events(): number {
    return this.#events;
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
    for (let number = 0; number < this.shards; number++) this.#startShard(number);
    await Promise.all(this.#shards.map(({ opened }) => opened.promise));
    this.#connect();
    this.#erasures.open();
    this.#readiness.open();
    this.#stopWatching = clock.every(freeSpaceCheckMs, () => this.#readiness.watchSpace());
  }

  #startFront(number: number): void {
    const { config, onDeath } = this.#parts;
    const { directory, workspaces } = this.#opened;
    const front = { listening: new Signal(), drained: new Signal() };
    const thread: FrontThread = new Thread(
      new URL('./http/front.js', import.meta.url),
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
        directory: workspaces.snapshot(),
        quotas: workspaces.quotaMemory,
        contention: this.#contention,
      },
      { onMessage: (message) => this.#fromFront(number, message), onDeath },
    );
    this.#fronts.push({ ...front, thread });
  }

  #startShard(number: number): void {
    const thread: ShardThread = new Thread(
      new URL('./threads/shard.js', import.meta.url),
      {
        kind: 'shard',
        ...this.#threadStart,
        number,
        row: number,
        limits: this.#parts.config.parts,
      },
      {
        onMessage: (message) => this.#fromShard(number, message),
        onDeath: this.#parts.onDeath,
      },
    );
    this.#shards.push({ thread, opened: new Signal(), closed: new Signal(), swept: new Signal() });
  }

  #connect(): void {
    for (const [shard, { thread: shardThread }] of this.#shards.entries()) {
      for (const [front, { thread: frontThread }] of this.#fronts.entries()) {
        const { port1, port2 } = new MessageChannel();
        shardThread.post({ kind: 'connect', front, port: port1 }, [port1]);
        frontThread.post({ kind: 'connect', shard, port: port2 }, [port2]);
      }
    }
  }

  #fromShard(number: number, message: ShardToMain): void {
    const shard = this.#shards[number]!;
    switch (message.kind) {
      case 'indexed':
        this.#readiness.noteIndexed(message.events, message.partsLeft);
        break;
      case 'upkeep':
        void this.#upkeep.run(message.job).then(
          (facts) => this.#tellUpkept(number, message.request, facts, undefined),
          (error: unknown) =>
            this.#tellUpkept(number, message.request, undefined, (error as Error).message),
        );
        break;
      case 'opened':
        this.#events += message.events;
        shard.opened.fulfil();
        break;
      case 'writable':
        this.#readiness.noteWritable(number, message.writable ? '' : message.reason);
        break;
      case 'sweeping':
        this.#erasures.noteLeft(number, message.filesLeft);
        break;
      case 'swept':
        shard.swept.fulfil(message.version);
        break;
      case 'closed':
        shard.closed.fulfil();
        break;
      default:
        unreachable(message);
    }
  }

  #tellUpkept(
    shard: number,
    request: number,
    facts: SegmentFacts | undefined,
    error: string | undefined,
  ): void {
    const { thread } = this.#shards[shard]!;
    if (!thread.hasEnded) thread.post({ kind: 'upkept', request, facts, error });
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
        void this.#change(front.thread, message.request, message.command);
        break;
      case 'erasures':
        void this.#answerErasures(front.thread, message.request, message.ask);
        break;
      case 'inForce':
        this.#inForce.note(number, message.version);
        break;
      case 'heavy': {
        const { request } = message;
        const reading = this.#readers.read(message.ask).then(
          (answer) => front.thread.post({ kind: 'read', request, answer }),
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

  /** A change is answered when it is durable and every front has it. */
  async #change(thread: FrontThread, request: number, command: WorkspaceCommand): Promise<void> {
    const { workspaces } = this.#opened;
    try {
      const reply = await workspaces.execute(command);
      const snapshot = workspaces.snapshot();
      this.#erasures.follow(workspaces.facts());
      const inForce = this.#inForce.everywhere(snapshot.version);
      for (const front of this.#fronts) front.thread.post({ kind: 'directory', snapshot });
      await inForce;
      thread.post({ kind: 'changed', request, reply });
    } catch (error) {
      this.#refuseOrDie(thread, request, error);
    }
  }

  async #answerErasures(thread: FrontThread, request: number, ask: ErasureAsk): Promise<void> {
    try {
      thread.post({ kind: 'erasures', request, erasures: await this.#erasures.answer(ask) });
    } catch (error) {
      this.#refuseOrDie(thread, request, error);
    }
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
    await Promise.all([...this.#fronts, ...this.#shards].map(({ thread }) => thread.end()));
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
    await this.#readers.close();
    await this.#upkeep.close();
    for (const { thread } of this.#shards) {
      thread.expectEnd();
      thread.post({ kind: 'close' });
    }
    await Promise.all(this.#shards.map(({ closed }) => closed.promise));
    await this.#erasures.close();
    await this.#opened.documents.close();
    this.#opened.directory.release();
  }
}
