/** Whether the process serves, and why not: what the main thread knows of it. */
import type { Log } from '../std/log.ts';
import { freeBytes } from '../store/environment.ts';
import type { HealthState } from './messages.ts';

export interface ReadinessParts {
  readonly directory: string;
  readonly freeBytesMin: number;
  readonly log: Log;
  /** Called when it may have changed. */
  readonly onChange: (health: HealthState) => void;
}

export class Readiness {
  readonly #parts: ReadinessParts;
  /** What is said while parts are indexed. */
  #progress = 'the server is starting';
  #indexed = 0;
  #isOpen = false;
  #isDraining = false;
  #lowSpace = '';
  /** Why a shard cannot write, by its number. */
  readonly #refusals = new Map<number, string>();

  constructor(parts: ReadinessParts) {
    this.#parts = parts;
  }

  noteIndexed(events: number, partsLeft: number): void {
    this.#indexed += events;
    this.#progress = `indexing: ${this.#indexed} events so far, ${partsLeft} parts of this shard left`;
    this.tell();
  }

  /** Says it once: a shard tries again twice a second. @param refusal empty: it can write. */
  noteWritable(shard: number, refusal: string): void {
    const { log } = this.#parts;
    if ((this.#refusals.get(shard) ?? '') !== refusal) {
      if (refusal === '') this.#refusals.delete(shard);
      else this.#refusals.set(shard, refusal);
      if (refusal === '') log.info('a shard can write again', { number: shard });
      else log.error('a shard cannot write', { number: shard, reason: refusal });
    }
    this.tell();
  }

  open(): void {
    this.#isOpen = true;
    this.watchSpace();
    this.tell();
  }

  drain(): void {
    this.#isDraining = true;
  }

  watchSpace(): void {
    const { directory, freeBytesMin, log } = this.#parts;
    const free = freeBytes(directory);
    const isLow = free < freeBytesMin;
    const reason = isLow ? 'the disk is almost full' : '';
    if (reason === this.#lowSpace) return;
    this.#lowSpace = reason;
    if (isLow) log.error(reason, { freeBytes: free });
    else log.info('there is room on the disk again');
    this.tell();
  }

  tell(): void {
    this.#parts.onChange(this.#health());
  }

  #health(): HealthState {
    if (this.#isDraining) return { status: 'draining', reason: 'the server is shutting down' };
    if (!this.#isOpen) return { status: 'starting', reason: this.#progress };
    const [refusal] = this.#refusals.values();
    const reason = this.#lowSpace || refusal;
    return reason ? { status: 'unavailable', reason } : { status: 'ready' };
  }
}
