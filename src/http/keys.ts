/** Keys and tokens of one's own workspace. */
import { assert } from '../std/assert.ts';
import { AppError } from '../std/errors.ts';
import type { KeyRecord, Scope } from '../workspaces/types.ts';
import { checkNewKey, checkNewQuota, checkNewToken } from './check.ts';
import type { Front } from './context.ts';
import { emptyReply, jsonReply, type Reply } from './reply.ts';
import type { Route, RouteRequest } from './route.ts';
import type { NewKey, NewToken } from './schemas.ts';

const bodyBytesMax = 64 * 1024;

export const keyRoutes: readonly Route[] = [
  { method: 'post', path: '/v1/keys', scope: 'admin', query: [], bodyBytesMax, handle: createKey },
  { method: 'get', path: '/v1/keys', scope: 'admin', query: [], handle: listKeys },
  { method: 'delete', path: '/v1/keys/{id}', scope: 'admin', query: [], handle: deleteKey },
  {
    method: 'put',
    path: '/v1/keys/{id}/quota',
    scope: 'admin',
    query: [],
    bodyBytesMax,
    handle: putQuota,
  },
  {
    method: 'post',
    path: '/v1/tokens',
    scope: 'any',
    narrowed: true,
    query: [],
    bodyBytesMax,
    handle: createToken,
  },
];

async function createKey(request: RouteRequest, front: Front): Promise<Reply> {
  const wanted = checkNewKey(request.json());
  const scopes = scopesOf(wanted);
  if (scopes.includes('server') && !request.credential.scopes.has('server')) {
    throw new AppError('forbidden', 'only a key with the scope server can give it');
  }
  if (wanted.views !== undefined && scopes.some((scope) => scope !== 'read')) {
    throw new AppError('invalid', 'views narrow the scope read and go with no other scope');
  }
  const reply = await front.change({
    kind: 'createKey',
    workspace: request.credential.workspace,
    name: wanted.name ?? '',
    scopes,
    ...(wanted.views !== undefined && { views: wanted.views }),
    ...(wanted.role !== undefined && { role: wanted.role }),
    ...(wanted.agent !== undefined && { agent: wanted.agent }),
    ...(wanted.quota !== undefined && { quota: wanted.quota }),
  });
  assert(reply.kind === 'key', 'createKey answers with a key');
  return jsonReply(201, { ...shownKey(reply.record), key: reply.key });
}

function listKeys(request: RouteRequest, front: Front): Reply {
  const keys = front.directory.keys(request.credential.workspace);
  return jsonReply(200, { keys: keys.map(shownKey) });
}

async function deleteKey(request: RouteRequest, front: Front): Promise<Reply> {
  const { workspace } = request.credential;
  await front.change({ kind: 'deleteKey', workspace, id: request.param('id') });
  return emptyReply;
}

async function putQuota(request: RouteRequest, front: Front): Promise<Reply> {
  const quota = checkNewQuota(request.json());
  const { workspace } = request.credential;
  const id = request.param('id');
  const reply = await front.change({ kind: 'putKeyQuota', workspace, id, quota });
  assert(reply.kind === 'keyChanged', 'putKeyQuota answers with the key');
  return jsonReply(200, shownKey(reply.record));
}

function createToken(request: RouteRequest, front: Front): Reply {
  const wanted = checkNewToken(request.json());
  const minted = front.directory.mintToken(
    request.credential,
    scopesOf(wanted),
    wanted.ttlSeconds,
    front.clock.now(),
    wanted,
  );
  return jsonReply(201, minted);
}

/** An agent's credential has one scope only, which need not be said. @throws AppError invalid. */
function scopesOf({ agent, scopes }: NewKey | NewToken): readonly Scope[] {
  if (scopes !== undefined) return scopes;
  if (agent !== undefined) return ['agent'];
  throw new AppError('invalid', 'scopes is required');
}

/** A key as people may see it: without its hash. */
export function shownKey(record: KeyRecord): Record<string, unknown> {
  const { agent, id, name, quota, role, scopes, views, createdAt } = record;
  const narrowed = {
    ...(views !== undefined && { views }),
    ...(role !== undefined && { role }),
    ...(agent !== undefined && { agent }),
  };
  return { id, name, scopes, ...narrowed, createdAt, ...(quota !== undefined && { quota }) };
}
