/**
 * Visitors of web pages: a browser is given an identity and a token (`POST /v1/visitors`), the
 * workspace sends it messages, and the browser answers them.
 */
import { type ResponseSaid, typeOfResponse } from '../journeys/words.ts';
import { AppError } from '../std/errors.ts';
import type { Addressee, Answer } from '../streams/mailbox.ts';
import { base62 } from '../workspaces/keys.ts';
import { isVisitor, newVisitor } from '../workspaces/visitors.ts';
import { checkAnswer, checkNewMessage, checkNewVisitor } from './check.ts';
import type { Front } from './context.ts';
import { mediaType } from './head.ts';
import { emptyReply, jsonReply, type Reply } from './reply.ts';
import type { Route, RouteRequest } from './route.ts';

const bodyBytesMax = 16 * 1024;
export const messageDataBytesMax = 8 * 1024;
const ttlSecondsDefault = 3600;
const idCharacters = 22;

export const visitorRoutes: readonly Route[] = [
  {
    method: 'post',
    path: '/v1/visitors',
    scope: 'write',
    query: [],
    bodyBytesMax,
    keyInQuery: true,
    cors: 'any',
    handle: welcome,
  },
  {
    method: 'post',
    path: '/v1/visitor/messages/{id}',
    scope: 'visitor',
    query: [],
    bodyBytesMax,
    cors: 'any',
    handle: answerMessage,
  },
  {
    method: 'post',
    path: '/v1/visitors/{visitor}/messages',
    scope: 'admin',
    query: [],
    bodyBytesMax,
    handle: sendMessage,
  },
  {
    method: 'get',
    path: '/v1/visitors/{visitor}/messages',
    scope: 'admin',
    query: [],
    handle: listMessages,
  },
  {
    method: 'delete',
    path: '/v1/visitors/{visitor}/messages/{id}',
    scope: 'admin',
    query: [],
    handle: withdrawMessage,
  },
];

/** A new visitor, or one that shows its token and gets the next. */
function welcome(request: RouteRequest, front: Front): Reply {
  const { token } = checkNewVisitor(bodyOf(request));
  const { credential } = request;
  const now = front.clock.now();
  const known = token === undefined ? undefined : knownVisitor(front, token, credential.workspace);
  const visitor = known ?? newVisitor(front.random);
  const minted = front.directory.mintVisitor(credential, visitor, now);
  const address = request.address();
  return jsonReply(known === undefined ? 201 : 200, { visitor, ...minted, now, address });
}

/** @throws AppError unauthorized: the page then asks without a token. */
function knownVisitor(front: Front, token: string, workspace: number): string {
  const visitor = front.directory.visitorOf(token, workspace, front.clock.now());
  if (visitor !== undefined) return visitor;
  throw new AppError('unauthorized', 'this token is not of a visitor of the workspace, or expired');
}

/** Pages send text/plain, for which browsers ask no permission first; no body is an empty one. */
function bodyOf(request: RouteRequest): unknown {
  if (request.body.length === 0) return {};
  return request.json(mediaType(request.head.contentType) === 'text/plain');
}

async function answerMessage(request: RouteRequest, front: Front): Promise<Reply> {
  const { answer } = checkAnswer(bodyOf(request));
  const { visitor, workspace } = request.credential;
  const id = request.param('id');
  const addressee = { workspace, visitor: visitor! };
  await tellTape(front, addressee, id, answer);
  await front.mailbox({ kind: 'answer', ...addressee, id, answer });
  return emptyReply;
}

/**
 * What a customer answers to an action stands on the tape, before the message is over: whoever is cut off
 * in between answers once more, and the same event is stored once.
 */
async function tellTape(front: Front, to: Addressee, id: string, answer: Answer): Promise<void> {
  const { messages } = await front.mailbox({ kind: 'list', ...to });
  const message = messages.find((each) => each.id === id);
  if (message?.about === undefined || message.answer !== undefined) return;
  const { customer, request, rule } = message.about;
  const data: ResponseSaid = {
    action: id,
    request,
    ...(rule !== undefined && { rule }),
    answer,
  };
  const event = { id: `${id}:response:${answer}`, customer, type: typeOfResponse, data };
  await front.say(to.workspace, event);
}

async function sendMessage(request: RouteRequest, front: Front): Promise<Reply> {
  const wanted = checkNewMessage(request.json());
  const { data, id = base62(idCharacters, front.random), kind } = wanted;
  if (Buffer.byteLength(JSON.stringify(data)) > messageDataBytesMax) {
    throw new AppError('invalid', `data may have at most ${messageDataBytesMax} bytes`);
  }
  const reply = await front.mailbox({
    kind: 'push',
    ...addresseeOf(request),
    message: { id, kind, data },
    ttlMs: (wanted.ttlSeconds ?? ttlSecondsDefault) * 1000,
  });
  return jsonReply(reply.isNew ? 201 : 200, reply.messages[0]);
}

async function listMessages(request: RouteRequest, front: Front): Promise<Reply> {
  const { messages } = await front.mailbox({ kind: 'list', ...addresseeOf(request) });
  return jsonReply(200, { messages });
}

async function withdrawMessage(request: RouteRequest, front: Front): Promise<Reply> {
  const id = request.param('id');
  const answer = 'withdrawn';
  await front.mailbox({ kind: 'answer', ...addresseeOf(request), id, answer });
  return emptyReply;
}

/** @throws AppError invalid. */
function addresseeOf(request: RouteRequest): { workspace: number; visitor: string } {
  const visitor = request.param('visitor');
  if (!isVisitor(visitor)) {
    throw new AppError(
      'invalid',
      'messages go to visitors: `visitor` as POST /v1/visitors gave it',
    );
  }
  return { workspace: request.credential.workspace, visitor };
}
