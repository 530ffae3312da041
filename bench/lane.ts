/** One connection of a load generator: frames of its own, a window, receipts in order. */
import { unpack } from 'msgpackr';
import { type Frame, type Protocol, patchFrame } from './frames.ts';
import { type BenchSocket, openSocket } from './socket.ts';

/** A frame on its way. */
export interface Sent {
  readonly seq: number;
  readonly number: number;
  /** When it should have been sent, on the clock of `performance.now`. */
  readonly dueMs: number;
  readonly bytes: number;
}

export interface Receipt {
  readonly accepted: number;
  readonly duplicates: number;
  readonly rejected: number;
  readonly isNack: boolean;
}

interface Answer {
  readonly hello?: number;
  readonly window?: number;
  readonly windowBytes?: number;
  readonly ack?: number;
  readonly accepted?: number;
  readonly duplicates?: number;
  readonly rejected?: readonly unknown[];
  readonly nack?: number;
}

export interface LanePlan {
  readonly port: number;
  readonly key: string;
  readonly protocol: Protocol;
  /** Unacknowledged frames, at most; the server's limits hold too. */
  readonly window: number;
  /** At least `window` of them: one is patched again only when it was acknowledged. */
  readonly frames: readonly Frame[];
  readonly onReceipt: (receipt: Receipt, sent: Sent) => void;
}

/** Ends the generator: what it measured would mean nothing. */
export function giveUp(reason: string): never {
  process.stderr.write(`the load generator gave up: ${reason}\n`);
  process.exit(1);
}

export class Lane {
  readonly #plan: LanePlan;
  readonly #waiting: Sent[] = [];
  #socket!: BenchSocket;
  #window = 0;
  #windowBytes = 0;
  #waitingBytes = 0;
  #seq = 0;
  #hello!: () => void;

  constructor(plan: LanePlan) {
    this.#plan = plan;
  }

  get isQuiet(): boolean {
    return this.#waiting.length === 0;
  }

  /** Each of its frames has been sent. */
  get isThrough(): boolean {
    return this.#seq >= this.#plan.frames.length;
  }

  /** Resolves when the server has said hello. */
  async open(): Promise<void> {
    const { key, port, protocol } = this.#plan;
    const hello = new Promise<void>((resolve) => {
      this.#hello = resolve;
    });
    this.#socket = await openSocket({
      port,
      key,
      path: '/v1/ingest',
      protocol: `tapeline.${protocol}`,
      onMessage: (bytes, at, end, isText) => this.#receive(bytes.subarray(at, end), isText),
      onLost: giveUp,
    });
    await hello;
  }

  close(): void {
    this.#socket.end();
  }

  /** Sends one frame if the window has room. */
  send(number: number, dueMs: number, timeMs: number): boolean {
    const { frames, protocol } = this.#plan;
    const frame = frames[this.#seq % frames.length]!;
    const bytes = frame.bytes.length;
    if (this.#waiting.length >= this.#window) return false;
    if (this.#waitingBytes + bytes > this.#windowBytes) return false;
    this.#seq += 1;
    patchFrame(frame, protocol, { number, seq: this.#seq, timeMs });
    this.#socket.send(frame.bytes);
    this.#waiting.push({ seq: this.#seq, number, dueMs, bytes });
    this.#waitingBytes += bytes;
    return true;
  }

  #receive(payload: Buffer, isText: boolean): void {
    const answer = (isText ? JSON.parse(payload.toString()) : unpack(payload)) as Answer;
    if (answer.hello !== undefined) {
      this.#window = Math.min(answer.window ?? 0, this.#plan.window, this.#plan.frames.length);
      this.#windowBytes = answer.windowBytes ?? 0;
      this.#hello();
      return;
    }
    const sent = this.#waiting.shift();
    const seq = answer.ack ?? answer.nack;
    if (sent === undefined || sent.seq !== seq) giveUp(`a receipt for ${seq} came out of order`);
    this.#waitingBytes -= sent.bytes;
    const { accepted = 0, duplicates = 0, rejected = [] } = answer;
    const isNack = answer.nack !== undefined;
    this.#plan.onReceipt({ accepted, duplicates, rejected: rejected.length, isNack }, sent);
  }
}
