/**
 * `GET /v1/visitor/channel`: what the workspace says to one visitor, as Server-Sent Events, to every
 * page of it that is open on this front. A message comes again on each new channel until one answers it.
 *
 *     event: message   id: <id>   data: {"id":…,"kind":"offer","data":{…},"sentAt":…,"expiresAt":…}
 *     event: gone                 data: {"id":…}      answered elsewhere, withdrawn, or its time is up
 */
import type { HttpRequest, HttpResponse, TemplatedApp } from 'uWebSockets.js';
import { AppError } from '../std/errors.ts';
import type { MailboxChange, VisitorMessage } from '../streams/mailbox.ts';
import type { Credential } from '../workspaces/types.ts';
import { authenticateVisitor } from './auth.ts';
import { Connections } from './connections.ts';
import type { Front } from './context.ts';
import { corsHeaders } from './cors.ts';
import { Exchange } from './exchange.ts';
import { Query } from './query.ts';
import { errorReply, withHeaders, writeReply } from './reply.ts';
import { EventStream } from './sse.ts';

/** Open channels of one front. */
export const channelsMax = 10_000;
/** Of one visitor on one front: a page in each. */
export const channelsPerVisitorMax = 20;
/** A page that leaves this much unread is cut off, and opens its channel anew. */
const unreadBytesMax = 512 * 1024;

interface Channel {
  readonly credential: Credential;
  readonly stream: EventStream;
  /** Messages that were delivered and are not gone. */
  readonly shown: Set<string>;
}

export class VisitorChannels {
  readonly #front: Front;
  /** What is common to all connections without an end: pings, and keys that are taken back. */
  readonly connections: Connections;
  readonly #channels = new Map<string, Set<Channel>>();

  constructor(front: Front) {
    this.#front = front;
    this.connections = new Connections(front);
  }

  register(app: TemplatedApp): void {
    app.get('/v1/visitor/channel', (res, req) => this.#open(res, req));
  }

  /** Something became of a visitor's messages. */
  change(change: MailboxChange): void {
    for (const channel of this.#channels.get(keyOf(change.workspace, change.visitor)) ?? []) {
      if ('message' in change) this.#deliver(channel, change.message);
      else if (channel.shown.delete(change.gone)) {
        this.#write(channel, `event: gone\ndata: ${JSON.stringify({ id: change.gone })}\n\n`);
      }
    }
  }

  #open(res: HttpResponse, req: HttpRequest): void {
    const exchange = new Exchange(this.#front, res, req);
    const cors = corsHeaders('any', exchange.head, this.#front);
    let credential: Credential;
    try {
      credential = this.#admit(exchange);
    } catch (error) {
      writeReply(exchange, withHeaders(errorReply(error, this.#front.log), cors));
      return;
    }
    exchange.answered = true;
    const stream = new EventStream(exchange, undefined, cors);
    const channel: Channel = { credential, stream, shown: new Set() };
    this.#add(channel);
    exchange.onGone = () => {
      stream.gone = true;
      this.#remove(channel);
    };
    const { visitor, workspace } = credential;
    // After it is added: what is sent meanwhile arrives twice and is delivered once.
    this.#front.mailbox({ kind: 'list', workspace, visitor: visitor! }).then(
      ({ messages }) => {
        for (const message of messages) this.#deliver(channel, message);
      },
      () => stream.end(),
    );
  }

  /** @throws AppError unauthorized, unavailable, rate_limited, overloaded. */
  #admit({ head }: Exchange): Credential {
    if (head.fault !== undefined) throw new AppError('malformed', head.fault);
    const credential = authenticateVisitor(this.#front, head);
    new Query(head.query).checkNames([]);
    const health = this.#front.health();
    if (health.status === 'starting' || health.status === 'draining') {
      throw new AppError('unavailable', health.reason, { retryAfterSeconds: 1 });
    }
    const own = this.#channels.get(keyOf(credential.workspace, credential.visitor!))?.size ?? 0;
    if (own >= channelsPerVisitorMax) {
      const message = `a visitor has at most ${channelsPerVisitorMax} channels`;
      throw new AppError('rate_limited', message, { retryAfterSeconds: 30 });
    }
    if (this.connections.size >= channelsMax) {
      const message = 'too many channels are open on this server';
      throw new AppError('overloaded', message, { retryAfterSeconds: 30 });
    }
    return credential;
  }

  #deliver(channel: Channel, message: VisitorMessage): void {
    const { answer, data, expiresAt, id, kind, sentAt } = message;
    if (answer !== undefined || channel.shown.has(id) || this.#front.clock.now() >= expiresAt) {
      return;
    }
    channel.shown.add(id);
    const json = JSON.stringify({ id, kind, data, sentAt, expiresAt });
    this.#write(channel, `event: message\nid: ${id}\ndata: ${json}\n\n`);
    this.#front.metrics.add('visitor_messages_total', 1);
  }

  #write({ stream }: Channel, text: string): void {
    if (stream.gone) return;
    if (stream.bufferedBytes() > unreadBytesMax) stream.end();
    else stream.send(Buffer.from(text));
  }

  #add(channel: Channel): void {
    const { visitor, workspace } = channel.credential;
    const key = keyOf(workspace, visitor!);
    const channels = this.#channels.get(key) ?? new Set();
    this.#channels.set(key, channels.add(channel));
    this.connections.addStream(channel.stream, channel.credential);
    this.#front.metrics.add('visitor_channels', 1);
  }

  #remove(channel: Channel): void {
    const { visitor, workspace } = channel.credential;
    const key = keyOf(workspace, visitor!);
    const channels = this.#channels.get(key);
    if (channels?.delete(channel) !== true) return;
    if (channels.size === 0) this.#channels.delete(key);
    this.connections.removeStream(channel.stream);
    this.#front.metrics.add('visitor_channels', -1);
  }
}

function keyOf(workspace: number, visitor: string): string {
  return `${workspace}/${visitor}`;
}
