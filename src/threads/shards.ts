/** The shard threads as the main thread has them: started, listened to, swept and closed. */
import type { PartLimits } from '../config.ts';
import { unreachable } from '../std/assert.ts';
import type { MainToShard, ShardToMain, ThreadStart } from './messages.ts';
import {
  carryOut,
  type OnDeath,
  openUpkeepPool,
  Thread,
  type ThreadEntries,
  type UpkeepPool,
} from './pool.ts';
import type { Readiness } from './readiness.ts';
import { Signal } from './signal.ts';

type ShardThread = Thread<MainToShard, ShardToMain>;

export interface ShardThreadsParts {
  readonly entries: Pick<ThreadEntries, 'shard' | 'upkeep'>;
  readonly start: ThreadStart;
  readonly count: number;
  readonly limits: PartLimits;
  readonly readiness: Readiness;
  readonly onDeath: OnDeath;
  /** Files of a shard that a sweep has still to write anew. */
  readonly onSweeping: (shard: number, filesLeft: number) => void;
}

interface Started {
  readonly thread: ShardThread;
  readonly opened: Signal;
  readonly closed: Signal;
  swept: Signal<number>;
}

export class ShardThreads {
  readonly #parts: ShardThreadsParts;
  readonly #shards: Started[] = [];
  readonly #upkeep: UpkeepPool;
  #events = 0;

  constructor(parts: ShardThreadsParts) {
    this.#parts = parts;
    this.#upkeep = openUpkeepPool(parts.entries.upkeep);
  }

  /** Events found on the tape at the start. */
  get events(): number {
    return this.#events;
  }

  get threads(): readonly ShardThread[] {
    return this.#shards.map(({ thread }) => thread);
  }

  /** Resolves when every shard is open. */
  async start(): Promise<void> {
    for (let number = 0; number < this.#parts.count; number++) this.#startOne(number);
    await Promise.all(this.#shards.map(({ opened }) => opened.promise));
  }

  #startOne(number: number): void {
    const { entries, limits, onDeath, start } = this.#parts;
    const thread: ShardThread = new Thread(
      entries.shard,
      { kind: 'shard', ...start, number, row: number, limits },
      { onMessage: (message) => this.#hear(number, message), onDeath },
    );
    this.#shards.push({ thread, opened: new Signal(), closed: new Signal(), swept: new Signal() });
  }

  /** Removes from the files of a shard what is gone; resolves to the version of the rules it went by. */
  sweep(number: number): Promise<number> {
    const shard = this.#shards[number]!;
    shard.swept = new Signal();
    shard.thread.post({ kind: 'sweep' });
    return shard.swept.promise;
  }

  #hear(number: number, message: ShardToMain): void {
    const shard = this.#shards[number]!;
    const { onSweeping, readiness } = this.#parts;
    switch (message.kind) {
      case 'indexed':
        readiness.noteIndexed(message.events, message.partsLeft);
        break;
      case 'upkeep':
        carryOut(this.#upkeep, message, shard.thread);
        break;
      case 'opened':
        this.#events += message.events;
        shard.opened.fulfil();
        break;
      case 'writable':
        readiness.noteWritable(number, message.writable ? '' : message.reason);
        break;
      case 'sweeping':
        onSweeping(number, message.filesLeft);
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

  /** Nothing is sealed or merged any more: the threads that did it are gone. */
  async hold(): Promise<void> {
    await this.#upkeep.close();
  }

  /** Nobody sends to them any more. */
  async close(): Promise<void> {
    await this.#upkeep.close();
    for (const { thread } of this.#shards) {
      thread.expectEnd();
      thread.post({ kind: 'close' });
    }
    await Promise.all(this.#shards.map(({ closed }) => closed.promise));
  }
}
