/** Answers what fronts ask of the deliveries of webhooks: what became of them, once more, and a test. */
import { AppError } from '../../std/errors.ts';
import { base62 } from '../../workspaces/keys.ts';
import type { Answerer, EngineAnswer, EngineAsk } from '../engine/asks.ts';
import type { EngineContext } from '../engine/work.ts';
import type { ShownDelivery, WebhookAsks } from './asks.ts';
import { newestFirst } from './ledger.ts';
import { messageOf, typeOfTest } from './payload.ts';
import type { Poster } from './post.ts';
import type { Entry } from './record.ts';
import type { Webhooks } from './webhooks.ts';

/** Tests under way. */
const testsMax = 8;
const idCharacters = 22;

export interface WebhookAnswersParts {
  readonly context: EngineContext;
  readonly poster: Poster;
  readonly webhooks: Webhooks;
}

export class WebhookAnswers {
  readonly answerer: Answerer<keyof WebhookAsks> = {
    deliveries: (ask) => this.#deliveries(ask),
    replay: (ask) => this.#replay(ask),
    testWebhook: (ask) => this.#test(ask),
  };
  readonly #parts: WebhookAnswersParts;
  #tests = 0;

  constructor(parts: WebhookAnswersParts) {
    this.#parts = parts;
  }

  #deliveries(ask: EngineAsk<'deliveries'>): EngineAnswer<'deliveries'> {
    const { ledger } = this.#parts.webhooks;
    const before = ask.before === undefined ? undefined : parseBefore(ask.before);
    const found: Entry[] = [];
    for (const entry of ledger.list(ask.workspace, ask.webhook, ask.state)) {
      if (before !== undefined && newestFirst(before, entry) >= 0) continue;
      found.push(entry);
      if (found.length > ask.limit) break;
    }
    const page = found.slice(0, ask.limit);
    const next = found.length > ask.limit ? beforeOf(page.at(-1)!) : null;
    return { deliveries: page.map((entry) => shown(entry, ledger.body(entry))), next };
  }

  /** Durable when it is answered. */
  async #replay(ask: EngineAsk<'replay'>): Promise<EngineAnswer<'replay'>> {
    const { webhooks } = this.#parts;
    const { id, webhook, workspace } = ask;
    const endpoint = webhooks.endpoints.find(workspace, webhook);
    if (typeof endpoint === 'string') throw new AppError('conflict', endpoint);
    const wanted =
      id === undefined
        ? [...webhooks.ledger.list(workspace, webhook, 'failed')]
        : [this.#settled({ workspace, webhook, id })];
    let replayed = 0;
    // The oldest first, as they failed.
    for (const entry of wanted.reverse()) {
      if (!webhooks.ledger.hasRoom(workspace)) break;
      webhooks.replay(entry);
      replayed += 1;
    }
    if (replayed === 0 && wanted.length > 0) {
      const message = 'too many deliveries wait already';
      throw new AppError('overloaded', message, { retryAfterSeconds: 60 });
    }
    await webhooks.ledger.flush();
    return { replayed };
  }

  /** @throws AppError not_found, conflict. */
  #settled(place: { workspace: number; webhook: string; id: string }): Entry {
    const entry = this.#parts.webhooks.ledger.find(place);
    if (entry === undefined) throw new AppError('not_found', 'there is no such delivery');
    if (entry.state !== 'pending') return entry;
    throw new AppError('conflict', 'the delivery is under way already');
  }

  async #test({
    webhook,
    workspace,
  }: EngineAsk<'testWebhook'>): Promise<EngineAnswer<'testWebhook'>> {
    const { context, poster, webhooks } = this.#parts;
    const endpoint = webhooks.endpoints.find(workspace, webhook);
    if (typeof endpoint === 'string') throw new AppError('conflict', endpoint);
    if (this.#tests >= testsMax) {
      throw new AppError('overloaded', 'too many tests are under way', { retryAfterSeconds: 5 });
    }
    this.#tests += 1;
    try {
      const id = `test_${base62(idCharacters, context.random)}`;
      const startedMs = context.clock.monotonicMs();
      const body = messageOf(typeOfTest, context.clock.now(), { webhook });
      const answer = await poster.post(endpoint, { id, body });
      const ms = Math.round(context.clock.monotonicMs() - startedMs);
      if ('failure' in answer) return { id, delivered: false, failure: answer.failure, ms };
      const { excerpt, status } = answer;
      const delivered = status >= 200 && status < 300;
      return { id, delivered, status, ...(excerpt !== undefined && { excerpt }), ms };
    } finally {
      this.#tests -= 1;
    }
  }
}

function shown(entry: Entry, body: string | undefined): ShownDelivery {
  const {
    gone: _gone,
    nextAt,
    told: _told,
    webhook: _webhook,
    workspace: _workspace,
    ...rest
  } = entry;
  const isWaiting = entry.state === 'pending' && nextAt !== Number.POSITIVE_INFINITY;
  return {
    ...rest,
    ...(isWaiting && { nextAt }),
    body: body === undefined ? null : JSON.parse(body),
  };
}

/** Where a page ends: `<at>_<id>`. */
function beforeOf({ at, id }: Entry): string {
  return `${at}_${id}`;
}

/** @throws AppError invalid. */
function parseBefore(text: string): Entry {
  const match = /^(\d{1,15})_(.{1,256})$/.exec(text);
  if (match === null) throw new AppError('invalid', 'before must be `next` of the page before');
  return { at: Number(match[1]), id: match[2]! } as Entry;
}
