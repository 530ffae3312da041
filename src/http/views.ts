/** Profile views: their templates, and what they say of a customer. */
import { assert } from '../std/assert.ts';
import { AppError } from '../std/errors.ts';
import { answersText, answerText, type ViewFound } from '../views/answer.ts';
import type { KeptView } from '../views/kept.ts';
import type { EvidenceKind } from '../views/once.ts';
import type { Freshness } from '../views/reader.ts';
import type { Credential, ViewRecord } from '../workspaces/types.ts';
import { parseViewTemplate } from '../workspaces/view.ts';
import { mayReadView } from './auth.ts';
import type { Front } from './context.ts';
import { customerOf, viewNameOf } from './names.ts';
import { emptyReply, jsonReply, type Reply, textReply } from './reply.ts';
import type { Route, RouteRequest } from './route.ts';

export const viewBodyBytesMax = 256 * 1024;
export const viewsAtOnceMax = 20;

export const viewRoutes: readonly Route[] = [
  {
    method: 'get',
    path: '/v1/customers/{customer}/views/{name}',
    scope: 'read',
    narrowed: true,
    query: ['fresh', 'asOf', 'evidence'],
    handle: readView,
  },
  {
    method: 'get',
    path: '/v1/customers/{customer}/views',
    scope: 'read',
    narrowed: true,
    query: ['names', 'fresh', 'asOf', 'evidence'],
    handle: readViews,
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
    handle: (request, front) => jsonReply(200, shown(namedView(request, front))),
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

function readView(request: RouteRequest, front: Front): Reply | Promise<Reply> {
  const customer = customerOf(request);
  const view = namedView(request, front);
  const reply = (found: readonly ViewFound[]): Reply =>
    textReply(200, answerText(customer, view.name, found[0]!));
  return read(request, front, { customer, records: [view] }, reply);
}

/** Several views from one scan. */
function readViews(request: RouteRequest, front: Front): Reply | Promise<Reply> {
  const customer = customerOf(request);
  const names = namesOf(request);
  const views = names.map((name) => findView(request.credential, front, name));
  const reply = (found: readonly ViewFound[]): Reply =>
    textReply(200, answersText(customer, names, found));
  return read(request, front, { customer, records: views }, reply);
}

/** Answers at once where that is possible: a promise costs more than a kept answer. */
function read(
  request: RouteRequest,
  front: Front,
  { customer, records }: { customer: string; records: readonly ViewRecord[] },
  reply: (found: readonly ViewFound[]) => Reply,
): Reply | Promise<Reply> {
  const { credential, query } = request;
  const evidence = evidenceOf(request);
  const asOf = query.time('asOf');
  const fresh = query.flag('fresh');
  const freshness: Freshness = asOf ?? (fresh ? 'fresh' : 'snapshot');
  const views = records.map((record) => seenBy(credential, record, evidence));
  const { workspace } = credential;
  const found = front.readViews({ workspace, customer, views, freshness });
  return found instanceof Promise ? found.then(reply) : reply(found);
}

/** Views as most see them: without a role, and without evidence. */
const plainViews = new WeakMap<ViewRecord, KeptView>();

/** A view as a credential may see it. */
export function seenBy(
  { role }: Credential,
  record: ViewRecord,
  evidence: EvidenceKind | undefined,
): KeptView {
  const isPlain = role === undefined && evidence === undefined;
  const plain = isPlain ? plainViews.get(record) : undefined;
  if (plain !== undefined) return plain;
  const { name, template, version } = record;
  const variant = role === undefined ? '' : `${role.name}\n${role.version}`;
  const view = { name, template, version, evidence, masks: role, variant };
  if (isPlain) plainViews.set(record, view);
  return view;
}

/** Events are more than a view shows, so whoever may read views alone gets cursors alone. */
export function evidenceOf({
  credential,
  query,
}: Pick<RouteRequest, 'credential' | 'query'>): EvidenceKind | undefined {
  const text = query.one('evidence');
  if (text !== 'events') return query.flag('evidence') ? 'cursors' : undefined;
  if (credential.views !== undefined || credential.role !== undefined) {
    throw new AppError('forbidden', 'this key may read its views and nothing else: ask evidence=1');
  }
  return 'events';
}

function namesOf({ query }: RouteRequest): readonly string[] {
  const names = query.all('names').flatMap((each) => each.split(','));
  if (names.length === 0) throw new AppError('invalid', 'names must say which views, as a,b,c');
  if (names.length > viewsAtOnceMax) {
    throw new AppError('invalid', `names may name at most ${viewsAtOnceMax} views`);
  }
  if (new Set(names).size < names.length) {
    throw new AppError('invalid', 'names must name each view once only');
  }
  return names;
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

function namedView(request: RouteRequest, front: Front): ViewRecord {
  return findView(request.credential, front, viewNameOf(request));
}

/** Permission first, so that a narrowed key cannot find out which other views exist. @throws AppError. */
export function findView(credential: Credential, front: Front, name: string): ViewRecord {
  if (!mayReadView(credential, name)) {
    throw new AppError('forbidden', 'this key may not read this view');
  }
  const view = front.directory.view(credential.workspace, name);
  if (view === undefined) throw new AppError('not_found', `there is no view '${name}'`);
  return view;
}

function shown(view: ViewRecord): Record<string, unknown> {
  const { name, template, version, updatedAt } = view;
  return { name, ...template, version, updatedAt };
}
