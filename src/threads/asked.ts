/** What a thread has asked of another and has no answer to yet. */
import { AppError } from '../std/errors.ts';
import type { ThreadError } from './messages.ts';

interface Waiting {
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
}

export class Asked {
  readonly #waiting = new Map<number, Waiting>();
  #last = 0;

  /** @param send posts the question, whose answer will bear this number. */
  ask<T>(send: (request: number) => void): Promise<T> {
    this.#last += 1;
    const request = this.#last;
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(request, { resolve, reject });
      send(request);
    });
  }

  /** The answer came. */
  settle(request: number, value: unknown): void {
    this.#take(request)?.resolve(value as never);
  }

  refuse(request: number, { code, message }: ThreadError): void {
    this.#take(request)?.reject(new AppError(code, message, { retryAfterSeconds: 1 }));
  }

  #take(request: number): Waiting | undefined {
    const waiting = this.#waiting.get(request);
    this.#waiting.delete(request);
    return waiting;
  }
}
