/** Erasing a customer, and how far erasures are. */
import type { Front } from './context.ts';
import { customerOf } from './names.ts';
import { jsonReply, type Reply } from './reply.ts';
import type { Route, RouteRequest } from './route.ts';

export const erasureRoutes: readonly Route[] = [
  {
    method: 'delete',
    path: '/v1/customers/{customer}',
    scope: 'admin',
    query: ['now'],
    handle: eraseCustomer,
  },
  { method: 'get', path: '/v1/erasures', scope: 'admin', query: [], handle: listErasures },
];

async function eraseCustomer(request: RouteRequest, front: Front): Promise<Reply> {
  const { workspace } = request.credential;
  const now = request.query.flag('now');
  const erasure = await front.erase({ workspace, customer: customerOf(request), now });
  return jsonReply(erasure.status === 'done' ? 200 : 202, erasure);
}

async function listErasures(request: RouteRequest, front: Front): Promise<Reply> {
  return jsonReply(200, { erasures: await front.erasures(request.credential.workspace) });
}
