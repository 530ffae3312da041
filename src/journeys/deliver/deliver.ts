/**
 * Carries out what was decided, offers to agents aside: webhooks, messages in pages, events, and commands
 * to journeys. Each action has an id that is the same in every try, restart and replay; what became of it is
 * said on the customer's tape as `tapeline.delivery`, which ends it. Enter the room here.
 */
import { AllowList } from '../../std/addresses.ts';
import type { Answerer } from '../engine/asks.ts';
import type { EngineContext, Work, Worker } from '../engine/work.ts';
import { WebhookAnswers } from './answers.ts';
import type { WebhookAsks } from './asks.ts';
import { Emitter } from './emit.ts';
import { Guard } from './guard.ts';
import type { LaneLimits } from './lanes.ts';
import { Pages } from './pages.ts';
import { Poster } from './post.ts';
import { openResolve, type Resolve } from './resolve.ts';
import { Sender, type SenderParts } from './send.ts';
import { Teller } from './teller.ts';
import { Webhooks } from './webhooks.ts';

export interface DeliveryParts {
  /** Where webhooks may go although it is not public: the setting. */
  readonly allow: readonly string[];
  /** For tests. */
  readonly resolve?: Resolve;
  readonly sending?: Omit<SenderParts, 'clock'>;
  readonly limits?: LaneLimits;
}

export class Deliveries implements Worker {
  readonly answerer: Answerer<keyof WebhookAsks>;
  readonly #workers: readonly Worker[];
  readonly #teller: Teller;

  /** Use `openDelivery`. */
  constructor(context: EngineContext, parts: DeliveryParts) {
    const { clock, directory, log } = context;
    const allow = new AllowList(parts.allow);
    const resolve = parts.resolve ?? openResolve();
    const guard = new Guard({ allow, resolve, clock });
    const poster = new Poster({ clock, guard, sender: new Sender({ clock, ...parts.sending }) });
    this.#teller = new Teller({
      clock,
      log,
      say: (...said) => context.say(...said),
      exists: (workspace) => directory.workspace(workspace) !== undefined,
    });
    const webhooks = new Webhooks({
      context,
      poster,
      teller: this.#teller,
      ...(parts.limits !== undefined && { limits: parts.limits }),
    });
    const pages = new Pages(context, this.#teller);
    this.#workers = [webhooks, pages, new Emitter(context, this.#teller)];
    this.answerer = new WebhookAnswers({ context, poster, webhooks }).answerer;
  }

  take(work: Work): void {
    for (const worker of this.#workers) worker.take(work);
  }

  forget(workspace: number, identity: string): void {
    this.#teller.forget(workspace, identity);
    for (const worker of this.#workers) worker.forget?.(workspace, identity);
  }

  async close(): Promise<void> {
    this.#teller.close();
    for (const worker of this.#workers) await worker.close?.();
  }
}

export function openDelivery(context: EngineContext, parts: DeliveryParts): Deliveries {
  return new Deliveries(context, parts);
}
