/** Workspaces (tenants), for whoever holds the scope `server`. */
import { assert } from '../std/assert.ts';
import type { Workspace } from '../workspaces/types.ts';
import { checkNewQuota, checkNewRetention, checkNewWorkspace } from './check.ts';
import type { Front } from './context.ts';
import { shownKey } from './keys.ts';
import { emptyReply, jsonReply, type Reply } from './reply.ts';
import type { Route, RouteRequest } from './route.ts';

const bodyBytesMax = 64 * 1024;

export const workspaceRoutes: readonly Route[] = [
  {
    method: 'post',
    path: '/v1/workspaces',
    scope: 'server',
    query: [],
    bodyBytesMax,
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
  {
    method: 'put',
    path: '/v1/workspaces/{id}/quota',
    scope: 'server',
    query: [],
    bodyBytesMax,
    handle: putQuota,
  },
  {
    method: 'put',
    path: '/v1/workspaces/{id}/retention',
    scope: 'server',
    query: [],
    bodyBytesMax,
    handle: putRetention,
  },
];

async function createWorkspace(request: RouteRequest, front: Front): Promise<Reply> {
  const wanted = checkNewWorkspace(request.json());
  const reply = await front.change({ kind: 'createWorkspace', ...wanted });
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

async function putQuota(request: RouteRequest, front: Front): Promise<Reply> {
  const quota = checkNewQuota(request.json());
  const id = request.param('id');
  const reply = await front.change({ kind: 'putWorkspaceQuota', id, quota });
  assert(reply.kind === 'workspaceChanged', 'putWorkspaceQuota answers with the workspace');
  return jsonReply(200, shownWorkspace(reply.workspace));
}

async function putRetention(request: RouteRequest, front: Front): Promise<Reply> {
  const retention = checkNewRetention(request.json());
  const id = request.param('id');
  const reply = await front.change({ kind: 'putRetention', id, retention });
  assert(reply.kind === 'workspaceChanged', 'putRetention answers with the workspace');
  return jsonReply(200, shownWorkspace(reply.workspace));
}

/** The number is ours alone: people use the id. */
function shownWorkspace(workspace: Workspace): Record<string, unknown> {
  const { createdAt, id, name, quota, retention } = workspace;
  const limits = { ...(quota !== undefined && { quota }), ...(retention && { retention }) };
  return { id, name, createdAt, ...limits };
}
