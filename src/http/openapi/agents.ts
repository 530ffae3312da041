/** The routes of agents, desks and the offers that agents have. */
import {
  type Description,
  describe,
  inPath,
  inQuery,
  jsonOf,
  type Paths,
  refTo,
} from './describe.ts';
import { auth, base, bodyErrors, json } from './words.ts';

const agentId = inPath('id', 'The agent, percent-encoded, 1–128 bytes.');
const deskName = inPath('name', 'The desk, percent-encoded, 1–128 bytes.');
const offerId = inPath('offer', 'The offer.');
const place = { latitude: 37.7749, longitude: -122.4194 };
const definition = { name: 'Ann', skills: { licence: 7, spanish: 4 }, desk: 'market', capacity: 2 };
const agent = { id: 'a1', ...definition, presence: { status: 'available', place }, load: 1 };
const desk = { title: 'Market Street', place, capacity: 6 };
const shownDesk = { name: 'market', ...desk, agents: 3, load: 2 };
const offer = {
  id: '5f0c1b7a2d',
  kind: 'walkIn',
  title: 'Finish your quote in person',
  state: 'accepted',
  customer: 'c1',
  offeredAt: 1763740030000,
  acceptedAt: 1763740041000,
  meeting: 'https://meet.example/5f0c1b7a2d',
  distanceMiles: 3.2,
  journey: {
    instance: 'quote/c1/1',
    journey: 'quote',
    status: 'active',
    step: 4,
    stepName: 'Coverage',
    silentMs: 41000,
    context: { product: 'auto' },
  },
};

const agentText = `
Replaces the definition of an agent, or makes one. An agent has the skills of its desk besides its own (the higher level counts), is at the desk's place unless it has one or says one, and shares the desk's capacity. A desk must be there first.

At most 10,000 agents and 1,000 desks a workspace, 100 skills each, a capacity of 100 (of a desk 10,000).`;

const deleteText = `
What the agent was asked goes to others at once; what it accepted is completed by itself after a day. Its live connections end.`;

const presenceText = `
Only who is \`available\` gets offers. It counts as long as a live connection of the agent is open, and without one for \`ttlSeconds\` after it was said, or after the last connection was lost; then the agent is \`offline\`. Who is not available any more loses what is reserved for it, and keeps what it accepted. \`place\` is where the agent is now, if not where its definition says.`;

const offersText = `
What is reserved for the agent and what it accepted, oldest first, each with the customer's journey and, if the action names one, a view. Nothing else of the customer can be read with a key of an agent.`;

const acceptText = `
Answers with the offer, and its meeting link if it has one: the customer's page is told of the same. Accepting again is answered the same way. \`conflict\`: it is not, or not any more, the agent's. A loser's offer never shows twice: an offer has one agent at a time, whoever answers first.`;

const liveText = `
A WebSocket of text messages (schema AgentMessage). The first, \`pending\`, has the agent and all that it holds, so a connection may be lost and opened again at any time. Then \`offer\`: reserved for the agent until \`reservedUntil\`; \`accepted\`; \`gone\` with the reason; \`presence\`; \`deleted\`. A message may come twice. While a connection is open the agent's presence does not end. What is sent to it is ignored.

At most 10 connections an agent (then \`rate_limited\`) and 10,000 in all (then \`overloaded\`) on a front; who leaves 512 KiB unread is cut off.

| close code | meaning |
|---|---|
| 1001 | the server is going away: connect again |
| 1008 | the key was taken back, or the token expired |
| 4011 | there is no such agent, or the feed was not read: the reason says |`;

const answerErrors: Description['errors'] = [
  'malformed',
  'invalid',
  'not_found',
  'conflict',
  'unavailable',
];
const done = { 204: { description: 'It counts.' } };

const agentPathsOnly: Paths = {
  '/v1/agents': {
    get: describe({
      id: 'listAgents',
      tag: 'Agents',
      summary: 'List agents',
      description: 'All agents of the workspace by id, with presence and load.',
      scope: 'read',
      parameters: [
        inQuery('limit', 'Agents per page.', {
          type: 'integer',
          minimum: 1,
          maximum: 1000,
          default: 100,
        }),
        inQuery('after', 'The `next` of the page before.'),
      ],
      responses: {
        200: {
          description: 'The agents.',
          content: jsonOf('Agents', { agents: [agent], next: null }),
        },
      },
      errors: ['invalid', 'unavailable'],
      curl: `curl -s ${base}/v1/agents ${auth}`,
    }),
  },
  '/v1/agents/{id}': {
    get: describe({
      id: 'getAgent',
      tag: 'Agents',
      summary: 'Get an agent',
      description: 'The agent, where it is, and how much it has.',
      scope: 'agent',
      parameters: [agentId],
      responses: { 200: { description: 'The agent.', content: jsonOf('Agent', agent) } },
      errors: ['malformed', 'invalid', 'not_found', 'unavailable'],
      curl: `curl -s ${base}/v1/agents/a1 ${auth}`,
    }),
    put: describe({
      id: 'putAgent',
      tag: 'Agents',
      summary: 'Store an agent',
      description: agentText,
      scope: 'admin',
      parameters: [agentId],
      body: jsonOf('NewAgent', definition),
      responses: {
        200: { description: 'Replaced.', content: jsonOf('Agent', agent) },
        201: { description: 'Made.', content: jsonOf('Agent', agent) },
      },
      errors: [...bodyErrors, 'conflict', 'unavailable'],
      curl: `curl -s -X PUT ${base}/v1/agents/a1 ${auth} ${json} \\\n  -d '{"name":"Ann","skills":{"licence":7},"capacity":2}'`,
    }),
    delete: describe({
      id: 'deleteAgent',
      tag: 'Agents',
      summary: 'Delete an agent',
      description: deleteText,
      scope: 'admin',
      parameters: [agentId],
      responses: { 204: { description: 'Deleted.' } },
      errors: ['malformed', 'invalid', 'not_found', 'unavailable'],
      curl: `curl -s -X DELETE ${base}/v1/agents/a1 ${auth}`,
    }),
  },
  '/v1/agents/{id}/presence': {
    post: describe({
      id: 'setPresence',
      tag: 'Agents',
      summary: 'Say where an agent is',
      description: presenceText,
      scope: 'agent',
      parameters: [agentId],
      body: jsonOf('NewPresence', { status: 'available', place, ttlSeconds: 120 }),
      responses: { 200: { description: 'The agent.', content: jsonOf('Agent', agent) } },
      errors: [...bodyErrors, 'not_found', 'unavailable'],
      curl: `curl -s ${base}/v1/agents/a1/presence ${auth} ${json} \\\n  -d '{"status":"available","ttlSeconds":120}'`,
    }),
  },
};

const offerPaths: Paths = {
  '/v1/agents/{id}/offers': {
    get: describe({
      id: 'listOffers',
      tag: 'Agents',
      summary: 'List an agent’s offers',
      description: offersText,
      scope: 'agent',
      parameters: [agentId],
      responses: {
        200: { description: 'The offers.', content: jsonOf('Offers', { offers: [offer] }) },
      },
      errors: ['malformed', 'invalid', 'not_found', 'unavailable'],
      curl: `curl -s ${base}/v1/agents/a1/offers ${auth}`,
    }),
  },
  '/v1/agents/{id}/offers/{offer}/accept': {
    post: describe({
      id: 'acceptOffer',
      tag: 'Agents',
      summary: 'Accept an offer',
      description: acceptText,
      scope: 'agent',
      parameters: [agentId, offerId],
      responses: { 200: { description: 'The offer.', content: jsonOf('Offer', offer) }, ...done },
      errors: answerErrors,
      curl: `curl -s -X POST ${base}/v1/agents/a1/offers/5f0c1b7a2d/accept ${auth}`,
    }),
  },
  '/v1/agents/{id}/offers/{offer}/decline': {
    post: describe({
      id: 'declineOffer',
      tag: 'Agents',
      summary: 'Decline an offer',
      description:
        'The next agent is asked, never this one again for the same offer. `conflict`: it is not the agent’s to decline.',
      scope: 'agent',
      parameters: [agentId, offerId],
      responses: done,
      errors: answerErrors,
      curl: `curl -s -X POST ${base}/v1/agents/a1/offers/5f0c1b7a2d/decline ${auth}`,
    }),
  },
  '/v1/agents/{id}/offers/{offer}/complete': {
    post: describe({
      id: 'completeOffer',
      tag: 'Agents',
      summary: 'Complete an offer',
      description:
        'Tells what came of an accepted offer, as an event on the customer’s tape, and makes room for the next. `conflict`: it is not the agent’s, or was completed already.',
      scope: 'agent',
      parameters: [agentId, offerId],
      body: jsonOf('NewOutcome', { outcome: 'policy sold' }),
      responses: done,
      errors: [...answerErrors, 'unsupported_media_type', 'too_large'],
      curl: `curl -s ${base}/v1/agents/a1/offers/5f0c1b7a2d/complete ${auth} ${json} \\\n  -d '{"outcome":"policy sold"}'`,
    }),
  },
  '/v1/agents/{id}/live': {
    get: describe({
      id: 'followAgent',
      tag: 'Agents',
      summary: 'Follow an agent’s offers (WebSocket)',
      description: liveText,
      scope: 'agent',
      keyInQuery: true,
      parameters: [agentId],
      responses: { 101: { description: 'Messages follow.' } },
      errors: ['malformed', 'invalid', 'rate_limited', 'overloaded', 'unavailable'],
      curl: `websocat "ws://127.0.0.1:8787/v1/agents/a1/live?key=$KEY"`,
    }),
  },
  '/v1/agents/{id}/live/sse': {
    get: describe({
      id: 'streamAgent',
      tag: 'Agents',
      summary: 'Follow an agent’s offers (Server-Sent Events)',
      description:
        'The same messages as Server-Sent Events, with the type as the event’s name. An agent that is not there: `event: error`, and the stream ends.',
      scope: 'agent',
      keyInQuery: true,
      parameters: [agentId],
      responses: {
        200: {
          description: 'A stream without an end.',
          content: { 'text/event-stream': { schema: refTo('AgentMessage') } },
        },
      },
      errors: ['malformed', 'invalid', 'rate_limited', 'overloaded', 'unavailable'],
      curl: `curl -sN "${base}/v1/agents/a1/live/sse?key=$KEY"`,
    }),
  },
};

const deskPaths: Paths = {
  '/v1/desks': {
    get: describe({
      id: 'listDesks',
      tag: 'Agents',
      summary: 'List desks',
      description: 'All desks of the workspace by name.',
      scope: 'read',
      responses: {
        200: { description: 'The desks.', content: jsonOf('Desks', { desks: [shownDesk] }) },
      },
      errors: ['unavailable'],
      curl: `curl -s ${base}/v1/desks ${auth}`,
    }),
  },
  '/v1/desks/{name}': {
    get: describe({
      id: 'getDesk',
      tag: 'Agents',
      summary: 'Get a desk',
      description: 'The desk, how many agents work there, and what they hold.',
      scope: 'read',
      parameters: [deskName],
      responses: { 200: { description: 'The desk.', content: jsonOf('Desk', shownDesk) } },
      errors: ['malformed', 'invalid', 'not_found', 'unavailable'],
      curl: `curl -s ${base}/v1/desks/market ${auth}`,
    }),
    put: describe({
      id: 'putDesk',
      tag: 'Agents',
      summary: 'Store a desk',
      description:
        'Replaces the desk, or makes one: a place where agents work, with what all of them can do.',
      scope: 'admin',
      parameters: [deskName],
      body: jsonOf('NewDesk', desk),
      responses: {
        200: { description: 'Replaced.', content: jsonOf('Desk', shownDesk) },
        201: { description: 'Made.', content: jsonOf('Desk', shownDesk) },
      },
      errors: [...bodyErrors, 'conflict', 'unavailable'],
      curl: `curl -s -X PUT ${base}/v1/desks/market ${auth} ${json} \\\n  -d '{"title":"Market Street","place":{"latitude":37.7749,"longitude":-122.4194}}'`,
    }),
    delete: describe({
      id: 'deleteDesk',
      tag: 'Agents',
      summary: 'Delete a desk',
      description: 'Only when no agent works there (otherwise `conflict`).',
      scope: 'admin',
      parameters: [deskName],
      responses: { 204: { description: 'Deleted.' } },
      errors: ['malformed', 'invalid', 'not_found', 'conflict', 'unavailable'],
      curl: `curl -s -X DELETE ${base}/v1/desks/market ${auth}`,
    }),
  },
};

export const agentPaths: Paths = { ...agentPathsOnly, ...offerPaths, ...deskPaths };
