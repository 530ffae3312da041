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
  /** `payload` is valid during the call only. */
  readonly onMessage: (payload: Buffer, isText: boolean) => void;
  /** The connection ended although nobody called `end`. */
  readonly onLost: (reason: string) => void;
}

export class BenchSocket {
  readonly #plan: SocketPlan;
  readonly #socket: Socket;
  #isOpen = false;
  #isEnding = false;
  #pending: Buffer = Buffer.alloc(0);
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
        buffer: Buffer.allocUnsafe(256 * 1024),
        callback: (count, buffer) => {
          this.#receive(Buffer.from(buffer.buffer, buffer.byteOffset, count));
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

  #receive(chunk: Buffer): void {
    const bytes = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    const bodyAt = this.#isOpen ? 0 : this.#readAnswer(bytes);
    const rest = bytes.subarray(bodyAt);
    this.#keep(this.#isOpen ? rest.subarray(this.#readFrames(rest)) : rest);
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

  /** The receive buffer is used again, so what is kept is copied. */
  #keep(rest: Buffer): void {
    this.#pending = rest.length === 0 ? rest : Buffer.from(rest);
  }

  /** Handles every whole frame. @returns how many bytes they took. */
  #readFrames(bytes: Buffer): number {
    let at = 0;
    while (at + 2 <= bytes.length) {
      let length = bytes[at + 1]! & 0x7f;
      let payloadAt = at + 2;
      if (length === 126) {
        if (at + 4 > bytes.length) break;
        length = bytes.readUInt16BE(at + 2);
        payloadAt += 2;
      } else if (length === 127) {
        if (at + 10 > bytes.length) break;
        length = Number(bytes.readBigUInt64BE(at + 2));
        payloadAt += 8;
      }
      if (payloadAt + length > bytes.length) break;
      this.#handle(bytes[at]!, bytes.subarray(payloadAt, payloadAt + length));
      at = payloadAt + length;
    }
    return at;
  }

  #handle(first: number, payload: Buffer): void {
    const kind = first & 15;
    if ((first & 0x80) === 0 || kind === opcode.continuation) {
      this.#lose('the server sent a fragmented message');
    } else if (kind === opcode.text || kind === opcode.binary) {
      this.#plan.onMessage(payload, kind === opcode.text);
    } else if (kind === opcode.ping) {
      this.#socket.write(
        Buffer.concat([Buffer.from([0x8a, 0x80 | payload.length, 0, 0, 0, 0]), payload]),
      );
    } else if (kind === opcode.close) {
      const code = payload.length < 2 ? 1005 : payload.readUInt16BE(0);
      this.#lose(`the server closed with ${code} ${payload.toString('utf8', 2)}`);
    }
  }
}

/** Resolves when the server has accepted the upgrade. */
export async function openSocket(plan: SocketPlan): Promise<BenchSocket> {
  const socket = new BenchSocket(plan);
  await socket.whenOpen;
  return socket;
}
