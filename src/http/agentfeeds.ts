/**
 * `GET /v1/agents/{id}/live` (WebSocket) and `/v1/agents/{id}/live/sse`: what an agent is offered, as it
 * happens. The first message says what is pending, so that a connection can be lost and opened again; while
 * one is open, the agent is where it said it is.
 *
 *     {"type":"pending","agent":{…},"offers":[…]}     {"type":"offer","offer":{…}}   {"type":"accepted","offer":{…}}
 *     {"type":"gone","offer":"…","reason":"timedOut"} {"type":"presence","presence":{…}}   {"type":"deleted"}
 *
 * With Server-Sent Events the type is the event's name too.
 */
import type { HttpRequest, HttpResponse, TemplatedApp } from 'uWebSockets.js';
import { checkAgentId } from '../journeys/route/agent.ts';
import type { AgentMessage, AgentPush } from '../journeys/route/asks.ts';
import { AppError } from '../std/errors.ts';
import type { Credential } from '../workspaces/types.ts';
import { type FeedSink, OpenFeed } from './agentfeed.ts';
import { authenticate, checkAgent } from './auth.ts';
import { Connections } from './connections.ts';
import type { Front } from './context.ts';
import type { Head } from './head.ts';
import { openStream } from './openstream.ts';
import { decodePercent, Query } from './query.ts';
import { upgradeSocket } from './socket.ts';

export const agentLivePath = '/v1/agents/{id}/live';
const pattern = '/v1/agents/:id/live';
/** Open feeds of one front. */
export const agentFeedsMax = 10_000;
/** Of one agent on one front: a desktop and a phone, with some that are not known to be gone. */
export const feedsPerAgentMax = 10;
/** What uWebSockets may hold for a socket. */
const socketBackpressureMax = 1024 * 1024;
/** The feed is over: the reason says why. */
const closeFailed = 4011;
const reasonCharactersMax = 100;

interface Wanted {
  readonly credential: Credential;
  readonly agent: string;
}

interface SocketData {
  readonly data: Wanted;
  feed?: OpenFeed;
}

/** The agents' feeds of one front. */
export class AgentFeeds {
  readonly connections: Connections;
  readonly #front: Front;
  readonly #feeds = new Map<string, Set<OpenFeed>>();
  #size = 0;

  constructor(front: Front) {
    this.#front = front;
    this.connections = new Connections(front);
    front.hear((push) => {
      if (push.kind === 'agent') this.#hear(push);
    });
  }

  register(app: TemplatedApp): void {
    app.ws<SocketData>(pattern, {
      maxPayloadLength: 4096,
      maxBackpressure: socketBackpressureMax,
      idleTimeout: 120,
      sendPingsAutomatically: true,
      upgrade: (res, req, context) => {
        const id = req.getParameter(0);
        upgradeSocket<Wanted>(this.#front, { res, req, context }, ({ head }) => {
          return { data: this.#wanted(head, id), protocol: '' };
        });
      },
      open: (ws) => {
        const user = ws.getUserData();
        this.connections.addSocket(ws, user.data.credential);
        user.feed = this.#open(user.data, {
          bufferedBytes: () => ws.getBufferedAmount(),
          send: (_type, json) => ws.cork(() => ws.send(json, false)),
          end: (reason) => ws.end(closeFailed, reason.slice(0, reasonCharactersMax)),
        });
      },
      close: (ws) => {
        const user = ws.getUserData();
        this.connections.removeSocket(ws);
        if (user.feed !== undefined) this.#close(user.data, user.feed);
      },
    });
    app.get(`${pattern}/sse`, (res, req) => this.#openStream(res, req));
  }

  #openStream(res: HttpResponse, req: HttpRequest): void {
    const id = req.getParameter(0);
    let close = (): void => undefined;
    const opened = openStream(
      this.#front,
      this.connections,
      { res, req },
      {
        wanted: (head) => this.#wanted(head, id),
        gone: () => close(),
      },
    );
    if (opened === undefined) return;
    const { stream, wanted } = opened;
    const feed = this.#open(wanted, {
      bufferedBytes: () => stream.bufferedBytes(),
      send: (type, json) => stream.send(Buffer.from(`event: ${type}\ndata: ${json}\n\n`)),
      end: () => stream.end(),
    });
    close = () => this.#close(wanted, feed);
  }

  #hear({ agent, message, workspace }: AgentPush): void {
    for (const feed of this.#feeds.get(keyOf(workspace, agent)) ?? []) {
      feed.push(message as AgentMessage);
    }
  }

  #open({ agent, credential }: Wanted, sink: FeedSink): OpenFeed {
    const feed = new OpenFeed(this.#front, { workspace: credential.workspace, agent }, sink);
    const key = keyOf(credential.workspace, agent);
    const feeds = this.#feeds.get(key) ?? new Set();
    this.#feeds.set(key, feeds.add(feed));
    this.#size += 1;
    this.#front.metrics.add('agent_feeds', 1);
    // After it is added: what happens meanwhile is told after what is pending.
    feed.begin();
    return feed;
  }

  #close({ agent, credential }: Wanted, feed: OpenFeed): void {
    const key = keyOf(credential.workspace, agent);
    const feeds = this.#feeds.get(key);
    if (feeds?.delete(feed) !== true) return;
    if (feeds.size === 0) this.#feeds.delete(key);
    this.#size -= 1;
    this.#front.metrics.add('agent_feeds', -1);
    feed.close();
  }

  /** @throws AppError for a bad credential or another agent's, when the front is not ready, or has too many. */
  #wanted(head: Head, id: string | undefined): Wanted {
    const credential = authenticate(this.#front, head, 'agent', { keyInQuery: true });
    const health = this.#front.health();
    if (health.status === 'starting' || health.status === 'draining') {
      throw new AppError('unavailable', health.reason, { retryAfterSeconds: 1 });
    }
    new Query(head.query).checkNames(['key']);
    const agent = decodePercent(id ?? '', '{id} in the path');
    checkAgent(credential, agent);
    checkAgentId(agent);
    const own = this.#feeds.get(keyOf(credential.workspace, agent))?.size ?? 0;
    if (own >= feedsPerAgentMax) {
      const message = `an agent has at most ${feedsPerAgentMax} live connections`;
      throw new AppError('rate_limited', message, { retryAfterSeconds: 30 });
    }
    if (this.#size >= agentFeedsMax) {
      const message = 'too many live connections of agents are open on this server';
      throw new AppError('overloaded', message, { retryAfterSeconds: 30 });
    }
    return { credential, agent };
  }
}

function keyOf(workspace: number, agent: string): string {
  return `${workspace}/${agent}`;
}
