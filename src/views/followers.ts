/**
 * Live views of one front: whoever follows a view of a customer gets its answer at once, and again when it
 * is another one. Followers of the same share a watch: one evaluation, one text, whoever gets it.
 *
 *     event ──▶ feed ──▶ watch is dirty ──▶ read again (kept, scan or pool) ──▶ another answer? ──▶ followers
 *     erased, merged, a look-back that ends, the template ──▶ ┘                  no room? the latest, later
 *
 * An event only makes a watch dirty, so a storm of them costs one reading; a watch rests after each reading,
 * ten times as long as it took and 20 ms at least, and all watches share one allowance of time. A follower that
 * takes nothing holds one answer, the same as others who follow the same; what came meanwhile is not queued,
 * only the latest is sent.
 */
import { hash } from 'node:crypto';
import { Shares } from '../ingest/shares.ts';
import type { Clock } from '../std/clock.ts';
import { AppError } from '../std/errors.ts';
import type { Log } from '../std/log.ts';
import type { Metrics } from '../std/metrics.ts';
import type { Feed, Subscription } from '../streams/feed.ts';
import type { LiveSink } from '../streams/subscriber.ts';
import type { Tape } from '../tape/tape.ts';
import type { ViewRecord } from '../workspaces/types.ts';
import type { ViewFound } from './answer.ts';
import { typesOf } from './evaluate.ts';
import type { KeptView } from './kept.ts';
import { LiveAnswer } from './liveanswer.ts';
import { placeOf, standsAt } from './place.ts';
import type { ViewReader } from './reader.ts';
import { type ViewSink, Watch } from './watch.ts';

/** Of all workspaces; one may have as many as are free (`Shares`), so there is always room for another. */
export const watchesMax = 10_000;
/** A larger answer is not sent again and again. */
export const liveViewCharactersMax = 1024 * 1024;
/** Larger ones are not held in memory: there may be very many. */
const heldCharactersMax = 4096;
/** A watch rests after a reading, and so many times as long as that took. */
const restMsMin = 20;
const restFactor = 10;
/** When the pool had no room. */
const retryMs = 1000;
/** All readings together, at a time, and the pause after it. */
const allowanceMs = 2;
const pauseMs = 2;
/** How often clocks are looked at, and so many places: what is taken away rings no bell. */
const tickMs = 250;
const placesPerTick = 500;

export interface Follower {
  /** The connection has taken what it had. */
  resume(): void;
  close(): void;
}

export interface FollowersParts {
  readonly tape: Tape;
  readonly feed: Feed;
  readonly reader: ViewReader;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Log;
  /** A view as it is stored now. */
  readonly stored: (workspace: number, name: string) => ViewRecord | undefined;
}

export class Followers {
  readonly #parts: FollowersParts;
  readonly #watches = new Map<string, Watch>();
  readonly #shares = new Shares(watchesMax);
  readonly #dirty = new Set<Watch>();
  readonly #subscriptions = new Map<Watch, Subscription>();
  #places: Iterator<Watch> | undefined;
  /** When what is dirty is read next; undefined: nothing is. */
  #next: { readonly atMs: number; cancel(): void } | undefined;

  constructor(parts: FollowersParts) {
    this.#parts = parts;
    parts.clock.every(tickMs, () => this.#tick());
  }

  /** @throws AppError overloaded. */
  follow(workspace: number, customer: string, view: KeptView, sink: ViewSink): Follower {
    const key = [workspace, view.name, view.evidence ?? '', view.variant, customer].join('\n');
    let watch = this.#watches.get(key);
    if (watch === undefined) {
      if (this.#shares.isOver(workspace, 1)) {
        throw new AppError('overloaded', 'too many views are followed', { retryAfterSeconds: 1 });
      }
      this.#shares.take(workspace, 1);
      watch = new Watch(key, workspace, customer, view);
      this.#watches.set(key, watch);
      this.#listen(watch);
    }
    this.#parts.metrics.add('live_views', 1);
    watch.sinks.set(sink, undefined);
    const found = this.#stillTrue(watch);
    if (found === undefined) this.#touch(watch);
    else this.#offer(watch, answerOf(watch, found), sink);
    return { resume: () => this.#resume(watch, sink), close: () => this.#close(watch, sink) };
  }

  /** The latest answer, as of now. */
  #stillTrue({ customer, found, place, view, workspace }: Watch): ViewFound | undefined {
    const { clock, tape } = this.#parts;
    const asOf = clock.now();
    if (found === undefined || place === undefined || asOf > found.holdsUntil) return undefined;
    if (!standsAt(tape, place, workspace, customer, typesOf(view.template))) return undefined;
    return { ...found, asOf };
  }

  /** Definitions have changed. */
  followDefinitions(): void {
    for (const watch of this.#watches.values()) {
      const record = this.#parts.stored(watch.workspace, watch.view.name);
      if (record === undefined)
        this.#fail(watch, new AppError('not_found', 'the view was deleted'));
      else if (record.version !== watch.view.version) {
        watch.view = { ...watch.view, template: record.template, version: record.version };
        this.#listen(watch);
        this.#touch(watch);
      }
    }
  }

  /** From now on an event that may change the view makes its watch dirty. */
  #listen(watch: Watch): void {
    const { feed, tape } = this.#parts;
    this.#subscriptions.get(watch)?.close();
    const { customer, view, workspace } = watch;
    const types = [...new Set(view.template.fields.map(({ event }) => event))];
    const filter = {
      workspace,
      customers: [customer],
      types: types.includes('*') ? [] : types,
      channels: [],
    };
    const sink: LiveSink = {
      bufferedBytes: () => 0,
      deliver: () => this.#touch(watch),
      relinked: () => this.#touch(watch),
      expire: () => {
        this.#listen(watch);
        this.#touch(watch);
      },
    };
    this.#subscriptions.set(watch, feed.subscribe(filter, tape.now(), sink));
  }

  #touch(watch: Watch): void {
    this.#dirty.add(watch);
    if (!watch.isReading) this.#wake(watch.restsUntil);
  }

  /** @param atMs monotonic; what is past means at once, but not within whatever runs now. */
  #wake(atMs: number): void {
    if (this.#next !== undefined && this.#next.atMs <= atMs) return;
    this.#next?.cancel();
    const waitMs = atMs - this.#parts.clock.monotonicMs();
    if (waitMs > 0) {
      this.#next = { atMs, cancel: this.#parts.clock.after(waitMs, () => this.#pump()) };
    } else {
      const immediate = setImmediate(() => this.#pump());
      this.#next = { atMs, cancel: () => clearImmediate(immediate) };
    }
  }

  /** Reads what is dirty and rested, within the allowance. */
  #pump(): void {
    const { clock } = this.#parts;
    const end = clock.monotonicMs() + allowanceMs;
    let now = end - allowanceMs;
    let next = Number.POSITIVE_INFINITY;
    this.#next = undefined;
    for (const watch of this.#dirty) {
      if (now >= end) {
        next = now + pauseMs;
        break;
      }
      if (watch.restsUntil > now) next = Math.min(next, watch.restsUntil);
      else if (!watch.isReading) {
        this.#dirty.delete(watch);
        this.#read(watch);
        now = clock.monotonicMs();
      }
    }
    // A watch that is being read in the pool comes back by itself.
    if (next !== Number.POSITIVE_INFINITY) this.#wake(Math.max(next, now + pauseMs));
  }

  #read(watch: Watch): void {
    const { clock, reader, tape } = this.#parts;
    const { customer, view, workspace } = watch;
    const begunMs = clock.monotonicMs();
    const rest = (): void => {
      const now = clock.monotonicMs();
      watch.restsUntil = now + Math.max(restMsMin, restFactor * (now - begunMs));
    };
    // Taken first: what is committed during the reading makes another place.
    watch.place = placeOf(tape, workspace, customer);
    try {
      const found = reader.read({ workspace, customer, views: [view], freshness: 'current' });
      if (!(found instanceof Promise)) {
        rest();
        this.#answer(watch, found[0]!);
        return;
      }
      watch.isReading = true;
      const answered = found.then(
        ([first]) => this.#answer(watch, first!),
        (error: unknown) => this.#refuse(watch, error),
      );
      void answered.finally(() => {
        watch.isReading = false;
        rest();
        if (this.#dirty.has(watch)) this.#touch(watch);
      });
    } catch (error) {
      rest();
      this.#refuse(watch, error);
    }
  }

  #answer(watch: Watch, found: ViewFound): void {
    if (found.json.length > liveViewCharactersMax) {
      this.#fail(watch, new AppError('too_large', 'the answer is too large to be followed'));
      return;
    }
    watch.digest = hash('sha256', found.json, 'base64');
    watch.holdsUntil = found.holdsUntil;
    watch.found = found.json.length <= heldCharactersMax ? found : undefined;
    const answer = answerOf(watch, found);
    for (const sink of watch.sinks.keys()) this.#offer(watch, answer, sink);
  }

  /** Sends an answer to a follower that has not had it, as soon as it has room. */
  #offer(watch: Watch, answer: LiveAnswer, sink: ViewSink): void {
    if (watch.sinks.get(sink) === watch.digest || sink.bufferedBytes() > 0) return;
    watch.sinks.set(sink, watch.digest);
    sink.send(answer);
    this.#parts.metrics.add('live_view_answers_total', 1);
  }

  #resume(watch: Watch, sink: ViewSink): void {
    if (!watch.sinks.has(sink) || watch.sinks.get(sink) === watch.digest) return;
    if (watch.found === undefined) this.#touch(watch);
    else this.#offer(watch, answerOf(watch, watch.found), sink);
  }

  #close(watch: Watch, sink: ViewSink): void {
    if (!watch.sinks.delete(sink)) return;
    this.#parts.metrics.add('live_views', -1);
    if (watch.sinks.size > 0) return;
    this.#watches.delete(watch.key);
    this.#shares.give(watch.workspace, 1);
    this.#dirty.delete(watch);
    this.#subscriptions.get(watch)?.close();
    this.#subscriptions.delete(watch);
  }

  #refuse(watch: Watch, error: unknown): void {
    if (!(error instanceof AppError)) {
      const { stack } = error as Error;
      this.#parts.log.error('a live view failed', { error: stack ?? String(error) });
      this.#fail(watch, new AppError('internal', 'the server failed; its log says why'));
      return;
    }
    if (error.code !== 'overloaded') {
      this.#fail(watch, error);
      return;
    }
    watch.restsUntil = this.#parts.clock.monotonicMs() + retryMs;
    this.#touch(watch);
  }

  #fail(watch: Watch, error: AppError): void {
    for (const sink of [...watch.sinks.keys()]) {
      this.#close(watch, sink);
      sink.fail(error);
    }
  }

  /** What changes without an event: a match that is too old now, one that was dated ahead, what was taken away. */
  #tick(): void {
    const { clock, tape } = this.#parts;
    const now = clock.now();
    for (const watch of this.#watches.values()) {
      if (now > watch.holdsUntil) this.#touch(watch);
    }
    for (let left = Math.min(placesPerTick, this.#watches.size); left > 0; left--) {
      const watch = this.#nextPlace();
      if (watch?.place === undefined) continue;
      const { customer, place, view, workspace } = watch;
      if (!standsAt(tape, place, workspace, customer, typesOf(view.template))) this.#touch(watch);
    }
  }

  /** All watches in turn, over and over. */
  #nextPlace(): Watch | undefined {
    const next = this.#places?.next();
    if (next !== undefined && next.done !== true) return next.value;
    this.#places = this.#watches.values();
    return this.#places.next().value as Watch | undefined;
  }
}

function answerOf({ customer, view }: Watch, found: ViewFound): LiveAnswer {
  return new LiveAnswer(customer, view.name, found);
}
