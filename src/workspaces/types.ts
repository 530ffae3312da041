/** What a workspace (a tenant) consists of, as it crosses threads: plain data, all read-only. */
import type { IdentityWish } from '../identity/settings.ts';
import type { CjdsChange, CjdsTemplate } from './cjds.ts';
import type { DefinitionChange, DefinitionRecord } from './definition.ts';
import type { Limit, Quota } from './quota.ts';
import type { Retention } from './retention.ts';
import type { MaskRule, RoleTemplate } from './role.ts';
import type { SourceChange, SourceRecord } from './source.ts';
import type { EventTypeRecord, TaxonomyChange, WorkspaceTaxonomy } from './taxonomy.ts';
import type { ViewTemplate } from './view.ts';
import type { WebhookChange, WebhookRecord } from './webhook.ts';

export const scopes = ['write', 'publish', 'read', 'decide', 'agent', 'admin', 'server'] as const;
export type Scope = (typeof scopes)[number];

/** `number` goes into every record on disk and is never used again; `id` is what people see. */
export interface Workspace {
  readonly number: number;
  readonly id: string;
  readonly name: string;
  readonly description?: string;
  readonly createdAt: number;
  readonly quota?: Quota;
  readonly retention?: Retention;
  readonly identities?: IdentityWish;
}

/** A key as it is stored: its SHA-256 only, never the key. */
export interface KeyRecord {
  readonly id: string;
  readonly workspace: number;
  readonly hash: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** If present, the key may read these views and nothing else. */
  readonly views?: readonly string[];
  /** If present, the key may read what the role may, as the role may see it. */
  readonly role?: string;
  /** With the scope `agent`, and only with it: which agent it is for. */
  readonly agent?: string;
  readonly createdAt: number;
  readonly quota?: Quota;
}

export interface ViewRecord {
  readonly workspace: number;
  readonly name: string;
  readonly template: ViewTemplate;
  readonly version: number;
  readonly updatedAt: number;
  /** Present when it was written through CJDS: the template as that product knows it. */
  readonly cjds?: CjdsTemplate;
}

export interface RoleRecord {
  readonly workspace: number;
  readonly name: string;
  readonly template: RoleTemplate;
  readonly version: number;
  readonly updatedAt: number;
}

/** Everything a front needs to authenticate and to answer; `tokenSecret` signs tokens. */
export interface DirectorySnapshot {
  readonly version: number;
  readonly tokenSecret: Uint8Array;
  readonly workspaces: readonly Workspace[];
  readonly keys: readonly KeyRecord[];
  readonly views: readonly ViewRecord[];
  readonly roles: readonly RoleRecord[];
  /** Of the workspaces that have one. */
  readonly taxonomies: readonly WorkspaceTaxonomy[];
  readonly sources: readonly SourceRecord[];
  readonly webhooks: readonly WebhookRecord[];
  readonly definitions: readonly DefinitionRecord[];
  readonly limits: readonly Limit[];
}

/** Who is asking, found from the key or token alone. */
export interface Credential {
  readonly workspace: number;
  readonly keyId: string;
  readonly scopes: ReadonlySet<Scope>;
  /** If present, it may read these views and nothing else. */
  readonly views: readonly string[] | undefined;
  /** If present, it may read views and nothing else, and sees them as the role does. */
  readonly role?: CredentialRole | undefined;
  /** If present, it speaks for this agent and may do nothing else. */
  readonly agent?: string;
  /** Only tokens of visitors have it: which browser is asking. They have no scope. */
  readonly visitor?: string;
  /** Only tokens have it: epoch milliseconds from which on it is refused. */
  readonly expiresAt?: number;
}

export interface CredentialRole {
  readonly name: string;
  readonly version: number;
  readonly rules: readonly MaskRule[];
  /** What hashes of masked values are keyed with; the workspace's. */
  readonly secret: Uint8Array;
}

/** Changes to definitions; only the main thread carries them out (it alone writes them). */
export type WorkspaceCommand =
  | {
      readonly kind: 'createKey';
      readonly workspace: number;
      readonly name: string;
      readonly scopes: readonly Scope[];
      readonly views?: readonly string[];
      readonly role?: string;
      readonly agent?: string;
      readonly quota?: Quota;
    }
  | { readonly kind: 'deleteKey'; readonly workspace: number; readonly id: string }
  | {
      readonly kind: 'putKeyQuota';
      readonly workspace: number;
      readonly id: string;
      readonly quota: Quota;
    }
  | { readonly kind: 'createWorkspace'; readonly name: string; readonly quota?: Quota }
  | { readonly kind: 'putWorkspaceQuota'; readonly id: string; readonly quota: Quota }
  | { readonly kind: 'putRetention'; readonly id: string; readonly retention: Retention }
  | {
      readonly kind: 'putIdentities';
      readonly workspace: number;
      readonly identities: IdentityWish;
    }
  | { readonly kind: 'deleteWorkspace'; readonly id: string }
  | {
      readonly kind: 'putView';
      readonly workspace: number;
      readonly name: string;
      readonly template: ViewTemplate;
    }
  | { readonly kind: 'deleteView'; readonly workspace: number; readonly name: string }
  | {
      readonly kind: 'putRole';
      readonly workspace: number;
      readonly name: string;
      readonly template: RoleTemplate;
    }
  | { readonly kind: 'deleteRole'; readonly workspace: number; readonly name: string }
  | {
      readonly kind: 'changeTaxonomy';
      readonly workspace: number;
      readonly change: TaxonomyChange;
    }
  | { readonly kind: 'changeCjds'; readonly workspace: number; readonly change: CjdsChange }
  | { readonly kind: 'changeSources'; readonly workspace: number; readonly change: SourceChange }
  | {
      readonly kind: 'changeDefinitions';
      readonly workspace: number;
      readonly change: DefinitionChange;
    }
  | { readonly kind: 'changeWebhooks'; readonly workspace: number; readonly change: WebhookChange };

/** `key` is the only time a key is seen in the clear. */
export type WorkspaceReply =
  | { readonly kind: 'key'; readonly key: string; readonly record: KeyRecord }
  | {
      readonly kind: 'workspace';
      readonly workspace: Workspace;
      readonly key: string;
      readonly record: KeyRecord;
    }
  | { readonly kind: 'keyChanged'; readonly record: KeyRecord }
  | { readonly kind: 'workspaceChanged'; readonly workspace: Workspace }
  | { readonly kind: 'view'; readonly view: ViewRecord; readonly created: boolean }
  | { readonly kind: 'role'; readonly role: RoleRecord; readonly created: boolean }
  | { readonly kind: 'source'; readonly source: SourceRecord; readonly created: boolean }
  /** `secret`: it was made, and this is the only time it is told. */
  | {
      readonly kind: 'webhook';
      readonly webhook: WebhookRecord;
      readonly created: boolean;
      readonly secret?: string;
    }
  | {
      readonly kind: 'definition';
      readonly definition: DefinitionRecord;
      readonly created: boolean;
    }
  | { readonly kind: 'type'; readonly type: EventTypeRecord; readonly created: boolean }
  | { readonly kind: 'done' };
