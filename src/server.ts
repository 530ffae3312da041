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
import { freeBytes } from './store/environment.ts';
import type { SegmentFacts } from './tape/job.ts';
import { directoryVersion, workspacesFile } from './tape/layout.ts';
import { createTapeMemory } from './tape/tape.ts';
import { createBells } from './threads/bells.ts';
import type {
  FrontToMain,
  HealthState,
  MainToFront,
  MainToShard,
  ShardToMain,
  ThreadStart,
} from './threads/messages.ts';
import { openReaderPool, openUpkeepPool, type ReaderPool, Thread } from './threads/pool.ts';
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
    const options = { clock, random, initialKeys, quotaDefault };
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
  readonly #shards: { thread: ShardThread; opened: Signal; closed: Signal; refusal: string }[] = [];
  readonly #fronts: { thread: FrontThread; listening: Signal; drained: Signal; version: number }[] =
    [];
  readonly #readers: ReaderPool;
  readonly #upkeep = openUpkeepPool();
  /** What `/healthz` says while parts are indexed. */
  #progress = 'the server is starting';
  #indexed = 0;
  readonly #contention = createContentionMemory();
  readonly #threadStart: ThreadStart;
  #events = 0;
  #isOpen = false;
  #isDraining = false;
  #lowSpace = '';
  #stopWatching: (() => void) | undefined;
  /** Changes waiting until every front has them. */
  #inForce: { version: number; signal: Signal }[] = [];

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
    this.#isOpen = true;
    this.#watchSpace();
    this.#stopWatching = clock.every(freeSpaceCheckMs, () => this.#watchSpace());
    this.#tellHealth();
  }

  #startFront(number: number): void {
    const { config, onDeath } = this.#parts;
    const { directory, workspaces } = this.#opened;
    const front = { listening: new Signal(), drained: new Signal(), version: 0 };
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
    this.#shards.push({ thread, opened: new Signal(), closed: new Signal(), refusal: '' });
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
        this.#noteProgress(message.events, message.partsLeft);
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
        this.#noteWritable(number, message.writable ? '' : message.reason);
        this.#tellHealth();
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

  #noteProgress(events: number, partsLeft: number): void {
    this.#indexed += events;
    this.#progress = `indexing: ${this.#indexed} events so far, ${partsLeft} parts of this shard left`;
    this.#tellHealth();
  }

  /** Says it once: a shard tries again twice a second. */
  #noteWritable(number: number, refusal: string): void {
    const shard = this.#shards[number]!;
    if (shard.refusal === refusal) return;
    shard.refusal = refusal;
    if (refusal === '') this.#parts.log.info('a shard can write again', { number });
    else this.#parts.log.error('a shard cannot write', { number, reason: refusal });
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
      case 'inForce':
        front.version = message.version;
        this.#settleChanges();
        break;
      case 'heavy': {
        const { request } = message;
        const reading = this.#readers.read(message.ask).then(
          (json) => front.thread.post({ kind: 'read', request, json }),
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
      const signal = new Signal();
      this.#inForce.push({ version: snapshot.version, signal });
      for (const front of this.#fronts) front.thread.post({ kind: 'directory', snapshot });
      await signal.promise;
      thread.post({ kind: 'changed', request, reply });
    } catch (error) {
      if (error instanceof AppError) this.#refuse(thread, request, error);
      // The device or the library failed: what is on disk is not what is in memory.
      else this.#parts.onDeath('main', (error as Error).stack ?? String(error));
    }
  }

  #settleChanges(): void {
    const known = Math.min(...this.#fronts.map(({ version }) => version));
    for (const { signal, version } of this.#inForce) if (version <= known) signal.fulfil();
    this.#inForce = this.#inForce.filter(({ version }) => version > known);
  }

  /** Errors lose their class between threads; the code is what counts. */
  #refuse(thread: FrontThread, request: number, error: unknown): void {
    const { code, message } = error as { code?: unknown; message: string };
    if (error instanceof AppError) {
      thread.post({ kind: 'refused', request, error: { code: error.code, message } });
    } else if (code === 'invalid' || code === 'cursor_expired') {
      thread.post({ kind: 'refused', request, error: { code, message } });
    } else {
      this.#parts.log.error('a request failed', { message });
      thread.post({ kind: 'refused', request, error: { code: 'internal', message } });
    }
  }

  #watchSpace(): void {
    const free = freeBytes(this.#opened.directory.path);
    const isLow = free < this.#parts.config.freeBytesMin;
    const reason = isLow ? 'the disk is almost full' : '';
    if (reason === this.#lowSpace) return;
    this.#lowSpace = reason;
    if (isLow) this.#parts.log.error(reason, { freeBytes: free });
    else this.#parts.log.info('there is room on the disk again');
    this.#tellHealth();
  }

  #health(): HealthState {
    if (this.#isDraining) return { status: 'draining', reason: 'the server is shutting down' };
    if (!this.#isOpen) return { status: 'starting', reason: this.#progress };
    const reason = this.#lowSpace || this.#shards.find(({ refusal }) => refusal !== '')?.refusal;
    return reason ? { status: 'unavailable', reason } : { status: 'ready' };
  }

  #tellHealth(): void {
    const health = this.#health();
    for (const { thread } of this.#fronts) thread.post({ kind: 'health', health });
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
    this.#isDraining = true;
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
    await this.#opened.documents.close();
    this.#opened.directory.release();
  }
}
