/**
 * Which events a workspace takes: what happens to types that are not listed, and for those that are a
 * schema of their `data` and what happens when it is not kept to. As it is stored and crosses threads.
 *
 *     accept      stored as it is; nothing is checked
 *     flag        stored, and the reason is read back with the event
 *     quarantine  kept apart with the reason, to be replayed when the definitions are right
 *     reject      refused by index
 */
import { reservedTypePrefix, typeBytesMax } from '../event/envelope.ts';
import { checkSchema, type JsonSchema } from '../event/schema.ts';
import type { ChangeKind } from '../event/schemachange.ts';
import { AppError } from '../std/errors.ts';
import { membersOf, refuse } from './view.ts';

export const modes = ['accept', 'flag', 'quarantine', 'reject'] as const;
export type Mode = (typeof modes)[number];

export const typesPerWorkspaceMax = 1000;
/** JSON text of all schemas of a workspace together: each front compiles those that it meets. */
export const schemaBytesPerWorkspaceMax = 256 * 1024;
/** Versions of a type that are remembered, the newest first. */
export const versionsKeptMax = 20;
export const descriptionCharactersMax = 1024;
/** What holds for types that are not listed while nothing was said of them. */
export const unknownDefault: Mode = 'accept';
/** What happens to events that do not keep to a schema while nothing was said of that. */
export const modeDefault: Mode = 'quarantine';

/** `revision` is that of the workspaces' documents, as for views. */
export interface TaxonomyRecord {
  readonly workspace: number;
  readonly unknown: Mode;
  readonly revision: number;
  readonly updatedAt: number;
}

/** What of a type was sent with `PUT`. */
export interface TypeDefinition {
  readonly mode: Mode;
  readonly description?: string;
  readonly schema?: JsonSchema;
}

export interface TypeVersion {
  /** SchemaVer: model, revision, addition. */
  readonly version: string;
  readonly change: ChangeKind | 'first';
  readonly breaks: readonly string[];
  readonly updatedAt: number;
}

export interface EventTypeRecord extends TypeDefinition {
  readonly workspace: number;
  readonly type: string;
  readonly revision: number;
  /** The newest first; never empty. */
  readonly versions: readonly TypeVersion[];
}

/** Everything of one workspace, for a front. */
export interface WorkspaceTaxonomy {
  readonly record: TaxonomyRecord;
  readonly types: readonly EventTypeRecord[];
}

/** What may be changed. */
export type TaxonomyChange =
  | { readonly kind: 'putUnknown'; readonly unknown: Mode }
  | { readonly kind: 'delete' }
  | {
      readonly kind: 'putType';
      readonly type: string;
      readonly definition: TypeDefinition;
      /** Refuse a change that may refuse what was taken before. */
      readonly compatible: boolean;
    }
  | { readonly kind: 'deleteType'; readonly type: string };

/** @throws AppError invalid. */
export function checkType(type: string): void {
  const bytes = Buffer.byteLength(type);
  if (bytes < 1 || bytes > typeBytesMax) {
    throw new AppError('invalid', `type must be 1 to ${typeBytesMax} bytes`);
  }
  if (type.startsWith(reservedTypePrefix)) {
    throw new AppError('invalid', `types must not begin with ${reservedTypePrefix}`);
  }
}

/** The mode for unlisted types, as parsed from JSON. @throws AppError invalid. */
export function parseUnknown(value: unknown): Mode {
  const sent = knownMembersOf(value, ['unknown']);
  return modeOf(sent.get('unknown'), 'unknown') ?? refuse('unknown is required');
}

/** A type's definition, as parsed from JSON. @throws AppError invalid, with the place. */
export function parseTypeDefinition(value: unknown): TypeDefinition {
  const sent = knownMembersOf(value, ['mode', 'description', 'schema']);
  const description = sent.get('description');
  if (description !== undefined) {
    if (typeof description !== 'string' || description.length > descriptionCharactersMax) {
      refuse(`description must be a string of at most ${descriptionCharactersMax} characters`);
    }
  }
  const schema = sent.get('schema');
  return {
    mode: modeOf(sent.get('mode'), 'mode') ?? modeDefault,
    ...(description !== undefined && { description: description as string }),
    ...(schema !== undefined && { schema: checkSchema(schema) }),
  };
}

function modeOf(value: unknown, member: string): Mode | undefined {
  if (value === undefined) return undefined;
  return (
    modes.find((mode) => mode === value) ?? refuse(`${member} must be one of ${modes.join(', ')}`)
  );
}

function knownMembersOf(value: unknown, known: readonly string[]): Map<string, unknown> {
  const sent = membersOf(value, 'the body');
  for (const member of sent.keys()) {
    if (!known.includes(member)) {
      refuse(`'${member.slice(0, 64)}' is not known here, only ${known.join(', ')}`);
    }
  }
  return sent;
}
