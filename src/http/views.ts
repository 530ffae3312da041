/** Profile views: their templates, and what they say of a customer. */
import { assert } from '../std/assert.ts';
import { AppError } from '../std/errors.ts';
import type { ViewRecord } from '../workspaces/types.ts';
import { parseViewTemplate } from '../workspaces/view.ts';
import { mayReadView } from './auth.ts';
import type { Front } from './context.ts';
import { customerOf, viewNameOf } from './names.ts';
import { emptyReply, jsonReply, type Reply, textReply } from './reply.ts';
import type { Route, RouteRequest } from './route.ts';

export const viewBodyBytesMax = 256 * 1024;

export const viewRoutes: readonly Route[] = [
  {
    method: 'get',
    path: '/v1/customers/{customer}/views/{name}',
    scope: 'read',
    narrowed: true,
    query: ['fresh', 'asOf'],
    handle: readView,
  },
  {
    method: 'get',
    path: '/v1/views',
    scope: 'read',
    narrowed: true,
    query: [],
    handle: listViews,
  },
  {
    method: 'get',
    path: '/v1/views/{name}',
    scope: 'read',
    narrowed: true,
    query: [],
    handle: (request, front) => jsonReply(200, shown(findView(request, front))),
  },
  {
    method: 'put',
    path: '/v1/views/{name}',
    scope: 'admin',
    query: [],
    bodyBytesMax: viewBodyBytesMax,
    handle: putView,
  },
  {
    method: 'delete',
    path: '/v1/views/{name}',
    scope: 'admin',
    query: [],
    handle: deleteView,
  },
];

async function readView(request: RouteRequest, front: Front): Promise<Reply> {
  const customer = customerOf(request);
  const view = findView(request, front);
  const asOf = request.query.time('asOf');
  const fresh = request.query.flag('fresh');
  const { workspace } = request.credential;
  return textReply(200, await front.readView({ workspace, customer, view, asOf, fresh }));
}

function listViews(request: RouteRequest, front: Front): Reply {
  const { credential } = request;
  const views = front.directory.views(credential.workspace);
  const readable = views.filter((view) => mayReadView(credential, view.name));
  return jsonReply(200, { views: readable.map(shown) });
}

async function putView(request: RouteRequest, front: Front): Promise<Reply> {
  const name = viewNameOf(request);
  const template = parseViewTemplate(request.json());
  const { workspace } = request.credential;
  const reply = await front.change({ kind: 'putView', workspace, name, template });
  assert(reply.kind === 'view', 'putView answers with a view');
  return jsonReply(reply.created ? 201 : 200, shown(reply.view));
}

async function deleteView(request: RouteRequest, front: Front): Promise<Reply> {
  const name = viewNameOf(request);
  await front.change({ kind: 'deleteView', workspace: request.credential.workspace, name });
  return emptyReply;
}

/** Permission first, so that a narrowed key cannot find out which other views exist. */
function findView(request: RouteRequest, front: Front): ViewRecord {
  const name = viewNameOf(request);
  if (!mayReadView(request.credential, name)) {
    throw new AppError('forbidden', 'this key may not read this view');
  }
  const view = front.directory.view(request.credential.workspace, name);
  if (view === undefined) throw new AppError('not_found', `there is no view '${name}'`);
  return view;
}

function shown(view: ViewRecord): Record<string, unknown> {
  const { name, template, version, updatedAt } = view;
  return { name, ...template, version, updatedAt };
}
