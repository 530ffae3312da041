/** Identities: linking, merging, taking back, and whose they are. */

import { settingsOf } from '../identity/settings.ts';
import { assert } from '../std/assert.ts';
import { AppError } from '../std/errors.ts';
import { checkIdentitySettings, checkNewLink, checkNewMerge, checkNewUnmerge } from './check.ts';
import type { Front } from './context.ts';
import { identityOf } from './names.ts';
import { jsonReply, type Reply } from './reply.ts';
import type { Route, RouteRequest } from './route.ts';

const bodyBytesMax = 64 * 1024;
const change = { method: 'post', scope: 'admin', query: [], bodyBytesMax } as const;

export const identityRoutes: readonly Route[] = [
  { ...change, path: '/v1/identities/link', handle: link },
  { ...change, path: '/v1/identities/merge', handle: merge },
  { ...change, path: '/v1/identities/unmerge', handle: unmerge },
  {
    method: 'get',
    path: '/v1/identities/{identity}',
    scope: 'admin',
    query: [],
    handle: (request, front) => jsonReply(200, shown(request, front, request.param('identity'))),
  },
  {
    method: 'get',
    path: '/v1/settings/identities',
    scope: 'admin',
    query: [],
    handle: (request, front) => jsonReply(200, settingsFor(request, front)),
  },
  {
    method: 'put',
    path: '/v1/settings/identities',
    scope: 'admin',
    query: [],
    bodyBytesMax,
    handle: putSettings,
  },
];

function settingsFor({ credential }: RouteRequest, front: Front) {
  return settingsOf(front.directory.workspace(credential.workspace)?.identities);
}

/** What is known of an identity, as of now. */
function shown(request: RouteRequest, front: Front, identity: string): unknown {
  const text = identityOf(identity, 'identity');
  return front.identity(request.credential.workspace, text, settingsFor(request, front));
}

async function link(request: RouteRequest, front: Front): Promise<Reply> {
  const body = checkNewLink(request.json());
  const [from, to] = [identityOf(body.from, 'from'), identityOf(body.to, 'to')];
  if (from === to) throw new AppError('invalid', 'from and to must be two identities');
  await front.link({ kind: 'link', workspace: request.credential.workspace, from, to });
  return jsonReply(200, shown(request, front, from));
}

async function merge(request: RouteRequest, front: Front): Promise<Reply> {
  const body = checkNewMerge(request.json());
  const { workspace } = request.credential;
  const from = body.from.map((name) => identityOf(name, 'from'));
  const into =
    body.into === undefined
      ? await survivorOf(request, front, from)
      : identityOf(body.into, 'into');
  await front.link({ kind: 'merge', workspace, into, from });
  return jsonReply(200, shown(request, front, into));
}

/** Who of several stays, by the rule of the workspace. Customers without events come last. */
async function survivorOf(
  request: RouteRequest,
  front: Front,
  customers: readonly string[],
): Promise<string> {
  const { survivor } = settingsFor(request, front);
  if (survivor === 'explicit') {
    throw new AppError('invalid', 'into is required: this workspace names the survivor explicitly');
  }
  if (customers.length < 2) {
    throw new AppError('invalid', 'from must name two customers or more when into is absent');
  }
  const { workspace } = request.credential;
  const born = await front.born({ workspace, customers });
  const sign = survivor === 'newest' ? -1 : 1;
  const ranked = customers.map((customer, n) => {
    const time = born[n];
    return { customer, rank: time === null ? Number.POSITIVE_INFINITY : sign * time! };
  });
  ranked.sort((a, b) => a.rank - b.rank);
  const [first] = ranked;
  assert(first !== undefined, 'there are two customers or more');
  return first.customer;
}

async function unmerge(request: RouteRequest, front: Front): Promise<Reply> {
  const { customer: text } = checkNewUnmerge(request.json());
  const customer = identityOf(text, 'customer');
  await front.link({ kind: 'unmerge', workspace: request.credential.workspace, customer });
  return jsonReply(200, shown(request, front, customer));
}

async function putSettings(request: RouteRequest, front: Front): Promise<Reply> {
  const identities = checkIdentitySettings(request.json());
  const { workspace } = request.credential;
  await front.change({ kind: 'putIdentities', workspace, identities });
  return jsonReply(200, settingsFor(request, front));
}
