/**
 * The HTTP application of one front thread: every route, and an answer for everything else (uWS
 * cuts the connection of a request that no handler matches).
 */
import { App, type TemplatedApp } from 'uWebSockets.js';
import { AppError } from '../std/errors.ts';
import { agentLivePath } from './agentfeeds.ts';
import { agentRoutes } from './agents.ts';
import { aidRoutes } from './aids.ts';
import { streamPaths } from './cjds/streams.ts';
import type { Front } from './context.ts';
import { type Cors, corsHeaders, optionsReply } from './cors.ts';
import { decideRoutes } from './decide.ts';
import { docsRoutes } from './docs.ts';
import { erasureRoutes } from './erasures.ts';
import { Exchange } from './exchange.ts';
import { healthRoutes } from './health.ts';
import { identityRoutes } from './identities.ts';
import { instanceRoutes } from './instances.ts';
import { journeyMapRoutes } from './journeymaps.ts';
import { keyRoutes } from './keys.ts';
import { liveViewPath } from './liveviews.ts';
import { quarantineRoutes } from './quarantine.ts';
import { errorReply, withHeaders, writeReply } from './reply.ts';
import { roleRoutes } from './roles.ts';
import { type Route, route, uwsPattern } from './route.ts';
import { ruleRoutes } from './rules.ts';
import { segmentSettingsRoutes } from './segmentsettings.ts';
import { sourceRoutes } from './sources.ts';
import { tagRoutes } from './tag.ts';
import { visitorRoutes } from './tagvisitors.ts';
import { tapeRoutes } from './tape.ts';
import { taxonomyRoutes } from './taxonomy.ts';
import { Traffic } from './traffic.ts';
import { viewRoutes } from './views.ts';
import { webhookDeliveryRoutes } from './webhookdeliveries.ts';
import { webhookRoutes } from './webhooks.ts';
import { workspaceRoutes } from './workspaces.ts';

/** The routes of this room that are plain request and reply. */
export const plainRoutes: readonly Route[] = [
  ...tapeRoutes,
  ...viewRoutes,
  ...keyRoutes,
  ...roleRoutes,
  ...agentRoutes,
  ...workspaceRoutes,
  ...identityRoutes,
  ...erasureRoutes,
  ...segmentSettingsRoutes,
  ...taxonomyRoutes,
  ...quarantineRoutes,
  ...sourceRoutes,
  ...webhookRoutes,
  ...webhookDeliveryRoutes,
  ...journeyMapRoutes,
  ...instanceRoutes,
  ...ruleRoutes,
  ...decideRoutes,
  ...aidRoutes,
  ...visitorRoutes,
  ...tagRoutes,
  ...healthRoutes,
  ...docsRoutes,
];

/** Paths whose GET is served by code of its own: WebSockets, and a reply without an end. */
const doors: readonly Omit<KnownPath, 'methods'>[] = [
  { path: '/v1/ingest', isSocket: true, cors: 'listed' },
  { path: '/v1/live', isSocket: true, cors: 'listed' },
  { path: '/v1/live/sse', cors: 'listed' },
  { path: liveViewPath, isSocket: true, cors: 'listed' },
  { path: `${liveViewPath}/sse`, cors: 'listed' },
  { path: agentLivePath, isSocket: true, cors: 'listed' },
  { path: `${agentLivePath}/sse`, cors: 'listed' },
  { path: '/v1/visitor/channel', cors: 'any' },
  ...Object.values(streamPaths).map((path) => ({ path, cors: 'echo' as const })),
];

export interface AppOptions {
  /** Routes besides `plainRoutes`, such as ingest. */
  readonly routes?: readonly Route[];
  /** Shared with whoever waits for the last reply at shutdown. */
  readonly traffic?: Traffic;
}

/** A `Traffic` that answers overdue requests itself. */
export function openTraffic(front: Front): Traffic {
  return new Traffic(front.clock, (exchange) => {
    const message = 'no answer in time; the outcome is unknown, sending again is safe';
    const error = new AppError('unavailable', message, { retryAfterSeconds: 1 });
    writeReply(exchange, errorReply(error, front.log));
  });
}

/** Makes the application of this thread, not listening yet. WebSocket routes are added by the caller. */
export function openApp(front: Front, options: AppOptions = {}): TemplatedApp {
  const app = App();
  const traffic = options.traffic ?? openTraffic(front);
  const routes = [...plainRoutes, ...(options.routes ?? [])].flatMap(underEveryPath);
  for (const spec of routes) route(app, front, traffic, spec);
  for (const path of new Set(routes.map((spec) => spec.path))) {
    const here = routes.filter((spec) => spec.path === path);
    const methods = here.flatMap(({ method }) => (method === 'get' ? ['GET', 'HEAD'] : [method]));
    const cors = here[0]?.cors ?? 'listed';
    otherMethods(app, front, { path, cors, methods: methods.map((name) => name.toUpperCase()) });
  }
  for (const door of doors) otherMethods(app, front, { ...door, methods: ['GET'] });
  app.any('/*', (res, req) => {
    const exchange = new Exchange(front, res, req);
    const error = new AppError('not_found', 'there is nothing at this path; see /docs');
    refuse(front, exchange, error, []);
  });
  return app;
}

/** A route once more for each other path it is served under. */
function underEveryPath(spec: Route): Route[] {
  return [spec.path, ...(spec.also ?? [])].map((path) => ({ ...spec, path }));
}

interface KnownPath {
  readonly path: string;
  readonly cors: Cors;
  readonly methods: readonly string[];
  readonly isSocket?: boolean;
}

/** OPTIONS, and methods that a known path does not have: the contract has no 405, so 404 with Allow. */
function otherMethods(app: TemplatedApp, front: Front, known: KnownPath): void {
  app.any(uwsPattern(known.path), (res, req) => {
    const exchange = new Exchange(front, res, req);
    const { head } = exchange;
    if (head.method === 'options' && head.fault === undefined) {
      writeReply(exchange, optionsReply(known.cors, head, front, known.methods));
      return;
    }
    const allow = known.methods.join(', ');
    const message =
      known.isSocket === true && head.method === 'get'
        ? 'open a WebSocket here'
        : `this path does not answer to ${head.method.toUpperCase()}, only to ${allow}`;
    const cors = corsHeaders(known.cors, head, front);
    refuse(front, exchange, new AppError('not_found', message), [['Allow', allow], ...cors]);
  });
}

function refuse(
  front: Front,
  exchange: Exchange,
  error: AppError,
  headers: readonly (readonly [name: string, value: string])[],
): void {
  const { fault } = exchange.head;
  const shown = fault === undefined ? error : new AppError('malformed', fault);
  const reply = withHeaders(errorReply(shown, front.log), headers);
  writeReply(exchange, fault === undefined ? reply : { ...reply, close: true });
}
