/** Journey maps: their drafts and versions, what touchpoints want of them, and a check without storing. */
import { checkJourneyMap, checkRule, parseJourneyMap } from '../journeys/check/check.ts';
import { actionsOf, milestonesOf } from '../journeys/check/shown.ts';
import type { JourneyMap } from '../journeys/definition.ts';
import { AppError } from '../std/errors.ts';
import type { DefinitionKind, DefinitionRecord, Outline } from '../workspaces/definition.ts';
import { checkFits } from '../workspaces/definitionfit.ts';
import { checkDefinitionCheck } from './check.ts';
import type { Front } from './context.ts';
import {
  changeDefinition,
  changeInForce,
  definitionBodyBytesMax,
  definitionsOf,
  findDefinition,
  nameOf,
  removeDefinition,
  shownDefinition,
  versionAsked,
  wantedVersion,
} from './definitions.ts';
import { jsonReply, type Reply } from './reply.ts';
import type { Route, RouteRequest } from './route.ts';

const path = '/v1/journeys/{name}';
const bodyBytesMax = definitionBodyBytesMax;

export const journeyMapRoutes: readonly Route[] = [
  { method: 'get', path: '/v1/journeys', scope: 'read', query: [], handle: listJourneys },
  { method: 'get', path, scope: 'read', query: ['version'], handle: getJourney },
  { method: 'put', path, scope: 'admin', query: [], bodyBytesMax, handle: putJourney },
  { method: 'delete', path, scope: 'admin', query: ['draft'], handle: deleteJourney },
  { method: 'post', path: `${path}/publish`, scope: 'admin', query: [], handle: publish },
  { method: 'post', path: `${path}/withdraw`, scope: 'admin', query: [], handle: withdraw },
  {
    method: 'get',
    path: `${path}/milestones`,
    scope: 'read',
    query: ['version'],
    handle: getMilestones,
  },
  { method: 'get', path: `${path}/actions`, scope: 'read', query: ['version'], handle: getActions },
  {
    method: 'post',
    path: '/v1/journeys/check',
    scope: 'admin',
    query: [],
    bodyBytesMax,
    handle: checkDefinition,
  },
];

function listJourneys({ credential }: RouteRequest, front: Front): Reply {
  const journeys = definitionsOf(front, credential.workspace, 'journey').map((record) => {
    const { title } = JSON.parse(textOf(record)) as JourneyMap;
    const { current, draft, name, updatedAt } = record;
    const named = { name, ...(title !== undefined && { title }) };
    return { ...named, current, hasDraft: draft !== undefined, updatedAt };
  });
  return jsonReply(200, { journeys });
}

/** Of the version in force, else of the newest, else of the draft. */
function textOf(record: DefinitionRecord): string {
  return (wantedVersion(record) ?? record.draft!).text;
}

function getJourney(request: RouteRequest, front: Front): Reply {
  const record = findDefinition(request, front, 'journey');
  return jsonReply(200, shownDefinition('map', record, versionAsked(request)));
}

async function putJourney(request: RouteRequest, front: Front): Promise<Reply> {
  const name = nameOf(request, 'journey');
  const { map, outline } = parseJourneyMap(request.json(), name);
  const change = { kind: 'putDraft' as const, name, text: JSON.stringify(map), outline };
  const { created, definition } = await changeDefinition(request, front, change);
  return jsonReply(created ? 201 : 200, shownDefinition('map', definition));
}

async function deleteJourney(request: RouteRequest, front: Front): Promise<Reply> {
  const kind = request.query.flag('draft') ? 'dropDraft' : 'deleteJourney';
  return removeDefinition(request, front, { kind, name: nameOf(request, 'journey') });
}

async function publish(request: RouteRequest, front: Front): Promise<Reply> {
  return changeCurrent(request, front, 'publish');
}

async function withdraw(request: RouteRequest, front: Front): Promise<Reply> {
  return changeCurrent(request, front, 'withdraw');
}

async function changeCurrent(
  request: RouteRequest,
  front: Front,
  kind: 'publish' | 'withdraw',
): Promise<Reply> {
  const change = { kind, name: nameOf(request, 'journey') };
  const { definition } = await changeInForce(request, front, change);
  return jsonReply(200, shownDefinition('map', definition));
}

function getMilestones(request: RouteRequest, front: Front): Reply {
  const { map, name, version } = publishedMap(request, front);
  return jsonReply(200, { name, version, ...milestonesOf(map) });
}

function getActions(request: RouteRequest, front: Front): Reply {
  const { map, name, version } = publishedMap(request, front);
  const rules = definitionsOf(front, request.credential.workspace, 'rule')
    .filter(({ current }) => current !== 0)
    .map((record) => ({ name: record.name, text: wantedVersion(record)!.text }));
  return jsonReply(200, { name, version, actions: actionsOf(name, map, rules) });
}

function publishedMap(
  request: RouteRequest,
  front: Front,
): { readonly name: string; readonly version: number; readonly map: JourneyMap } {
  const record = findDefinition(request, front, 'journey');
  const found = wantedVersion(record, versionAsked(request));
  if (found === undefined) {
    throw new AppError('not_found', `the journey '${record.name}' has not been published`);
  }
  const { text, version } = found;
  return { name: record.name, version, map: JSON.parse(text) as JourneyMap };
}

/** Whether a map or rule could be stored, and whether it fits with what is there; nothing is stored. */
function checkDefinition(request: RouteRequest, front: Front): Reply {
  const { journey, name = '', rule } = checkDefinitionCheck(request.json());
  if ((journey === undefined) === (rule === undefined)) {
    throw new AppError('invalid', 'the body must have exactly one of journey and rule');
  }
  const kind = rule === undefined ? 'journey' : 'rule';
  const checked = rule === undefined ? checkJourneyMap(journey, name) : checkRule(rule, name);
  const { faults, outline } = checked;
  const misfit = outline && misfitOf({ kind, name, outline }, request, front);
  return jsonReply(200, {
    valid: faults.length === 0,
    faults,
    ...(misfit !== undefined && { misfit }),
  });
}

function misfitOf(
  fresh: { readonly kind: DefinitionKind; readonly name: string; readonly outline: Outline },
  { credential: { workspace } }: RouteRequest,
  { directory }: Front,
): string | undefined {
  try {
    checkFits(fresh, {
      definitions: directory.definitions(workspace),
      views: new Map(directory.views(workspace).map((view) => [view.name, view])),
      webhooks: new Map(directory.webhooks(workspace).map((each) => [each.name, each])),
    });
    return undefined;
  } catch (error) {
    if (error instanceof AppError) return error.message;
    throw error;
  }
}
