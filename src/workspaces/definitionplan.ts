/** Changes to a workspace's journey maps and rules: checked and worked out, not yet done; see `plan.ts`. */
import type { Clock } from '../std/clock.ts';
import { AppError } from '../std/errors.ts';
import {
  checkDefinitionName,
  type DefinitionChange,
  type DefinitionKind,
  type DefinitionRecord,
  type DefinitionVersion,
  definitionsBytesMax,
  deletedNamesMax,
  isDeleted,
  journeysPerWorkspaceMax,
  journeyVersionsMax,
  rulesPerWorkspaceMax,
  ruleVersionsMax,
} from './definition.ts';
import { checkFits, whoNames } from './definitionfit.ts';
import { type Change, definitionKey, type Meta, type Plan, type Tenant } from './records.ts';

/** @throws AppError not_found, conflict, invalid. */
export function planDefinitions(
  tenant: Tenant,
  meta: Meta,
  change: DefinitionChange,
  clock: Clock,
): Plan {
  const kind = change.kind === 'putRule' || change.kind === 'deleteRule' ? 'rule' : 'journey';
  checkDefinitionName(kind, change.name);
  const held = tenant.definitions.get(slotOf(kind, change.name));
  const at = { tenant, meta, nowMs: clock.now() };
  switch (change.kind) {
    case 'putDraft': {
      const { outline, text } = change;
      const draft = { text, outline, updatedAt: at.nowMs };
      return keep(at, { ...(held ?? empty(at, kind, change.name)), draft }, held);
    }
    case 'putRule':
      return keep(at, ruleAfter(at, change, held), held);
    case 'publish':
      return keep(at, published(at, found(held, kind)), held);
    case 'withdraw':
      return keep(at, { ...found(held, kind), current: 0 }, held);
    case 'dropDraft':
      return planDropDraft(at, found(held, kind));
    case 'deleteJourney':
      refuseDelete(tenant, found(held, kind));
      return remove(at, found(held, kind));
    case 'deleteRule':
      return remove(at, found(held, kind));
  }
}

interface At {
  readonly tenant: Tenant;
  readonly meta: Meta;
  readonly nowMs: number;
}

/** Where a definition stands in `Tenant.definitions`. */
export function slotOf(kind: DefinitionKind, name: string): string {
  return `${kind}/${name}`;
}

function found(held: DefinitionRecord | undefined, kind: DefinitionKind): DefinitionRecord {
  if (held !== undefined && !isDeleted(held)) return held;
  throw new AppError('not_found', `there is no such ${kind}`);
}

function empty({ meta, nowMs, tenant }: At, kind: DefinitionKind, name: string): DefinitionRecord {
  const workspace = tenant.workspace.number;
  const { revision } = meta;
  return { workspace, kind, name, current: 0, versions: [], last: 0, revision, updatedAt: nowMs };
}

function withVersion(
  { nowMs }: At,
  record: DefinitionRecord,
  { outline, text }: Pick<DefinitionVersion, 'text' | 'outline'>,
): DefinitionRecord {
  const version = record.last + 1;
  const fresh: DefinitionVersion = { version, text, outline, publishedAt: nowMs };
  const versions = [fresh, ...record.versions];
  if (record.kind === 'rule') versions.splice(ruleVersionsMax);
  else if (versions.length > journeyVersionsMax) {
    throw new AppError(
      'conflict',
      `the journey '${record.name}' has ${journeyVersionsMax} versions, and instances may be on any; go on under another name`,
    );
  }
  return { ...record, versions, current: version, last: version };
}

function ruleAfter(
  at: At,
  { enabled, name, outline, text }: Extract<DefinitionChange, { kind: 'putRule' }>,
  held: DefinitionRecord | undefined,
): DefinitionRecord {
  if (enabled) checkFits({ kind: 'rule', name, outline }, surroundingsOf(at.tenant));
  const record = withVersion(at, held ?? empty(at, 'rule', name), { text, outline });
  return enabled ? record : { ...record, current: 0 };
}

/** The draft becomes the next version; without a draft the newest version is in force again. */
function published(at: At, held: DefinitionRecord): DefinitionRecord {
  const { draft, name, versions, ...rest } = held;
  const outline = draft?.outline ?? versions[0]!.outline;
  checkFits({ kind: 'journey', name, outline }, surroundingsOf(at.tenant));
  if (draft === undefined) return { ...held, current: versions[0]!.version };
  return withVersion(at, { ...rest, name, versions }, draft);
}

function surroundingsOf({ definitions, views, webhooks }: Tenant): Parameters<typeof checkFits>[1] {
  return { definitions: definitions.values(), views, webhooks };
}

/** A map that was never published goes with its draft. */
function planDropDraft(at: At, held: DefinitionRecord): Plan {
  const { draft, ...rest } = held;
  if (draft === undefined)
    throw new AppError('not_found', `the journey '${held.name}' has no draft`);
  const plan = rest.versions.length === 0 ? remove(at, held) : keep(at, rest, held);
  return { ...plan, reply: { kind: 'done' } };
}

/** Nobody else may need it, and nothing may start on it any more. */
function refuseDelete({ definitions }: Tenant, { current, name }: DefinitionRecord): void {
  if (current !== 0) {
    throw new AppError('conflict', `the journey '${name}' is in force; withdraw it first`);
  }
  const [other] = whoNames(name, definitions.values());
  if (other === undefined) return;
  throw new AppError('conflict', `the ${other.kind} '${other.name}' names it; change that first`);
}

function keep(at: At, record: DefinitionRecord, held: DefinitionRecord | undefined): Plan {
  const { meta, nowMs, tenant } = at;
  const changed = { ...record, revision: meta.revision, updatedAt: nowMs };
  const created = held === undefined || isDeleted(held);
  if (created) refuseMore(tenant, record.kind);
  refuseBytes(tenant, changed, held);
  return {
    changes: [[definitionKey(changed), changed]],
    meta,
    apply: () => put(tenant, changed),
    reply: { kind: 'definition', definition: changed, created },
  };
}

function put({ definitions }: Tenant, record: DefinitionRecord): void {
  definitions.set(slotOf(record.kind, record.name), record);
}

/** What was never published goes; of the rest the name stays, with the number of its last version. */
function remove(at: At, held: DefinitionRecord): Plan {
  const { meta, nowMs, tenant } = at;
  const { draft: _, ...rest } = held;
  const stays = { ...rest, current: 0, versions: [], revision: meta.revision, updatedAt: nowMs };
  const gone = held.last === 0 ? [held] : tooManyDeleted(tenant);
  const isKept = held.last > 0;
  return {
    changes: [
      ...gone.map((each): Change => [definitionKey(each), undefined]),
      ...(isKept ? [[definitionKey(stays), stays] as const] : []),
    ],
    meta,
    apply: () => {
      for (const { kind, name } of gone) tenant.definitions.delete(slotOf(kind, name));
      if (isKept) put(tenant, stays);
    },
    reply: { kind: 'done' },
  };
}

/** The one that was deleted first, when one more would be too many. */
function tooManyDeleted({ definitions }: Tenant): DefinitionRecord[] {
  const deleted = [...definitions.values()].filter(isDeleted);
  if (deleted.length < deletedNamesMax) return [];
  return [deleted.reduce((first, each) => (each.revision < first.revision ? each : first))];
}

function refuseMore({ definitions }: Tenant, kind: DefinitionKind): void {
  const most = kind === 'journey' ? journeysPerWorkspaceMax : rulesPerWorkspaceMax;
  const count = [...definitions.values()].filter((each) => {
    return each.kind === kind && !isDeleted(each);
  }).length;
  if (count < most) return;
  throw new AppError('conflict', `a workspace has at most ${most} ${kind}s; delete one first`);
}

function refuseBytes(
  { definitions }: Tenant,
  changed: DefinitionRecord,
  held: DefinitionRecord | undefined,
): void {
  let bytes = bytesOf(changed) - (held === undefined ? 0 : bytesOf(held));
  for (const each of definitions.values()) bytes += bytesOf(each);
  if (bytes <= definitionsBytesMax) return;
  const most = `${definitionsBytesMax} bytes of journeys and rules`;
  throw new AppError('conflict', `a workspace has at most ${most}, all versions together`);
}

/** Of what it says, in characters, which are bytes but for what is not ASCII. */
function bytesOf({ draft, versions }: DefinitionRecord): number {
  return versions.reduce((sum, { text }) => sum + text.length, draft?.text.length ?? 0);
}
