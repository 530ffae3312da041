/**
 * Starting threads, and what happens when one dies: the process goes down with it, loudly, because a
 * server without a shard or a front is worse than none.
 */
import { availableParallelism } from 'node:os';
import { type MessagePort, Worker } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { AppError } from '../std/errors.ts';
import { createHaltMemory, halt } from '../store/halt.ts';
import type { SegmentFacts } from '../tape/job.ts';
import type { UpkeepJob } from '../tape/upkeep.ts';
import type {
  EngineStart,
  FrontStart,
  HeavyAnswer,
  HeavyRead,
  MainToShard,
  ReaderStart,
  ShardStart,
  ShardToMain,
} from './messages.ts';
import { Turns } from './turns.ts';

/** Called when a thread ends that should not have; must end the process. */
export type OnDeath = (name: string, reason: string) => void;

/** The file that a thread of each kind begins with. */
export interface ThreadEntries {
  readonly front: URL;
  readonly shard: URL;
  readonly engine: URL;
  /** Of the pool that reads. */
  readonly reader: URL;
  /** Of the pool that indexes, seals and merges. */
  readonly upkeep: URL;
}

/** A thread of ours: typed messages both ways. */
export class Thread<ToThread, FromThread> {
  readonly #worker: Worker;
  #expected = false;
  #ended = false;

  /** @param onMessage runs on the main thread. */
  constructor(
    entry: URL,
    start: ShardStart | FrontStart | EngineStart,
    parts: { onMessage: (message: FromThread) => void; onDeath: OnDeath },
  ) {
    const name = `${start.kind}-${start.number}`;
    this.#worker = new Worker(entry, { workerData: start, name });
    this.#worker.on('message', parts.onMessage);
    this.#worker.on('error', (error) => {
      this.#ended = true;
      parts.onDeath(name, error.stack ?? String(error));
    });
    this.#worker.on('exit', (code) => {
      this.#ended = true;
      if (!this.#expected) parts.onDeath(name, `exit code ${code}`);
    });
  }

  get hasEnded(): boolean {
    return this.#ended;
  }

  post(message: ToThread, transfer: readonly MessagePort[] = []): void {
    this.#worker.postMessage(message, transfer);
  }

  /** Ends the thread wherever it is; resolves when it has ended. */
  async end(): Promise<void> {
    this.#expected = true;
    await this.#worker.terminate();
  }

  /** From now on the thread may end without anyone taking it for a failure. */
  expectEnd(): void {
    this.#expected = true;
  }
}

/** Reads that outgrew a front: how many may wait, half of them of one workspace. */
export const heavyReadsMax = 256;
/** Dry runs, which take seconds, that may wait for the one under way. */
export const dryRunsMax = 8;

export interface ReaderPool {
  read(heavy: HeavyRead): Promise<HeavyAnswer>;
  close(): Promise<void>;
}

/** Reader threads, and one more for what takes seconds, so that nothing else waits for it. */
export function openReaderPools(entry: URL, start: ReaderStart): ReaderPool {
  const threads = Math.max(1, Math.floor(availableParallelism() / 2));
  const short = openReaders(entry, start, threads, heavyReadsMax);
  const long = openReaders(entry, start, 1, dryRunsMax);
  return {
    read: (heavy) => (heavy.kind === 'dryRun' ? long : short).read(heavy),
    async close() {
      await Promise.all([short.close(), long.close()]);
    },
  };
}

/** A pool of reader threads, made when first needed; workspaces take turns in it. */
function openReaders(
  entry: URL,
  start: ReaderStart,
  threads: number,
  waitingMax: number,
): ReaderPool {
  let pool: Piscina<HeavyRead, HeavyAnswer> | undefined;
  const turns = new Turns({ runningMax: threads, waitingMax });
  return {
    async read(heavy) {
      const workspace = workspaceOf(heavy);
      if (turns.isFull(workspace)) {
        const message = 'too many long reads at once; ask again';
        throw new AppError('overloaded', message, { retryAfterSeconds: 1 });
      }
      pool ??= new Piscina<HeavyRead, HeavyAnswer>({
        filename: entry.href,
        workerData: start,
        minThreads: 0,
        maxThreads: threads,
        // Threads stay: each holds a place among the readers of the tape (`epochs.ts`).
        idleTimeout: Number.POSITIVE_INFINITY,
        // Parking in Atomics.wait would keep lmdb's snapshots pinned.
        atomics: 'disabled',
        recordTiming: false,
      });
      const readers = pool;
      return turns.run(workspace, () => readers.run(heavy, { name: 'read' }));
    },
    async close() {
      await pool?.destroy();
    },
  };
}

export interface UpkeepPool {
  run(job: UpkeepJob): Promise<SegmentFacts | undefined>;
  /** What is under way is given up (`halt.ts`); resolves when nothing is, and no thread is left. */
  close(): Promise<void>;
  readonly isClosed: boolean;
}

/**
 * Threads that index, and others that seal and merge, made when first needed and let go when there is nothing
 * to do. What is indexed never waits for what is rewritten, which takes what others leave of the processors.
 */
export function openUpkeepPool(entry: URL): UpkeepPool {
  let indexing: Piscina<UpkeepJob, SegmentFacts | undefined> | undefined;
  let rewriting: Piscina<UpkeepJob, SegmentFacts | undefined> | undefined;
  const processors = availableParallelism();
  const memory = createHaltMemory();
  const running = new Set<Promise<unknown>>();
  let isClosed = false;
  const start = (job: UpkeepJob): Promise<SegmentFacts | undefined> => {
    if (job.kind === 'index') {
      indexing ??= openUpkeepThreads(entry, memory, Math.max(1, Math.floor(processors / 2)));
      return indexing.run(job, { name: 'run' });
    }
    rewriting ??= openUpkeepThreads(entry, memory, Math.max(2, processors));
    return rewriting.run(job, { name: 'run' });
  };
  return {
    run(job) {
      if (isClosed)
        return Promise.reject(new AppError('unavailable', 'the server is shutting down'));
      const made = start(job);
      const settled = made.catch(() => undefined).finally(() => running.delete(settled));
      running.add(settled);
      return made;
    },
    get isClosed() {
      return isClosed;
    },
    async close() {
      isClosed = true;
      halt(memory);
      await Promise.all(running);
      await Promise.all([indexing?.destroy(), rewriting?.destroy()]);
    },
  };
}

function openUpkeepThreads(
  entry: URL,
  halting: SharedArrayBuffer,
  maxThreads: number,
): Piscina<UpkeepJob, SegmentFacts | undefined> {
  return new Piscina<UpkeepJob, SegmentFacts | undefined>({
    filename: entry.href,
    workerData: halting,
    minThreads: 0,
    maxThreads,
    idleTimeout: 30_000,
    atomics: 'disabled',
    recordTiming: false,
  });
}

function workspaceOf(heavy: HeavyRead): number {
  return 'ask' in heavy ? heavy.ask.workspace : heavy.query.workspace;
}

/** Has the pool do a shard's upkeep, and tells the shard what came of it. */
export function carryOut(
  pool: UpkeepPool,
  { job, request }: { readonly job: UpkeepJob; readonly request: number },
  thread: Thread<MainToShard, ShardToMain>,
): void {
  const tell = (facts: SegmentFacts | undefined, error: string | undefined): void => {
    // What was given up at the end has not failed.
    if (!thread.hasEnded && !pool.isClosed) thread.post({ kind: 'upkept', request, facts, error });
  };
  pool.run(job).then(
    (facts) => tell(facts, undefined),
    (error: unknown) => tell(undefined, (error as Error).message),
  );
}
