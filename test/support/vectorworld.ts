/**
 * A real server for the vectors of journeys (`api.vectors.test.ts`): definitions in, events in, and what the tape
 * says of it. It lives twice: first with clocks that are behind, so that a day can pass between two tests, then with
 * the time that it is.
 */
import assert from 'node:assert/strict';
import type { JourneyMap, Rule } from '../../src/journeys/definition.ts';
import type { ToldInstance } from '../../src/journeys/engine/told.ts';
import type { TestServer } from './server.ts';
import { ask, type StoredEvent, startTwo, store, tape, until } from './session.ts';

/** A zone in which it is between noon and one o'clock: no day ends there soon. */
export function noonZone(now: number): string {
  const ahead = 12 - new Date(now).getUTCHours();
  return ahead === 0 ? 'Etc/GMT' : `Etc/GMT${ahead > 0 ? '-' : '+'}${Math.abs(ahead)}`;
}

export class World {
  server!: TestServer;
  readonly data: string;
  readonly zone: string;

  constructor(data: string, zone: string) {
    this.data = data;
    this.zone = zone;
  }

  async start(env: Readonly<Record<string, string>> = {}): Promise<void> {
    const { data } = this;
    this.server = await startTwo({ data, env: { TAPELINE_WEBHOOK_ALLOW: '127.0.0.1', ...env } });
  }

  async call(method: string, path: string, body?: object): Promise<unknown> {
    const key = this.server.keys.admin;
    const answer = await ask(this.server, path, { method, key, ...(body && { body }) });
    assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${answer.text}`);
    return answer.json;
  }

  async publish(maps: Readonly<Record<string, JourneyMap>>): Promise<void> {
    for (const [name, map] of Object.entries(maps)) {
      await this.call('PUT', `/v1/journeys/${name}`, map);
      await this.call('POST', `/v1/journeys/${name}/publish`);
    }
  }

  async putRules(rules: Readonly<Record<string, Rule>>): Promise<void> {
    const puts = Object.entries(rules).map(([name, rule]) => {
      return this.call('PUT', `/v1/rules/${encodeURIComponent(name)}`, rule);
    });
    await Promise.all(puts);
  }

  async send(customer: string, type: string, more: object = {}): Promise<void> {
    await store(this.server, [{ customer, type, ...more }]);
  }

  /** One after the other, so that each has its own instant or stands behind the one before it. */
  async sendAll(customer: string, types: readonly string[]): Promise<void> {
    for (const type of types) await this.send(customer, type);
  }

  /** What stands on a customer's tape of these types, in the order in which it was committed. */
  async said(customer: string, ...types: string[]): Promise<StoredEvent[]> {
    const query = types.map((type) => `type=${encodeURIComponent(type)}`).join('&');
    const { events } = await tape(this.server, customer, `limit=1000&${query}`);
    return [...events].reverse().sort((one, other) => one.received - other.received);
  }

  /** Waits until so many of a type are there. */
  async awaited(customer: string, type: string, count = 1): Promise<StoredEvent[]> {
    await until(async () => (await this.said(customer, type)).length >= count);
    return this.said(customer, type);
  }

  /** What was decided about a customer: `rule:verdict`. */
  async decided(customer: string): Promise<string[]> {
    const decisions = await this.said(customer, 'tapeline.decision');
    return decisions.map(({ data }) => `${data!['rule']}:${data!['verdict']}`);
  }

  async decidedSoon(customer: string, count: number): Promise<string[]> {
    await this.awaited(customer, 'tapeline.decision', count);
    return this.decided(customer);
  }

  /** When timers of a kind were due, and when they were said; `part` is in their ids. */
  async timers(customer: string, part: string): Promise<{ due: number; event: StoredEvent }[]> {
    const all = await this.said(customer, 'tapeline.timer');
    return all
      .filter(({ data }) => String(data!['timer']).includes(part))
      .map((event) => ({ due: event.data!['due'] as number, event }));
  }

  async instance(customer: string): Promise<ToldInstance> {
    const path = `/v1/customers/${customer}/journeys`;
    const { instances } = (await this.call('GET', path)) as { instances: ToldInstance[] };
    return instances[0]!;
  }

  async command(customer: string, command: 'pause' | 'resume'): Promise<void> {
    const { id } = await this.instance(customer);
    await this.call('POST', `/v1/customers/${customer}/journeys/${id}/${command}`);
  }
}
