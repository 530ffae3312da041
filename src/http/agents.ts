/** Agents and desks: their definitions, where an agent is, and the offers it has. Routing answers for all of it. */
import {
  checkAgentId,
  checkDeskName,
  parseAgent,
  parseDesk,
  parsePresence,
} from '../journeys/route/agent.ts';
import type { AnswerWish } from '../journeys/route/asks.ts';
import { AppError } from '../std/errors.ts';
import { offerText } from './agentoffer.ts';
import { checkAgent } from './auth.ts';
import type { Front } from './context.ts';
import { bounded } from './names.ts';
import { emptyReply, jsonReply, type Reply, textReply } from './reply.ts';
import type { Route, RouteRequest } from './route.ts';

export const agentBodyBytesMax = 32 * 1024;
export const agentsPageMax = 1000;
const agentsPageDefault = 100;
export const outcomeCharactersMax = 256;
const offerIdBytesMax = 256;

export const agentRoutes: readonly Route[] = [
  {
    method: 'get',
    path: '/v1/agents',
    scope: 'read',
    query: ['limit', 'after'],
    handle: listAgents,
  },
  { method: 'get', path: '/v1/agents/{id}', scope: 'agent', query: [], handle: getAgent },
  {
    method: 'put',
    path: '/v1/agents/{id}',
    scope: 'admin',
    query: [],
    bodyBytesMax: agentBodyBytesMax,
    handle: putAgent,
  },
  { method: 'delete', path: '/v1/agents/{id}', scope: 'admin', query: [], handle: deleteAgent },
  {
    method: 'post',
    path: '/v1/agents/{id}/presence',
    scope: 'agent',
    query: [],
    bodyBytesMax: agentBodyBytesMax,
    handle: postPresence,
  },
  { method: 'get', path: '/v1/agents/{id}/offers', scope: 'agent', query: [], handle: listOffers },
  {
    method: 'post',
    path: '/v1/agents/{id}/offers/{offer}/accept',
    scope: 'agent',
    query: [],
    handle: (request, front) => answer(request, front, { change: 'accepted' }),
  },
  {
    method: 'post',
    path: '/v1/agents/{id}/offers/{offer}/decline',
    scope: 'agent',
    query: [],
    handle: (request, front) => answer(request, front, { change: 'declined' }),
  },
  {
    method: 'post',
    path: '/v1/agents/{id}/offers/{offer}/complete',
    scope: 'agent',
    query: [],
    bodyBytesMax: agentBodyBytesMax,
    handle: (request, front) =>
      answer(request, front, { change: 'completed', ...outcomeOf(request) }),
  },
  { method: 'get', path: '/v1/desks', scope: 'read', query: [], handle: listDesks },
  { method: 'get', path: '/v1/desks/{name}', scope: 'read', query: [], handle: getDesk },
  {
    method: 'put',
    path: '/v1/desks/{name}',
    scope: 'admin',
    query: [],
    bodyBytesMax: agentBodyBytesMax,
    handle: putDesk,
  },
  { method: 'delete', path: '/v1/desks/{name}', scope: 'admin', query: [], handle: deleteDesk },
];

async function listAgents({ credential, query }: RouteRequest, front: Front): Promise<Reply> {
  const limit = query.integer('limit', { min: 1, max: agentsPageMax }) ?? agentsPageDefault;
  const { workspace } = credential;
  const afterId = query.one('after');
  return jsonReply(200, await front.engine({ kind: 'agents', workspace, limit, afterId }));
}

async function getAgent(request: RouteRequest, front: Front): Promise<Reply> {
  return jsonReply(200, await front.engine({ kind: 'agent', ...agentOf(request) }));
}

async function putAgent(request: RouteRequest, front: Front): Promise<Reply> {
  const definition = parseAgent(request.json());
  const wish = { kind: 'putAgent', ...agentOf(request), definition } as const;
  const { agent, created } = await front.engine(wish);
  return jsonReply(created ? 201 : 200, agent);
}

async function deleteAgent(request: RouteRequest, front: Front): Promise<Reply> {
  await front.engine({ kind: 'deleteAgent', ...agentOf(request) });
  return emptyReply;
}

async function postPresence(request: RouteRequest, front: Front): Promise<Reply> {
  const asked = agentOf(request);
  const wish = parsePresence(request.json());
  return jsonReply(200, await front.engine({ kind: 'presence', ...asked, wish }));
}

async function listOffers(request: RouteRequest, front: Front): Promise<Reply> {
  const asked = agentOf(request);
  const { offers } = await front.engine({ kind: 'offers', ...asked });
  const texts = await Promise.all(offers.map((offer) => offerText(front, asked.workspace, offer)));
  return textReply(200, `{"offers":[${texts.join()}]}`);
}

/** What an agent says of an offer; an accepted one is answered with the offer, and its link. */
async function answer(
  request: RouteRequest,
  front: Front,
  said: Pick<AnswerWish, 'change' | 'outcome'>,
): Promise<Reply> {
  const asked = agentOf(request);
  const offer = bounded(request.param('offer'), 'the id of an offer', offerIdBytesMax);
  const answered = await front.engine({ kind: 'answerOffer', ...asked, offer, ...said });
  if (said.change !== 'accepted' || answered.offer === undefined) return emptyReply;
  return textReply(200, await offerText(front, asked.workspace, answered.offer));
}

function outcomeOf(request: RouteRequest): { readonly outcome?: string } {
  if (request.body.length === 0) return {};
  const sent = request.json() as Readonly<Record<string, unknown>> | null;
  const isObject = typeof sent === 'object' && sent !== null && !Array.isArray(sent);
  if (!isObject || Object.keys(sent).some((member) => member !== 'outcome')) {
    throw new AppError('invalid', 'the body must be {"outcome":"…"}, or empty');
  }
  const { outcome } = sent;
  if (outcome === undefined) return {};
  if (typeof outcome === 'string' && outcome !== '' && outcome.length <= outcomeCharactersMax) {
    return { outcome };
  }
  throw new AppError(
    'invalid',
    `outcome must be a string of 1 to ${outcomeCharactersMax} characters`,
  );
}

async function listDesks(
  { credential: { workspace } }: RouteRequest,
  front: Front,
): Promise<Reply> {
  return jsonReply(200, await front.engine({ kind: 'desks', workspace }));
}

async function getDesk(request: RouteRequest, front: Front): Promise<Reply> {
  return jsonReply(200, await front.engine({ kind: 'desk', ...deskOf(request) }));
}

async function putDesk(request: RouteRequest, front: Front): Promise<Reply> {
  const definition = parseDesk(request.json());
  const wish = { kind: 'putDesk', ...deskOf(request), definition } as const;
  const { created, desk } = await front.engine(wish);
  return jsonReply(created ? 201 : 200, desk);
}

async function deleteDesk(request: RouteRequest, front: Front): Promise<Reply> {
  await front.engine({ kind: 'deleteDesk', ...deskOf(request) });
  return emptyReply;
}

/** Permission first: who speaks for one agent learns nothing of others. @throws AppError forbidden, invalid. */
function agentOf(request: RouteRequest): { readonly workspace: number; readonly agent: string } {
  const agent = request.param('id');
  checkAgent(request.credential, agent);
  checkAgentId(agent);
  return { workspace: request.credential.workspace, agent };
}

function deskOf(request: RouteRequest): { readonly workspace: number; readonly desk: string } {
  const desk = request.param('name');
  checkDeskName(desk);
  return { workspace: request.credential.workspace, desk };
}
