/**
 * Doors for Snowplow trackers: `POST /com.snowplowanalytics.snowplow/tp2` and `GET /i`. The key is a
 * header, `?key=`, or, for trackers that can give neither, the app id.
 */
import { createHash } from 'node:crypto';
import { batchBytesMax } from '../event/envelope.ts';
import { memberOf, payloadsOf, snowplowItem } from '../ingest/wire/snowplow.ts';
import type { Front } from './context.ts';
import { gifRefusal, gifReply } from './gif.ts';
import { receiptReply } from './ingest.ts';
import { errorReply, type Headers, type Reply } from './reply.ts';
import type { Door, WireBatch, WireRequest } from './wire.ts';

const keys = { basic: true, query: ['aid'], body: true };
const cookieSeconds = 365 * 24 * 60 * 60;

const postDoor: Door = {
  method: 'post',
  path: '/com.snowplowanalytics.snowplow/tp2',
  query: [],
  keys,
  cors: 'echo',
  bodyBytesMax: batchBytesMax,
  read: (request) => batchOf(request, payloadsOf(request.body)),
  answer: (receipt) =>
    receipt.rejected.length === 0
      ? { status: 200, body: 'ok', type: 'text/plain' }
      : receiptReply(receipt),
  refusal,
};

const getDoor: Door = {
  method: 'get',
  path: '/i',
  query: 'any',
  keys,
  cors: 'echo',
  read(request) {
    const { key: _, ...payload } = Object.fromEntries(request.query.firsts());
    return batchOf(request, [payload]);
  },
  answer: ({ rejected }) => gifReply(rejected.length === 0 ? 200 : 422),
  refusal: (error, front) => finally400(gifRefusal(error, front)),
};

export const snowplowDoors: readonly Door[] = [postDoor, getDoor];

function refusal(error: unknown, front: Front): Reply {
  return finally400(errorReply(error, front.log));
}

/** A tracker sends again for ever unless it is told 400, 401, 403, 410 or 422. */
function finally400(reply: Reply): Reply {
  return [404, 413, 415].includes(reply.status) ? { ...reply, status: 400 } : reply;
}

function batchOf(request: WireRequest, payloads: readonly unknown[]): WireBatch {
  const { credential, head, headers, nowMs } = request;
  const [first] = payloads;
  const isInHead = head.authorization !== '' || request.query.one('key') !== undefined;
  const isAppKey = credential === undefined || !isInHead;
  const isAnonymous = headers.has('sp-anonymous');
  const networkUser = isAnonymous ? undefined : networkUserOf(headers, memberOf(first, 'eid'));
  const sender = { nowMs, networkUser, isAppKey };
  return {
    items: () => payloads.map((payload) => () => snowplowItem(payload, sender)),
    key: memberOf(first, 'aid'),
    headers: networkUser === undefined ? [] : cookieHeaders(networkUser),
  };
}

/**
 * By the cookie; a browser without one is named after its first event, so that sending it again when the
 * answer was lost names the same.
 */
function networkUserOf(
  headers: WireRequest['headers'],
  eid: string | undefined,
): string | undefined {
  const cookie = /(?:^|;\s*)sp=([\w-]{1,64})(?:;|$)/.exec(headers.get('cookie') ?? '')?.[1];
  if (cookie !== undefined || eid === undefined) return cookie;
  return createHash('sha256').update(`network user ${eid}`).digest('hex').slice(0, 32);
}

function cookieHeaders(networkUser: string): Headers {
  const rules = `Path=/; Max-Age=${cookieSeconds}; HttpOnly; SameSite=None; Secure`;
  return [['Set-Cookie', `sp=${networkUser}; ${rules}`]];
}
