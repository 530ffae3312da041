/** Workspaces (tenants), for whoever holds the scope `server`. */
import { assert } from '../std/assert.ts';
import type { Workspace } from '../workspaces/types.ts';
import { checkNewWorkspace } from './check.ts';
import type { Front } from './context.ts';
import { shownKey } from './keys.ts';
import { emptyReply, jsonReply, type Reply } from './reply.ts';
import type { Route, RouteRequest } from './route.ts';

export const workspaceRoutes: readonly Route[] = [
  {
    method: 'post',
    path: '/v1/workspaces',
    scope: 'server',
    query: [],
    bodyBytesMax: 64 * 1024,
    handle: createWorkspace,
  },
  { method: 'get', path: '/v1/workspaces', scope: 'server', query: [], handle: listWorkspaces },
  {
    method: 'delete',
    path: '/v1/workspaces/{id}',
    scope: 'server',
    query: [],
    handle: deleteWorkspace,
  },
];

async function createWorkspace(request: RouteRequest, front: Front): Promise<Reply> {
  const { name } = checkNewWorkspace(request.json());
  const reply = await front.change({ kind: 'createWorkspace', name });
  assert(reply.kind === 'workspace', 'createWorkspace answers with a workspace');
  const key = { ...shownKey(reply.record), key: reply.key };
  return jsonReply(201, { workspace: shownWorkspace(reply.workspace), key });
}

function listWorkspaces(_request: RouteRequest, front: Front): Reply {
  return jsonReply(200, { workspaces: front.directory.workspaces().map(shownWorkspace) });
}

async function deleteWorkspace(request: RouteRequest, front: Front): Promise<Reply> {
  await front.change({ kind: 'deleteWorkspace', id: request.param('id') });
  return emptyReply;
}

/** The number is ours alone: people use the id. */
function shownWorkspace({ id, name, createdAt }: Workspace): Record<string, unknown> {
  return { id, name, createdAt };
}
