/** `/admin/v1/api/workspace…`: one's own workspace, or all of them for whoever holds the scope `server`. */
import { assert } from '../../std/assert.ts';
import { AppError } from '../../std/errors.ts';
import type { Credential, Workspace } from '../../workspaces/types.ts';
import { membersOf, readText, refuse } from '../../workspaces/view.ts';
import type { Front } from '../context.ts';
import type { Reply } from '../reply.ts';
import type { Route, RouteRequest } from '../route.ts';
import { listed } from './list.ts';
import {
  cjdsRoute,
  cjdsRouteAnywhere,
  dataReply,
  inWorkspace,
  nameIn,
  type Place,
} from './place.ts';

const nameCharactersMax = 128;
const descriptionCharactersMax = 1024;
const base = '/admin/v1/api/workspace';

export const workspaceRoutes: readonly Route[] = [
  cjdsRoute({ method: 'get', path: base, scope: 'read', handle: list }),
  cjdsRoute({ method: 'post', path: base, scope: 'server', body: true, handle: create }),
  cjdsRouteAnywhere({
    method: 'get',
    path: `${base}/${inWorkspace}`,
    scope: 'read',
    handle: (request, front, place) => dataReply(200, place, shown(named(request, front))),
  }),
  cjdsRouteAnywhere({
    method: 'put',
    path: `${base}/${inWorkspace}`,
    scope: 'admin',
    body: true,
    handle: change,
  }),
  cjdsRouteAnywhere({
    method: 'delete',
    path: `${base}/${inWorkspace}`,
    scope: 'server',
    handle: remove,
  }),
];

function readable({ scopes, workspace }: Credential, front: Front): readonly Workspace[] {
  const all = front.directory.workspaces();
  return scopes.has('server') ? all : all.filter(({ number }) => number === workspace);
}

/** @throws AppError not_found, for one that the key may not know of too. */
function named(request: RouteRequest, front: Front): Workspace {
  const text = nameIn(request, 'workspaceId');
  const workspaces = readable(request.credential, front);
  const found =
    workspaces.find(({ id }) => id === text) ?? workspaces.find(({ name }) => name === text);
  if (found !== undefined) return found;
  throw new AppError('not_found', `Workspace Id ${text.slice(0, 128)} not found for this key`);
}

function list(request: RouteRequest, front: Front, place: Place): Reply {
  const all = readable(request.credential, front).map(shown);
  return dataReply(200, place, listed(request.query, all));
}

function wishOf(request: RouteRequest): { name: string; description: string } {
  const sent = membersOf(request.json(), 'a workspace');
  const description = sent.get('description') ?? '';
  if (typeof description !== 'string' || description.length > descriptionCharactersMax) {
    refuse(`description must be a text of at most ${descriptionCharactersMax} characters`);
  }
  return { name: readText(sent.get('name'), 'name', nameCharactersMax), description };
}

/** Answers with the organization, as CJDS does, and with the new workspace's key, which nobody sees again. */
async function create(request: RouteRequest, front: Front, place: Place): Promise<Reply> {
  const { description, name } = wishOf(request);
  const made = await front.change({ kind: 'createWorkspace', name });
  assert(made.kind === 'workspace', 'createWorkspace answers with a workspace');
  const { key, workspace } = made;
  const after =
    description === '' ? workspace : await describe(front, workspace, { name, description });
  const { organizationId } = place;
  const data = {
    organizationId,
    name: organizationId,
    isActive: true,
    workspaces: [shown(after)],
    key,
  };
  return dataReply(200, place, data);
}

async function change(request: RouteRequest, front: Front, place: Place): Promise<Reply> {
  const workspace = named(request, front);
  return dataReply(200, place, shown(await describe(front, workspace, wishOf(request))));
}

async function describe(
  front: Front,
  { number }: Workspace,
  wish: { readonly name: string; readonly description: string },
): Promise<Workspace> {
  const described = { kind: 'describe', ...wish } as const;
  const reply = await front.change({ kind: 'changeCjds', workspace: number, change: described });
  assert(reply.kind === 'workspaceChanged', 'describe answers with the workspace');
  return reply.workspace;
}

async function remove(request: RouteRequest, front: Front, place: Place): Promise<Reply> {
  const workspace = named(request, front);
  await front.change({ kind: 'deleteWorkspace', id: workspace.id });
  return dataReply(200, place, shown(workspace));
}

function shown({ description, id, name }: Workspace): Record<string, unknown> {
  return { id, name, description: description ?? '', wxccSubscriptionIds: [] };
}
