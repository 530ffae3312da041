/**
 * How workspaces lie in the document store, and how they are read back at start. One document per
 * thing, so that a change writes only what it changes:
 *
 *     meta                      {"format":1,"revision":…,"workspaceNext":…,"tokenSecret":base64url}
 *     workspace/<number>        Workspace
 *     key/<number>/<key id>     KeyRecord
 *     view/<number>/<name>      ViewRecord
 *     role/<number>/<name>      RoleRecord
 *     taxonomy/<number>         TaxonomyRecord
 *     type/<number>/<type>      EventTypeRecord
 *     source/<number>/<name>    SourceRecord
 *     webhook/<number>/<name>   WebhookRecord
 *     journey/<number>/<name>   DefinitionRecord of a journey map
 *     rule/<number>/<name>      DefinitionRecord of a rule
 *
 * `revision` counts changes over the life of the data directory. It is the version of snapshots and
 * the source of view versions, so that a view that is deleted and made again never meets a cached
 * result of the old one. `workspaceNext` only grows: a number stands in every record of the tape.
 */
import { assert } from '../std/assert.ts';
import type { DefinitionRecord } from './definition.ts';
import type { SourceRecord } from './source.ts';
import type { EventTypeRecord, TaxonomyRecord } from './taxonomy.ts';
import type { KeyRecord, RoleRecord, ViewRecord, Workspace, WorkspaceReply } from './types.ts';
import type { WebhookRecord } from './webhook.ts';

/** Raise it when a document changes its meaning; a data directory of another format is refused. */
const documentFormat = 1;

export interface Meta {
  readonly format: number;
  readonly revision: number;
  readonly workspaceNext: number;
  readonly tokenSecret: string;
}

/** A workspace with all that is in it. */
export interface Tenant {
  readonly workspace: Workspace;
  readonly keys: Map<string, KeyRecord>;
  readonly views: Map<string, ViewRecord>;
  readonly roles: Map<string, RoleRecord>;
  readonly taxonomy: TenantTaxonomy;
  readonly sources: Map<string, SourceRecord>;
  readonly webhooks: Map<string, WebhookRecord>;
  /** Journey maps and rules, by `<kind>/<name>`. */
  readonly definitions: Map<string, DefinitionRecord>;
}

export interface TenantTaxonomy {
  /** Undefined: the workspace takes what comes. */
  record: TaxonomyRecord | undefined;
  readonly types: Map<string, EventTypeRecord>;
}

export interface Records {
  readonly meta: Meta;
  readonly tenants: Map<number, Tenant>;
}

/** One document written (or, with undefined, removed). */
export type Change = readonly [key: string, value: unknown];

/** What a command would change: worked out, and not yet done. */
export interface Plan {
  readonly changes: readonly Change[];
  /** The next state of `meta`; its revision is one higher. */
  readonly meta: Meta;
  /** Does to memory what `changes` do to the store. */
  apply(tenants: Map<number, Tenant>): void;
  readonly reply: WorkspaceReply;
}

export const metaKey = 'meta';

export function newMeta(tokenSecret: Uint8Array): Meta {
  const secret = Buffer.from(tokenSecret).toString('base64url');
  return { format: documentFormat, revision: 0, workspaceNext: 1, tokenSecret: secret };
}

export function workspaceKey(number: number): string {
  return `workspace/${number}`;
}

export function keyKey(record: KeyRecord): string {
  return `key/${record.workspace}/${record.id}`;
}

export function viewKey(record: ViewRecord): string {
  return `view/${record.workspace}/${record.name}`;
}

export function roleKey(record: RoleRecord): string {
  return `role/${record.workspace}/${record.name}`;
}

export function taxonomyKey({ workspace }: { readonly workspace: number }): string {
  return `taxonomy/${workspace}`;
}

export function typeKey(record: EventTypeRecord): string {
  return `type/${record.workspace}/${record.type}`;
}

export function sourceKey(record: SourceRecord): string {
  return `source/${record.workspace}/${record.name}`;
}

export function webhookKey(record: WebhookRecord): string {
  return `webhook/${record.workspace}/${record.name}`;
}

export function definitionKey({ kind, name, workspace }: DefinitionRecord): string {
  return `${kind}/${workspace}/${name}`;
}

/** Of all documents of a workspace, its taxonomy aside. */
export function tenantKeys(tenant: Tenant): readonly string[] {
  return [
    workspaceKey(tenant.workspace.number),
    ...[...tenant.keys.values()].map(keyKey),
    ...[...tenant.views.values()].map(viewKey),
    ...[...tenant.roles.values()].map(roleKey),
    ...[...tenant.sources.values()].map(sourceKey),
    ...[...tenant.webhooks.values()].map(webhookKey),
    ...[...tenant.definitions.values()].map(definitionKey),
  ];
}

/** Reads all documents; undefined when there are none (a new data directory). */
export function readRecords(entries: Iterable<[string, unknown]>): Records | undefined {
  let meta: Meta | undefined;
  const tenants = new Map<number, Tenant>();
  const keys: KeyRecord[] = [];
  const views: ViewRecord[] = [];
  const roles: RoleRecord[] = [];
  const taxonomies: TaxonomyRecord[] = [];
  const types: EventTypeRecord[] = [];
  const sources: SourceRecord[] = [];
  const webhooks: WebhookRecord[] = [];
  const definitions: DefinitionRecord[] = [];
  for (const [key, value] of entries) {
    const kind = key.split('/', 1)[0];
    if (kind === 'meta') meta = value as Meta;
    else if (kind === 'workspace') addTenant(tenants, value as Workspace);
    else if (kind === 'key') keys.push(value as KeyRecord);
    else if (kind === 'view') views.push(value as ViewRecord);
    else if (kind === 'role') roles.push(value as RoleRecord);
    else if (kind === 'taxonomy') taxonomies.push(value as TaxonomyRecord);
    else if (kind === 'type') types.push(value as EventTypeRecord);
    else if (kind === 'source') sources.push(value as SourceRecord);
    else if (kind === 'webhook') webhooks.push(value as WebhookRecord);
    else if (kind === 'journey' || kind === 'rule') definitions.push(value as DefinitionRecord);
    else assert(false, `unknown document ${key}`);
  }
  if (meta === undefined) {
    const others = tenants.size + keys.length + views.length + roles.length;
    assert(others === 0, 'the document meta is missing');
    return undefined;
  }
  assert(meta.format === documentFormat, `documents have the unknown format ${meta.format}`);
  for (const record of keys) tenantOf(tenants, record.workspace).keys.set(record.id, record);
  for (const record of views) tenantOf(tenants, record.workspace).views.set(record.name, record);
  for (const record of roles) tenantOf(tenants, record.workspace).roles.set(record.name, record);
  for (const record of taxonomies) tenantOf(tenants, record.workspace).taxonomy.record = record;
  for (const record of types) {
    tenantOf(tenants, record.workspace).taxonomy.types.set(record.type, record);
  }
  for (const record of sources)
    tenantOf(tenants, record.workspace).sources.set(record.name, record);
  for (const record of webhooks) {
    tenantOf(tenants, record.workspace).webhooks.set(record.name, record);
  }
  for (const record of definitions) {
    const { kind, name, workspace } = record;
    tenantOf(tenants, workspace).definitions.set(`${kind}/${name}`, record);
  }
  for (const number of tenants.keys()) {
    assert(number < meta.workspaceNext, `workspace ${number} has a number never given out`);
  }
  return { meta, tenants };
}

/** A workspace with nothing in it. */
export function newTenant(workspace: Workspace): Tenant {
  const taxonomy = { record: undefined, types: new Map() };
  const definitions = { views: new Map(), roles: new Map(), taxonomy, sources: new Map() };
  return {
    workspace,
    keys: new Map(),
    ...definitions,
    webhooks: new Map(),
    definitions: new Map(),
  };
}

function addTenant(tenants: Map<number, Tenant>, workspace: Workspace): void {
  tenants.set(workspace.number, newTenant(workspace));
}

function tenantOf(tenants: ReadonlyMap<number, Tenant>, number: number): Tenant {
  const tenant = tenants.get(number);
  assert(tenant !== undefined, `a document belongs to workspace ${number}, which is missing`);
  return tenant;
}
