/**
 * What a command on workspaces would change: checked against memory, worked out, and not yet done.
 * Nothing here writes; `workspaces.ts` commits the documents first and applies the plan after.
 */
import { assert, unreachable } from '../std/assert.ts';
import type { Clock } from '../std/clock.ts';
import { AppError } from '../std/errors.ts';
import type { Random } from '../std/random.ts';
import { checkAgentWish } from './agents.ts';
import { planCjds } from './cjdsplan.ts';
import { planDefinitions } from './definitionplan.ts';
import { planPutIdentities } from './identities.ts';
import { base62, hashKey, makeKey } from './keys.ts';
import { checkQuota, type Quota } from './quota.ts';
import {
  type Change,
  keyKey,
  type Meta,
  newTenant,
  type Plan,
  type Tenant,
  tenantKeys,
  workspaceKey,
} from './records.ts';
import { checkRetention } from './retention.ts';
import { planDeleteRole, planPutRole } from './roles.ts';
import { planSources } from './sourceplan.ts';
import { planTaxonomy, taxonomyKeys } from './taxonomyplan.ts';
import {
  scopes as allScopes,
  type KeyRecord,
  type Scope,
  type Workspace,
  type WorkspaceCommand,
} from './types.ts';
import { checkViewName, planDeleteView, planPutView } from './viewplan.ts';
import { planWebhooks } from './webhookplan.ts';

export const workspacesMax = 10_000;
export const keysPerWorkspaceMax = 1000;
/** Keys with a quota, all workspaces together: each is counted in memory that all threads share. */
export const keyQuotasMax = 50_000;
export const viewsPerKeyMax = 100;
export const nameCharactersMax = 128;
/** The workspace that came with the data directory: it stays, and it alone may hold server keys. */
const defaultNumber = 1;

export interface MakeContext {
  readonly clock: Clock;
  readonly random: Random;
}

type Tenants = ReadonlyMap<number, Tenant>;
type CommandOf<Kind extends WorkspaceCommand['kind']> = Extract<WorkspaceCommand, { kind: Kind }>;

/** @throws AppError not_found, conflict, invalid, forbidden. */
export function planCommand(
  tenants: Tenants,
  meta: Meta,
  command: WorkspaceCommand,
  context: MakeContext,
): Plan {
  const next = { ...meta, revision: meta.revision + 1 };
  switch (command.kind) {
    case 'createKey':
      return planCreateKey(tenants, next, command, context);
    case 'deleteKey':
      return planDeleteKey(tenantOf(tenants, command.workspace), next, command.id);
    case 'putKeyQuota':
      return planPutKeyQuota(tenants, next, command);
    case 'createWorkspace':
      return planCreateWorkspace(tenants, next, command, context);
    case 'putIdentities':
      return planPutIdentities(tenantOf(tenants, command.workspace), next, command.identities);
    case 'putRetention':
      return planPutRetention(tenants, next, command);
    case 'putWorkspaceQuota':
      return planPutWorkspaceQuota(tenants, next, command);
    case 'deleteWorkspace':
      return planDeleteWorkspace(tenants, next, command.id);
    case 'putView':
      return planPutView(tenantOf(tenants, command.workspace), next, command, context.clock);
    case 'deleteView':
      return planDeleteView(tenantOf(tenants, command.workspace), next, command.name);
    case 'putRole':
      return planPutRole(tenantOf(tenants, command.workspace), next, command, context.clock);
    case 'deleteRole':
      return planDeleteRole(tenantOf(tenants, command.workspace), next, command.name);
    case 'changeTaxonomy':
      return planTaxonomy(
        tenantOf(tenants, command.workspace),
        next,
        command.change,
        context.clock,
      );
    case 'changeCjds':
      return planCjds(tenants, next, command, context);
    case 'changeSources':
      return planSources(tenantOf(tenants, command.workspace), next, command.change, context.clock);
    case 'changeDefinitions':
      return planDefinitions(
        tenantOf(tenants, command.workspace),
        next,
        command.change,
        context.clock,
      );
    case 'changeWebhooks':
      return planWebhooks(tenantOf(tenants, command.workspace), next, command.change, context);
    default:
      return unreachable(command);
  }
}

function tenantOf(tenants: Tenants, number: number): Tenant {
  const tenant = tenants.get(number);
  if (tenant === undefined) throw new AppError('not_found', 'there is no such workspace');
  return tenant;
}

function planCreateKey(
  tenants: Tenants,
  meta: Meta,
  command: CommandOf<'createKey'>,
  context: MakeContext,
): Plan {
  const tenant = tenantOf(tenants, command.workspace);
  checkName(command.name, 0);
  checkScopes(command);
  checkAgentWish(command);
  checkRole(tenant, command);
  if (tenant.keys.size >= keysPerWorkspaceMax) {
    throw new AppError('conflict', `a workspace has at most ${keysPerWorkspaceMax} keys`);
  }
  if (command.quota !== undefined) checkKeyQuota(tenants, command.quota);
  const { key, record } = makeKeyRecord(command, context);
  assert(!tenant.keys.has(record.id), 'a new key has a new id');
  return {
    changes: [[keyKey(record), record]],
    meta,
    apply: () => tenant.keys.set(record.id, record),
    reply: { kind: 'key', key, record },
  };
}

function checkScopes({ workspace, scopes, views }: CommandOf<'createKey'>): void {
  if (scopes.length === 0 || !scopes.every((scope) => allScopes.includes(scope))) {
    throw new AppError('invalid', `scopes must be one or more of ${allScopes.join(', ')}`);
  }
  const isPrivileged = scopes.includes('admin') || scopes.includes('server');
  if (scopes.includes('server') && workspace !== defaultNumber) {
    throw new AppError('forbidden', 'only the workspace default can have keys with scope server');
  }
  if (views === undefined) return;
  if (!scopes.includes('read') || isPrivileged) {
    throw new AppError(
      'invalid',
      'views narrow the scope read, and cannot go with admin or server',
    );
  }
  if (views.length === 0 || views.length > viewsPerKeyMax) {
    throw new AppError('invalid', `views must name 1 to ${viewsPerKeyMax} views`);
  }
  for (const view of views) checkViewName(view);
}

function checkRole(tenant: Tenant, { role, scopes }: CommandOf<'createKey'>): void {
  if (role === undefined) return;
  if (scopes.some((scope) => scope !== 'read')) {
    throw new AppError('invalid', 'a role goes with the scope read and no other');
  }
  if (!tenant.roles.has(role)) throw new AppError('invalid', `there is no role '${role}'`);
}

/**
 * Makes a key and its record; a chosen `key` is taken as it is.
 *
 * @returns the key in the clear, which nobody sees again.
 */
export function makeKeyRecord(
  wish: {
    readonly workspace: number;
    readonly name: string;
    readonly scopes: readonly Scope[];
    readonly views?: readonly string[];
    readonly role?: string;
    readonly agent?: string;
    readonly quota?: Quota;
    readonly key?: string | undefined;
  },
  { clock, random }: MakeContext,
): { key: string; record: KeyRecord } {
  const scopes = [...new Set(wish.scopes)];
  const key = wish.key ?? makeKey(scopes, random);
  const record: KeyRecord = {
    id: `key_${base62(16, random)}`,
    workspace: wish.workspace,
    hash: hashKey(key),
    name: wish.name,
    scopes,
    ...(wish.views !== undefined && { views: [...new Set(wish.views)] }),
    ...(wish.role !== undefined && { role: wish.role }),
    ...(wish.agent !== undefined && { agent: wish.agent }),
    ...quotaOf(wish.quota ?? {}),
    createdAt: clock.now(),
  };
  return { key, record };
}

function planDeleteKey(tenant: Tenant, meta: Meta, id: string): Plan {
  const record = tenant.keys.get(id);
  if (record === undefined) throw new AppError('not_found', 'there is no such key');
  const others = [...tenant.keys.values()].filter((other) => other !== record);
  for (const scope of ['admin', 'server'] as const) {
    const isLast =
      record.scopes.includes(scope) && !others.some((other) => other.scopes.includes(scope));
    // Nobody could make another one: the workspace would be locked for ever.
    if (isLast)
      throw new AppError('conflict', `the last key with scope ${scope} cannot be deleted`);
  }
  return {
    changes: [[keyKey(record), undefined]],
    meta,
    apply: () => tenant.keys.delete(id),
    reply: { kind: 'done' },
  };
}

function checkKeyQuota(tenants: Tenants, quota: Quota, held?: Quota): void {
  checkQuota(quota);
  if (held !== undefined) return;
  let count = 0;
  for (const { keys } of tenants.values()) {
    for (const key of keys.values()) if (key.quota !== undefined) count += 1;
  }
  if (count >= keyQuotasMax) {
    throw new AppError('conflict', `at most ${keyQuotasMax} keys can have a quota; take one away`);
  }
}

/** A quota that says nothing is none. */
function quotaOf(quota: Quota): { quota?: Quota } {
  return Object.keys(quota).length === 0 ? {} : { quota };
}

function planPutKeyQuota(tenants: Tenants, meta: Meta, command: CommandOf<'putKeyQuota'>): Plan {
  const { keys } = tenantOf(tenants, command.workspace);
  const record = keys.get(command.id);
  if (record === undefined) throw new AppError('not_found', 'there is no such key');
  const { quota: held, ...rest } = record;
  checkKeyQuota(tenants, command.quota, held);
  const changed: KeyRecord = { ...rest, ...quotaOf(command.quota) };
  return {
    changes: [[keyKey(record), changed]],
    meta,
    apply: () => keys.set(record.id, changed),
    reply: { kind: 'keyChanged', record: changed },
  };
}

function planPutWorkspaceQuota(
  tenants: Tenants,
  meta: Meta,
  command: CommandOf<'putWorkspaceQuota'>,
): Plan {
  const tenant = tenantById(tenants, command.id);
  checkQuota(command.quota);
  const { quota: _, ...rest } = tenant.workspace;
  const workspace: Workspace = { ...rest, ...quotaOf(command.quota) };
  return {
    changes: [[workspaceKey(workspace.number), workspace]],
    meta,
    apply: (all) => all.set(workspace.number, { ...tenant, workspace }),
    reply: { kind: 'workspaceChanged', workspace },
  };
}

function planPutRetention(tenants: Tenants, meta: Meta, command: CommandOf<'putRetention'>): Plan {
  const tenant = tenantById(tenants, command.id);
  checkRetention(command.retention);
  const { retention: _, ...rest } = tenant.workspace;
  const isEmpty = Object.keys(command.retention).length === 0;
  const workspace: Workspace = isEmpty ? rest : { ...rest, retention: command.retention };
  return {
    changes: [[workspaceKey(workspace.number), workspace]],
    meta,
    apply: (all) => all.set(workspace.number, { ...tenant, workspace }),
    reply: { kind: 'workspaceChanged', workspace },
  };
}

function planCreateWorkspace(
  tenants: Tenants,
  meta: Meta,
  { name, quota }: CommandOf<'createWorkspace'>,
  context: MakeContext,
): Plan {
  checkName(name, 1);
  if (quota !== undefined) checkQuota(quota);
  const existing = [...tenants.values()].map((tenant) => tenant.workspace);
  if (existing.some((workspace) => workspace.name === name)) {
    throw new AppError('conflict', 'there is a workspace of that name');
  }
  if (existing.length >= workspacesMax) {
    throw new AppError('conflict', `there are at most ${workspacesMax} workspaces`);
  }
  const number = meta.workspaceNext;
  const createdAt = context.clock.now();
  const id = `ws_${base62(12, context.random)}`;
  const workspace: Workspace = {
    number,
    id,
    name,
    createdAt,
    ...quotaOf(quota ?? {}),
  };
  const { key, record } = makeKeyRecord(
    { workspace: number, name: 'admin', scopes: ['admin'] },
    context,
  );
  return {
    changes: [
      [workspaceKey(number), workspace],
      [keyKey(record), record],
    ],
    meta: { ...meta, workspaceNext: number + 1 },
    apply: (all) =>
      all.set(number, { ...newTenant(workspace), keys: new Map([[record.id, record]]) }),
    reply: { kind: 'workspace', workspace, key, record },
  };
}

function tenantById(tenants: Tenants, id: string): Tenant {
  const tenant = [...tenants.values()].find((each) => each.workspace.id === id);
  if (tenant === undefined) throw new AppError('not_found', 'there is no such workspace');
  return tenant;
}

function planDeleteWorkspace(tenants: Tenants, meta: Meta, id: string): Plan {
  const tenant = tenantById(tenants, id);
  const { number } = tenant.workspace;
  if (number === defaultNumber) {
    throw new AppError('conflict', 'the workspace default cannot be deleted');
  }
  return {
    changes: [...taxonomyKeys(tenant), ...tenantKeys(tenant)].map(
      (key): Change => [key, undefined],
    ),
    meta,
    apply: (all) => all.delete(number),
    reply: { kind: 'done' },
  };
}

function checkName(name: string, charactersMin: number): void {
  if (name.length < charactersMin || name.length > nameCharactersMax) {
    const range = `${charactersMin} to ${nameCharactersMax}`;
    throw new AppError('invalid', `name must have ${range} characters`);
  }
}
