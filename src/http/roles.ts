/** Roles: which views somebody may read, and which fields are masked. */
import { assert } from '../std/assert.ts';
import { AppError } from '../std/errors.ts';
import { parseRole } from '../workspaces/role.ts';
import type { RoleRecord } from '../workspaces/types.ts';
import type { Front } from './context.ts';
import { roleNameOf } from './names.ts';
import { emptyReply, jsonReply, type Reply } from './reply.ts';
import type { Route, RouteRequest } from './route.ts';

const bodyBytesMax = 64 * 1024;
const path = '/v1/roles/{name}';

export const roleRoutes: readonly Route[] = [
  { method: 'get', path: '/v1/roles', scope: 'admin', query: [], handle: listRoles },
  { method: 'get', path, scope: 'admin', query: [], handle: getRole },
  { method: 'put', path, scope: 'admin', query: [], bodyBytesMax, handle: putRole },
  { method: 'delete', path, scope: 'admin', query: [], handle: deleteRole },
];

function listRoles(request: RouteRequest, front: Front): Reply {
  return jsonReply(200, { roles: front.directory.roles(request.credential.workspace).map(shown) });
}

function getRole(request: RouteRequest, front: Front): Reply {
  const name = roleNameOf(request);
  const role = front.directory.role(request.credential.workspace, name);
  if (role === undefined) throw new AppError('not_found', `there is no role '${name}'`);
  return jsonReply(200, shown(role));
}

async function putRole(request: RouteRequest, front: Front): Promise<Reply> {
  const name = roleNameOf(request);
  const template = parseRole(request.json());
  const { workspace } = request.credential;
  const reply = await front.change({ kind: 'putRole', workspace, name, template });
  assert(reply.kind === 'role', 'putRole answers with a role');
  return jsonReply(reply.created ? 201 : 200, shown(reply.role));
}

async function deleteRole(request: RouteRequest, front: Front): Promise<Reply> {
  const { workspace } = request.credential;
  await front.change({ kind: 'deleteRole', workspace, name: roleNameOf(request) });
  return emptyReply;
}

function shown({ name, template, updatedAt, version }: RoleRecord): Record<string, unknown> {
  return { name, ...template, version, updatedAt };
}
