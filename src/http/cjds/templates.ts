/** `/admin/v1/api/profile-view-template/…`: templates, which are views here. Every view is one, too. */
import { assert } from '../../std/assert.ts';
import { AppError } from '../../std/errors.ts';
import type { CjdsAttribute } from '../../workspaces/cjds.ts';
import { parseCjdsTemplate } from '../../workspaces/cjdstemplate.ts';
import type { Credential, ViewRecord } from '../../workspaces/types.ts';
import type { ViewField } from '../../workspaces/view.ts';
import { mayReadView } from '../auth.ts';
import type { Front } from '../context.ts';
import { jsonReply, type Reply } from '../reply.ts';
import type { Route, RouteRequest } from '../route.ts';
import { listed } from './list.ts';
import { cjdsRoute, dataReply, inWorkspace, nameIn, type Place } from './place.ts';

const base = `/admin/v1/api/profile-view-template/${inWorkspace}`;

export const templateRoutes: readonly Route[] = [
  cjdsRoute({ method: 'get', path: base, scope: 'read', narrowed: true, handle: list }),
  cjdsRoute({ method: 'post', path: base, scope: 'admin', body: true, handle: put }),
  cjdsRoute({
    method: 'get',
    path: `${base}/template-id/{templateId}`,
    scope: 'read',
    narrowed: true,
    handle: (request, front, place) =>
      dataReply(200, place, shown(templateById(request, front), place)),
  }),
  cjdsRoute({
    method: 'put',
    path: `${base}/template-id/{templateId}`,
    scope: 'admin',
    body: true,
    handle: (request, front, place) => put(request, front, place, templateById(request, front)),
  }),
  cjdsRoute({
    method: 'delete',
    path: `${base}/template-id/{templateId}`,
    scope: 'admin',
    handle: remove,
  }),
  cjdsRoute({
    method: 'get',
    path: `${base}/template-name/{templateName}`,
    scope: 'read',
    narrowed: true,
    handle: (request, front, place) =>
      dataReply(200, place, shown(templateByName(request, front), place)),
  }),
];

function list(request: RouteRequest, front: Front, place: Place): Reply {
  const { credential, query } = request;
  const views = front.directory.views(credential.workspace);
  const readable = views.filter((view) => mayReadView(credential, view.name));
  return dataReply(
    200,
    place,
    listed(
      query,
      readable.map((view) => shown(view, place)),
    ),
  );
}

async function put(
  request: RouteRequest,
  front: Front,
  place: Place,
  held?: ViewRecord,
): Promise<Reply> {
  const parsed = parseCjdsTemplate(request.json());
  if (held !== undefined && held.cjds === undefined) {
    throw new AppError('conflict', 'this view was not written through CJDS: PUT /v1/views/{name}');
  }
  const { keyId, workspace } = request.credential;
  const id = held?.cjds?.id;
  const change = {
    kind: 'putTemplate',
    ...parsed,
    by: keyId,
    ...(id !== undefined && { id }),
  } as const;
  const reply = await front.change({ kind: 'changeCjds', workspace, change });
  assert(reply.kind === 'view', 'putTemplate answers with a view');
  return dataReply(reply.created ? 201 : 200, place, shown(reply.view, place));
}

/** Answers with the template alone, without an envelope around it. */
async function remove(request: RouteRequest, front: Front, place: Place): Promise<Reply> {
  const view = templateById(request, front);
  const { workspace } = request.credential;
  await front.change({ kind: 'deleteView', workspace, name: view.name });
  return jsonReply(200, shown(view, place));
}

/** By its id, or by its name, as some collections of requests do. @throws AppError forbidden, not_found. */
export function templateById(request: RouteRequest, front: Front): ViewRecord {
  return findTemplate(request.credential, front, nameIn(request, 'templateId'));
}

/** @throws AppError forbidden, not_found. */
export function templateByName(request: RouteRequest, front: Front): ViewRecord {
  return findTemplate(request.credential, front, nameIn(request, 'templateName'));
}

/** Permission first, so that a narrowed key cannot find out what else there is. @throws AppError. */
export function findTemplate(credential: Credential, front: Front, text: string): ViewRecord {
  const { directory } = front;
  const { workspace } = credential;
  const view =
    directory.view(workspace, text) ??
    directory.views(workspace).find(({ cjds }) => cjds?.id === text);
  if (!mayReadView(credential, view?.name ?? text)) {
    throw new AppError('forbidden', 'this key may not read this template');
  }
  if (view === undefined)
    throw new AppError('not_found', `Template ${text.slice(0, 128)} not found`);
  return view;
}

/** As clients know it; one that was not written through CJDS goes by its name. */
export function templateIdOf({ cjds, name }: ViewRecord): string {
  return cjds?.id ?? name;
}

function shown(view: ViewRecord, { organizationId, workspace }: Place): Record<string, unknown> {
  const { cjds, name, updatedAt } = view;
  return {
    createdAt: new Date(cjds?.createdAt ?? updatedAt).toISOString(),
    createdBy: cjds?.createdBy ?? null,
    updatedAt: new Date(updatedAt).toISOString(),
    updatedBy: cjds?.updatedBy ?? null,
    id: templateIdOf(view),
    name,
    workspaceId: workspace.id,
    organizationId,
    attributes: attributesOf(view),
  };
}

/** One for each field of the view, in their order. */
export function attributesOf({ cjds, template }: ViewRecord): readonly CjdsAttribute[] {
  return cjds?.attributes ?? template.fields.map(attributeOf);
}

const unitNames: Readonly<Record<string, string>> = {
  s: 'seconds',
  m: 'minutes',
  h: 'hours',
  d: 'days',
  w: 'weeks',
};
const modes = {
  value: 'Value',
  first: 'Value',
  last: 'Value',
  count: 'Count',
  distinct: 'Distinct',
  sum: 'Sum',
  min: 'Min',
  max: 'Max',
  average: 'Average',
} as const;

/** A field of a view that was not written through CJDS, as far as an attribute can say it. */
function attributeOf(field: ViewField): CjdsAttribute {
  const { attribute = '*', event, limit = 0, lookback = '3650d', name, type } = field;
  const isNumeric = ['sum', 'min', 'max', 'average'].includes(type);
  return {
    displayName: name,
    version: '1.0',
    event: event === '*' ? 'cjds:any' : event,
    metaDataType: isNumeric ? 'double' : 'string',
    metaData: attribute,
    limit,
    lookBackDurationType: unitNames[lookback.slice(-1)]!,
    lookBackPeriod: Number(lookback.slice(0, -1)),
    aggregationMode: modes[type],
    verbose: true,
    rules: null,
    widgetAttributes: { type: 'table' },
  };
}
