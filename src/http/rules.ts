/** Rules: what to do, for whom, at which moment of a journey. A version comes into force as it is put. */
import { parseRule } from '../journeys/check/check.ts';
import type { Rule } from '../journeys/definition.ts';
import type { Front } from './context.ts';
import {
  changeInForce,
  definitionBodyBytesMax,
  definitionsOf,
  findDefinition,
  nameOf,
  removeDefinition,
  shownDefinition,
  untilInForce,
  versionAsked,
} from './definitions.ts';
import { jsonReply, type Reply } from './reply.ts';
import type { Route, RouteRequest } from './route.ts';

const path = '/v1/rules/{name}';
const bodyBytesMax = definitionBodyBytesMax;

export const ruleRoutes: readonly Route[] = [
  { method: 'get', path: '/v1/rules', scope: 'read', query: [], handle: listRules },
  { method: 'get', path, scope: 'read', query: ['version'], handle: getRule },
  { method: 'put', path, scope: 'admin', query: [], bodyBytesMax, handle: putRule },
  { method: 'delete', path, scope: 'admin', query: [], handle: deleteRule },
];

function listRules({ credential }: RouteRequest, front: Front): Reply {
  const rules = definitionsOf(front, credential.workspace, 'rule').map((record) => {
    const { current, name, updatedAt, versions } = record;
    const { journey, title } = JSON.parse(versions[0]!.text) as Rule;
    return {
      name,
      ...(title !== undefined && { title }),
      ...(journey !== undefined && { journey }),
      ...{ current, updatedAt },
    };
  });
  return jsonReply(200, { rules });
}

function getRule(request: RouteRequest, front: Front): Reply {
  const record = findDefinition(request, front, 'rule');
  return jsonReply(200, shownDefinition('rule', record, versionAsked(request)));
}

async function putRule(request: RouteRequest, front: Front): Promise<Reply> {
  const name = nameOf(request, 'rule');
  const { outline, rule } = parseRule(request.json(), name);
  const enabled = rule.enabled !== false;
  const change = { kind: 'putRule' as const, name, text: JSON.stringify(rule), outline, enabled };
  const { created, definition } = await changeInForce(request, front, change);
  return jsonReply(created ? 201 : 200, shownDefinition('rule', definition));
}

async function deleteRule(request: RouteRequest, front: Front): Promise<Reply> {
  const name = nameOf(request, 'rule');
  const reply = await removeDefinition(request, front, { kind: 'deleteRule', name });
  const { workspace } = request.credential;
  await untilInForce(front, { workspace, kind: 'rule', name, current: 0 });
  return reply;
}
