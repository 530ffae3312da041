/**
 * What all routes in the manner of CJDS share: where a key may stand, whose workspace the path names, the
 * envelope of an answer and of an error. The workspace comes from the credential; the path may only repeat it.
 */
import { writeJson } from '../../ingest/wire/json.ts';
import { AppError } from '../../std/errors.ts';
import { systemRandom } from '../../std/random.ts';
import type { Workspace } from '../../workspaces/types.ts';
import type { Front } from '../context.ts';
import { bounded } from '../names.ts';
import type { Query } from '../query.ts';
import { errorReply, type Reply, textReply } from '../reply.ts';
import type { Route, RouteRequest } from '../route.ts';

/** The two segments of a path that name a workspace. */
export const inWorkspace = 'workspace-id/{workspaceId}';
export const cjdsBodyBytesMax = 256 * 1024;
const organizationBytesMax = 256;

/** Whose data a request is about. */
export interface Place {
  readonly workspace: Workspace;
  /** As the client calls it; there are none here. */
  readonly organizationId: string;
}

export interface CjdsSpec extends Pick<Route, 'method' | 'path' | 'scope' | 'narrowed'> {
  /** Whether it takes a body. */
  readonly body?: boolean;
  handle(request: RouteRequest, front: Front, place: Place): Reply | Promise<Reply>;
}

/** A route about the workspace of the key, which the path (or `?workspaceId=`) may only repeat. */
export function cjdsRoute(spec: CjdsSpec): Route {
  const isInPath = spec.path.includes(inWorkspace);
  return routeOf(spec, (request) =>
    isInPath ? request.param('workspaceId') : request.query.one('workspaceId'),
  );
}

/** A route that looks by itself which workspace its path names. */
export function cjdsRouteAnywhere(spec: CjdsSpec): Route {
  return routeOf(spec, () => undefined);
}

type Named = (request: RouteRequest) => string | undefined;

/** Any parameters are taken: clients send some of their own along. */
function routeOf({ body, handle, ...spec }: CjdsSpec, named: Named): Route {
  return {
    ...spec,
    query: 'any',
    keyInQuery: true,
    keyPlaces: { query: ['bearerToken'] },
    cors: 'echo',
    refusal: cjdsRefusal,
    ...(body === true && { bodyBytesMax: cjdsBodyBytesMax }),
    handle(request, front) {
      const { credential, query } = request;
      const place = placeOf(front, credential.workspace, named(request), query);
      return handle(request, front, place);
    },
  };
}

/** @throws AppError not_found when the credential is for another workspace, or there is none of that name. */
export function placeOf(
  front: Pick<Front, 'directory'>,
  number: number,
  named: string | undefined,
  query: Query,
): Place {
  const workspace = front.directory.workspace(number);
  if (workspace === undefined) throw new AppError('not_found', 'there is no such workspace');
  const name = named?.trim() ?? workspace.id;
  if (name !== workspace.id && name !== workspace.name) {
    throw new AppError('not_found', `Workspace Id ${name.slice(0, 128)} not found for this key`);
  }
  const organizationId = query.one('organizationId') ?? workspace.id;
  bounded(organizationId, 'organizationId', organizationBytesMax);
  return { workspace, organizationId };
}

/** `{meta, data}`; numbers of events keep their digits. */
export function dataReply(
  status: number,
  { organizationId }: Place,
  data: unknown,
  meta: Readonly<Record<string, unknown>> = {},
): Reply {
  return textReply(status, writeJson({ meta: { organizationId, ...meta }, data }));
}

const titles: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  409: 'Conflict',
  410: 'Gone',
  413: 'Payload Too Large',
  415: 'Unsupported Media Type',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};

/** An error in the envelope of CJDS: a line of the message is one of `errors`. */
export function cjdsRefusal(error: unknown, front: Pick<Front, 'clock' | 'log'>): Reply {
  const isKnown = error instanceof AppError && error.code !== 'internal';
  const reply = errorReply(error, front.log);
  // CJDS has no 422.
  const status = reply.status === 422 ? 400 : reply.status;
  const title = titles[status] ?? 'Error';
  const trackingId = Buffer.from(systemRandom.bytes(8)).toString('hex');
  if (!isKnown) front.log.error('request failed', { trackingId });
  const body = JSON.stringify({
    status: `${status} ${title.toUpperCase().replaceAll(' ', '_')}`,
    message: title,
    errors: isKnown ? error.message.split('\n') : ['internal error'],
    timestamp: new Date(front.clock.now()).toISOString(),
    trackingId,
  });
  return { ...reply, status, body };
}

/** A name in a path; one client has a space at the end of it. */
export function nameIn(request: RouteRequest, param: string): string {
  return request.param(param).trim();
}

/** Where somebody may not read everything. @throws AppError forbidden. */
export function isNarrow({ credential }: Pick<RouteRequest, 'credential'>): boolean {
  return credential.views !== undefined || credential.role !== undefined;
}
