/**
 * Delivers actions to webhooks: at least once each, under the action's id, whatever happens in between.
 *
 *     take ─▶ row (pending) ─▶ due ─▶ its endpoint's lane ─▶ post ─▶ judge ─┬▶ again later (row)
 *                                                                           ├▶ delivered (row) ─▶ said
 *                                                                           └▶ failed (row, flushed) ─▶ said
 *
 * A row may be newer or older than what the tape says: a process that is killed finds in its rows when to
 * try next, and takes from the state what has to be tried at all.
 */
import type { Clock } from '../../std/clock.ts';
import type { WebhookRecord } from '../../workspaces/webhook.ts';
import type { EngineContext, Work, Worker } from '../engine/work.ts';
import type { Delivery, PersonState } from '../state.ts';
import { DueList } from './due.ts';
import { deliverySaid } from './emit.ts';
import { Endpoints } from './endpoints.ts';
import { type Health, type LaneLimits, Lanes } from './lanes.ts';
import { Ledger } from './ledger.ts';
import { payloadOf } from './payload.ts';
import type { Poster } from './post.ts';
import type { Entry } from './record.ts';
import { type Answer, judge } from './schedule.ts';
import type { Teller } from './teller.ts';

/** Requests under way: of all, of a workspace, of an endpoint. */
export const laneLimits: LaneLimits = { jobsMax: 128, workspaceJobsMax: 64, laneJobsMax: 8 };
/** How often endpoints are looked after that are disabled or deleted. */
const sweepMs = 30_000;

export interface WebhooksParts {
  readonly context: EngineContext;
  readonly poster: Poster;
  readonly teller: Teller;
  /** Absent: `laneLimits`. */
  readonly limits?: LaneLimits;
}

export class Webhooks implements Worker {
  readonly ledger: Ledger;
  readonly endpoints: Endpoints;
  readonly #parts: WebhooksParts;
  readonly #clock: Clock;
  readonly #lanes: Lanes<Entry>;
  readonly #due: DueList<Entry>;
  /** Of rows that were pending at the start, and that nobody has asked for since. */
  readonly #unclaimed = new Set<Entry>();
  readonly #stopSweeping: () => void;
  /** How many waited when it was told last. */
  #measured = 0;
  #closed = false;

  constructor(parts: WebhooksParts) {
    this.#parts = parts;
    this.#clock = parts.context.clock;
    this.endpoints = new Endpoints(parts.context);
    this.ledger = new Ledger(parts.context.rows('webhooks'));
    this.#lanes = new Lanes({
      clock: this.#clock,
      limits: parts.limits ?? laneLimits,
      run: (entry) => this.#attempt(entry),
    });
    this.#due = new DueList(this.#clock, (entry, at) => this.#begin(entry, at));
    for (const entry of this.ledger.waiting()) {
      if (entry.replays > 0) this.#schedule(entry);
      else this.#unclaimed.add(entry);
    }
    this.#stopSweeping = this.#clock.every(sweepMs, () => this.#sweep());
    this.#measure();
  }

  take({ deliveries, person, workspace }: Work): void {
    for (const delivery of deliveries) {
      if (delivery.action.do === 'webhook') this.#takeOne(workspace, person, delivery);
    }
  }

  forget(workspace: number, identity: string): void {
    for (const entry of this.ledger.of((owner) => owner === workspace)) {
      if (entry.customer === identity) this.#drop(entry);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#stopSweeping();
    this.#due.close();
    this.#lanes.close();
    this.#parts.poster.close();
  }

  /** From the first attempt on once more, at once. */
  replay(entry: Entry): void {
    const now = this.#clock.now();
    Object.assign(entry, { attempts: 0, replays: entry.replays + 1, nextAt: now, told: false });
    this.ledger.move(entry, 'pending', now);
    this.#measure();
    this.#schedule(entry);
  }

  #takeOne(workspace: number, person: PersonState, delivery: Delivery): void {
    const { id } = delivery.action;
    const webhook = String(delivery.action['endpoint']);
    const held = this.ledger.find({ workspace, webhook, id });
    if (held !== undefined) {
      if (held.state !== 'pending') this.#tell(held);
      else if (this.#unclaimed.delete(held)) this.#schedule(held);
      return;
    }
    const now = this.#clock.now();
    const { at, instance, request, rule } = delivery;
    const entry: Entry = {
      workspace,
      webhook,
      id,
      customer: person.name,
      ...(rule !== undefined && { rule }),
      ...(instance !== undefined && { instance }),
      request,
      decidedAt: at,
      state: 'pending',
      attempts: 0,
      replays: 0,
      at: now,
      nextAt: now,
    };
    const hasRoom = this.ledger.hasRoom(workspace);
    this.ledger.add(entry, payloadOf(person, delivery));
    if (hasRoom) this.#schedule(entry);
    else this.#settle(entry, 'failed', { failure: 'too many deliveries wait already' });
    this.#measure();
  }

  #schedule(entry: Entry): void {
    this.#due.add(entry, entry.nextAt);
  }

  /** What has moved since it was set, or is gone, is passed over. */
  #begin(entry: Entry, at: number): void {
    if (entry.gone === true || entry.state !== 'pending' || entry.nextAt !== at) return;
    // In a lane it is due once.
    entry.nextAt = Number.POSITIVE_INFINITY;
    this.#lanes.add(entry.workspace, entry.webhook, entry);
  }

  async #attempt(entry: Entry): Promise<Health> {
    const idle: Health = { well: true, restMs: 0 };
    if (entry.gone === true || this.#closed) return idle;
    const webhook = this.endpoints.find(entry.workspace, entry.webhook);
    if (typeof webhook === 'string') {
      this.#settle(entry, 'failed', { failure: webhook });
      return idle;
    }
    const body = this.ledger.body(entry)!;
    const answer = await this.#parts.poster.post(webhook, { id: entry.id, body });
    // What was cut by the end of the process is not counted: the next one tries it again.
    if (this.#isOver(entry)) return idle;
    return this.#judge(entry, webhook, answer);
  }

  #isOver(entry: Entry): boolean {
    return this.#closed || entry.gone === true;
  }

  #judge(entry: Entry, webhook: WebhookRecord, answer: Answer): Health {
    const { context } = this.#parts;
    const overloads = this.endpoints.note(webhook, answer);
    entry.attempts += 1;
    context.metrics.add('webhook_attempts_total', 1);
    const attempt = { attempts: entry.attempts, overloads, nowMs: this.#clock.now() };
    const verdict = judge(answer, attempt, context.random);
    switch (verdict.kind) {
      case 'delivered':
        this.#settle(entry, 'delivered', answer);
        return { well: true, restMs: 0 };
      case 'failed':
        if (verdict.gone) this.endpoints.disable(webhook);
        this.#settle(entry, 'failed', answer);
        return { well: false, restMs: 0 };
      case 'retry':
        note(entry, answer, attempt.nowMs);
        entry.nextAt = attempt.nowMs + verdict.waitMs;
        this.ledger.keep(entry);
        this.#schedule(entry);
        return { well: false, restMs: verdict.restMs };
    }
  }

  #settle(entry: Entry, state: 'delivered' | 'failed', answer: Answer): void {
    const now = this.#clock.now();
    note(entry, answer, now);
    entry.nextAt = now;
    this.ledger.move(entry, state, now);
    this.#parts.context.metrics.add(`webhook_${state}_total`, 1);
    this.#measure();
    this.#tell(entry);
  }

  /** A failure is durable in the rows before it is said: who is killed in between still has its body. */
  #tell(entry: Entry): void {
    if (entry.told === true) return;
    entry.told = true;
    const { attempts, customer, failure, id, replays, state, status, workspace } = entry;
    const detail = failure ?? (status === undefined ? undefined : `status ${status}`);
    const outcome = state === 'delivered' ? 'delivered' : 'failed';
    const said = {
      action: id,
      outcome,
      attempts,
      ...(detail !== undefined && { detail }),
    } as const;
    const after = state === 'failed' ? { after: () => this.ledger.flush() } : {};
    const events = [deliverySaid(customer, said, replays)];
    this.#parts.teller.tell({ workspace, customer, events, ...after });
  }

  #sweep(): void {
    const { endpoints } = this;
    const { directory } = this.#parts.context;
    const isDeleted = (workspace: number): boolean => directory.workspace(workspace) === undefined;
    for (const entry of this.ledger.of(isDeleted)) this.#drop(entry);
    for (const entry of this.ledger.of((...of) => typeof endpoints.find(...of) === 'string')) {
      if (entry.state === 'pending') this.#hurry(entry);
      else if (!endpoints.exists(entry.workspace, entry.webhook)) this.#drop(entry);
    }
    for (const entry of this.#unclaimed) this.#resolve(entry);
    endpoints.sweep();
    this.#lanes.follow((...of) => endpoints.exists(...of));
  }

  /** Its endpoint takes nothing any more: it need not wait to fail. */
  #hurry(entry: Entry): void {
    const isUnderWay = entry.nextAt === Number.POSITIVE_INFINITY;
    if (isUnderWay || this.#unclaimed.has(entry)) return;
    entry.nextAt = this.#clock.now();
    this.#schedule(entry);
  }

  /** A row from before the start that the state knows nothing of: what became of it stands on the tape. */
  #resolve(entry: Entry): void {
    const person = this.#parts.context.person(entry.workspace, entry.customer);
    if (person?.deliveries.some(({ action }) => action.id === entry.id) === true) return;
    this.#unclaimed.delete(entry);
    // A failure would stand in the row too.
    entry.told = true;
    this.ledger.move(entry, 'delivered', this.#clock.now());
    this.#measure();
  }

  #drop(entry: Entry): void {
    this.#unclaimed.delete(entry);
    this.ledger.remove(entry);
    this.#measure();
  }

  #measure(): void {
    const { pending } = this.ledger;
    this.#parts.context.metrics.add('webhooks_pending', pending - this.#measured);
    this.#measured = pending;
  }
}

/** What an attempt found. */
function note(entry: Entry, answer: Answer, nowMs: number): void {
  delete entry.status;
  delete entry.failure;
  delete entry.excerpt;
  entry.attemptedAt = nowMs;
  if ('failure' in answer) entry.failure = answer.failure;
  else {
    entry.status = answer.status;
    if (answer.excerpt !== undefined) entry.excerpt = answer.excerpt;
  }
}
