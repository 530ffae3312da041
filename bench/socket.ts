/**
 * A WebSocket client as small as a load generator needs: it writes frames that are ready to go and
 * reads frames that are neither masked nor fragmented, as servers send them.
 */
import { randomBytes } from 'node:crypto';
import { createConnection, type Socket } from 'node:net';

const opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface SocketPlan {
  readonly port: number;
  /** Path and query. */
  readonly path: string;
  readonly key: string;
  readonly protocol?: string;
  /** The payload is `bytes[at, end)`, valid during the call only. */
  readonly onMessage: (bytes: Buffer, at: number, end: number, isText: boolean) => void;
  /** The connection ended although nobody called `end`. */
  readonly onLost: (reason: string) => void;
}

/** What one read can take; also the largest frame. */
const receiveBytes = 256 * 1024;

export class BenchSocket {
  readonly #plan: SocketPlan;
  /** Received and not handled: the first `#kept` bytes, a part of a frame. Reads go behind them. */
  readonly #received = Buffer.allocUnsafeSlow(receiveBytes);
  readonly #socket: Socket;
  #isOpen = false;
  #isEnding = false;
  #kept = 0;
  #opened!: () => void;
  readonly #whenOpen = new Promise<void>((resolve) => {
    this.#opened = resolve;
  });

  /** Use `openSocket`. */
  constructor(plan: SocketPlan) {
    this.#plan = plan;
    this.#socket = createConnection({
      host: '127.0.0.1',
      port: plan.port,
      noDelay: true,
      onread: {
        buffer: () => this.#received.subarray(this.#kept),
        callback: (count) => {
          this.#receive(this.#kept + count);
          return true;
        },
      },
    });
    this.#socket.on('error', (error) => this.#lose(error.message));
    this.#socket.on('close', () => this.#lose('the server closed the connection'));
    const protocol =
      plan.protocol === undefined ? '' : `Sec-WebSocket-Protocol: ${plan.protocol}\r\n`;
    this.#socket.write(
      `GET ${plan.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n` +
        `${protocol}Authorization: Bearer ${plan.key}\r\n\r\n`,
    );
  }

  get whenOpen(): Promise<void> {
    return this.#whenOpen;
  }

  /** Sends a whole frame, head and mask included; the bytes must stay as they are until it is answered. */
  send(frame: Uint8Array): void {
    this.#socket.write(frame);
  }

  /** Stops reading: from now on the server's data stays in the kernel's buffers and its own. */
  stall(): void {
    this.#socket.pause();
  }

  end(): void {
    this.#isEnding = true;
    this.#socket.destroy();
  }

  #lose(reason: string): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#plan.onLost(reason);
  }

  /** Handles what is whole of the first `length` bytes and keeps the rest. */
  #receive(length: number): void {
    const bytes = this.#received;
    let at = this.#isOpen ? 0 : this.#readAnswer(bytes.subarray(0, length));
    if (this.#isOpen) at = this.#readFrames(at, length);
    bytes.copyWithin(0, at, length);
    this.#kept = length - at;
    if (this.#kept === bytes.length) this.#lose('the server sent too large a frame');
  }

  /** Reads the answer to the upgrade, if it is all there. @returns how many bytes it took. */
  #readAnswer(bytes: Buffer): number {
    const end = bytes.indexOf('\r\n\r\n');
    if (end === -1) return 0;
    const status = bytes.toString('latin1', 0, bytes.indexOf('\r\n'));
    this.#isOpen = status.startsWith('HTTP/1.1 101');
    if (this.#isOpen) this.#opened();
    else this.#lose(`the server answered ${status}`);
    return end + 4;
  }

  /** Handles every whole frame. @returns where the first that is not whole begins. */
  #readFrames(from: number, end: number): number {
    const bytes = this.#received;
    let at = from;
    while (at + 2 <= end) {
      let length = bytes[at + 1]! & 0x7f;
      let payloadAt = at + 2;
      if (length === 126) {
        if (at + 4 > end) break;
        length = (bytes[at + 2]! << 8) | bytes[at + 3]!;
        payloadAt += 2;
      } else if (length === 127) {
        if (at + 10 > end) break;
        length = Number(bytes.readBigUInt64BE(at + 2));
        payloadAt += 8;
      }
      const next = payloadAt + length;
      if (next > end) break;
      this.#handle(bytes[at]!, payloadAt, next);
      at = next;
    }
    return at;
  }

  #handle(first: number, at: number, end: number): void {
    const kind = first & 15;
    const bytes = this.#received;
    if ((first & 0x80) === 0 || kind === opcode.continuation) {
      this.#lose('the server sent a fragmented message');
    } else if (kind === opcode.text || kind === opcode.binary) {
      this.#plan.onMessage(bytes, at, end, kind === opcode.text);
    } else if (kind === opcode.ping) {
      const head = Buffer.from([0x8a, 0x80 | (end - at), 0, 0, 0, 0]);
      this.#socket.write(Buffer.concat([head, bytes.subarray(at, end)]));
    } else if (kind === opcode.close) {
      const code = end - at < 2 ? 1005 : bytes.readUInt16BE(at);
      this.#lose(`the server closed with ${code} ${bytes.toString('utf8', at + 2, end)}`);
    }
  }
}

/** Resolves when the server has accepted the upgrade. */
export async function openSocket(plan: SocketPlan): Promise<BenchSocket> {
  const socket = new BenchSocket(plan);
  await socket.whenOpen;
  return socket;
}
