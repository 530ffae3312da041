/** `GET /v1/live` (WebSocket) and `GET /v1/live/sse`: the feed of this front, to its subscribers. */
import type { HttpRequest, HttpResponse, TemplatedApp } from 'uWebSockets.js';
import { channelBytesMax, customerBytesMax, typeBytesMax } from '../event/envelope.ts';
import { AppError } from '../std/errors.ts';
import type { Feed, Subscription } from '../streams/feed.ts';
import type { LiveFilter } from '../streams/filter.ts';
import type { Batch } from '../streams/message.ts';
import { sendPieces } from '../streams/pieces.ts';
import type { LiveSink } from '../streams/subscriber.ts';
import {
  cursorExpired,
  earliest,
  formatCursor,
  type Position,
  parsePosition,
} from '../tape/cursor.ts';
import type { Tape } from '../tape/tape.ts';
import type { Credential } from '../workspaces/types.ts';
import { authenticate } from './auth.ts';
import { Connections } from './connections.ts';
import type { Front } from './context.ts';
import { FragmentSink } from './fragments.ts';
import type { Head } from './head.ts';
import type { LiveSubscribers } from './livesubscribers.ts';
import { openStream } from './openstream.ts';
import { Query } from './query.ts';
import { upgradeSocket } from './socket.ts';
import { filterOf } from './tape.ts';

/** Opened when the front becomes ready. */
export interface LiveParts {
  readonly feed: Feed;
  readonly subscribers: LiveSubscribers;
  readonly tape: Tape;
}

interface Wanted {
  readonly credential: Credential;
  readonly filter: LiveFilter;
  readonly from: Position;
}

interface SocketData {
  readonly data: Wanted;
  subscription?: Subscription;
}

/**
 * What uWS may hold of a socket's unsent bytes before it drops messages. The feed never gets there: what
 * waits is at most `subscriberBytesMax`.
 */
const socketBackpressureMax = 1024 * 1024;
/** Retention was over for what a subscriber that lags had still to read. */
const closeExpired = 4010;
/** As when the server goes away: the reader resumes with its last cursor. */
const closeGone = 1001;

/** The live subscribers of one front. */
export class Live {
  readonly #front: Front;
  readonly #parts: () => LiveParts | undefined;
  readonly connections: Connections;
  #app: TemplatedApp | undefined;

  constructor(front: Front, parts: () => LiveParts | undefined) {
    this.#front = front;
    this.#parts = parts;
    this.connections = new Connections(front);
  }

  /**
   * Sends a batch to every socket that follows the topic: each message crosses into uWS once, and its
   * loop copies it to the sockets, up to 32 with one system call for each. What a socket would hold
   * beyond `socketBackpressureMax` uWS drops without a word; the feed has made sure of room before.
   */
  publish(topic: string, { messages }: Batch): void {
    for (const message of messages) this.#app?.publish(topic, message.socketText, false);
  }

  register(app: TemplatedApp): void {
    this.#app = app;
    app.ws<SocketData>('/v1/live', {
      maxPayloadLength: 4096,
      maxBackpressure: socketBackpressureMax,
      idleTimeout: 120,
      sendPingsAutomatically: true,
      upgrade: (res, req, context) => {
        upgradeSocket<Wanted>(this.#front, { res, req, context }, ({ head }) => {
          return { data: this.#wanted(head, head.query), protocol: '' };
        });
      },
      open: (ws) => {
        const user = ws.getUserData();
        const pieces = new FragmentSink(ws);
        const sink: LiveSink = {
          bufferedBytes: () => ws.getBufferedAmount(),
          deliver: ({ messages }) => {
            ws.cork(() => {
              for (const message of messages) ws.send(message.socketText, false);
            });
          },
          follow: (topic, on) => {
            if (on) ws.subscribe(topic);
            else ws.unsubscribe(topic);
          },
          sendLong: (message, from) => sendPieces(pieces, message.socketBytes, from),
          interrupt: () => ws.end(closeGone, 'the rest of this event is no longer kept'),
          expire: () => ws.end(closeExpired, 'the events that come next are no longer kept'),
        };
        this.connections.addSocket(ws, user.data.credential);
        user.subscription = this.#subscribe(user.data, sink);
      },
      drain: (ws) => ws.getUserData().subscription?.resume(),
      close: (ws) => {
        this.connections.removeSocket(ws);
        ws.getUserData().subscription?.close();
      },
    });
    app.get('/v1/live/sse', (res, req) => this.#openStream(res, req));
  }

  #openStream(res: HttpResponse, req: HttpRequest): void {
    let subscription: Subscription | undefined;
    const opened = openStream(
      this.#front,
      this.connections,
      { res, req },
      {
        wanted: (head) => this.#wanted(head, head.query),
        from: ({ from }) => formatCursor(from.stamp, from.ordinal),
        gone: () => subscription?.close(),
      },
    );
    if (opened === undefined) return;
    const { stream, wanted } = opened;
    stream.onWritable = () => subscription?.resume();
    subscription = this.#subscribe(wanted, stream);
  }

  #subscribe({ filter, from }: Wanted, sink: LiveSink): Subscription {
    return this.#parts()!.subscribers.subscribe(filter, from, sink);
  }

  /** @throws AppError for a bad credential, filter or cursor, or when the front is not ready or has too many. */
  #wanted(head: Head, queryText: string): Wanted {
    const credential = authenticate(this.#front, head, 'read', { keyInQuery: true });
    const parts = this.#parts();
    const health = this.#front.health();
    if (parts === undefined || health.status === 'starting' || health.status === 'draining') {
      const reason = health.status === 'ready' ? 'the server is starting' : health.reason;
      throw new AppError('unavailable', reason, { retryAfterSeconds: 1 });
    }
    parts.subscribers.checkRoom(credential.workspace);
    const query = new Query(queryText);
    query.checkNames(['from', 'customer', 'type', 'channel', 'key']);
    const filter: LiveFilter = {
      workspace: credential.workspace,
      customers: values(query, 'customer', customerBytesMax),
      types: values(query, 'type', typeBytesMax),
      channels: values(query, 'channel', channelBytesMax),
    };
    const from = head.lastEventId !== '' ? head.lastEventId : (query.one('from') ?? 'now');
    return { credential, filter, from: positionOf(from, parts.tape, filter) };
  }
}

function values(query: Query, name: string, bytesMax: number): readonly string[] {
  return filterOf(query.all(name), { name, bytesMax });
}

/**
 * @throws AppError `invalid` for what is no cursor, or one ahead of everything on the tape;
 * `cursor_expired` when events after it may have been dropped.
 */
export function positionOf(
  text: string,
  tape: Tape,
  { customers, workspace }: LiveFilter,
): Position {
  if (text === 'now') return tape.now();
  if (text === 'earliest') return earliest;
  const position = parsePosition(text);
  if (position.stamp > tape.issued()) {
    throw new AppError('invalid', 'the cursor is ahead of everything on this tape');
  }
  const hashes = customers.flatMap((customer) => tape.hashesOf(workspace, customer));
  const missed = tape.missedSince(position, workspace, hashes);
  if (missed !== undefined) throw cursorExpired(missed);
  return position;
}
