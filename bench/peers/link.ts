/** A TCP connection to a peer: bytes in, whole messages to its wire. */
import { createConnection, type Socket } from 'node:net';
import type { Wire } from './wires/wire.ts';

const chunkBytes = 256 * 1024;

export class Link {
  readonly #port: number;
  readonly #wire: Wire;
  readonly #onLost: (reason: string) => void;
  #socket!: Socket;
  #bytes = Buffer.allocUnsafe(4 * chunkBytes);
  #from = 0;
  #end = 0;
  #isClosed = false;
  #opened!: () => void;

  constructor(plan: {
    readonly port: number;
    readonly wire: Wire;
    readonly onLost: (reason: string) => void;
  }) {
    this.#port = plan.port;
    this.#wire = plan.wire;
    this.#onLost = plan.onLost;
  }

  /** Resolves when the peer has let us in. */
  open(): Promise<void> {
    this.#socket = createConnection({
      host: '127.0.0.1',
      port: this.#port,
      noDelay: true,
      onread: {
        buffer: Buffer.allocUnsafe(chunkBytes),
        callback: (count, chunk) => {
          this.#receive(chunk.subarray(0, count));
          return true;
        },
      },
    });
    this.#socket.on('error', (error) => this.#lose(error.message));
    this.#socket.on('close', () => this.#lose('the peer closed the connection'));
    return new Promise((resolve) => {
      this.#opened = resolve;
      this.#socket.once('connect', () => {
        this.#socket.write(this.#wire.hello());
        if (this.#wire.isOpen) resolve();
      });
    });
  }

  /** The bytes must stay as they are until they are answered. */
  write(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  close(): void {
    this.#isClosed = true;
    this.#socket.destroy();
  }

  #lose(reason: string): void {
    if (this.#isClosed) return;
    this.close();
    this.#onLost(reason);
  }

  #receive(chunk: Uint8Array): void {
    this.#makeRoom(chunk.length);
    this.#bytes.set(chunk, this.#end);
    this.#end += chunk.length;
    const held = this.#bytes.subarray(0, this.#end);
    try {
      for (;;) {
        const end = this.#from < this.#end ? this.#wire.take(held, this.#from) : -1;
        if (end === -1) break;
        this.#from = end;
        const more = this.#wire.followUp?.();
        if (more !== undefined) this.write(more);
      }
    } catch (error) {
      this.#lose((error as Error).message);
      return;
    }
    if (this.#wire.isOpen) this.#opened();
  }

  #makeRoom(bytes: number): void {
    if (this.#from === this.#end) this.#from = this.#end = 0;
    if (this.#end + bytes <= this.#bytes.length) return;
    const held = this.#end - this.#from;
    const isTooSmall = 2 * (held + bytes) > this.#bytes.length;
    const target = isTooSmall ? Buffer.allocUnsafe(4 * (held + bytes)) : this.#bytes;
    this.#bytes.copy(target, 0, this.#from, this.#end);
    this.#bytes = target;
    this.#from = 0;
    this.#end = held;
  }
}
