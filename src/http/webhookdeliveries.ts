/** What became of actions that go to a webhook: the list, the dead letters once more, and a test. */
import { type DeliveryState, deliveryStates } from '../journeys/deliver/record.ts';
import { AppError } from '../std/errors.ts';
import type { Front } from './context.ts';
import { bounded } from './names.ts';
import { jsonReply, type Reply } from './reply.ts';
import type { Route, RouteRequest } from './route.ts';
import { findWebhook } from './webhooks.ts';

export const deliveriesLimitDefault = 20;
export const deliveriesLimitMax = 100;
const actionIdBytesMax = 256;
const path = '/v1/webhooks/{name}';

export const webhookDeliveryRoutes: readonly Route[] = [
  {
    method: 'get',
    path: `${path}/deliveries`,
    scope: 'admin',
    query: ['state', 'limit', 'before'],
    handle: listDeliveries,
  },
  {
    method: 'post',
    path: `${path}/deliveries/replay`,
    scope: 'admin',
    query: [],
    handle: (request, front) => replay(request, front),
  },
  {
    method: 'post',
    path: `${path}/deliveries/{id}/replay`,
    scope: 'admin',
    query: [],
    handle: (request, front) => replay(request, front, request.param('id')),
  },
  { method: 'post', path: `${path}/test`, scope: 'admin', query: [], handle: test },
];

async function listDeliveries(request: RouteRequest, front: Front): Promise<Reply> {
  const { query } = request;
  const { name, workspace } = findWebhook(request, front);
  const bounds = { min: 1, max: deliveriesLimitMax };
  const limit = query.integer('limit', bounds) ?? deliveriesLimitDefault;
  const state = stateOf(query.one('state'));
  const before = query.one('before');
  const answer = await front.engine({
    kind: 'deliveries',
    workspace,
    webhook: name,
    limit,
    ...(state !== undefined && { state }),
    ...(before !== undefined && { before }),
  });
  return jsonReply(200, answer);
}

/** @throws AppError invalid. */
function stateOf(text: string | undefined): DeliveryState | undefined {
  const state = deliveryStates.find((each) => each === text);
  if (state !== undefined || text === undefined) return state;
  throw new AppError('invalid', `state must be one of ${deliveryStates.join(', ')}`);
}

async function replay(request: RouteRequest, front: Front, id?: string): Promise<Reply> {
  const { name, workspace } = findWebhook(request, front);
  if (id !== undefined) bounded(id, 'the id of a delivery', actionIdBytesMax);
  const one = id === undefined ? {} : { id };
  const answer = await front.engine({ kind: 'replay', workspace, webhook: name, ...one });
  return jsonReply(202, answer);
}

async function test(request: RouteRequest, front: Front): Promise<Reply> {
  const { name, workspace } = findWebhook(request, front);
  return jsonReply(200, await front.engine({ kind: 'testWebhook', workspace, webhook: name }));
}
