/**
 * Offers and notices in the customer's pages: a message to every browser that is the customer's, under the
 * action's id. A browser that answers ends it for the others. A customer of whom no browser is known is
 * waited for until the action's time is up: the next link may name one.
 */

import { parseDuration } from '../../event/duration.ts';
import type { Clock } from '../../std/clock.ts';
import { AppError } from '../../std/errors.ts';
import { isVisitor } from '../../workspaces/visitors.ts';
import type { EngineContext, Work, Worker } from '../engine/work.ts';
import type { Delivery } from '../state.ts';
import type { DecidedAction, DeliverySaid } from '../words.ts';
import { DueList } from './due.ts';
import { deliverySaid } from './emit.ts';
import type { Teller } from './teller.ts';

export const pageTtlMsDefault = 3_600_000;
/** Browsers of one customer that are told; those that became theirs last. */
export const pageVisitorsMax = 20;
/** Customers who are waited for. */
export const pagesWaitingMax = 100_000;
const lookAgainMs = 1000;
const lookAgainMsMax = 60_000;

interface Page {
  readonly workspace: number;
  readonly customer: string;
  readonly delivery: Delivery;
  readonly until: number;
  /** How often nobody was there to be told. */
  misses: number;
  gone: boolean;
}

export class Pages implements Worker {
  readonly #context: EngineContext;
  readonly #teller: Teller;
  readonly #clock: Clock;
  readonly #due: DueList<Page>;
  /** Those that nobody was told of yet. */
  readonly #waiting = new Set<Page>();
  #closed = false;

  constructor(context: EngineContext, teller: Teller) {
    this.#context = context;
    this.#teller = teller;
    this.#clock = context.clock;
    this.#due = new DueList(this.#clock, (page) => this.#try(page));
  }

  take({ deliveries, person, workspace }: Work): void {
    for (const delivery of deliveries) {
      const { action, at } = delivery;
      if (action.do !== 'page' && action.do !== 'notify') continue;
      const page = { workspace, customer: person.name, delivery, until: at + ttlMsOf(action) };
      this.#begin({ ...page, misses: 0, gone: false });
    }
  }

  forget(workspace: number, identity: string): void {
    for (const page of this.#waiting) {
      if (page.workspace !== workspace || page.customer !== identity) continue;
      page.gone = true;
      this.#waiting.delete(page);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#due.close();
  }

  #begin(page: Page): void {
    const { data } = page.delivery.action;
    if (typeof data !== 'object' || data === null || Array.isArray(data)) {
      this.#end(page, { outcome: 'failed', detail: 'data is no object' });
    } else if (this.#waiting.size >= pagesWaitingMax) {
      this.#end(page, { outcome: 'failed', detail: 'too many wait already' });
    } else {
      this.#waiting.add(page);
      this.#try(page);
    }
  }

  #try(page: Page): void {
    if (page.gone || this.#closed) return;
    if (this.#clock.now() >= page.until) this.#end(page, { outcome: 'expired' });
    else this.#push(page).catch((error: unknown) => this.#retry(page, error));
  }

  /** @throws AppError overloaded, unavailable: later, then. */
  async #push(page: Page): Promise<void> {
    const visitors = this.#visitorsOf(page);
    if (visitors.length === 0) {
      this.#wait(page);
      return;
    }
    const pushed = await Promise.all(
      visitors.map((visitor) => this.#tell(page, visitor, visitors)),
    );
    if (page.gone || this.#closed) return;
    if (pushed.some(Boolean)) this.#end(page, { outcome: 'delivered' });
    else this.#end(page, { outcome: 'failed', detail: 'too many messages wait for this browser' });
  }

  /** @returns false when the visitor has too many already. */
  async #tell(page: Page, visitor: string, all: readonly string[]): Promise<boolean> {
    const { customer, delivery, until, workspace } = page;
    const { action, request, rule } = delivery;
    const others = all.filter((each) => each !== visitor);
    const kind = action.do === 'page' && action['kind'] !== 'notice' ? 'offer' : 'notice';
    const data = action['data'] as Readonly<Record<string, unknown>>;
    const about = { customer, request, ...(rule !== undefined && { rule }), others };
    const message = { id: action.id, kind, data, about };
    const ttlMs = Math.max(1, until - this.#clock.now());
    try {
      await this.#context.mailbox({ kind: 'push', workspace, visitor, message, ttlMs });
      return true;
    } catch (error) {
      if (error instanceof AppError && error.code === 'conflict') return false;
      throw error;
    }
  }

  #visitorsOf({ customer, workspace }: Page): readonly string[] {
    const { links } = this.#context;
    links.refresh();
    const { members } = links.membersOf(workspace, customer);
    const own = members
      .filter(({ to }) => to === Number.POSITIVE_INFINITY)
      .map((member) => ({ from: member.from, identity: Buffer.from(member.customer).toString() }))
      .filter(({ identity }) => isVisitor(identity))
      .sort((a, b) => b.from - a.from);
    return own.slice(0, pageVisitorsMax).map(({ identity }) => identity);
  }

  #wait(page: Page): void {
    const waitMs = Math.min(lookAgainMs * 2 ** page.misses, lookAgainMsMax);
    page.misses += 1;
    this.#due.add(page, Math.min(this.#clock.now() + waitMs, page.until));
  }

  #retry(page: Page, error: unknown): void {
    if (!(error instanceof AppError)) throw error;
    this.#due.add(page, this.#clock.now() + lookAgainMs);
  }

  #end(page: Page, said: Omit<DeliverySaid, 'action'>): void {
    const { customer, delivery, workspace } = page;
    this.#waiting.delete(page);
    const event = deliverySaid(customer, { action: delivery.action.id, ...said });
    const metric = said.outcome === 'delivered' ? 'pages_told_total' : 'pages_failed_total';
    this.#context.metrics.add(metric, 1);
    this.#teller.tell({ workspace, customer, events: [event] });
  }
}

function ttlMsOf({ ttl }: DecidedAction): number {
  const ms = typeof ttl === 'string' ? parseDuration(ttl) : pageTtlMsDefault;
  return Number.isNaN(ms) ? pageTtlMsDefault : ms;
}
