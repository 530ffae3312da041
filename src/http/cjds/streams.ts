/**
 * The two streams of CJDS: a person's events, and a template's view of a person whenever it is another. Plain
 * Server-Sent Events without names; each has an id, so that a client that comes back misses no event.
 */
import type { HttpRequest, HttpResponse, TemplatedApp } from 'uWebSockets.js';
import { customerBytesMax } from '../../event/envelope.ts';
import { readJson, writeJson } from '../../ingest/wire/json.ts';
import { AppError } from '../../std/errors.ts';
import type { Batch, LiveMessage } from '../../streams/message.ts';
import type { LiveSink } from '../../streams/subscriber.ts';
import { formatCursor } from '../../tape/cursor.ts';
import type { Follower, Followers } from '../../views/followers.ts';
import type { KeptView } from '../../views/kept.ts';
import type { LiveAnswer } from '../../views/liveanswer.ts';
import type { ViewSink } from '../../views/watch.ts';
import type { Credential } from '../../workspaces/types.ts';
import { authenticate } from '../auth.ts';
import { Connections } from '../connections.ts';
import type { Front } from '../context.ts';
import { corsHeaders } from '../cors.ts';
import { Exchange } from '../exchange.ts';
import type { Head } from '../head.ts';
import { type LiveParts, positionOf } from '../live.ts';
import { bounded } from '../names.ts';
import { Query } from '../query.ts';
import { withHeaders, writeReply } from '../reply.ts';
import { EventStream } from '../sse.ts';
import { Unread, type UnreadAnswers } from '../unread.ts';
import { eventFilters, shownEvent } from './events.ts';
import { customerOf } from './person.ts';
import { cjdsRefusal, inWorkspace, type Place, placeOf } from './place.ts';
import { findTemplate } from './templates.ts';
import { type Asked, type Field, modelOf, viewFor } from './view.ts';

export interface StreamParts extends LiveParts {
  readonly followers: Followers;
}

const view = `/v1/api/progressive-profile-view/stream/${inWorkspace}/identity/{identity}`;
export const streamPaths = {
  events: `/v1/api/events/stream/${inWorkspace}/identity/{identity}`,
  viewById: `${view}/template-id/{templateId}`,
  viewByName: `${view}/template-name/{templateName}`,
} as const;

/** What a stream is asked for: parts of its path as they were sent, and who asks. */
interface Opening {
  readonly exchange: Exchange;
  readonly parts: StreamParts;
  readonly credential: Credential;
  readonly query: Query;
  readonly place: Place;
  readonly identity: string;
  /** The id or the name of a template; empty for events. */
  readonly template: string;
}

/** The streams of one front. */
export class CjdsStreams {
  readonly connections: Connections;
  readonly #front: Front;
  readonly #parts: () => StreamParts | undefined;
  readonly #unread: UnreadAnswers;

  constructor(front: Front, parts: () => StreamParts | undefined, unread: UnreadAnswers) {
    this.#front = front;
    this.#unread = unread;
    this.#parts = parts;
    this.connections = new Connections(front);
  }

  register(app: TemplatedApp): void {
    const at = (path: string, open: (opening: Opening) => void, narrowed: boolean): void => {
      app.get(path.replace(/\{(\w+)\}/g, ':$1'), (res, req) =>
        this.#serve(res, req, open, narrowed),
      );
    };
    at(streamPaths.events, (opening) => this.#openEvents(opening), false);
    at(streamPaths.viewById, (opening) => this.#openView(opening), true);
    at(streamPaths.viewByName, (opening) => this.#openView(opening), true);
  }

  #serve(
    res: HttpResponse,
    req: HttpRequest,
    open: (opening: Opening) => void,
    narrowed: boolean,
  ): void {
    const path = [0, 1, 2].map((n) => req.getParameter(n) ?? '');
    const exchange = new Exchange(this.#front, res, req);
    try {
      open({ exchange, ...this.#admit(exchange.head, path, narrowed) });
    } catch (error) {
      const cors = corsHeaders('echo', exchange.head, this.#front);
      writeReply(exchange, withHeaders(cjdsRefusal(error, this.#front), cors));
    }
  }

  /** @throws AppError for a bad credential or place, or when the front is not ready. */
  #admit(head: Head, path: readonly string[], narrowed: boolean): Omit<Opening, 'exchange'> {
    if (head.fault !== undefined) throw new AppError('malformed', head.fault);
    const places = { query: ['bearerToken'] };
    const options = { keyInQuery: true, narrowed, places };
    const credential = authenticate(this.#front, head, 'read', options);
    const health = this.#front.health();
    const parts = this.#parts();
    if (parts === undefined || health.status === 'starting' || health.status === 'draining') {
      const reason = health.status === 'ready' ? 'the server is starting' : health.reason;
      throw new AppError('unavailable', reason, { retryAfterSeconds: 1 });
    }
    const query = new Query(head.query);
    const [workspaceId, identity, template] = path.map((part) => decodeLoosely(part).trim());
    return {
      parts,
      credential,
      query,
      place: placeOf(this.#front, credential.workspace, workspaceId, query),
      identity: bounded(identity!, 'identity', customerBytesMax),
      template: template!,
    };
  }

  #openEvents({ credential, exchange, identity, parts, query }: Opening): void {
    const filters = eventFilters(query);
    const { subscribers, tape } = parts;
    const { workspace } = credential;
    subscribers.checkRoom(workspace);
    const filter = { workspace, customers: [identity], types: [], channels: [] };
    const from = positionOf(exchange.head.lastEventId || 'now', tape, filter);
    const stream = this.#begin(exchange, credential, formatCursor(from.stamp, from.ordinal));
    const textOf = ({ cursor, json }: LiveMessage): string => {
      const event = shownEvent(readJson(json), filters);
      return event === undefined ? '' : `id: ${cursor}\ndata: ${writeJson(event)}\n\n`;
    };
    const sink: LiveSink = {
      bufferedBytes: () => stream.bufferedBytes(),
      deliver: ({ messages }: Batch) => {
        const text = messages.map(textOf).join('');
        if (text !== '') stream.send(Buffer.from(text));
      },
      // Its text is made again for each piece: few events are that large.
      sendLong: (message, from) => stream.sendInPieces(Buffer.from(textOf(message)), from),
      interrupt: () => stream.interrupt(),
      expire: () => stream.expire(),
    };
    const subscription = subscribers.subscribe(filter, from, sink);
    stream.onWritable = () => subscription.resume();
    this.#whenGone(exchange, stream, () => subscription.close());
  }

  #openView({ credential, exchange, identity, parts, place, template }: Opening): void {
    const record = findTemplate(credential, this.#front, template);
    const stream = this.#begin(exchange, credential, undefined);
    let follower: Follower | undefined;
    const unread = new Unread({
      answers: this.#unread,
      workspace: credential.workspace,
      send: (answer, from) => stream.sendInPieces(answer, from),
      cut: () => stream.end(),
    });
    this.#whenGone(exchange, stream, () => {
      unread.forget();
      follower?.close();
    });
    stream.onWritable = () => {
      if (unread.goOn()) follower?.resume();
    };
    const send = ({ text }: LiveAnswer): void => {
      // As it is stored now, and whoever's it is: both may change while it is followed.
      const stored = this.#front.directory.view(credential.workspace, record.name) ?? record;
      const customer = customerOf(this.#front, credential.workspace, identity);
      unread.send(modelMessage({ place, view: stored, customer }, text));
    };
    const follow = (kept: KeptView): void => {
      const fail = ({ code }: AppError): void => {
        // With so many events it is too large to be sent again and again: then without them.
        if (code === 'too_large' && kept.evidence) follow({ ...kept, evidence: undefined });
        // There is no word for all else: the client comes back, and is told why then.
        else stream.end();
      };
      const sink: ViewSink = {
        bufferedBytes: () => stream.bufferedBytes() + unread.bytes,
        send,
        fail,
      };
      try {
        follower = parts.followers.follow(credential.workspace, identity, kept, sink);
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        fail(error);
      }
    };
    follow(viewFor(credential, record));
  }

  #begin(exchange: Exchange, credential: Credential, from: string | undefined): EventStream {
    const cors = corsHeaders('echo', exchange.head, this.#front);
    exchange.answered = true;
    const stream = new EventStream(exchange, from, cors);
    this.connections.addStream(stream, credential);
    return stream;
  }

  #whenGone(exchange: Exchange, stream: EventStream, close: () => void): void {
    exchange.onGone = () => {
      stream.gone = true;
      this.connections.removeStream(stream);
      close();
    };
  }
}

function modelMessage(asked: Asked, answer: string): Buffer {
  const { asOf, fields } = readJson(answer) as { asOf: number; fields: readonly Field[] };
  return Buffer.from(`data: ${writeJson(modelOf(asked, asOf, fields))}\n\n`);
}

/** One client does not encode what it puts into a path: what is no encoding stands for itself. */
function decodeLoosely(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
