/** Touchpoints ask what to do next, and tell what customers answered. */
import {
  contextBytesMax,
  type DecideAnswer,
  type DecideWish,
  withinMsDefault,
} from '../journeys/decide/asks.ts';
import { sentCandidates } from '../journeys/decide/local.ts';
import { AppError } from '../std/errors.ts';
import { checkNewDecision, checkNewResponse } from './check.ts';
import type { Front } from './context.ts';
import type { NewDecision } from './decideschemas.ts';
import { identityOf } from './names.ts';
import { jsonReply, type Reply } from './reply.ts';
import type { Route, RouteRequest } from './route.ts';

/** Fifty candidates with all they may have. */
export const decideBodyBytesMax = 512 * 1024;
const responseBodyBytesMax = 16 * 1024;

export const decideRoutes: readonly Route[] = [
  {
    method: 'post',
    path: '/v1/decide',
    scope: 'decide',
    query: [],
    bodyBytesMax: decideBodyBytesMax,
    handle: decide,
  },
  {
    method: 'post',
    path: '/v1/responses',
    scope: 'decide',
    query: [],
    bodyBytesMax: responseBodyBytesMax,
    handle: respond,
  },
];

async function decide(request: RouteRequest, front: Front): Promise<Reply> {
  const askedMs = front.clock.monotonicMs();
  const asked = checkNewDecision(request.json());
  const wish = wishOf(request, asked, askedMs);
  // As of what anybody was told of before, if the time is enough for that.
  const timing = { after: front.issued(), patienceMs: wish.withinMs };
  const answer = await front.engine({ kind: 'decide', ...wish, ...timing });
  return jsonReply(200, withData(answer, asked));
}

/** Each own candidate with its data, which did not have to leave this thread. */
function withData(answer: DecideAnswer, { candidates = [] }: NewDecision): object {
  const dataOf = new Map(candidates.map(({ data, id }) => [id, data]));
  const all = answer.candidates.map((each) => {
    const data = each.local ? dataOf.get(each.id) : undefined;
    return data === undefined ? each : { ...each, data };
  });
  return { ...answer, candidates: all };
}

/** @throws AppError invalid. */
function wishOf({ credential }: RouteRequest, body: NewDecision, askedMs: number): DecideWish {
  const { candidates = [], k = 1, withinMs = withinMsDefault, ...asked } = body;
  const { context, placement } = asked;
  identityOf(asked.customer, 'customer');
  if (placement === undefined && candidates.length === 0) {
    throw new AppError(
      'invalid',
      'there is nothing to choose from: name a placement or candidates',
    );
  }
  if (asked.rules !== undefined && placement === undefined) {
    throw new AppError('invalid', 'rules narrow a placement: name one');
  }
  checkBytes(context, 'context');
  // Here, so that what is wrong with them costs the engine nothing.
  const sent = sentCandidates(candidates);
  const { workspace } = credential;
  return { ...asked, candidates: sent, k, withinMs, workspace, askedMs } as DecideWish;
}

async function respond(request: RouteRequest, front: Front): Promise<Reply> {
  const asked = checkNewResponse(request.json());
  const { action, candidate, decision } = asked;
  identityOf(asked.customer, 'customer');
  if ((action === undefined) === (decision === undefined)) {
    throw new AppError('invalid', 'name a decision or an action');
  }
  if (candidate !== undefined && decision === undefined) {
    throw new AppError('invalid', 'a candidate is one of a decision: name it');
  }
  checkBytes(asked.data, 'data');
  const { workspace } = request.credential;
  return jsonReply(200, await front.engine({ kind: 'respond', ...asked, workspace }));
}

/** @throws AppError invalid. */
function checkBytes(value: unknown, what: string): void {
  if (value === undefined) return;
  if (Buffer.byteLength(JSON.stringify(value)) <= contextBytesMax) return;
  throw new AppError('invalid', `${what} may have at most ${contextBytesMax} bytes`);
}
