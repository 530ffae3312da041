/** One attempt at an endpoint: judged where it leads, signed, posted. */
import type { Clock } from '../../std/clock.ts';
import { secretsAt, type WebhookRecord } from '../../workspaces/webhook.ts';
import type { Guard } from './guard.ts';
import type { Answer } from './schedule.ts';
import type { Sender } from './send.ts';
import { signatureHeaders } from './signature.ts';

export interface Message {
  readonly id: string;
  readonly body: string;
}

export class Poster {
  readonly #clock: Clock;
  readonly #guard: Guard;
  readonly #sender: Sender;

  constructor(parts: { readonly clock: Clock; readonly guard: Guard; readonly sender: Sender }) {
    this.#clock = parts.clock;
    this.#guard = parts.guard;
    this.#sender = parts.sender;
  }

  /** Never rejects. */
  async post(webhook: WebhookRecord, { body, id }: Message): Promise<Answer> {
    const target = await this.#guard.check(webhook.url);
    if ('failure' in target) return target;
    const atMs = this.#clock.now();
    const signature = signatureHeaders(secretsAt(webhook, atMs), { id, body, atMs });
    const headers = { ...webhook.headers, ...signature };
    return this.#sender.post(target, { method: webhook.method ?? 'POST', body, headers });
  }

  /** Cuts what is under way. */
  close(): void {
    this.#sender.close();
  }
}
