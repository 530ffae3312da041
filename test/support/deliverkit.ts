/**
 * Deliveries with everything around them in the test's hand: the clock, the tape that keeps what is said
 * (each customer and id once), the rows with what of them is durable, persons, endpoints, and mailboxes.
 */
import assert from 'node:assert/strict';
import {
  type Deliveries,
  type DeliveryParts,
  openDelivery,
} from '../../src/journeys/deliver/deliver.ts';
import type { EngineContext, Rows } from '../../src/journeys/engine/work.ts';
import type { Delivery, PersonState } from '../../src/journeys/state.ts';
import { type DecidedAction, type DeliverySaid, typeOfDelivery } from '../../src/journeys/words.ts';
import type { AppError } from '../../src/std/errors.ts';
import { seededRandom } from '../../src/std/random.ts';
import type { MailboxAsk, MailboxReply } from '../../src/streams/mailbox.ts';
import { Directory } from '../../src/workspaces/directory.ts';
import type { WorkspaceCommand } from '../../src/workspaces/types.ts';
import { openWorkspaces, type Workspaces } from '../../src/workspaces/workspaces.ts';
import { FakeStore } from './documents.ts';
import { HeldClock } from './heldclock.ts';
import { until } from './session.ts';

export interface Said {
  readonly id: string;
  readonly customer: string;
  readonly type: string;
  readonly data?: unknown;
  readonly [member: string]: unknown;
}

export const webhookSecret = `whsec_${Buffer.alloc(32, 9).toString('base64')}`;

export class DeliverKit {
  readonly clock: HeldClock;
  /** By id, in the order they were said. */
  readonly tape = new Map<string, Said>();
  /** How often something was said that the tape had already. */
  repeated = 0;
  /** What the next calls of `say` throw. */
  readonly refusals: AppError[] = [];
  readonly persons = new Map<string, PersonState>();
  /** Identities of persons that are linked to them. */
  readonly linked = new Map<string, readonly string[]>();
  readonly mails: (MailboxAsk & { kind: 'push' })[] = [];
  mailFailure: AppError | undefined;
  readonly logged: string[] = [];
  readonly metrics = new Map<string, number>();
  deliveries!: Deliveries;
  #rows = new Map<string, string>();
  #durable = new Map<string, string>();
  readonly #parts: DeliveryParts;
  #workspaces!: Workspaces;
  readonly directory: Directory;

  static async open(parts: Partial<DeliveryParts> = {}): Promise<DeliverKit> {
    const clock = new HeldClock();
    const workspaces = await openWorkspaces(new FakeStore(), {
      clock,
      random: seededRandom(1),
      initialKeys: {},
    });
    const kit = new DeliverKit(clock, workspaces, { allow: ['127.0.0.1'], ...parts });
    kit.start();
    return kit;
  }

  private constructor(clock: HeldClock, workspaces: Workspaces, parts: DeliveryParts) {
    this.clock = clock;
    this.#workspaces = workspaces;
    this.#parts = parts;
    this.directory = new Directory(workspaces.snapshot());
  }

  /** Carries a command out, as main does. */
  async change(command: WorkspaceCommand) {
    const reply = await this.#workspaces.execute(command);
    this.directory.replace(this.#workspaces.snapshot());
    return reply;
  }

  async webhook(name: string, url: string, more: object = {}): Promise<void> {
    const wish = { url, secret: webhookSecret, ...more };
    await this.change({
      kind: 'changeWebhooks',
      workspace: 1,
      change: { kind: 'put', name, wish },
    });
  }

  person(name: string): PersonState {
    const known = this.persons.get(name);
    if (known !== undefined) return known;
    const lists = { instances: [], timers: [], requests: [], deliveries: [], touches: [] };
    const person = { name, ...lists, audiences: {}, consent: {}, responses: {} };
    this.persons.set(name, person);
    return person;
  }

  /** Something was decided, and read back from the tape. */
  decide(customer: string, action: DecidedAction, more: Partial<Delivery> = {}): void {
    const person = this.person(customer);
    const request = `r/${action.id}`;
    const delivery = { action, request, rule: 'stalled', at: this.clock.now(), ...more };
    person.deliveries.push(delivery);
    this.deliveries.take({ workspace: 1, person, requests: [], deliveries: [delivery] });
  }

  /** Everything put so far is durable. */
  checkpoint(): void {
    this.#durable = new Map(this.#rows);
  }

  /** The process is gone, and with it what was not durable; `start` begins the next one. */
  async kill(): Promise<void> {
    await this.deliveries.close();
    this.#rows = new Map(this.#durable);
  }

  /** What was decided and has no outcome on the tape comes again. */
  start(): void {
    this.deliveries = openDelivery(this.#context(), this.#parts);
    for (const person of this.persons.values()) {
      const { deliveries } = person;
      if (deliveries.length === 0) continue;
      this.deliveries.take({ workspace: 1, person, requests: [], deliveries: [...deliveries] });
    }
  }

  outcomes(action: string): readonly DeliverySaid[] {
    const said = [...this.tape.values()].filter(({ id }) => id.startsWith(`${action}:delivery`));
    return said.map(({ data }) => data as DeliverySaid);
  }

  async outcome(action: string): Promise<DeliverySaid> {
    await until(() => Promise.resolve(this.outcomes(action).length > 0));
    return this.outcomes(action).at(-1)!;
  }

  /** Keys of rows that there are. */
  rowKeys(): readonly string[] {
    return [...this.#rows.keys()];
  }

  #context(): EngineContext {
    const context: Partial<EngineContext> = {
      clock: this.clock,
      random: seededRandom(5),
      directory: this.directory,
      log: this.#log() as EngineContext['log'],
      metrics: {
        add: (name: string, by: number) => {
          this.metrics.set(name, (this.metrics.get(name) ?? 0) + by);
        },
      } as unknown as EngineContext['metrics'],
      links: {
        refresh: () => undefined,
        membersOf: (_workspace: number, customer: string) => this.#members(customer),
      } as unknown as EngineContext['links'],
      say: (workspace, events) => this.#say(workspace, events),
      person: (_workspace, customer) => this.persons.get(customer),
      mailbox: (ask) => this.#mail(ask),
      change: (command) => this.change(command),
      rows: (room) => this.#rowsOf(room),
    };
    return context as EngineContext;
  }

  #log(): object {
    const write = (message: string): void => {
      this.logged.push(message);
    };
    return { info: write, warn: write, error: write };
  }

  #members(customer: string): object {
    const identities = [customer, ...(this.linked.get(customer) ?? [])];
    const ends = { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY };
    return { members: identities.map((each) => ({ customer: Buffer.from(each), ...ends })) };
  }

  async #say(workspace: number, events: readonly object[]): Promise<void> {
    assert.equal(workspace, 1);
    await undefined;
    const refusal = this.refusals.shift();
    if (refusal !== undefined) throw refusal;
    for (const event of JSON.parse(JSON.stringify(events)) as Said[]) {
      if (this.tape.has(event.id)) this.repeated += 1;
      else this.tape.set(event.id, event);
      if (event.type !== typeOfDelivery) continue;
      const { action } = event.data as DeliverySaid;
      const person = this.persons.get(event.customer);
      const at = person?.deliveries.findIndex((each) => each.action.id === action) ?? -1;
      if (at >= 0) person!.deliveries.splice(at, 1);
    }
  }

  async #mail(ask: MailboxAsk): Promise<MailboxReply> {
    await undefined;
    assert.equal(ask.kind, 'push');
    if (this.mailFailure !== undefined) throw this.mailFailure;
    this.mails.push(ask as MailboxAsk & { kind: 'push' });
    return { messages: [], isNew: true };
  }

  #rowsOf(room: string): Rows {
    const rows = this.#rows;
    const nameOf = (key: string): string => `${room}\0${key}`;
    return {
      get: (key) => {
        const text = rows.get(nameOf(key));
        return text === undefined ? undefined : JSON.parse(text);
      },
      *range(prefix) {
        const keys = [...rows.keys()].filter((key) => key.startsWith(nameOf(prefix))).sort();
        for (const key of keys)
          yield [key.slice(room.length + 1), JSON.parse(rows.get(key)!)] as const;
      },
      put: (key, value) => {
        assert.ok(Buffer.byteLength(key) <= 400, key);
        if (value === undefined) rows.delete(nameOf(key));
        else rows.set(nameOf(key), JSON.stringify(value));
      },
      flush: async () => {
        await undefined;
        this.checkpoint();
      },
    };
  }
}
