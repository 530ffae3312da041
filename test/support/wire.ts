/** Raw HTTP/1.1 over a socket: for what `fetch` would never send, and for reading byte by byte. */
import { connect, type Socket } from 'node:net';

export interface RawReply {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

export class Wire {
  readonly socket: Socket;
  #received = Buffer.alloc(0);
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake?.();
    });
    const end = (): void => {
      this.#ended = true;
      this.#wake?.();
    };
    this.socket.on('end', end).on('error', end).on('close', end);
  }

  send(text: string | Uint8Array): void {
    this.socket.write(text);
  }

  /** The next reply; `hasBody` false for HEAD. Rejects when the connection ends first. */
  async reply(hasBody = true): Promise<RawReply> {
    const headEnd = await this.#until(() => this.#received.indexOf('\r\n\r\n'));
    const [first, ...lines] = this.#received.subarray(0, headEnd).toString().split('\r\n');
    const headers = new Map(
      lines.map((line) => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
      }),
    );
    const bytes = hasBody ? Number(headers.get('content-length') ?? 0) : 0;
    const end = headEnd + 4 + bytes;
    await this.#until(() => (this.#received.length >= end ? end : -1));
    const body = this.#received.subarray(headEnd + 4, end).toString();
    this.#received = this.#received.subarray(end);
    return { status: Number(first?.split(' ')[1]), headers, body };
  }

  /** Resolves once the server has ended the connection. */
  async ended(): Promise<void> {
    while (!this.#ended) await this.#more();
  }

  close(): void {
    this.socket.destroy();
  }

  async #until(find: () => number): Promise<number> {
    for (;;) {
      const found = find();
      if (found >= 0) return found;
      if (this.#ended) throw new Error('the connection ended before the reply did');
      await this.#more();
    }
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
