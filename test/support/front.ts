/** A front for tests of the HTTP room: real socket, real directory, and a tape that says what a test wants. */
import { type TemplatedApp, us_listen_socket_close, us_socket_local_port } from 'uWebSockets.js';
import { openApp, openTraffic } from '../../src/http/app.ts';
import type { Front, Health, TapeQuery } from '../../src/http/context.ts';
import type { Route } from '../../src/http/route.ts';
import { replyMsMax, type Traffic } from '../../src/http/traffic.ts';
import type { LinkAnswer } from '../../src/identity/ask.ts';
import type { IdentityWish } from '../../src/identity/settings.ts';
import type { ShownCustomer } from '../../src/identity/shown.ts';
import { Quotas } from '../../src/ingest/quotas.ts';
import { Taxonomies } from '../../src/ingest/taxonomy.ts';
import type { DryRunAnswer, DryRunAsk } from '../../src/journeys/aids/dryrun.ts';
import type { TraceAnswer } from '../../src/journeys/aids/trace.ts';
import type { AskKind, EngineAnswer, EngineAsk } from '../../src/journeys/engine/asks.ts';
import { createBucketMemory } from '../../src/std/buckets.ts';
import type { Clock } from '../../src/std/clock.ts';
import { AppError } from '../../src/std/errors.ts';
import { createMetricsMemory, openMetrics } from '../../src/std/metrics.ts';
import { systemRandom } from '../../src/std/random.ts';
import type { MailboxAsk, MailboxReply } from '../../src/streams/mailbox.ts';
import type { BornAsk } from '../../src/tape/born.ts';
import type { EraseWish, ErasureState } from '../../src/tape/erasure.ts';
import type { ViewFound } from '../../src/views/answer.ts';
import type { ViewReading } from '../../src/views/reader.ts';
import type { DefinitionRecord } from '../../src/workspaces/definition.ts';
import { Directory } from '../../src/workspaces/directory.ts';
import { hashKey } from '../../src/workspaces/keys.ts';
import type {
  KeyRecord,
  Workspace,
  WorkspaceCommand,
  WorkspaceReply,
} from '../../src/workspaces/types.ts';

export const keys = {
  write: 'wk_write',
  publish: 'pk_publish',
  read: 'rk_read',
  narrowed: 'rk_narrowed',
  agent: 'gk_agent',
  admin: 'ak_admin',
  server: 'ak_server',
  other: 'ak_other',
} as const;

export const startedAt = 1_763_740_000_000;

/** Everything of a `Front` that a test may exchange, and what it recorded. */
export class FakeFront implements Front {
  nowMs = startedAt;
  readonly #periodic = new Set<() => void>();
  readonly clock: Clock = {
    now: () => this.nowMs,
    monotonicMs: () => this.nowMs,
    after: () => () => undefined,
    every: (_periodMs, run) => {
      this.#periodic.add(run);
      return () => this.#periodic.delete(run);
    },
  };
  readonly logged: string[] = [];
  readonly log = {
    info: () => undefined,
    warn: () => undefined,
    error: (message: string, facts?: Record<string, unknown>) => {
      this.logged.push(`${message} ${JSON.stringify(facts)}`);
    },
  };
  readonly metricsMemory = createMetricsMemory(2);
  readonly metrics = openMetrics(this.metricsMemory, 1);
  readonly directory = new Directory(snapshot());
  readonly taxonomies = new Taxonomies(this.directory);
  readonly quotas = new Quotas(createBucketMemory(2), this.clock, this.metrics);
  corsOrigins: readonly string[] = [];
  readonly random = systemRandom;
  isDraining = false;
  current: Health = { status: 'ready' };
  readonly commands: WorkspaceCommand[] = [];
  readonly tapeQueries: TapeQuery[] = [];
  readonly readings: ViewReading[] = [];
  tape: (query: TapeQuery) => Promise<string> = (query) =>
    Promise.resolve(
      JSON.stringify({ customer: query.customer, events: [], next: null, live: 'x' }),
    );

  change(command: WorkspaceCommand): Promise<WorkspaceReply> {
    this.commands.push(command);
    return Promise.resolve(replyTo(command));
  }

  readonly wishes: EraseWish[] = [];

  erase(wish: EraseWish): Promise<ErasureState> {
    this.wishes.push(wish);
    return Promise.resolve({ id: 'e', status: 'pending', requestedAt: startedAt });
  }

  erasures(): Promise<readonly ErasureState[]> {
    return Promise.resolve([]);
  }

  readonly letters: MailboxAsk[] = [];

  mailbox(ask: MailboxAsk): Promise<MailboxReply> {
    this.letters.push(ask);
    const times = { sentAt: startedAt, expiresAt: startedAt + 1000 };
    const messages = ask.kind === 'push' ? [{ ...ask.message, ...times }] : [];
    return Promise.resolve({ messages, isNew: true });
  }

  identity(_workspace: number, identity: string): ShownCustomer {
    return { identity, customer: identity, identities: [] };
  }

  readonly asks: EngineAsk[] = [];

  engine<Kind extends AskKind>(ask: EngineAsk<Kind>): Promise<EngineAnswer<Kind>> {
    this.asks.push(ask as EngineAsk);
    return Promise.reject(new AppError('not_found', 'the engine knows nobody here'));
  }

  hear(): void {
    // Nobody tells it anything.
  }

  issued(): number {
    return 0;
  }

  trace(): Promise<TraceAnswer> {
    const found = { instance: undefined, entries: [], rules: [], isCut: false };
    return Promise.resolve({ complete: true, ...found });
  }

  dryRun({ from, sample, until }: DryRunAsk): Promise<DryRunAnswer> {
    const events = { seen: 0, relevant: 0 };
    const nothing = { customers: 0, journeys: {}, rules: {} };
    return Promise.resolve({
      ...{ from, until, sample, upTo: until, partial: false, events },
      ...nothing,
    });
  }

  say(): Promise<void> {
    return Promise.resolve();
  }

  link(): Promise<LinkAnswer> {
    return Promise.resolve({ outcomes: [], outbox: { number: 0, records: [] } });
  }

  born({ customers }: BornAsk): Promise<readonly null[]> {
    return Promise.resolve(customers.map(() => null));
  }

  async readTape(query: TapeQuery): Promise<Uint8Array> {
    this.tapeQueries.push(query);
    return Buffer.from(await this.tape(query));
  }

  readViews(reading: ViewReading): readonly ViewFound[] {
    this.readings.push(reading);
    return reading.views.map(() => ({ asOf: 1, json: '[]', holdsUntil: 1 }));
  }

  readQuarantine(): Promise<string> {
    return Promise.resolve('{"events":[],"next":null}');
  }

  ingest(): undefined {
    return undefined;
  }

  health(): Health {
    return this.current;
  }

  draining(): boolean {
    return this.isDraining;
  }

  lookAtGauges(): void {}

  /** Lets the reply deadline pass. */
  passDeadline(): void {
    this.nowMs += replyMsMax + 1;
    for (const run of this.#periodic) run();
  }
}

export interface TestServer {
  readonly front: FakeFront;
  readonly traffic: Traffic;
  readonly port: number;
  readonly url: string;
  close(): void;
}

/** Serves on a free port, with the sockets that `register` adds. Tests close it. */
export function serveFront(
  routes: readonly Route[] = [],
  register: (app: TemplatedApp, front: FakeFront) => void = () => undefined,
): Promise<TestServer> {
  const front = new FakeFront();
  const traffic = openTraffic(front);
  const app: TemplatedApp = openApp(front, { routes, traffic });
  register(app, front);
  return new Promise((resolve, reject) => {
    app.listen('127.0.0.1', 0, (socket) => {
      if (socket === false) {
        reject(new Error('cannot listen'));
        return;
      }
      const port = us_socket_local_port(socket);
      const close = (): void => {
        traffic.close();
        us_listen_socket_close(socket);
        app.close();
      };
      resolve({ front, traffic, port, url: `http://127.0.0.1:${port}`, close });
    });
  });
}

function snapshot() {
  const template = { fields: [{ name: 'Logins', event: 'Login', type: 'count' as const }] };
  return {
    version: 1,
    tokenSecret: new Uint8Array(32).fill(7),
    workspaces: [
      { number: 1, id: 'w_default', name: 'default', createdAt: startedAt },
      { number: 2, id: 'w_other', name: 'other', createdAt: startedAt },
    ],
    keys: [
      key('write', { scopes: ['write'] }),
      key('publish', { scopes: ['publish'] }),
      key('read', { scopes: ['read'] }),
      key('narrowed', { scopes: ['read'], views: ['basic'] }),
      key('agent', { scopes: ['agent'], agent: 'x' }),
      key('admin', { scopes: ['admin'] }),
      key('server', { scopes: ['server'] }),
      key('other', { scopes: ['admin'], workspace: 2 }),
    ],
    views: [
      { workspace: 1, name: 'basic', template, version: 1, updatedAt: startedAt },
      { workspace: 1, name: 'secret', template, version: 1, updatedAt: startedAt },
    ],
    roles: [],
    taxonomies: [],
    sources: [],
    definitions: [],
    webhooks: [],
    limits: [],
  };
}

function key(name: keyof typeof keys, parts: Partial<KeyRecord>): KeyRecord {
  const hash = hashKey(keys[name]);
  return {
    id: `k_${name}`,
    workspace: 1,
    hash,
    name,
    scopes: [],
    createdAt: startedAt,
    ...parts,
  };
}

function withIdentities(identities: IdentityWish): Workspace {
  return { number: 1, id: 'w', name: 'w', createdAt: startedAt, identities };
}

function webhookReply({
  change,
  workspace,
}: Extract<WorkspaceCommand, { kind: 'changeWebhooks' }>): WorkspaceReply {
  if (change.kind !== 'put') return { kind: 'done' };
  const { name, wish } = change;
  const held = { headers: wish.headers ?? {}, secrets: [{ secret: 'whsec_new' }] };
  const kept = { workspace, name, url: wish.url, revision: 1, updatedAt: startedAt };
  return { kind: 'webhook', webhook: { ...kept, ...held }, created: true, secret: 'whsec_new' };
}

function typeReply({
  change,
  workspace,
}: Extract<WorkspaceCommand, { kind: 'changeTaxonomy' }>): WorkspaceReply {
  if (change.kind !== 'putType') return { kind: 'done' };
  const versions = [{ version: '1-0-0', change: 'first' as const, breaks: [], updatedAt: 1 }];
  const { definition, type } = change;
  const record = { workspace, type, ...definition, revision: 1, versions };
  return { kind: 'type', type: record, created: true };
}

function definitionOf({
  change,
  workspace,
}: Extract<WorkspaceCommand, { kind: 'changeDefinitions' }>): DefinitionRecord {
  const kind = change.kind === 'putRule' || change.kind === 'deleteRule' ? 'rule' : 'journey';
  const said = 'text' in change ? change : { text: '{}', outline: { asks: [], links: [] } };
  const version = { version: 1, text: said.text, outline: said.outline, publishedAt: startedAt };
  const rest = { current: 1, last: 1, versions: [version], revision: 1, updatedAt: startedAt };
  return { workspace, kind, name: change.name, ...rest };
}

function replyTo(command: WorkspaceCommand): WorkspaceReply {
  const record = { id: 'k_new', name: 'new', scopes: ['read'] as const, hash: 'h', workspace: 1 };
  const newKey = { ...record, createdAt: startedAt };
  switch (command.kind) {
    case 'createKey':
      return { kind: 'key', key: 'rk_new', record: newKey };
    case 'changeDefinitions':
      return { kind: 'definition', definition: definitionOf(command), created: true };
    case 'createWorkspace':
      return {
        kind: 'workspace',
        workspace: { number: 3, id: 'w_new', name: command.name, createdAt: startedAt },
        key: 'ak_new',
        record: newKey,
      };
    case 'putKeyQuota':
      return { kind: 'keyChanged', record: { ...newKey, quota: command.quota } };
    case 'putIdentities':
      return { kind: 'workspaceChanged', workspace: withIdentities(command.identities) };
    case 'putRetention':
    case 'putWorkspaceQuota': {
      const { id, kind, ...limits } = command;
      const workspace = { number: 3, id, name: 'new', createdAt: startedAt, ...limits };
      return { kind: 'workspaceChanged', workspace };
    }
    case 'putView': {
      const { workspace, name, template } = command;
      const view = { workspace, name, template, version: 1, updatedAt: startedAt };
      return { kind: 'view', view, created: name !== 'basic' };
    }
    case 'putRole': {
      const { workspace, name, template } = command;
      const role = { workspace, name, template, version: 1, updatedAt: startedAt };
      return { kind: 'role', role, created: true };
    }
    case 'changeTaxonomy':
      return typeReply(command);
    case 'changeSources': {
      const { change, workspace } = command;
      if (change.kind === 'delete') return { kind: 'done' };
      const { map, name } = change;
      const source = { workspace, name, map, revision: 1, updatedAt: startedAt };
      return { kind: 'source', source, created: true };
    }
    case 'changeWebhooks':
      return webhookReply(command);
    case 'changeCjds':
    case 'deleteKey':
    case 'deleteRole':
    case 'deleteWorkspace':
    case 'deleteView':
      return { kind: 'done' };
  }
}
