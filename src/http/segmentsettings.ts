/**
 * What the browser libraries of Segment and RudderStack ask for before they send: which integrations
 * there are (none but this server), and where to send to.
 */
import { AppError } from '../std/errors.ts';
import { authenticateKey } from './auth.ts';
import type { Front } from './context.ts';
import { jsonReply, type Reply, textReply } from './reply.ts';
import type { Route, RouteRequest } from './route.ts';

const metricsBytesMax = 64 * 1024;

const open = { query: 'any', cors: 'echo', wantsHeaders: true } as const;

export const segmentSettingsRoutes: readonly Route[] = [
  {
    ...open,
    method: 'get',
    path: '/v1/projects/{writeKey}/settings',
    also: ['/v1/projects/{writeKey}/settings/'],
    scope: 'none',
    handle: segmentSettings,
  },
  {
    ...open,
    method: 'get',
    path: '/sourceConfig',
    also: ['/sourceConfig/'],
    scope: 'write',
    keyInQuery: true,
    keyPlaces: { basic: true, query: ['writeKey'] },
    handle: rudderConfig,
  },
  {
    ...open,
    method: 'post',
    path: '/v1/m',
    also: ['/v1/m/'],
    scope: 'none',
    bodyBytesMax: metricsBytesMax,
    borrowsBody: true,
    handle: () => textReply(200, '{"success":true}'),
  },
];

/** @throws AppError not_found when the key in the path is none that may send. */
function segmentSettings(request: RouteRequest, front: Front): Reply {
  const writeKey = request.param('writeKey');
  try {
    authenticateKey(front, writeKey, 'write');
  } catch {
    throw new AppError('not_found', 'there are no settings for this key: it may not send events');
  }
  const here = {
    apiKey: writeKey,
    apiHost: `${request.headers.get('host') ?? ''}/v1`,
    protocol: schemeOf(request),
    unbundledIntegrations: [],
    addBundledMetadata: true,
  };
  return jsonReply(200, {
    integrations: { 'Segment.io': here },
    plan: { track: { __default: { enabled: true, integrations: {} } } },
    edgeFunction: {},
    analyticsNextEnabled: true,
    middlewareSettings: {},
    enabledMiddleware: {},
    metrics: { sampleRate: 0 },
    legacyVideoPluginsEnabled: false,
    remotePlugins: [],
  });
}

/** As a proxy says; without one, as the page was loaded: a secure page may only send securely. */
function schemeOf({ head, headers }: RouteRequest): 'http' | 'https' {
  const forwarded = headers.get('x-forwarded-proto');
  if (forwarded !== undefined) return forwarded.startsWith('https') ? 'https' : 'http';
  return head.origin.startsWith('https:') ? 'https' : 'http';
}

function rudderConfig({ credential }: RouteRequest): Reply {
  const { keyId, workspace } = credential;
  const isOff = { enabled: false };
  const source = {
    id: keyId,
    name: 'Tapeline',
    enabled: true,
    workspaceId: String(workspace),
    config: { statsCollection: { errors: isOff, metrics: isOff } },
    destinations: [],
    connections: [],
  };
  return jsonReply(200, { source });
}
