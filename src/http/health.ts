/** Readiness and metrics, open to whoever reaches the port: they say nothing of any customer. */
import { sumMetrics } from '../std/metrics.ts';
import type { Front } from './context.ts';
import { jsonReply, type Reply, withHeaders } from './reply.ts';
import type { Route, RouteRequest } from './route.ts';

export const healthRoutes: readonly Route[] = [
  { method: 'get', path: '/healthz', scope: 'none', query: [], handle: getHealth },
  { method: 'get', path: '/metrics', scope: 'none', query: [], handle: getMetrics },
];

const damageMetrics = {
  segments: 'segments_damaged_total',
  parts: 'parts_damaged_total',
  blocks: 'blocks_damaged_total',
} as const;

function getHealth(_request: RouteRequest, front: Front): Reply {
  const health = front.health();
  if (health.status === 'ready') return jsonReply(200, { ...health, ...damageOf(front) });
  return withHeaders(jsonReply(503, health), [['Retry-After', '1']]);
}

/** What cannot be read; empty when nothing is damaged. What is left is served: the status does not depend on it. */
function damageOf({ metricsMemory }: Front): { damaged?: Record<string, number> } {
  const sums = sumMetrics(metricsMemory);
  const found = Object.entries(damageMetrics).map(
    ([what, name]) => [what, sums.get(name)!] as const,
  );
  const damaged = Object.fromEntries(found.filter(([, count]) => count > 0));
  return Object.keys(damaged).length === 0 ? {} : { damaged };
}

async function getMetrics(_request: RouteRequest, front: Front): Promise<Reply> {
  // Loaded when first asked for.
  const { expose } = await import('./exposition.ts');
  return expose(front);
}
