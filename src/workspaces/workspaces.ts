/**
 * Workspaces, their keys and their views: the main thread's side, which alone changes them.
 * Commands are carried out one at a time, each as
 *
 *     plan (pure: check, work out documents) → commit (durable) → apply to memory → answer
 *
 * so that nothing is answered before it is on disk and a failed commit leaves memory as it was.
 * Fronts get `snapshot()` after every change and serve from that (`directory.ts`).
 */
import type { IdentityWish } from '../identity/settings.ts';
import { assert } from '../std/assert.ts';
import type { Clock } from '../std/clock.ts';
import { AppError } from '../std/errors.ts';
import type { Random } from '../std/random.ts';
import type { DocumentStore } from '../store/documents.ts';
import type { WorkspaceFacts } from '../tape/erasure.ts';
import { checkChosenKey } from './keys.ts';
import {
  keyQuotasMax,
  type MakeContext,
  makeKeyRecord,
  planCommand,
  workspacesMax,
} from './plan.ts';
import type { Quota } from './quota.ts';
import {
  type Change,
  keyKey,
  type Meta,
  metaKey,
  newMeta,
  type Plan,
  type Records,
  readRecords,
  workspaceKey,
} from './records.ts';
import { type Retention, rulesOf } from './retention.ts';
import { QuotaSlots } from './slots.ts';
import type {
  DirectorySnapshot,
  KeyRecord,
  Scope,
  WorkspaceCommand,
  WorkspaceReply,
} from './types.ts';

export const defaultWorkspaceId = 'default';
/** Commands waiting for their turn; each is an administrator's, so a queue is a sign of a loop. */
export const commandsWaitingMax = 1000;

/** Keys of the workspace `default`, by what they are for. */
export interface NamedKeys {
  readonly admin?: string | undefined;
  readonly write?: string | undefined;
  readonly read?: string | undefined;
}

export interface WorkspacesOptions {
  readonly clock: Clock;
  /** The system's: keys and the token secret come from it. */
  readonly random: Random;
  /** Used only when the store is new; an absent one is made at random. */
  readonly initialKeys: NamedKeys;
  /** What a workspace may send that has no quota of its own; absent: as much as it likes. */
  readonly quotaDefault?: Quota;
  /** How long a workspace keeps its events that says nothing of it; absent: for ever. */
  readonly retentionDefault?: Retention;
}

/**
 * Opens the workspaces; a new store gets the workspace `default` (number 1) and its three keys.
 *
 * @throws AppError invalid when a chosen key cannot be used.
 */
export async function openWorkspaces(
  store: DocumentStore,
  options: WorkspacesOptions,
): Promise<Workspaces> {
  const records = readRecords(store.entries());
  if (records !== undefined) return new Workspaces(store, options, records, {});
  const { changes, freshKeys } = planDefault(options);
  await store.commit(changes);
  const made = readRecords(changes.map(([key, value]): [string, unknown] => [key, value]));
  assert(made !== undefined, 'a new store has its documents');
  return new Workspaces(store, options, made, freshKeys);
}

export class Workspaces {
  /** Keys made at random for a new store, in the clear: print them once. */
  readonly freshKeys: NamedKeys;
  readonly #store: DocumentStore;
  readonly #context: MakeContext;
  readonly #slots: QuotaSlots;
  readonly #retentionDefault: Retention;
  readonly #records: Records;
  #meta: Meta;
  #snapshot: DirectorySnapshot | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  /** Use `openWorkspaces`. */
  constructor(
    store: DocumentStore,
    options: WorkspacesOptions,
    records: Records,
    freshKeys: NamedKeys,
  ) {
    this.#store = store;
    this.#context = options;
    this.#retentionDefault = options.retentionDefault ?? {};
    this.#slots = new QuotaSlots(workspacesMax + keyQuotasMax, options.quotaDefault ?? {});
    this.#records = records;
    this.#meta = records.meta;
    this.freshKeys = freshKeys;
  }

  /** Where all fronts count what quotas allow: see `slots.ts`. */
  get quotaMemory(): SharedArrayBuffer {
    return this.#slots.memory;
  }

  /**
   * Carries a command out; resolves when the change is durable and in `snapshot()`.
   *
   * @throws AppError not_found, conflict, invalid, forbidden; unavailable when the store cannot
   *   write (nothing changed then); overloaded.
   */
  async execute(command: WorkspaceCommand): Promise<WorkspaceReply> {
    if (this.#waiting >= commandsWaitingMax) {
      throw new AppError('overloaded', 'too many changes at once', { retryAfterSeconds: 1 });
    }
    this.#waiting += 1;
    const turn = this.#last.then(() => this.#carryOut(command));
    // The next command waits for this one to end, well or badly; only its own caller hears how.
    this.#last = turn.then(
      () => this.#endTurn(),
      () => this.#endTurn(),
    );
    return turn;
  }

  #endTurn(): void {
    this.#waiting -= 1;
  }

  async #carryOut(command: WorkspaceCommand): Promise<WorkspaceReply> {
    const plan = planCommand(this.#records.tenants, this.#meta, command, this.#context);
    await this.#store.commit([...plan.changes, [metaKey, plan.meta]]);
    this.#apply(plan);
    return plan.reply;
  }

  #apply(plan: Plan): void {
    plan.apply(this.#records.tenants);
    this.#meta = plan.meta;
    this.#snapshot = undefined;
  }

  /** What decides which events are kept: the workspaces there are, and for how long each keeps its own. */
  facts(): WorkspaceFacts {
    const tenants = [...this.#records.tenants.values()];
    return {
      living: tenants.map(({ workspace }) => workspace.number),
      next: this.#meta.workspaceNext,
      retention: tenants.flatMap(({ workspace }) => rulesOf(workspace, this.#retentionDefault)),
    };
  }

  /** What a workspace has set for its identities. */
  identitiesOf(workspace: number): IdentityWish | undefined {
    return this.#records.tenants.get(workspace)?.workspace.identities;
  }

  /** Everything a front needs, as plain data; the same object until something changes. */
  snapshot(): DirectorySnapshot {
    this.#snapshot ??= this.#makeSnapshot();
    return this.#snapshot;
  }

  #makeSnapshot(): DirectorySnapshot {
    const tenants = [...this.#records.tenants.values()];
    return {
      version: this.#meta.revision,
      tokenSecret: Uint8Array.from(Buffer.from(this.#meta.tokenSecret, 'base64url')),
      workspaces: tenants.map((tenant) => tenant.workspace),
      keys: tenants.flatMap((tenant) => [...tenant.keys.values()]),
      views: tenants.flatMap((tenant) => [...tenant.views.values()]),
      roles: tenants.flatMap((tenant) => [...tenant.roles.values()]),
      sources: tenants.flatMap(({ sources }) => [...sources.values()]),
      webhooks: tenants.flatMap(({ webhooks }) => [...webhooks.values()]),
      definitions: tenants.flatMap(({ definitions }) => [...definitions.values()]),
      taxonomies: tenants.flatMap(({ taxonomy: { record, types } }) =>
        record === undefined ? [] : [{ record, types: [...types.values()] }],
      ),
      limits: this.#slots.follow(tenants),
    };
  }
}

const defaultScopes = {
  admin: ['admin', 'server'],
  write: ['write'],
  read: ['read'],
} as const satisfies Record<keyof NamedKeys, readonly Scope[]>;

/** The documents of a new store: the workspace `default` with its keys. */
function planDefault(options: WorkspacesOptions): { changes: Change[]; freshKeys: NamedKeys } {
  const { clock, random, initialKeys } = options;
  const meta = newMeta(random.bytes(32));
  const number = meta.workspaceNext;
  const workspace = {
    number,
    id: defaultWorkspaceId,
    name: defaultWorkspaceId,
    createdAt: clock.now(),
  };
  const changes: Change[] = [
    [metaKey, { ...meta, revision: 1, workspaceNext: number + 1 }],
    [workspaceKey(number), workspace],
  ];
  const freshKeys: { -readonly [name in keyof NamedKeys]: string } = {};
  const nameOfHash = new Map<string, string>();
  for (const name of ['admin', 'write', 'read'] as const) {
    const chosen = initialKeys[name];
    if (chosen !== undefined) checkChosenKey(chosen, name);
    const made = makeKeyRecord(
      { workspace: number, name, scopes: defaultScopes[name], key: chosen },
      options,
    );
    if (chosen === undefined) freshKeys[name] = made.key;
    refuseSameKey(nameOfHash, name, made.record);
    changes.push([keyKey(made.record), made.record]);
  }
  return { changes, freshKeys };
}

/** One key cannot be two: it would silently have the scopes of the other. */
function refuseSameKey(nameOfHash: Map<string, string>, name: string, record: KeyRecord): void {
  const other = nameOfHash.get(record.hash);
  if (other !== undefined) {
    throw new AppError('invalid', `the ${other} key and the ${name} key must differ`);
  }
  nameOfHash.set(record.hash, name);
}
