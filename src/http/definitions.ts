/** What the routes of journey maps and of rules have in common. */
import { assert } from '../std/assert.ts';
import { AppError } from '../std/errors.ts';
import {
  checkDefinitionName,
  type DefinitionChange,
  type DefinitionKind,
  type DefinitionRecord,
  type DefinitionVersion,
  derivedPrefix,
  versionOf,
} from '../workspaces/definition.ts';
import type { WorkspaceReply } from '../workspaces/types.ts';
import type { Front } from './context.ts';
import { emptyReply, type Reply } from './reply.ts';
import type { RouteRequest } from './route.ts';

/** More than a definition may have, white space aside, so that it is the definition that is refused. */
export const definitionBodyBytesMax = 256 * 1024;

/** @throws AppError invalid. */
export function nameOf(request: RouteRequest, kind: DefinitionKind): string {
  const name = request.param('name');
  checkDefinitionName(kind, name);
  return name;
}

/** @throws AppError invalid, not_found. */
export function findDefinition(
  request: RouteRequest,
  front: Front,
  kind: DefinitionKind,
): DefinitionRecord {
  const name = nameOf(request, kind);
  const found = front.directory.definition(request.credential.workspace, kind, name);
  if (found === undefined) throw new AppError('not_found', `there is no ${kind} '${name}'`);
  return found;
}

/** By name; what follows from actions of CJDS is theirs to show. */
export function definitionsOf(
  { directory }: Front,
  workspace: number,
  kind: DefinitionKind,
): DefinitionRecord[] {
  const all = directory.definitions(workspace);
  return all.filter((each) => each.kind === kind && !each.name.startsWith(derivedPrefix));
}

/** @throws AppError as `Front.change` does. */
export async function changeDefinition(
  { credential }: RouteRequest,
  front: Front,
  change: DefinitionChange,
): Promise<Extract<WorkspaceReply, { kind: 'definition' }>> {
  const { workspace } = credential;
  const reply = await front.change({ kind: 'changeDefinitions', workspace, change });
  assert(reply.kind === 'definition', `${change.kind} answers with a definition`);
  return reply;
}

/** @throws AppError as `Front.change` does. */
export async function removeDefinition(
  { credential }: RouteRequest,
  front: Front,
  change: DefinitionChange,
): Promise<Reply> {
  const { workspace } = credential;
  await front.change({ kind: 'changeDefinitions', workspace, change });
  return emptyReply;
}

/** @throws AppError not_found when a version is asked for that is not kept. */
export function wantedVersion(
  record: DefinitionRecord,
  version?: number,
): DefinitionVersion | undefined {
  const found = versionOf(record, version);
  if (found !== undefined || version === undefined) return found;
  throw new AppError('not_found', `there is no version ${version} of '${record.name}'`);
}

/** The engine has what is in force now. @throws AppError unavailable; the change is made all the same. */
export async function untilInForce(
  front: Front,
  {
    current: version,
    kind: definition,
    name,
    workspace,
  }: Pick<DefinitionRecord, 'current' | 'kind' | 'name' | 'workspace'>,
): Promise<void> {
  await front.engine({ kind: 'inForce', workspace, definition, name, version });
}

/** A change that the engine has, too. @throws AppError as `Front.change` does. */
export async function changeInForce(
  request: RouteRequest,
  front: Front,
  change: DefinitionChange,
): Promise<Extract<WorkspaceReply, { kind: 'definition' }>> {
  const reply = await changeDefinition(request, front, change);
  await untilInForce(front, reply.definition);
  return reply;
}

/** Undefined: the one in force, else the newest. @throws AppError invalid. */
export function versionAsked({ query }: RouteRequest): number | undefined {
  return query.integer('version', { min: 1, max: Number.MAX_SAFE_INTEGER });
}

/** @param member under which the definition stands. @throws AppError not_found. */
export function shownDefinition(
  member: 'map' | 'rule',
  record: DefinitionRecord,
  version?: number,
): Record<string, unknown> {
  const { current, draft, name, updatedAt, versions } = record;
  const wanted = wantedVersion(record, version);
  return {
    ...{ name, current },
    ...(wanted !== undefined && { version: wanted.version, [member]: parsed(wanted) }),
    ...(draft !== undefined && { draft: parsed(draft) }),
    versions: versions.map((kept) => ({ version: kept.version, publishedAt: kept.publishedAt })),
    updatedAt,
  };
}

function parsed({ text }: { readonly text: string }): unknown {
  return JSON.parse(text);
}
