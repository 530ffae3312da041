/**
 * `npm run torture -- --webhooks`: kills the server while rules decide, timers run and webhooks are under
 * way, and audits what came of it. Every event has a customer of its own, whom two rules are about: one acts
 * at once, the other when a second has passed in silence.
 *
 *     events, resent until they have a receipt ─▶ SIGKILL ─▶ restart ─▶ … ─▶ all is quiet ─▶ audit of every tape:
 *     each rule decided once, no timer was early, each action arrived at least once under its id, one outcome
 */
import { join } from 'node:path';
import { sleep, systemClock } from '../../src/std/clock.ts';
import { type Random, seededRandom } from '../../src/std/random.ts';
import { Receiver, status } from '../../test/support/receiver.ts';
import { startServer, type TestServer, testKeys } from '../../test/support/server.ts';
import { ActionAudit } from './actionaudit.ts';
import { freeze } from './trouble.ts';

export interface ActionOptions {
  readonly cycles: number;
  readonly secondsMin: number;
  readonly secondsMax: number;
  readonly seed: number;
  readonly shards: number;
  readonly fronts: number;
  readonly flushedOnly: boolean;
  /** Between batches that are sent. */
  readonly pauseMs: number;
}

const batchMax = 5;
const resendMs = 10;
/** Without anything new at the receiver or in the engine for so long, what is missing will not come: a retry waits 5.5 s. */
const silenceMsMax = 20_000;

const rules: Readonly<Record<string, object>> = {
  asked: {
    when: { event: 'Trigger' },
    then: [
      { do: 'webhook', endpoint: 'crm', data: { n: '${event.data.n}', rule: 'asked' } },
      { do: 'event', type: 'Echo', data: { n: '${event.data.n}' } },
    ],
  },
  silent: {
    when: { after: { event: 'Trigger' }, without: { event: 'Done' }, within: '1s' },
    then: [{ do: 'webhook', endpoint: 'crm', data: { n: '${event.data.n}', rule: 'silent' } }],
  },
};

export class ActionTorture {
  readonly audit = new ActionAudit();
  readonly #options: ActionOptions;
  readonly #data: string;
  readonly #port: number;
  readonly #random: Random;
  #server!: TestServer;
  #receiver!: Receiver;
  #isSending = false;
  #kills = 0;
  #next = 0;

  constructor(options: ActionOptions, directory: string, port: number) {
    this.#options = options;
    this.#data = join(directory, 'data');
    this.#port = port;
    this.#random = seededRandom(options.seed);
  }

  get kills(): number {
    return this.#kills;
  }

  async run(): Promise<void> {
    this.#receiver = await new Receiver().listen();
    this.#receiver.otherwise = (response, { body, id }) => {
      const isFirst = this.audit.arrived(id, body);
      const bad = [status(500), status(429, { 'Retry-After': '1' }), undefined];
      if (!isFirst || this.#random.below(5) > 0) status(204)(response, undefined as never);
      else {
        const answer = bad[this.#random.below(bad.length)];
        if (answer === undefined) response.socket?.destroy();
        else answer(response, undefined as never);
      }
    };
    await this.#start();
    await this.#define();
    this.#isSending = true;
    const sending = this.#send();
    const { cycles, secondsMax, secondsMin } = this.#options;
    while (this.#kills < cycles) {
      await sleep(
        systemClock,
        1000 * (secondsMin + this.#random.next() * (secondsMax - secondsMin)),
      );
      if (this.#random.below(4) === 0) await freeze(this.#server, this.#random);
      await this.#server.kill();
      this.#kills += 1;
      await this.#start();
    }
    this.#isSending = false;
    await sending;
    await this.#quiet();
    await this.audit.check(this.#server, this.#next);
  }

  /** What the last server logged. */
  log(): string {
    return this.#server?.log() ?? '';
  }

  async close(): Promise<void> {
    this.#isSending = false;
    await this.#server?.kill();
    await this.#receiver?.close();
  }

  async #start(): Promise<void> {
    const { flushedOnly, fronts, shards } = this.#options;
    this.#server = await startServer({
      data: this.#data,
      port: this.#port,
      fronts,
      shards,
      env: {
        LMDB_RESTORE: flushedOnly ? 'safe' : '',
        TAPELINE_WEBHOOK_ALLOW: '127.0.0.1',
      },
    });
  }

  async #define(): Promise<void> {
    await this.#put('/v1/webhooks/crm', { url: this.#receiver.url() });
    for (const [name, rule] of Object.entries(rules)) await this.#put(`/v1/rules/${name}`, rule);
  }

  async #put(path: string, body: object): Promise<void> {
    const response = await this.#ask('PUT', path, body, testKeys.admin);
    if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
  }

  #ask(method: string, path: string, body: object, key: string): Promise<Response> {
    return fetch(this.#server.url + path, {
      method,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  }

  /** Each event until it has a receipt, whatever becomes of the server meanwhile. */
  async #send(): Promise<void> {
    while (this.#isSending) {
      const count = 1 + this.#random.below(batchMax);
      const events = Array.from({ length: count }, (_, index) => {
        const n = this.#next + index;
        return { id: `t${n}`, customer: `c${n}`, type: 'Trigger', data: { n } };
      });
      while (!(await this.#store(events))) await sleep(systemClock, resendMs);
      this.#next += count;
      await sleep(systemClock, this.#options.pauseMs);
    }
  }

  async #store(events: readonly object[]): Promise<boolean> {
    try {
      const response = await this.#ask('POST', '/v1/events', events, testKeys.write);
      if (!response.ok) return false;
      const { accepted, duplicates } = (await response.json()) as Record<string, number>;
      return accepted! + duplicates! === events.length;
    } catch {
      // It was killed.
      return false;
    }
  }

  /** Waits until every action has arrived, or nothing comes any more. */
  async #quiet(): Promise<void> {
    const wanted = this.#next * Object.keys(rules).length;
    let seen = '';
    let heardMs = systemClock.monotonicMs();
    // What has lapsed never arrives: then the silence tells.
    while (this.audit.actions < wanted || !(await this.audit.isSettled(this.#server))) {
      const progress = await this.audit.progress(this.#server);
      if (progress !== seen) heardMs = systemClock.monotonicMs();
      else if (systemClock.monotonicMs() - heardMs > silenceMsMax) break;
      seen = progress;
      await sleep(systemClock, 200);
    }
  }
}
