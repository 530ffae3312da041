/** Readiness and metrics, open to whoever reaches the port: they say nothing of any customer. */
import type { Front } from './context.ts';
import { jsonReply, type Reply, withHeaders } from './reply.ts';
import type { Route, RouteRequest } from './route.ts';

export const healthRoutes: readonly Route[] = [
  { method: 'get', path: '/healthz', scope: 'none', query: [], handle: getHealth },
  { method: 'get', path: '/metrics', scope: 'none', query: [], handle: getMetrics },
];

function getHealth(_request: RouteRequest, front: Front): Reply {
  const health = front.health();
  if (health.status === 'ready') return jsonReply(200, health);
  return withHeaders(jsonReply(503, health), [['Retry-After', '1']]);
}

async function getMetrics(_request: RouteRequest, front: Front): Promise<Reply> {
  // Loaded when first asked for.
  const { expose } = await import('./exposition.ts');
  return expose(front);
}
