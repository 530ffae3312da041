/** `/admin/v1/api/journey-actions/…`: what to do when a template's view of a person says so. Kept and checked here. */
import { assert } from '../../std/assert.ts';
import { AppError } from '../../std/errors.ts';
import type { JourneyAction } from '../../workspaces/cjds.ts';
import { parseAction } from '../../workspaces/cjdsaction.ts';
import type { ViewRecord } from '../../workspaces/types.ts';
import type { Front } from '../context.ts';
import { jsonReply, type Reply } from '../reply.ts';
import type { Method, Route, RouteRequest } from '../route.ts';
import { listed } from './list.ts';
import { type CjdsSpec, cjdsRoute, dataReply, inWorkspace, nameIn, type Place } from './place.ts';
import { templateById, templateIdOf } from './templates.ts';

const base = `/admin/v1/api/journey-actions/${inWorkspace}`;
const ofTemplate = `${base}/template-id/{templateId}`;
const byId = `${ofTemplate}/action-id/{actionId}`;

/** Administrators alone: triggers hold what a webhook is authorized with. */
function actionRoute(method: Method, path: string, handle: CjdsSpec['handle']): Route {
  const body = method === 'post' || method === 'put';
  return cjdsRoute({ method, path, scope: 'admin', body, handle });
}

export const actionRoutes: readonly Route[] = [
  actionRoute('get', base, (request, front, place) => {
    const views = front.directory.views(request.credential.workspace);
    return list(request, place, views);
  }),
  actionRoute('get', ofTemplate, (request, front, place) =>
    list(request, place, [templateById(request, front)]),
  ),
  actionRoute('post', ofTemplate, (request, front, place) => put(request, front, place)),
  // The one of the name in the body, as a published collection of requests has it.
  actionRoute('put', ofTemplate, (request, front, place) => {
    const view = templateById(request, front);
    const { name } = parseAction(request.json());
    return put(
      request,
      front,
      place,
      actionOf(view, (each) => each.name === name),
    );
  }),
  actionRoute('get', `${ofTemplate}/action-name/{actionName}`, (request, front, place) => {
    const view = templateById(request, front);
    const name = nameIn(request, 'actionName');
    const action = actionOf(view, (each) => each.name === name);
    return dataReply(200, place, shown(action, view, place));
  }),
  actionRoute('get', byId, (request, front, place) => {
    const view = templateById(request, front);
    return dataReply(200, place, shown(namedAction(request, view), view, place));
  }),
  actionRoute('put', byId, (request, front, place) =>
    put(request, front, place, namedAction(request, templateById(request, front))),
  ),
  actionRoute('delete', byId, remove),
];

function list(request: RouteRequest, place: Place, views: readonly ViewRecord[]): Reply {
  const actions = views.flatMap((view) =>
    (view.cjds?.actions ?? []).map((action) => shown(action, view, place)),
  );
  return dataReply(200, place, listed(request.query, actions));
}

function namedAction(request: RouteRequest, view: ViewRecord): JourneyAction {
  const id = nameIn(request, 'actionId');
  return actionOf(view, (each) => each.id === id);
}

function actionOf(view: ViewRecord, is: (action: JourneyAction) => boolean): JourneyAction {
  const action = view.cjds?.actions.find(is);
  if (action === undefined) throw new AppError('not_found', 'there is no such action');
  return action;
}

/** Answers 201 for a change too, as CJDS does. */
async function put(
  request: RouteRequest,
  front: Front,
  place: Place,
  held?: JourneyAction,
): Promise<Reply> {
  const action = parseAction(request.json());
  const templateId = templateIdOf(templateById(request, front));
  const { keyId, workspace } = request.credential;
  const id = held === undefined ? {} : { id: held.id };
  const change = { kind: 'putAction', templateId, action, by: keyId, ...id } as const;
  const reply = await front.change({ kind: 'changeCjds', workspace, change });
  assert(reply.kind === 'view', 'putAction answers with the view');
  const stored = actionOf(reply.view, ({ name }) => name === action.name);
  return dataReply(201, place, shown(stored, reply.view, place));
}

/** Answers with the action alone, without an envelope around it. */
async function remove(request: RouteRequest, front: Front, place: Place): Promise<Reply> {
  const view = templateById(request, front);
  const action = namedAction(request, view);
  const { workspace } = request.credential;
  const change = { kind: 'deleteAction', templateId: templateIdOf(view), id: action.id } as const;
  await front.change({ kind: 'changeCjds', workspace, change });
  return jsonReply(200, shown(action, view, place));
}

function shown(
  { createdAt, updatedAt, ...action }: JourneyAction,
  view: ViewRecord,
  { organizationId, workspace }: Place,
): Record<string, unknown> {
  return {
    ...action,
    createdAt: new Date(createdAt).toISOString(),
    updatedAt: new Date(updatedAt).toISOString(),
    organizationId,
    workspaceId: workspace.id,
    templateId: templateIdOf(view),
  };
}
