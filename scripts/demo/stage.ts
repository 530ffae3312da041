/** Where a story is played: a running server, as its customers, agents and touchpoints meet it over the wire. */
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type { Clock } from '../../src/std/clock.ts';
import { sleep } from '../../src/std/clock.ts';
import { listen, type Message } from './listen.ts';

/** What a story's people see and do, one line each. */
export type Tell = (line: {
  readonly seconds: number;
  readonly who: string;
  readonly what: string;
}) => void;

export interface StageOptions {
  readonly url: string;
  /** A key with scope admin. */
  readonly key: string;
  readonly clock: Clock;
  /** Seconds without a sign after which somebody has stalled, or not done what was expected. */
  readonly silentSeconds: number;
  readonly tell: Tell;
}

export interface TapeEvent {
  readonly id: string;
  readonly type: string;
  readonly time: number;
  readonly received: number;
  readonly data?: Readonly<Record<string, unknown>>;
}

const pollMs = 50;
const patienceMs = 60_000;

/** The server said something else than the story expects. */
export class StoryError extends Error {}

export class Stage {
  readonly #options: StageOptions;
  readonly #startedMs: number;
  readonly #ending = new AbortController();
  /** Tells one run's customers from another's. */
  readonly run: string;

  constructor(options: StageOptions) {
    this.#options = options;
    this.#startedMs = options.clock.now();
    this.run = this.#startedMs.toString(36);
  }

  get silentSeconds(): number {
    return this.#options.silentSeconds;
  }

  tell(who: string, what: string): void {
    const seconds = (this.#options.clock.now() - this.#startedMs) / 1000;
    this.#options.tell({ seconds, who, what });
  }

  async ask(method: string, path: string, body?: object): Promise<unknown> {
    const { key, url } = this.#options;
    const headers: Record<string, string> = { authorization: `Bearer ${key}` };
    const text = body === undefined ? undefined : JSON.stringify(body);
    if (text !== undefined) headers['content-type'] = 'application/json';
    headers['content-length'] = String(Buffer.byteLength(text ?? ''));
    const { status, answer } = await request(new URL(path, url), { method, headers }, text);
    if (status >= 300) throw new StoryError(`${method} ${path}: ${status} ${answer}`);
    return answer === '' ? undefined : JSON.parse(answer);
  }

  put(path: string, body: object): Promise<unknown> {
    return this.ask('PUT', path, body);
  }

  /** Stores a map and publishes it. */
  async publish(name: string, map: object): Promise<void> {
    await this.put(`/v1/journeys/${name}`, map);
    await this.ask('POST', `/v1/journeys/${name}/publish`);
  }

  async happens(customer: string, type: string, data: object = {}, channel = 'web'): Promise<void> {
    await this.ask('POST', '/v1/events', { customer, type, channel, data });
  }

  /** An agent who is there; `next` waits for a message of its feed. */
  async agent(id: string, definition: object): Promise<AgentOnStage> {
    await this.put(`/v1/agents/${id}`, definition);
    await this.ask('POST', `/v1/agents/${id}/presence`, { status: 'available', ttlSeconds: 600 });
    const feed = this.#listen(`/v1/agents/${id}/live/sse`, this.#options.key);
    const agent = new AgentOnStage(this, id, feed);
    await agent.until('pending');
    return agent;
  }

  /** A browser; `next` waits for what its page is told. */
  async browser(): Promise<{ readonly visitor: string; next(): Promise<PageMessage> }> {
    const made = (await this.ask('POST', '/v1/visitors', {})) as { token: string; visitor: string };
    const channel = this.#listen('/v1/visitor/channel', made.token);
    return {
      visitor: made.visitor,
      next: async () => (await next(channel, 'message')) as unknown as PageMessage,
    };
  }

  /** The newest event of a type that passes, once it is there. */
  async event(
    customer: string,
    type: string,
    passes: (event: TapeEvent) => boolean = () => true,
  ): Promise<TapeEvent> {
    const path = `/v1/customers/${encodeURIComponent(customer)}/tape?type=${encodeURIComponent(type)}`;
    const { clock } = this.#options;
    const end = clock.monotonicMs() + patienceMs;
    while (clock.monotonicMs() < end) {
      const { events } = (await this.ask('GET', path)) as { events: readonly TapeEvent[] };
      const found = events.find(passes);
      if (found !== undefined) return found;
      await sleep(clock, pollMs);
    }
    throw new StoryError(`nothing came of ${type} on the tape of ${customer}`);
  }

  /** What a rule decided about a customer, in one word. */
  async verdict(customer: string, rule: string): Promise<string> {
    const decision = await this.event(
      customer,
      'tapeline.decision',
      ({ data }) => data?.['rule'] === rule,
    );
    return String(decision.data?.['verdict']);
  }

  pause(seconds: number): Promise<void> {
    return sleep(this.#options.clock, seconds * 1000);
  }

  close(): void {
    this.#ending.abort();
  }

  #listen(path: string, key: string): AsyncGenerator<Message> {
    return listen(new URL(path, this.#options.url), key, this.#ending.signal);
  }
}

/** One request on a connection of its own: a story pauses for longer than idle ones are kept. */
async function request(
  url: URL,
  options: { readonly method: string; readonly headers: Readonly<Record<string, string>> },
  body: string | undefined,
): Promise<{ readonly status: number; readonly answer: string }> {
  const send = url.protocol === 'https:' ? https.request : http.request;
  const sent = send(url, { ...options, agent: false });
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [http.IncomingMessage];
  let answer = '';
  for await (const chunk of response.setEncoding('utf8')) answer += chunk;
  return { status: response.statusCode ?? 0, answer };
}

/** What a page is told. */
export interface PageMessage {
  readonly kind: string;
  readonly data: Readonly<Record<string, string>>;
}

export interface OfferOnStage {
  readonly id: string;
  readonly title: string;
  readonly customer: string;
  readonly meeting?: string;
  readonly distanceMiles?: number;
  readonly journey?: {
    readonly step: number;
    readonly stepName?: string;
    readonly silentMs: number;
  };
  readonly view?: {
    readonly fields: readonly { readonly name: string; readonly value: unknown }[];
  };
}

export class AgentOnStage {
  readonly #stage: Stage;
  readonly #id: string;
  readonly #feed: AsyncGenerator<Message>;

  constructor(stage: Stage, id: string, feed: AsyncGenerator<Message>) {
    this.#stage = stage;
    this.#id = id;
    this.#feed = feed;
  }

  /** The next message of a type. */
  until(type: string): Promise<Readonly<Record<string, unknown>>> {
    return next(this.#feed, type);
  }

  async offer(): Promise<OfferOnStage> {
    return (await this.until('offer'))['offer'] as OfferOnStage;
  }

  async accept({ id }: OfferOnStage): Promise<OfferOnStage> {
    return (await this.#answer(id, 'accept')) as OfferOnStage;
  }

  async complete({ id }: OfferOnStage, outcome: string): Promise<void> {
    await this.#answer(id, 'complete', { outcome });
  }

  /** Off work. */
  async leave(): Promise<void> {
    await this.#stage.ask('DELETE', `/v1/agents/${this.#id}`);
  }

  #answer(offer: string, way: string, body?: object): Promise<unknown> {
    const path = `/v1/agents/${this.#id}/offers/${encodeURIComponent(offer)}/${way}`;
    return this.#stage.ask('POST', path, body);
  }
}

async function next(
  messages: AsyncGenerator<Message>,
  type: string,
): Promise<Readonly<Record<string, unknown>>> {
  for (;;) {
    const { done, value } = await messages.next();
    if (done === true) throw new StoryError(`the stream ended before ${type} came`);
    if (value.event === type) return value.data;
  }
}
