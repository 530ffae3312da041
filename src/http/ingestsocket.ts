/**
 * `GET /v1/ingest`: batches over a WebSocket, one a frame, answered in the order they came.
 *
 *     frame ─▶ window ─▶ events to parcels ─▶ … durable ─▶ its turn ─▶ ack │ nack
 *
 * The window bounds what a connection may have unanswered; an answer counts as given only when the
 * client takes it, so one that sends but never reads runs into its window too.
 */

import type { TemplatedApp, WebSocket } from 'uWebSockets.js';
import { Packr } from 'msgpackr';
import { batchBytesMax } from '../event/envelope.ts';
import { type FrameResult, frameSeq, readJsonFrame, readMsgpackFrame } from '../ingest/frame.ts';
import type { Ingest } from '../ingest/ingest.ts';
import type { Receipt } from '../ingest/receipt.ts';
import { Shares } from '../ingest/shares.ts';
import { AppError } from '../std/errors.ts';
import type { Limit } from '../workspaces/quota.ts';
import type { Credential } from '../workspaces/types.ts';
import { authenticate, mayLink } from './auth.ts';
import type { Front } from './context.ts';
import { checkLoad, checkServing, marksOf, notStored } from './ingest.ts';
import { Query } from './query.ts';
import { upgradeSocket } from './socket.ts';

export const windowFramesMax = 64;
export const windowBytesMax = 32 * 1024 * 1024;
export const frameBytesMax = batchBytesMax;
/** Frames up to this size are read, to be closed with 4009; larger ones just end the connection. */
const frameReadBytesMax = frameBytesMax + 1024 * 1024;
/** Answers that a client does not take; past it, frames count as unanswered. */
const answersBytesMax = 64 * 1024;
/**
 * Ingest sockets of one front; a frame in reception takes up to `frameReadBytesMax` of memory each.
 * Workspaces share them, so that the idle ones of one leave room for the others.
 */
export const ingestSocketsMax = 1000;
const retryAfterMs = 200;
/** How long the refusal of a frame for a quota or for load is held back, at most. */
const refusalDelayMs = 100;

const jsonProtocol = 'tapeline.json';
const msgpackProtocol = 'tapeline.msgpack';
const packr = new Packr({ useRecords: false });

const closeCode = {
  goingAway: 1001,
  policy: 1008,
  windowExceeded: 4008,
  frameTooLarge: 4009,
} as const;

interface SocketData {
  readonly credential: Credential;
  readonly isMsgpack: boolean;
  connection: Connection | undefined;
}

interface Data {
  readonly data: SocketData;
}

/** A frame that was read, and its answer once there is one. */
interface Frame {
  readonly bytes: number;
  /** As it goes out. */
  answer: string | Uint8Array | undefined;
}

/** The ingest sockets of one front. */
export class IngestSockets {
  readonly #front: Front;
  readonly #ingest: () => Ingest | undefined;
  readonly #connections = new Set<Connection>();
  readonly #shares = new Shares(ingestSocketsMax);

  constructor(front: Front, ingest: () => Ingest | undefined) {
    this.#front = front;
    this.#ingest = ingest;
  }

  /** Closes every socket as soon as what it sent is answered; later frames are refused. */
  drain(): void {
    for (const connection of this.#connections) connection.drain();
  }

  /** Ends the sockets whose key was taken back or whose token has expired. */
  dropRevoked(): void {
    for (const connection of this.#connections) connection.checkCredential();
  }

  get size(): number {
    return this.#connections.size;
  }

  register(app: TemplatedApp): void {
    app.ws<Data>('/v1/ingest', {
      maxPayloadLength: frameReadBytesMax,
      maxBackpressure: 64 * 1024 * 1024,
      idleTimeout: 120,
      sendPingsAutomatically: true,
      upgrade: (res, req, context) => {
        upgradeSocket<SocketData>(this.#front, { res, req, context }, ({ head }) => {
          new Query(head.query).checkNames(['key']);
          const credential = authenticate(this.#front, head, 'write', { keyInQuery: true });
          checkServing(this.#front, this.#ingest());
          this.#checkRoom(credential.workspace);
          const protocol = chooseProtocol(head.websocketProtocol);
          const isMsgpack = protocol === msgpackProtocol;
          const offered = head.websocketProtocol !== '';
          return {
            data: { credential, isMsgpack, connection: undefined },
            protocol: offered ? protocol : '',
          };
        });
      },
      open: (ws) => {
        const connection = new Connection(ws, this.#front, this.#ingest()!);
        ws.getUserData().data.connection = connection;
        this.#connections.add(connection);
        this.#shares.take(connection.workspace, 1);
        this.#front.metrics.add('ingest_sockets', 1);
        connection.hello();
      },
      message: (ws, message, isBinary) => {
        ws.getUserData().data.connection!.receive(new Uint8Array(message), isBinary);
      },
      drain: (ws) => ws.getUserData().data.connection!.flush(),
      close: (ws) => {
        const { connection } = ws.getUserData().data;
        if (connection === undefined) return;
        connection.forget();
        this.#connections.delete(connection);
        this.#shares.give(connection.workspace, 1);
        this.#front.metrics.add('ingest_sockets', -1);
      },
    });
  }

  /** @throws AppError overloaded. */
  #checkRoom(workspace: number): void {
    if (!this.#shares.isOver(workspace, 1)) return;
    const own = this.#shares.heldBy(workspace);
    const message = `too many sockets are open, ${own} of them of this workspace; send over fewer`;
    throw new AppError('overloaded', message, { retryAfterSeconds: 1 });
  }
}

/** The first protocol of ours that the client offers; JSON when it offers none. */
function chooseProtocol(offered: string): string {
  if (offered === '') return jsonProtocol;
  const names = offered.split(',').map((name) => name.trim());
  const known = names.find((name) => name === jsonProtocol || name === msgpackProtocol);
  if (known === undefined) {
    const message = `the subprotocol must be ${msgpackProtocol} or ${jsonProtocol}`;
    throw new AppError('invalid', message);
  }
  return known;
}

class Connection {
  closed = false;
  readonly #ws: WebSocket<Data>;
  readonly #front: Front;
  readonly #ingest: Ingest;
  readonly #credential: Credential;
  readonly #isMsgpack: boolean;
  readonly #frames: Frame[] = [];
  #unansweredBytes = 0;
  #lastSeq = 0;
  #draining = false;

  constructor(ws: WebSocket<Data>, front: Front, ingest: Ingest) {
    const { data } = ws.getUserData();
    this.#ws = ws;
    this.#front = front;
    this.#ingest = ingest;
    this.#credential = data.credential;
    this.#isMsgpack = data.isMsgpack;
  }

  get workspace(): number {
    return this.#credential.workspace;
  }

  hello(): void {
    const windows = { window: windowFramesMax, windowBytes: windowBytesMax, frameBytesMax };
    this.#ws.send(this.#encode({ hello: 1, ...windows }), this.#isMsgpack);
  }

  drain(): void {
    this.#draining = true;
    this.flush();
  }

  checkCredential(): void {
    const { clock, directory } = this.#front;
    if (directory.stands(this.#credential, clock.now())) return;
    this.#close(closeCode.policy, 'the key is not valid any more');
  }

  receive(bytes: Uint8Array, isBinary: boolean): void {
    if (this.closed) return;
    if (bytes.length > frameBytesMax) {
      this.#close(closeCode.frameTooLarge, `a frame may have at most ${frameBytesMax} bytes`);
      return;
    }
    this.#unansweredBytes += bytes.length;
    if (this.#frames.length >= windowFramesMax || this.#unansweredBytes > windowBytesMax) {
      this.#front.metrics.add('ingest_window_closed_total', 1);
      this.#close(closeCode.windowExceeded, 'more was sent unacknowledged than the window allows');
      return;
    }
    const frame: Frame = { bytes: bytes.length, answer: undefined };
    this.#frames.push(frame);
    if (isBinary === this.#isMsgpack) this.#read(bytes, frame);
    else {
      const kind = this.#isMsgpack ? 'binary' : 'text';
      this.#answer(frame, nack(0, 'malformed', `this subprotocol takes ${kind} frames`));
    }
  }

  #read(bytes: Uint8Array, frame: Frame): void {
    const ingest = this.#ingest;
    const limits = this.#front.directory.limits(this.#credential.keyId);
    const refusal = this.#refusal(bytes.length, limits);
    if (refusal !== undefined) {
      this.#refuse(frame, frameSeq(bytes, this.#isMsgpack), refusal);
      return;
    }
    const { workspace } = this.#credential;
    const batch = ingest.begin(workspace, bytes.length, mayLink(this.#credential));
    const now = this.#front.clock.now();
    const read = this.#isMsgpack ? readMsgpackFrame : readJsonFrame;
    const result: FrameResult = read(bytes, now, ingest, batch);
    const { seq } = result;
    const problem = result.problem ?? this.#seqProblem(seq);
    this.#front.quotas.charge(limits, problem === undefined ? batch.events : 0, bytes.length);
    if (problem !== undefined) {
      ingest.abandon(batch);
      this.#answer(frame, nack(seq, 'malformed', problem));
      return;
    }
    this.#lastSeq = seq;
    ingest.send(batch, (receipt) => this.#answer(frame, this.#receipt(seq, receipt)));
  }

  /** Later, and so the window holds back whoever sends again at once: refusing costs time too. */
  #refuse(frame: Frame, seq: number, { code, message, retryAfterSeconds = 0 }: AppError): void {
    const answer = (waitMs: number): void => this.#answer(frame, nack(seq, code, message, waitMs));
    // The quota knows when; the load of the next moments nobody does.
    const waitMs = code === 'rate_limited' ? Math.round(retryAfterSeconds * 1000) : retryAfterMs;
    if (code === 'unavailable') answer(waitMs);
    else {
      const delayMs = Math.min(waitMs, refusalDelayMs);
      this.#front.clock.after(delayMs, () => answer(Math.max(1, waitMs - delayMs)));
    }
  }

  #seqProblem(seq: number): string | undefined {
    return seq > this.#lastSeq ? undefined : 'seq must be greater than the one before';
  }

  #refusal(bytes: number, limits: readonly Limit[]): AppError | undefined {
    try {
      checkServing(this.#front, this.#ingest);
      this.#front.quotas.check(limits);
      const { workspace } = this.#credential;
      checkLoad(this.#ingest, { bytes, workspace }, this.#front.metrics);
      return undefined;
    } catch (error) {
      if (error instanceof AppError) return error;
      throw error;
    }
  }

  #receipt(seq: number, receipt: Receipt): unknown {
    if (receipt.unavailable) {
      const { code, message } = notStored(this.#front.metrics);
      return nack(seq, code, message);
    }
    const { accepted, duplicates, rejected } = receipt;
    return { ack: seq, accepted, duplicates, rejected, ...marksOf(receipt) };
  }

  /** Encoded at once and counted: a list of refusals is many times the frame it answers. */
  #answer(frame: Frame, answer: unknown): void {
    if (this.closed) return;
    frame.answer = this.#encode(answer);
    this.#ingest.budget.take(this.#credential.workspace, frame.answer.length);
    this.flush();
  }

  /** Gives the answers whose turn it is, as far as the client takes them. */
  flush(): void {
    if (this.closed) return;
    this.#ws.cork(() => {
      for (;;) {
        const frame = this.#frames[0];
        if (frame?.answer === undefined) return;
        if (this.#ws.getBufferedAmount() > answersBytesMax) return;
        this.#frames.shift();
        this.#unansweredBytes -= frame.bytes;
        this.#ingest.budget.give(this.#credential.workspace, frame.answer.length);
        this.#ws.send(frame.answer, this.#isMsgpack);
      }
    });
    // What the client has not taken would be lost with the socket: then it closes when it has drained.
    const isDone = this.#frames.length === 0 && this.#ws.getBufferedAmount() === 0;
    if (this.#draining && isDone) {
      this.#close(closeCode.goingAway, 'the server is going away');
    }
  }

  /** The socket is gone, and with it the answers it did not take. */
  forget(): void {
    this.closed = true;
    const { budget } = this.#ingest;
    const { workspace } = this.#credential;
    for (const { answer } of this.#frames) {
      if (answer !== undefined) budget.give(workspace, answer.length);
    }
    this.#frames.length = 0;
  }

  #encode(answer: unknown): string | Uint8Array {
    return this.#isMsgpack ? packr.pack(answer) : JSON.stringify(answer);
  }

  #close(code: number, reason: string): void {
    if (this.closed) return;
    this.#ws.end(code, reason);
  }
}

function nack(seq: number, code: string, message: string, waitMs = retryAfterMs): unknown {
  const retries = code === 'malformed' ? {} : { retryAfterMs: waitMs };
  return { nack: seq, error: { code, message, ...retries } };
}
