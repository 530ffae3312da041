/** A live WebSocket that comes back after every cut with the last cursor it has seen. */
import WebSocket from 'ws';
import { systemClock } from '../../src/std/clock.ts';

export interface Heard {
  readonly id: string;
  readonly cursor: string;
}

export interface ListenerOptions {
  readonly url: string;
  readonly key: string;
  /** A connection on which nothing is heard for this long is replaced. */
  readonly silenceMs: number;
}

const retryMs = 30;

export class Listener {
  readonly heard: Heard[] = [];
  resumes = 0;
  readonly #options: ListenerOptions;
  #socket: WebSocket | undefined;
  #isClosed = false;
  #heardMs = 0;
  readonly #stopWatch: () => void;

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#stopWatch = systemClock.every(options.silenceMs / 4, () => {
      if (systemClock.monotonicMs() - this.#heardMs > options.silenceMs) this.#socket?.terminate();
    });
    this.#connect();
  }

  close(): void {
    this.#isClosed = true;
    this.#stopWatch();
    this.#socket?.terminate();
  }

  #connect(): void {
    const { key, url } = this.#options;
    const from = this.heard.at(-1)?.cursor ?? 'earliest';
    this.#heardMs = systemClock.monotonicMs();
    const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/live?from=${from}`, {
      headers: { authorization: `Bearer ${key}` },
      perMessageDeflate: false,
    });
    this.#socket = socket;
    socket.on('message', (data) => {
      this.#heardMs = systemClock.monotonicMs();
      const { cursor, event } = JSON.parse(String(data)) as { cursor: string; event: Heard };
      this.heard.push({ id: event.id, cursor });
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      if (this.#isClosed) return;
      this.resumes += 1;
      systemClock.after(retryMs, () => {
        if (!this.#isClosed) this.#connect();
      });
    });
  }
}
