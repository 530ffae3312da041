/** Changes to a workspace's taxonomy: checked and worked out, not yet done; see `plan.ts`. */
import { changeBetween, nextVersion } from '../event/schemachange.ts';
import { checkCompiles } from '../event/validator.ts';
import { unreachable } from '../std/assert.ts';
import type { Clock } from '../std/clock.ts';
import { AppError } from '../std/errors.ts';
import { type Change, type Meta, type Plan, type Tenant, taxonomyKey, typeKey } from './records.ts';
import {
  checkType,
  type EventTypeRecord,
  parseTypeDefinition,
  schemaBytesPerWorkspaceMax,
  type TaxonomyChange,
  type TaxonomyRecord,
  type TypeDefinition,
  type TypeVersion,
  typesPerWorkspaceMax,
  unknownDefault,
  versionsKeptMax,
} from './taxonomy.ts';

/** @throws AppError not_found, conflict, invalid. */
export function planTaxonomy(
  tenant: Tenant,
  meta: Meta,
  change: TaxonomyChange,
  clock: Clock,
): Plan {
  const record: TaxonomyRecord = {
    workspace: tenant.workspace.number,
    unknown: tenant.taxonomy.record?.unknown ?? unknownDefault,
    revision: meta.revision,
    updatedAt: clock.now(),
  };
  switch (change.kind) {
    case 'putUnknown': {
      const changed = { ...record, unknown: change.unknown };
      return {
        changes: [[taxonomyKey(changed), changed]],
        meta,
        apply: () => {
          tenant.taxonomy.record = changed;
        },
        reply: { kind: 'done' },
      };
    }
    case 'delete':
      return planDelete(tenant, meta, record);
    case 'putType':
      return planPutType(tenant, meta, change, record);
    case 'deleteType':
      return planDeleteType(tenant, meta, change.type, record);
    default:
      return unreachable(change);
  }
}

/** The documents of a workspace's taxonomy, for whoever removes them all. */
export function taxonomyKeys({ taxonomy, workspace }: Tenant): string[] {
  const types = [...taxonomy.types.values()].map(typeKey);
  return taxonomy.record === undefined
    ? types
    : [taxonomyKey({ workspace: workspace.number }), ...types];
}

function planDelete(tenant: Tenant, meta: Meta, record: TaxonomyRecord): Plan {
  if (tenant.taxonomy.record === undefined) {
    throw new AppError('not_found', 'the workspace has no taxonomy');
  }
  const types = [...tenant.taxonomy.types.values()];
  return {
    changes: [taxonomyKey(record), ...types.map(typeKey)].map((key): Change => [key, undefined]),
    meta,
    apply: () => {
      tenant.taxonomy.record = undefined;
      tenant.taxonomy.types.clear();
    },
    reply: { kind: 'done' },
  };
}

function planPutType(
  tenant: Tenant,
  meta: Meta,
  { compatible, definition: sent, type }: Extract<TaxonomyChange, { kind: 'putType' }>,
  record: TaxonomyRecord,
): Plan {
  checkType(type);
  const definition = parseTypeDefinition(sent);
  if (definition.schema !== undefined) checkCompiles(definition.schema);
  const { types } = tenant.taxonomy;
  const held = types.get(type);
  if (held === undefined && types.size >= typesPerWorkspaceMax) {
    throw new AppError('conflict', `a workspace has at most ${typesPerWorkspaceMax} types`);
  }
  checkBytes(types.values(), type, definition);
  const { breaks, kind } = changeBetween(held?.schema, definition.schema);
  if (compatible && held !== undefined && breaks.length > 0) {
    const more = breaks.length > 1 ? ` (and ${breaks.length - 1} more)` : '';
    throw new AppError('conflict', `the change is not compatible: ${breaks[0]}${more}`);
  }
  const version: TypeVersion = {
    version: nextVersion(held?.versions[0]?.version, kind),
    change: held === undefined ? 'first' : kind,
    breaks: held === undefined ? [] : breaks,
    updatedAt: record.updatedAt,
  };
  const versions = held?.versions ?? [];
  const isSame = held !== undefined && kind === 'none';
  const made: EventTypeRecord = {
    workspace: record.workspace,
    type,
    ...definition,
    revision: meta.revision,
    versions: isSame ? versions : [version, ...versions].slice(0, versionsKeptMax),
  };
  return {
    changes: [
      [taxonomyKey(record), record],
      [typeKey(made), made],
    ],
    meta,
    apply: () => {
      tenant.taxonomy.record = record;
      types.set(type, made);
    },
    reply: { kind: 'type', type: made, created: held === undefined },
  };
}

function checkBytes(
  types: Iterable<EventTypeRecord>,
  type: string,
  { schema }: TypeDefinition,
): void {
  const bytesOf = (one: unknown): number => (one === undefined ? 0 : JSON.stringify(one).length);
  let bytes = bytesOf(schema);
  for (const other of types) if (other.type !== type) bytes += bytesOf(other.schema);
  if (bytes > schemaBytesPerWorkspaceMax) {
    const message = `the schemas of a workspace may have at most ${schemaBytesPerWorkspaceMax} bytes together`;
    throw new AppError('conflict', message);
  }
}

function planDeleteType(tenant: Tenant, meta: Meta, type: string, record: TaxonomyRecord): Plan {
  const held = tenant.taxonomy.types.get(type);
  if (held === undefined) throw new AppError('not_found', 'there is no such type');
  return {
    changes: [
      [taxonomyKey(record), record],
      [typeKey(held), undefined],
    ],
    meta,
    apply: () => {
      tenant.taxonomy.record = record;
      tenant.taxonomy.types.delete(type);
    },
    reply: { kind: 'done' },
  };
}
