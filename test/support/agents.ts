/** Agents of a real server: made, made available, and followed live. */
import assert from 'node:assert/strict';
import type { ShownAgent, ShownOffer } from '../../src/journeys/route/asks.ts';
import { type FrameSocket, openFrames } from './frames.ts';
import type { TestServer } from './server.ts';
import { type Answer, ask } from './session.ts';

/** A message of an agent's live feed. */
export interface FeedMessage {
  readonly type: string;
  readonly agent?: ShownAgent;
  readonly offers?: readonly ShownOffer[];
  readonly offer?: ShownOffer & { readonly view?: unknown };
  readonly reason?: string;
  readonly presence?: ShownAgent['presence'];
}

export async function putAgent(server: TestServer, id: string, body: object): Promise<ShownAgent> {
  const answer = await ask(server, `/v1/agents/${id}`, {
    method: 'PUT',
    key: server.keys.admin,
    body,
  });
  assert.ok([200, 201].includes(answer.status), answer.text);
  return answer.json as ShownAgent;
}

/** A key that speaks for the agent. */
export async function keyOf(server: TestServer, agent: string): Promise<string> {
  const answer = await ask(server, '/v1/keys', { key: server.keys.admin, body: { agent } });
  assert.equal(answer.status, 201, answer.text);
  return (answer.json as { key: string }).key;
}

export function present(
  server: TestServer,
  id: string,
  body: object = { status: 'available', ttlSeconds: 3600 },
): Promise<Answer> {
  return ask(server, `/v1/agents/${id}/presence`, { key: server.keys.admin, body });
}

export class AgentFeed {
  readonly socket: FrameSocket;

  constructor(socket: FrameSocket) {
    this.socket = socket;
  }

  async next(): Promise<FeedMessage> {
    return JSON.parse((await this.socket.raw()) as string) as FeedMessage;
  }

  /** The next message of a type; those before it are passed over. */
  async until(type: string): Promise<FeedMessage> {
    let message = await this.next();
    while (message.type !== type) message = await this.next();
    return message;
  }
}

/** Opens an agent's feed; the first message says what is pending. */
export async function follow(server: TestServer, id: string, key: string): Promise<AgentFeed> {
  return new AgentFeed(await openFrames(server, `/v1/agents/${id}/live`, { key }));
}
