/** Open connections without an end, with the credentials they were opened with: who may stay, and how they go. */
import type { Credential } from '../workspaces/types.ts';
import type { Front } from './context.ts';
import type { EventStream } from './sse.ts';

interface Socket {
  getBufferedAmount(): number;
  end(code: number, reason: string): unknown;
}

const pingMs = 5000;

export class Connections {
  readonly #front: Front;
  readonly #sockets = new Map<Socket, Credential>();
  readonly #streams = new Map<EventStream, Credential>();

  constructor(front: Front) {
    this.#front = front;
    front.clock.every(pingMs, () => {
      this.dropRevoked();
      for (const stream of this.#streams.keys()) stream.ping();
    });
  }

  get size(): number {
    return this.#sockets.size + this.#streams.size;
  }

  /** Bytes that were sent to them and that the system has not taken yet. */
  waitingBytes(): number {
    let bytes = 0;
    for (const socket of this.#sockets.keys()) bytes += socket.getBufferedAmount();
    for (const stream of this.#streams.keys()) bytes += stream.bufferedBytes();
    return bytes;
  }

  addSocket(socket: Socket, credential: Credential): void {
    this.#sockets.set(socket, credential);
  }

  removeSocket(socket: Socket): void {
    this.#sockets.delete(socket);
  }

  addStream(stream: EventStream, credential: Credential): void {
    this.#streams.set(stream, credential);
  }

  removeStream(stream: EventStream): void {
    this.#streams.delete(stream);
  }

  /** Ends those whose key was taken back, whose role is another, or whose token has expired. */
  dropRevoked(): void {
    const { clock, directory } = this.#front;
    const now = clock.now();
    for (const [socket, credential] of this.#sockets) {
      if (!directory.stands(credential, now)) socket.end(1008, 'the key is not valid any more');
    }
    for (const [stream, credential] of this.#streams) {
      if (!directory.stands(credential, now)) stream.end();
    }
  }

  /** Ends all; clients go on elsewhere from where they are. */
  drain(): void {
    for (const socket of this.#sockets.keys()) socket.end(1001, 'the server is going away');
    for (const stream of this.#streams.keys()) stream.end();
  }
}
