/** What fronts ask of the deliveries of webhooks: see `engine/asks.ts`. */
import type { DeliveryState } from './record.ts';

/** Times are epoch milliseconds. */
export interface ShownDelivery {
  readonly id: string;
  readonly state: DeliveryState;
  readonly customer: string;
  readonly rule?: string;
  readonly instance?: string;
  readonly request: string;
  readonly decidedAt: number;
  /** Since when it has been in this state. */
  readonly at: number;
  readonly attempts: number;
  readonly replays: number;
  readonly attemptedAt?: number;
  /** Pending: not before. */
  readonly nextAt?: number;
  readonly status?: number;
  readonly failure?: string;
  readonly excerpt?: string;
  readonly body: unknown;
}

interface OfWebhook {
  readonly workspace: number;
  readonly webhook: string;
}

export interface WebhookAsks {
  /** The newest first; `next` continues as `before`. */
  readonly deliveries: {
    readonly ask: OfWebhook & {
      readonly state?: DeliveryState;
      readonly limit: number;
      readonly before?: string;
    };
    readonly answer: {
      readonly deliveries: readonly ShownDelivery[];
      readonly next: string | null;
    };
  };
  /** One that is settled, or all that failed. */
  readonly replay: {
    readonly ask: OfWebhook & { readonly id?: string };
    readonly answer: { readonly replayed: number };
  };
  /** One message at once, which is tried once and kept nowhere. */
  readonly testWebhook: {
    readonly ask: OfWebhook;
    readonly answer: {
      readonly id: string;
      readonly delivered: boolean;
      readonly status?: number;
      readonly failure?: string;
      readonly excerpt?: string;
      readonly ms: number;
    };
  };
}
