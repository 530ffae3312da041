/** Touchpoints ask what to do next, and tell what customers answered. */
import { answerText } from '../journeys/decide/answer.ts';
import { contextBytesMax, type DecideWish, withinMsDefault } from '../journeys/decide/asks.ts';
import { AppError } from '../std/errors.ts';
import { checkNewResponse } from './check.ts';
import type { Front } from './context.ts';
import { identityOf } from './names.ts';
import { type Question, readQuestion } from './question.ts';
import { jsonReply, type Reply, textReply } from './reply.ts';
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
    borrowsBody: true,
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
  // Before anything is waited for: the bytes are borrowed.
  const question = readQuestion(request.body, request.head.contentType);
  const wish = wishOf(request, question, askedMs);
  // As of what anybody was told of before, if the time is enough for that.
  const timing = { after: front.issued(), patienceMs: wish.withinMs };
  const answer = await front.engine({ kind: 'decide', ...wish, ...timing });
  return textReply(200, answerText(answer, question.menu?.data ?? []));
}

/** @throws AppError invalid. */
function wishOf(
  { credential }: RouteRequest,
  { asked, menu }: Question,
  askedMs: number,
): DecideWish {
  const { context, k = 1, placement, withinMs = withinMsDefault } = asked;
  identityOf(asked.customer, 'customer');
  if (placement === undefined && menu === undefined) {
    throw new AppError(
      'invalid',
      'there is nothing to choose from: name a placement or candidates',
    );
  }
  if (asked.rules !== undefined && placement === undefined) {
    throw new AppError('invalid', 'rules narrow a placement: name one');
  }
  checkBytes(context, 'context');
  const { workspace } = credential;
  // What begins with a spread is slow to make, and slow to read.
  const wish = { workspace, askedMs, menu: menu?.text, k, withinMs, ...asked };
  return wish as DecideWish;
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
