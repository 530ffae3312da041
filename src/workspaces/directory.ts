/**
 * What a front thread knows of workspaces: keys, tokens and views, in memory, answered
 * synchronously. The main thread owns the truth and sends a new snapshot after every change; a
 * change is in force here once `replace` returns. What it is sent has only hashes of keys; those in use
 * it knows in the clear for a minute (`recent.ts`).
 */
import { createHmac } from 'node:crypto';
import { assert } from '../std/assert.ts';
import { AppError } from '../std/errors.ts';
import { type Derived, DerivedDefinitions } from './cjdsderived.ts';
import {
  type DefinitionKind,
  type DefinitionRecord,
  derivedPrefix,
  isDeleted,
} from './definition.ts';
import { hashesEqual, hashKey } from './keys.ts';
import type { Limit } from './quota.ts';
import { RecentKeys } from './recent.ts';
import type { SourceRecord } from './source.ts';
import type { WorkspaceTaxonomy } from './taxonomy.ts';
import {
  type MintedToken,
  mintToken,
  type TokenWish,
  tokenBytesMax,
  tokenPrefix,
  verifyToken,
} from './tokens.ts';
import type {
  Credential,
  CredentialRole,
  DirectorySnapshot,
  KeyRecord,
  RoleRecord,
  Scope,
  ViewRecord,
  Workspace,
} from './types.ts';
import { signVisitor, verifyVisitor, visitorTokenMs } from './visitors.ts';
import type { WebhookRecord } from './webhook.ts';

interface KnownKey {
  readonly record: KeyRecord;
  readonly credential: Credential;
}

interface Indexes {
  readonly keyByHash: ReadonlyMap<string, KnownKey>;
  readonly keyById: ReadonlyMap<string, KnownKey>;
  readonly keys: ReadonlyMap<number, KeyRecord[]>;
  readonly views: ReadonlyMap<number, ReadonlyMap<string, ViewRecord>>;
  readonly roles: Roles;
  readonly sources: ReadonlyMap<number, ReadonlyMap<string, SourceRecord>>;
  readonly webhooks: ReadonlyMap<number, ReadonlyMap<string, WebhookRecord>>;
  /** By `<kind>/<name>`. */
  readonly definitions: ReadonlyMap<number, ReadonlyMap<string, DefinitionRecord>>;
  readonly taxonomies: ReadonlyMap<number, WorkspaceTaxonomy>;
  readonly workspaces: ReadonlyMap<number, Workspace>;
  /** By key; keys without any are not in it. */
  readonly limits: ReadonlyMap<string, readonly Limit[]>;
}

/** A workspace's roles by name. */
type Roles = ReadonlyMap<number, ReadonlyMap<string, RoleRecord>>;

const unlimited: readonly Limit[] = [];
const noScopes: ReadonlySet<Scope> = new Set();

export class Directory {
  #snapshot: DirectorySnapshot;
  #indexes: Indexes;
  readonly #derived = new DerivedDefinitions();
  readonly #recent = new RecentKeys();

  constructor(snapshot: DirectorySnapshot) {
    this.#snapshot = snapshot;
    this.#indexes = indexSnapshot(snapshot);
  }

  /** Which state of the definitions this is; grows with every change. */
  get version(): number {
    return this.#snapshot.version;
  }

  /** Takes a newer state over. An older one (messages that overtook each other) is ignored. */
  replace(snapshot: DirectorySnapshot): void {
    if (snapshot.version < this.#snapshot.version) return;
    this.#indexes = indexSnapshot(snapshot);
    this.#snapshot = snapshot;
    this.#recent.clear();
  }

  /**
   * Finds out who is asking.
   *
   * @param key a key or a token, as it was sent.
   * @returns undefined when it is unknown, expired, forged or taken back: answer 401.
   */
  authenticate(key: string, nowMs: number): Credential | undefined {
    if (key.length === 0 || key.length > tokenBytesMax) return undefined;
    if (key.startsWith(tokenPrefix)) return this.#authenticateToken(key, nowMs);
    const recent = this.#recent.find(key, nowMs);
    if (recent !== undefined) return recent;
    const hash = hashKey(key);
    const known = this.#indexes.keyByHash.get(hash);
    if (known === undefined || !hashesEqual(known.record.hash, hash)) return undefined;
    this.#recent.add(key, known.credential, nowMs);
    return known.credential;
  }

  /** Whether what was authenticated earlier still holds: its key is there, its role the same, its time not up. */
  stands({ expiresAt, keyId, role, workspace }: Credential, nowMs: number): boolean {
    if (role !== undefined && this.role(workspace, role.name)?.version !== role.version)
      return false;
    return this.#indexes.keyById.has(keyId) && nowMs < (expiresAt ?? Number.POSITIVE_INFINITY);
  }

  /** What a key, and every token made with it, may send: its own quota and its workspace's. */
  limits(keyId: string): readonly Limit[] {
    return this.#indexes.limits.get(keyId) ?? unlimited;
  }

  #authenticateToken(token: string, nowMs: number): Credential | undefined {
    const claims = verifyToken(token, this.#snapshot.tokenSecret, nowMs);
    if (claims === undefined) return undefined;
    const parent = this.#indexes.keyById.get(claims.keyId);
    if (parent === undefined || parent.record.workspace !== claims.workspace) return undefined;
    const { record } = parent;
    const named = claims.role ?? record.role;
    const role = named === undefined ? undefined : this.role(claims.workspace, named);
    if (named !== undefined && role === undefined) return undefined;
    return {
      workspace: claims.workspace,
      keyId: claims.keyId,
      scopes: new Set(claims.scopes),
      ...narrowing(claims.views ?? record.views, role, this.#snapshot.tokenSecret),
      ...(claims.agent !== undefined && { agent: claims.agent }),
      expiresAt: claims.expiresAt,
    };
  }

  /**
   * Makes a token that can do at most what `credential` can.
   *
   * @param ttlSeconds 1–86400.
   * @param narrow narrows a read token to views, or gives it a role; absent: as narrow as the credential. Or says for which agent it is.
   * @throws AppError invalid (bad scopes, ttl or views), forbidden (more than the credential may).
   */
  mintToken(
    credential: Credential,
    wanted: readonly Scope[],
    ttlSeconds: number,
    nowMs: number,
    narrow: Omit<TokenWish, 'scopes' | 'ttlSeconds'> = {},
  ): MintedToken {
    const { agent, role, views } = narrow;
    if (role !== undefined && this.role(credential.workspace, role) === undefined) {
      throw new AppError('invalid', `there is no role '${role}'`);
    }
    const wish = { scopes: wanted, ttlSeconds, views, role, agent };
    return mintToken(credential, wish, nowMs, this.#snapshot);
  }

  role(workspace: number, name: string): RoleRecord | undefined {
    return this.#indexes.roles.get(workspace)?.get(name);
  }

  /** A workspace's roles by name. */
  roles(workspace: number): RoleRecord[] {
    const roles = this.#indexes.roles.get(workspace);
    return [...(roles?.values() ?? [])].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** A token for a visitor, signed anew; it dies with the key of `credential`. */
  mintVisitor({ keyId, workspace }: Credential, visitor: string, nowMs: number): MintedToken {
    const expiresAt = nowMs + visitorTokenMs;
    const claims = { workspace, keyId, visitor, expiresAt };
    return { token: signVisitor(claims, this.#snapshot.tokenSecret), expiresAt };
  }

  /**
   * Which visitor of the workspace a token was signed for, whatever became of the key it was asked for
   * with: a browser stays who it is when keys are changed.
   */
  visitorOf(token: string, workspace: number, nowMs: number): string | undefined {
    const claims = verifyVisitor(token, this.#snapshot.tokenSecret, nowMs);
    return claims?.workspace === workspace ? claims.visitor : undefined;
  }

  /** The credential of a visitor's token; it has no scope. Undefined: answer 401. */
  authenticateVisitor(token: string, nowMs: number): Credential | undefined {
    const claims = verifyVisitor(token, this.#snapshot.tokenSecret, nowMs);
    if (claims === undefined) return undefined;
    const { expiresAt, keyId, visitor, workspace } = claims;
    if (this.#indexes.keyById.get(keyId)?.record.workspace !== workspace) return undefined;
    return { workspace, keyId, scopes: noScopes, views: undefined, visitor, expiresAt };
  }

  view(workspace: number, name: string): ViewRecord | undefined {
    return this.#indexes.views.get(workspace)?.get(name);
  }

  /** A workspace's views by name. */
  views(workspace: number): ViewRecord[] {
    const views = this.#indexes.views.get(workspace);
    if (views === undefined) return [];
    return [...views.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Undefined: the workspace takes what comes. */
  taxonomy(workspace: number): WorkspaceTaxonomy | undefined {
    return this.#indexes.taxonomies.get(workspace);
  }

  source(workspace: number, name: string): SourceRecord | undefined {
    return this.#indexes.sources.get(workspace)?.get(name);
  }

  /** A workspace's sources by name. */
  sources(workspace: number): SourceRecord[] {
    const sources = [...(this.#indexes.sources.get(workspace)?.values() ?? [])];
    return sources.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  webhook(workspace: number, name: string): WebhookRecord | undefined {
    if (name.startsWith(derivedPrefix)) return this.#derivedOf(workspace).webhooks.get(name);
    return this.#indexes.webhooks.get(workspace)?.get(name);
  }

  /** A workspace's webhook endpoints by name. */
  webhooks(workspace: number): WebhookRecord[] {
    const webhooks = [...(this.#indexes.webhooks.get(workspace)?.values() ?? [])];
    return webhooks.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** A journey map or rule. */
  definition(workspace: number, kind: DefinitionKind, name: string): DefinitionRecord | undefined {
    if (kind === 'rule' && name.startsWith(derivedPrefix)) {
      return this.#derivedOf(workspace).rules.get(name);
    }
    return this.#indexes.definitions.get(workspace)?.get(`${kind}/${name}`);
  }

  /** A workspace's journey maps and rules by kind and name; what is derived from actions of CJDS comes last. */
  definitions(workspace: number): DefinitionRecord[] {
    const definitions = [...(this.#indexes.definitions.get(workspace) ?? [])];
    const stored = definitions.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, record]) => record);
    return [...stored, ...this.#derivedOf(workspace).rules.values()];
  }

  #derivedOf(workspace: number): Derived {
    return this.#derived.of(workspace, this.#indexes.views.get(workspace)?.values() ?? []);
  }

  /** A workspace's keys, oldest first. */
  keys(workspace: number): KeyRecord[] {
    const keys = this.#indexes.keys.get(workspace) ?? [];
    return [...keys].sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
  }

  workspace(number: number): Workspace | undefined {
    return this.#indexes.workspaces.get(number);
  }

  /** All workspaces, oldest first. */
  workspaces(): Workspace[] {
    return [...this.#indexes.workspaces.values()].sort((a, b) => a.number - b.number);
  }
}

function indexSnapshot(snapshot: DirectorySnapshot): Indexes {
  const workspaces = new Map(snapshot.workspaces.map((each) => [each.number, each]));
  const keyByHash = new Map<string, KnownKey>();
  const keyById = new Map<string, KnownKey>();
  const keys = new Map<number, KeyRecord[]>();
  const views = new Map<number, Map<string, ViewRecord>>();
  const roles = new Map<number, Map<string, RoleRecord>>();
  for (const number of workspaces.keys()) {
    keys.set(number, []);
    views.set(number, new Map());
    roles.set(number, new Map());
  }
  for (const role of snapshot.roles) {
    const byName = roles.get(role.workspace);
    assert(byName !== undefined, `role ${role.name} belongs to no workspace`);
    byName.set(role.name, role);
  }
  for (const record of snapshot.keys) {
    const list = keys.get(record.workspace);
    assert(list !== undefined, `key ${record.id} belongs to no workspace`);
    const known = { record, credential: credentialOf(record, roles, snapshot.tokenSecret) };
    keyByHash.set(record.hash, known);
    keyById.set(record.id, known);
    list.push(record);
  }
  for (const view of snapshot.views) {
    const byName = views.get(view.workspace);
    assert(byName !== undefined, `view ${view.name} belongs to no workspace`);
    byName.set(view.name, view);
  }
  const taxonomies = new Map(snapshot.taxonomies.map((each) => [each.record.workspace, each]));
  const sources = new Map([...workspaces.keys()].map((number) => [number, new Map()]));
  for (const source of snapshot.sources) sources.get(source.workspace)?.set(source.name, source);
  const webhooks = new Map([...workspaces.keys()].map((number) => [number, new Map()]));
  for (const each of snapshot.webhooks) webhooks.get(each.workspace)?.set(each.name, each);
  const journeys = new Map([...workspaces.keys()].map((number) => [number, new Map()]));
  for (const record of snapshot.definitions) {
    if (isDeleted(record)) continue;
    journeys.get(record.workspace)?.set(`${record.kind}/${record.name}`, record);
  }
  const limits = limitsOf(snapshot, workspaces);
  const definitions = { views, roles, taxonomies, sources, webhooks, definitions: journeys };
  return { keyByHash, keyById, keys, ...definitions, workspaces, limits };
}

function limitsOf(
  { keys, limits }: DirectorySnapshot,
  workspaces: ReadonlyMap<number, Workspace>,
): Map<string, readonly Limit[]> {
  const byKey = new Map<string, readonly Limit[]>();
  if (limits.length === 0) return byKey;
  const byOwner = new Map(limits.map((limit) => [limit.owner, limit]));
  for (const { id, workspace } of keys) {
    const owners = [id, workspaces.get(workspace)!.id];
    const held = owners.map((owner) => byOwner.get(owner)).filter((limit) => limit !== undefined);
    if (held.length > 0) byKey.set(id, held);
  }
  return byKey;
}

function credentialOf(record: KeyRecord, roles: Roles, secret: Uint8Array): Credential {
  const { role: named, workspace } = record;
  const role = named === undefined ? undefined : roles.get(workspace)?.get(named);
  assert(
    named === undefined || role !== undefined,
    `key ${record.id} has a role that is not there`,
  );
  return {
    workspace,
    keyId: record.id,
    scopes: new Set(record.scopes),
    ...(record.agent !== undefined && { agent: record.agent }),
    ...narrowing(record.views, role, secret),
  };
}

/** Views that both a key and its role may read, and how they are seen. */
function narrowing(
  views: readonly string[] | undefined,
  role: RoleRecord | undefined,
  tokenSecret: Uint8Array,
): { views: readonly string[] | undefined; role?: CredentialRole } {
  if (role === undefined) return { views };
  const { name, template, version, workspace } = role;
  const secret = createHmac('sha256', tokenSecret).update(`mask/${workspace}`).digest();
  const both =
    views === undefined || template.views === undefined
      ? (views ?? template.views)
      : views.filter((view) => template.views!.includes(view));
  return { views: both, role: { name, version, rules: template.masks ?? [], secret } };
}
