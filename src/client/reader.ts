/**
 * The reading half of the client library: tapes, profile views and the live stream, over `fetch`
 * alone, so that it runs in Node and in browsers.
 *
 *     const reader = openReader({ url, key, clock });
 *     for await (const event of reader.events('c1', { type: ['Purchased'] })) …
 *     for await (const { cursor, event } of reader.live({ customer: ['c1'] })) …
 */
import type { Clock } from '../std/clock.ts';
import { openAsk, type Query } from './ask.ts';
import { followLive, type LiveEvent, type LiveQuery } from './live.ts';
import type { StoredEvent } from './types.ts';

export interface ReaderOptions {
  readonly url: string;
  readonly key: string;
  readonly clock: Clock;
  /** Default: the platform's own. */
  readonly fetch?: typeof globalThis.fetch;
}

/** Times are epoch milliseconds or RFC 3339, inclusive; `limit` is 1 to 1000 per page. */
export interface TapeQuery {
  readonly limit?: number;
  readonly before?: string;
  readonly since?: number | string;
  readonly until?: number | string;
  readonly type?: readonly string[];
  readonly channel?: readonly string[];
}

export interface TapePage {
  readonly customer: string;
  /** Newest first. */
  readonly events: readonly StoredEvent[];
  readonly next: string | null;
  /** Continues in `live({ from })` without a gap. */
  readonly live: string;
}

/** A row of a profile view's template. */
export interface ViewFieldTemplate {
  readonly name: string;
  readonly event: string;
  readonly attribute?: string;
  readonly limit?: number;
  readonly lookback?: string;
  readonly type: string;
  /** A condition in CEL. */
  readonly where?: string;
}

export interface ViewResult {
  readonly customer: string;
  readonly view: string;
  readonly asOf: number;
  readonly fields: readonly {
    readonly name: string;
    readonly value: unknown;
    /** Absent in a field that is hidden from you. */
    readonly events?: number;
    readonly skipped?: number;
    readonly undecided?: number;
    /** How your role gets to see the value. */
    readonly masked?: string;
  }[];
}

export interface Reader {
  /** One page of a customer's tape. All methods: @throws ClientError with the server's code. */
  tape(customer: string, query?: TapeQuery): Promise<TapePage>;
  /** The whole tape, page by page as it is consumed. */
  events(customer: string, query?: TapeQuery): AsyncGenerator<StoredEvent>;
  view(
    customer: string,
    name: string,
    options?: { readonly fresh?: boolean; readonly asOf?: number | string },
  ): Promise<ViewResult>;
  /** Stores a template; needs scope `admin`. */
  putView(name: string, fields: readonly ViewFieldTemplate[]): Promise<void>;
  deleteView(name: string): Promise<void>;
  /** Follows the live stream until `signal` aborts; reconnects and resumes without a gap. */
  live(query?: LiveQuery): AsyncGenerator<LiveEvent>;
  /** The server's own account of its readiness. @throws ClientError `unreachable` or `unavailable` */
  health(): Promise<{ readonly status: string }>;
}

/** Opens a reader; nothing is sent until it is asked something. */
export function openReader(options: ReaderOptions): Reader {
  const ask = openAsk(options);
  const read = async <T>(path: string, query: Query = {}): Promise<T> =>
    (await (await ask('GET', path, query)).json()) as T;
  const tape = (customer: string, query: TapeQuery = {}): Promise<TapePage> =>
    read(`/v1/customers/${encodeURIComponent(customer)}/tape`, { ...query });
  return {
    tape,
    async *events(customer, query = {}) {
      let before = query.before;
      do {
        const page = await tape(customer, before === undefined ? query : { ...query, before });
        yield* page.events;
        before = page.next ?? undefined;
      } while (before !== undefined);
    },
    view: (customer, name, { fresh, asOf } = {}) =>
      read(`/v1/customers/${encodeURIComponent(customer)}/views/${encodeURIComponent(name)}`, {
        fresh: fresh === true ? '1' : undefined,
        asOf,
      }),
    async putView(name, fields) {
      await (await ask('PUT', `/v1/views/${encodeURIComponent(name)}`, {}, { fields })).text();
    },
    async deleteView(name) {
      await (await ask('DELETE', `/v1/views/${encodeURIComponent(name)}`)).text();
    },
    live: (query = {}) => followLive(ask, options.clock, query),
    health: () => read('/healthz'),
  };
}
