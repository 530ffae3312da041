/** The taxonomy of a workspace: which types it takes, their schemas, and a dry run. */
import { assert } from '../std/assert.ts';
import { AppError } from '../std/errors.ts';
import {
  checkType,
  type EventTypeRecord,
  parseTypeDefinition,
  parseUnknown,
  type TaxonomyChange,
  unknownDefault,
} from '../workspaces/taxonomy.ts';
import type { WorkspaceReply } from '../workspaces/types.ts';
import type { Front } from './context.ts';
import { emptyReply, jsonReply, type Reply } from './reply.ts';
import type { Route, RouteRequest } from './route.ts';
import { checkBodyBytesMax, checkEvents } from './taxonomycheck.ts';

/** More than a schema may have, so that it is the schema that is refused. */
export const typeBodyBytesMax = 64 * 1024;

export const taxonomyRoutes: readonly Route[] = [
  {
    method: 'get',
    path: '/v1/taxonomy',
    scope: 'read',
    query: [],
    handle: (request, front) => jsonReply(200, shownTaxonomy(request, front)),
  },
  {
    method: 'put',
    path: '/v1/taxonomy',
    scope: 'admin',
    query: [],
    bodyBytesMax: typeBodyBytesMax,
    handle: putTaxonomy,
  },
  { method: 'delete', path: '/v1/taxonomy', scope: 'admin', query: [], handle: deleteTaxonomy },
  {
    method: 'post',
    path: '/v1/taxonomy/check',
    scope: 'write',
    secret: true,
    query: [],
    bodyBytesMax: checkBodyBytesMax,
    handle: (request, front) => jsonReply(200, checkEvents(request, front)),
  },
  {
    method: 'get',
    path: '/v1/taxonomy/types/{type}',
    scope: 'read',
    query: [],
    handle: (request, front) => jsonReply(200, shownType(findType(request, front))),
  },
  {
    method: 'put',
    path: '/v1/taxonomy/types/{type}',
    scope: 'admin',
    query: ['compatible'],
    bodyBytesMax: typeBodyBytesMax,
    handle: putType,
  },
  {
    method: 'delete',
    path: '/v1/taxonomy/types/{type}',
    scope: 'admin',
    query: [],
    handle: deleteType,
  },
];

function change(
  request: RouteRequest,
  front: Front,
  wanted: TaxonomyChange,
): Promise<WorkspaceReply> {
  const { workspace } = request.credential;
  return front.change({ kind: 'changeTaxonomy', workspace, change: wanted });
}

async function putTaxonomy(request: RouteRequest, front: Front): Promise<Reply> {
  await change(request, front, { kind: 'putUnknown', unknown: parseUnknown(request.json()) });
  return jsonReply(200, shownTaxonomy(request, front));
}

async function deleteTaxonomy(request: RouteRequest, front: Front): Promise<Reply> {
  await change(request, front, { kind: 'delete' });
  return emptyReply;
}

async function putType(request: RouteRequest, front: Front): Promise<Reply> {
  const type = typeOf(request);
  const compatible = request.query.flag('compatible');
  const definition = parseTypeDefinition(request.json());
  const reply = await change(request, front, { kind: 'putType', type, definition, compatible });
  assert(reply.kind === 'type', 'putType answers with a type');
  return jsonReply(reply.created ? 201 : 200, shownType(reply.type));
}

async function deleteType(request: RouteRequest, front: Front): Promise<Reply> {
  await change(request, front, { kind: 'deleteType', type: typeOf(request) });
  return emptyReply;
}

function typeOf(request: RouteRequest): string {
  const type = request.param('type');
  checkType(type);
  return type;
}

function findType(request: RouteRequest, front: Front): EventTypeRecord {
  const type = typeOf(request);
  const taxonomy = front.directory.taxonomy(request.credential.workspace);
  const found = taxonomy?.types.find((each) => each.type === type);
  if (found === undefined) throw new AppError('not_found', `there is no type '${type}'`);
  return found;
}

function shownTaxonomy(request: RouteRequest, front: Front): Record<string, unknown> {
  const taxonomy = front.directory.taxonomy(request.credential.workspace);
  const types = [...(taxonomy?.types ?? [])].sort((a, b) => (a.type < b.type ? -1 : 1));
  return {
    unknown: taxonomy?.record.unknown ?? unknownDefault,
    types: types.map(({ description, mode, schema, type, versions: [newest] }) => ({
      type,
      mode,
      ...(description !== undefined && { description }),
      hasSchema: schema !== undefined,
      version: newest!.version,
      updatedAt: newest!.updatedAt,
    })),
  };
}

function shownType(record: EventTypeRecord): Record<string, unknown> {
  const { description, mode, schema, type, versions } = record;
  const { breaks, change: kind, version } = versions[0]!;
  return {
    type,
    mode,
    ...(description !== undefined && { description }),
    ...(schema !== undefined && { schema }),
    version,
    change: kind,
    breaks,
    versions,
  };
}
