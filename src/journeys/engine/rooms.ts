/** The rooms that carry out what the engine asks for, and the aids that watch it, put together. */
import { Counts } from '../aids/counts.ts';
import { openDecide } from '../decide/decide.ts';
import { openDelivery } from '../deliver/deliver.ts';
import { openRouting } from '../route/route.ts';
import type { Answerer, AskKind, InstanceAsks } from './asks.ts';
import type { Observe } from './happening.ts';
import type { JourneyStore } from './store.ts';
import type { EngineContext, Worker } from './work.ts';

export class Rooms {
  readonly workers: readonly Worker[];
  readonly answerer: Answerer<Exclude<AskKind, keyof InstanceAsks>>;
  readonly observe: Observe;
  readonly #counts: Counts;

  constructor(context: EngineContext, store: JourneyStore, webhookAllow: readonly string[]) {
    const { clock, definitions } = context;
    const decider = openDecide(context, (workspace, person, rule) =>
      definitions.memberships(workspace, person, rule, clock.now()),
    );
    this.#counts = new Counts(store.rows('counts'), definitions);
    const deliveries = openDelivery(context, { allow: webhookAllow });
    const routing = openRouting(context);
    this.workers = [decider, deliveries, routing];
    this.answerer = {
      ...decider.answerer,
      ...deliveries.answerer,
      ...routing.answerer,
      ...this.#counts.answerer,
    };
    this.observe = (workspace, happening) => this.#counts.note(workspace, happening);
  }

  /** A checkpoint is about to be written: what belongs to it is put now. */
  write(): void {
    this.#counts.flush();
  }
}
