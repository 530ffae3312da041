/**
 * The WebSocket ingest client: sends batches, keeps within the server's window, and learns what is
 * durable. What was not acknowledged is sent again after a refusal for load or a lost connection, and
 * so are single events that could not be written; the events' ids make that safe.
 *
 *     const client = openIngest({ url, key, openSocket: nodeSocket, clock });
 *     const { receipt } = await client.send(events);   // the window had room: keep producing
 *     await receipt;                                    // durable
 *     await client.drain();
 *     await client.close();
 */
import type { Clock } from '../std/clock.ts';
import type { Random } from '../std/random.ts';
import { remainderOf, resendable } from './remainder.ts';
import { split, withIds } from './split.ts';
import {
  ClientError,
  type Event,
  type OpenSocket,
  type Receipt,
  type Socket,
  type SocketEnd,
  type WireEncoding,
} from './types.ts';
import { type Frame, Window } from './window.ts';
import { type Batch, frameBytesOf, frameOf, readMessage, type ServerMessage } from './wire.ts';

export interface IngestOptions {
  /** The server's address, http(s):// or ws(s)://. */
  readonly url: string;
  /** A key with scope `write`, `publish` or `admin`, or a token. */
  readonly key: string;
  readonly openSocket: OpenSocket;
  readonly clock: Clock;
  /** Spreads reconnections; without it all clients come back at the same instant. */
  readonly random?: Random;
  /** Default `msgpack`. */
  readonly encoding?: WireEncoding;
  /**
   * Gives up after this long without a single receipt while something is outstanding. Events of a
   * frame that is stored otherwise are given up alone: their receipt lists them as `unavailable`.
   * Default 60,000.
   */
  readonly giveUpMs?: number;
  /** A connection on which nothing is heard for this long, while receipts are due, is replaced. Default 30,000. */
  readonly silenceMs?: number;
  /** Told whenever something has to be sent again, and after how long. */
  readonly retrying?: (error: ClientError, delayMs: number) => void;
}

/** A send that was admitted. `receipt` may be ignored: `drain` waits for it too. */
export interface Sent {
  readonly receipt: Promise<Receipt>;
}

/** Opens a client; it connects with the first `send` or `ready`. */
export function openIngest(options: IngestOptions): IngestClient {
  return new IngestClient(options);
}

const backoffMsMin = 100;
const backoffMsMax = 5_000;
const retryAfterMsDefault = 200;
const closeTimeoutMs = 1_000;
const seqMax = 0xffff_ffff;
const retried: ReadonlySet<string> = new Set(['overloaded', 'rate_limited', 'unavailable']);
/** Close codes after which the same thing would only happen again. */
const fatalCloses: ReadonlyMap<number, ClientError['code']> = new Map([
  [1002, 'protocol'],
  [1003, 'protocol'],
  [1007, 'protocol'],
  [4008, 'window_exceeded'],
  [4009, 'too_large'],
]);

export class IngestClient {
  readonly encoding: WireEncoding;
  readonly #options: IngestOptions;
  readonly #window = new Window();
  readonly #waiters: { resolve(): void; reject(error: ClientError): void; isDone(): boolean }[] =
    [];
  readonly #receipts = new Set<Promise<Receipt>>();
  #socket: Socket | undefined;
  #isOpen = false;
  #seq = 0;
  #attempts = 0;
  #reconnects = 0;
  #resentFrames = 0;
  #progressAt: number;
  #heardAt = 0;
  #pause: (() => void) | undefined;
  #stopWatch: (() => void) | undefined;
  #failure: ClientError | undefined;
  #closing: (() => void) | undefined;

  constructor(options: IngestOptions) {
    this.#options = options;
    this.encoding = options.encoding ?? 'msgpack';
    this.#progressAt = options.clock.monotonicMs();
  }

  /** How often the connection was replaced, and how many frames were sent again. */
  get stats(): { readonly reconnects: number; readonly resentFrames: number } {
    return { reconnects: this.#reconnects, resentFrames: this.#resentFrames };
  }

  /** Connects now, for those who want to know before they begin. @throws ClientError */
  ready(): Promise<void> {
    if (this.#window.outstanding === 0) this.#progressAt = this.#options.clock.monotonicMs();
    const ready = this.#until(() => this.#isOpen);
    this.#connect();
    return ready;
  }

  /**
   * Sends events in one frame, or in several if they are more than a frame may hold. Resolves once
   * the window has admitted them all; that is the back-pressure. An event without an id gets one.
   *
   * @throws ClientError when the client has failed or was closed.
   */
  async send(events: readonly Event[]): Promise<Sent> {
    const limits = this.#window.limits;
    const parts = split(this.encoding, withIds(events), limits.frameBytesMax);
    const receipts: Promise<Receipt>[] = [];
    for (const { batch } of parts.sent) receipts.push((await this.sendBatch(batch)).receipt);
    const receipt = Promise.all(receipts).then((all) => parts.join(all));
    return { receipt: this.#track(receipt) };
  }

  /** Sends events that are encoded already, in this client's encoding, as one frame. */
  async sendBatch(batch: Batch): Promise<Sent> {
    if (this.#failure !== undefined) throw this.#failure;
    if (batch.encoding !== this.encoding) {
      throw new ClientError('invalid', `this client sends ${this.encoding}`);
    }
    if (this.#window.outstanding === 0) this.#progressAt = this.#options.clock.monotonicMs();
    let receipt: Promise<Receipt> | undefined;
    await new Promise<void>((admitted, refused) => {
      receipt = new Promise<Receipt>((resolve, reject) => {
        this.#window.add({ batch, bytes: frameBytesOf(batch), admitted, resolve, reject });
      });
      receipt.catch(refused);
      this.#connect();
      this.#pump();
    });
    return { receipt: this.#track(receipt!) };
  }

  /**
   * Resolves when everything sent so far, and meanwhile, has its receipt, and whoever waits for one
   * of them has been told. @throws ClientError when the client failed; a frame refused alone is told
   * to its sender only.
   */
  async drain(): Promise<void> {
    await this.#until(() => this.#window.outstanding === 0);
    await Promise.allSettled(this.#receipts);
  }

  #track(receipt: Promise<Receipt>): Promise<Receipt> {
    this.#receipts.add(receipt);
    const forget = (): void => void this.#receipts.delete(receipt);
    receipt.then(forget, forget);
    return receipt;
  }

  /** Closes the connection. What has no receipt yet fails with `closed`: call `drain` before. */
  async close(): Promise<void> {
    if (this.#failure === undefined) this.#fail(new ClientError('closed', 'the client was closed'));
    const socket = this.#socket;
    if (socket === undefined) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#options.clock.after(closeTimeoutMs, () => socket.terminate());
      this.#closing = () => {
        cancel();
        resolve();
      };
      socket.close();
    });
  }

  #until(isDone: () => boolean): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (isDone()) return Promise.resolve();
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject, isDone }));
  }

  #wake(): void {
    for (let i = this.#waiters.length - 1; i >= 0; i -= 1) {
      if (this.#waiters[i]!.isDone()) this.#waiters.splice(i, 1)[0]!.resolve();
    }
  }

  #connect(): void {
    if (this.#socket !== undefined || this.#pause !== undefined || this.#failure !== undefined) {
      return;
    }
    const { clock, key, openSocket } = this.#options;
    const url = new URL('/v1/ingest', this.#options.url);
    url.protocol = url.protocol.replace('http', 'ws');
    this.#seq = 0;
    this.#heardAt = clock.monotonicMs();
    this.#watch();
    const target = { url: url.href, protocol: `tapeline.${this.encoding}`, key };
    this.#socket = openSocket(target, {
      message: (data) => this.#message(data),
      closed: (end) => this.#closed(end),
    });
  }

  /** Replaces a connection that went dead without saying so. */
  #watch(): void {
    const { clock, silenceMs = 30_000 } = this.#options;
    this.#stopWatch = clock.every(silenceMs / 4, () => {
      const isWaiting = !this.#isOpen || this.#window.underWay > 0;
      if (isWaiting && clock.monotonicMs() - this.#heardAt > silenceMs) this.#socket?.terminate();
    });
  }

  #pump(): void {
    while (this.#isOpen && this.#pause === undefined) {
      const frame = this.#window.next();
      if (frame === undefined) return;
      if (frame.bytes > this.#window.limits.frameBytesMax) {
        frame.reject(new ClientError('too_large', 'the batch is larger than a frame may be'));
        continue;
      }
      this.#transmit(frame);
    }
  }

  #transmit(frame: Frame): void {
    if (this.#seq >= seqMax) {
      this.#window.again(frame);
      this.#isOpen = false;
      this.#socket!.terminate();
      return;
    }
    this.#seq += 1;
    if (this.#window.underWay === 0) this.#heardAt = this.#options.clock.monotonicMs();
    this.#window.sent(this.#seq, frame);
    this.#socket!.send(frameOf(frame.batch, this.#seq));
    frame.admitted();
  }

  #message(data: string | Uint8Array): void {
    this.#heardAt = this.#options.clock.monotonicMs();
    let message: ServerMessage;
    try {
      message = readMessage(data);
    } catch (error) {
      this.#fail(error as ClientError);
      return;
    }
    if (message.kind === 'hello') {
      this.#window.limits = message.limits;
      this.#isOpen = true;
    } else {
      this.#answer(message);
    }
    this.#pump();
    this.#wake();
  }

  #answer(message: Exclude<ServerMessage, { kind: 'hello' }>): void {
    const frame = this.#window.take(message.seq);
    if (frame === undefined) {
      const error = message.kind === 'nack' ? message.error : undefined;
      const text = `the server answered a frame that was not sent (${message.seq})`;
      this.#fail(new ClientError('protocol', error?.message ?? text, { cause: error }));
      return;
    }
    this.#attempts = 0;
    if (message.kind === 'ack') this.#acknowledged(frame, message.receipt);
    else if (retried.has(message.error.code)) this.#sendAgain(frame, message.error);
    else {
      this.#progressAt = this.#options.clock.monotonicMs();
      frame.reject(message.error);
    }
  }

  #acknowledged(frame: Frame, receipt: Receipt): void {
    const refusals = resendable(receipt);
    const first = refusals[0];
    // Nothing was settled: that is a nack in other words, and no progress.
    if (first !== undefined && refusals.length >= frame.batch.events) {
      this.#sendAgain(frame, new ClientError('unavailable', first.message));
      return;
    }
    this.#progressAt = this.#options.clock.monotonicMs();
    if (first === undefined) {
      frame.resolve(receipt);
      return;
    }
    let rest: Frame;
    try {
      rest = remainderOf(frame, receipt, refusals, this.#progressAt);
    } catch (cause) {
      const text = 'the server refused an event that was not sent';
      const error = new ClientError('protocol', text, { cause });
      frame.reject(error);
      this.#fail(error);
      return;
    }
    this.#sendAgain(rest, new ClientError('unavailable', first.message));
  }

  #sendAgain(frame: Frame, error: ClientError): void {
    const { clock, giveUpMs = 60_000 } = this.#options;
    if (frame.remains !== undefined && clock.monotonicMs() - frame.remains.sinceMs >= giveUpMs) {
      frame.resolve({ accepted: 0, duplicates: 0, rejected: frame.remains.refusals });
      return;
    }
    this.#window.again(frame);
    this.#resentFrames += 1;
    if (frame.remains === undefined && this.#gaveUp(error)) return;
    if (this.#pause === undefined) this.#retry(error, error.retryAfterMs ?? retryAfterMsDefault);
  }

  #closed(end: SocketEnd): void {
    this.#stopWatch?.();
    this.#socket = undefined;
    this.#isOpen = false;
    this.#closing?.();
    if (this.#failure !== undefined) return;
    this.#resentFrames += this.#window.lost();
    const error = errorOf(end);
    if (error.code !== 'unreachable') {
      this.#fail(error);
      return;
    }
    const isIdle = this.#window.outstanding === 0 && this.#waiters.length === 0;
    if (isIdle || this.#gaveUp(error)) return;
    this.#reconnects += 1;
    const { random } = this.#options;
    const spread = random === undefined ? 1 : 0.5 + random.next() / 2;
    const delayMs = Math.min(backoffMsMax, backoffMsMin * 2 ** this.#attempts) * spread;
    this.#attempts += 1;
    this.#pause?.();
    this.#pause = undefined;
    this.#retry(error, delayMs);
  }

  #retry(error: ClientError, delayMs: number): void {
    const cancel = this.#options.clock.after(delayMs, () => {
      this.#pause = undefined;
      this.#connect();
      this.#pump();
    });
    this.#pause = cancel;
    this.#options.retrying?.(error, delayMs);
  }

  #gaveUp(error: ClientError): boolean {
    const { clock, giveUpMs = 60_000 } = this.#options;
    if (clock.monotonicMs() - this.#progressAt < giveUpMs) return false;
    this.#fail(error);
    return true;
  }

  #fail(error: ClientError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#pause?.();
    this.#pause = undefined;
    this.#window.fail(error);
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
    if (error.code !== 'closed') this.#socket?.close();
  }
}

function errorOf(end: SocketEnd): ClientError {
  const options = { status: end.status ?? end.code };
  if (end.status === 401) return new ClientError('unauthorized', 'the key is not known', options);
  if (end.status === 403) return new ClientError('forbidden', 'the key may not write', options);
  if (end.status !== undefined && end.status < 500 && end.status !== 429) {
    return new ClientError('protocol', end.message, options);
  }
  const code = fatalCloses.get(end.code) ?? 'unreachable';
  return new ClientError(code, `${end.message} (${end.code})`, options);
}
