/**
 * `GET /v1/customers/{customer}/views/{name}/live` (WebSocket) and the same with `/sse`: a view's answer at once,
 * and again whenever it is another.
 */
import type { HttpRequest, HttpResponse, TemplatedApp } from 'uWebSockets.js';
import { customerBytesMax } from '../event/envelope.ts';
import { AppError } from '../std/errors.ts';
import { sendPieces } from '../streams/pieces.ts';
import type { Follower, Followers } from '../views/followers.ts';
import type { KeptView } from '../views/kept.ts';
import type { ViewSink } from '../views/watch.ts';
import type { Credential } from '../workspaces/types.ts';
import { authenticate } from './auth.ts';
import { Connections } from './connections.ts';
import type { Front } from './context.ts';
import { FragmentSink } from './fragments.ts';
import type { Head } from './head.ts';
import { bounded, viewNameBytesMax } from './names.ts';
import { openStream } from './openstream.ts';
import { decodePercent, Query } from './query.ts';
import { upgradeSocket } from './socket.ts';
import { Unread, type UnreadAnswers } from './unread.ts';
import { evidenceOf, findView, seenBy } from './views.ts';

export const liveViewPath = '/v1/customers/{customer}/views/{name}/live';
const pattern = '/v1/customers/:customer/views/:name/live';
/** The view is gone, or it cannot be answered: the reason says why. */
const closeFailed = 4011;
/** It does not read, and others do not either. */
const closeUnread = 1013;
/** What uWS may hold for a socket: it is sent pieces, each when nothing waits. */
const socketBackpressureMax = 64 * 1024;
const reasonCharactersMax = 100;

interface Wanted {
  readonly credential: Credential;
  readonly customer: string;
  readonly view: KeptView;
}

interface SocketData {
  readonly data: Wanted;
  unread?: Unread;
  follower?: Follower;
}

/** The live views of one front. */
export class LiveViews {
  readonly connections: Connections;
  readonly #front: Front;
  readonly #followers: () => Followers | undefined;
  readonly #unread: UnreadAnswers;

  constructor(front: Front, followers: () => Followers | undefined, unread: UnreadAnswers) {
    this.#front = front;
    this.#unread = unread;
    this.#followers = followers;
    this.connections = new Connections(front);
  }

  register(app: TemplatedApp): void {
    app.ws<SocketData>(pattern, {
      maxPayloadLength: 4096,
      maxBackpressure: socketBackpressureMax,
      idleTimeout: 120,
      sendPingsAutomatically: true,
      upgrade: (res, req, context) => {
        const path = [req.getParameter(0), req.getParameter(1)];
        upgradeSocket<Wanted>(this.#front, { res, req, context }, ({ head }) => {
          return { data: this.#wanted(head, path), protocol: '' };
        });
      },
      open: (ws) => {
        const user = ws.getUserData();
        this.connections.addSocket(ws, user.data.credential);
        const end = (error: AppError): unknown =>
          ws.end(closeFailed, error.message.slice(0, reasonCharactersMax));
        const pieces = new FragmentSink(ws);
        const unread = new Unread({
          answers: this.#unread,
          workspace: user.data.credential.workspace,
          send: (answer, from) => sendPieces(pieces, answer, from),
          cut: () => ws.end(closeUnread, 'too many answers wait to be read'),
        });
        user.unread = unread;
        const sink: ViewSink = {
          bufferedBytes: () => pieces.bufferedBytes() + unread.bytes,
          send: ({ socketBytes }) => unread.send(socketBytes),
          fail: end,
        };
        this.#follow(user.data, sink, (follower) => {
          user.follower = follower;
        });
      },
      drain: (ws) => {
        const { follower, unread } = ws.getUserData();
        if (unread?.goOn() === true) follower?.resume();
      },
      close: (ws) => {
        const { follower, unread } = ws.getUserData();
        this.connections.removeSocket(ws);
        unread?.forget();
        follower?.close();
      },
    });
    app.get(`${pattern}/sse`, (res, req) => this.#openStream(res, req));
  }

  #openStream(res: HttpResponse, req: HttpRequest): void {
    const path = [req.getParameter(0), req.getParameter(1)];
    let follower: Follower | undefined;
    let unread: Unread | undefined;
    const opened = openStream(
      this.#front,
      this.connections,
      { res, req },
      {
        wanted: (head) => this.#wanted(head, path),
        gone: () => {
          unread?.forget();
          follower?.close();
        },
      },
    );
    if (opened === undefined) return;
    const { stream, wanted } = opened;
    const rest = new Unread({
      answers: this.#unread,
      workspace: wanted.credential.workspace,
      send: (answer, from) => stream.sendInPieces(answer, from),
      cut: () => stream.end(),
    });
    unread = rest;
    stream.onWritable = () => {
      if (rest.goOn()) follower?.resume();
    };
    const sink: ViewSink = {
      bufferedBytes: () => stream.bufferedBytes() + rest.bytes,
      send: ({ sseBytes }) => rest.send(sseBytes),
      fail: ({ code, message }) => {
        // In the middle of an answer there is no place for it: the reader comes back, and is told then.
        const said = JSON.stringify({ error: { code, message } });
        if (rest.bytes === 0) stream.send(Buffer.from(`event: error\ndata: ${said}\n\n`));
        stream.end();
      },
    };
    this.#follow(wanted, sink, (begun) => {
      follower = begun;
    });
  }

  #follow(
    { credential, customer, view }: Wanted,
    sink: ViewSink,
    begun: (follower: Follower) => void,
  ): void {
    try {
      begun(this.#followers()!.follow(credential.workspace, customer, view, sink));
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      sink.fail(error);
    }
  }

  /** @throws AppError for a bad credential, a view it may not read, or when the front is not ready. */
  #wanted(head: Head, path: readonly (string | undefined)[]): Wanted {
    const options = { keyInQuery: true, narrowed: true };
    const credential = authenticate(this.#front, head, 'read', options);
    const health = this.#front.health();
    const isEnding = health.status === 'starting' || health.status === 'draining';
    if (this.#followers() === undefined || isEnding) {
      const reason = health.status === 'ready' ? 'the server is starting' : health.reason;
      throw new AppError('unavailable', reason, { retryAfterSeconds: 1 });
    }
    const query = new Query(head.query);
    query.checkNames(['evidence', 'key']);
    const customer = decodePercent(path[0] ?? '', '{customer} in the path');
    const name = decodePercent(path[1] ?? '', '{name} in the path');
    bounded(name, 'the name of a view', viewNameBytesMax);
    const record = findView(credential, this.#front, name);
    return {
      credential,
      customer: bounded(customer, 'customer', customerBytesMax),
      view: seenBy(credential, record, evidenceOf({ credential, query })),
    };
  }
}
