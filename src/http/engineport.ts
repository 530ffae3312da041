/** The engine as a front has it: asks it, and hears what it tells unasked. */
import type { MessagePort } from 'node:worker_threads';
import type { AskKind, EngineAnswer, EngineAsk, EnginePush } from '../journeys/engine/asks.ts';
import { unreachable } from '../std/assert.ts';
import { AppError } from '../std/errors.ts';
import { Asked } from '../threads/asked.ts';
import { batching } from '../threads/batching.ts';
import type { EngineToFront, FrontToEngine } from '../threads/messages.ts';

export class EnginePort {
  #port: MessagePort | undefined;
  #batch: ((ask: FrontToEngine['asks'][number]) => void) | undefined;
  readonly #asked = new Asked();
  readonly #hearers: ((push: EnginePush) => void)[] = [];

  connect(port: MessagePort): void {
    this.#port = port;
    port.on('message', (message: EngineToFront) => {
      switch (message.kind) {
        case 'answers':
          for (const reply of message.answers) {
            if ('error' in reply) this.#asked.refuse(reply.request, reply.error);
            else this.#asked.settle(reply.request, reply.answer);
          }
          break;
        case 'push':
          for (const hear of this.#hearers) hear(message.push);
          break;
        default:
          unreachable(message);
      }
    });
  }

  hear(hearer: (push: EnginePush) => void): void {
    this.#hearers.push(hearer);
  }

  /** @throws AppError as the engine refuses it; unavailable while the server starts. */
  async ask<Kind extends AskKind>(wanted: EngineAsk<Kind>): Promise<EngineAnswer<Kind>> {
    const port = this.#port;
    if (port === undefined) {
      throw new AppError('unavailable', 'the server is starting', { retryAfterSeconds: 1 });
    }
    return this.#asked.ask((request) => {
      this.#batch ??= batching((asks) => {
        port.postMessage({ kind: 'ask', asks } satisfies FrontToEngine);
      }, setImmediate);
      this.#batch({ request, ask: wanted as EngineAsk });
    });
  }

  close(): void {
    this.#port?.close();
  }
}
