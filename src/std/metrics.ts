/**
 * Counters, gauges and histograms, kept in shared memory: every thread adds to a row of its own, so nothing
 * is locked and nothing is sent, and any thread can sum the rows for `/metrics`.
 *
 *     row (thread)   events_accepted │ events_duplicate │ … │ receipt_seconds: ≤ 0.0001 │ … │ more │ sum │ …      one Float64 each
 */

/** The closed list: name, kind and the sentence that `/metrics` prints. Gauges sum over threads too. */
export const metricTable = {
  events_accepted_total: ['counter', 'Events stored and flushed'],
  events_duplicate_total: ['counter', 'Events recognised as already stored'],
  events_duplicate_different_total: ['counter', 'Duplicates whose payload differed from the first'],
  events_rejected_total: ['counter', 'Events refused by index'],
  events_quarantined_total: ['counter', 'Events of those that were kept apart in quarantine'],
  events_flagged_total: ['counter', 'Events of those that were stored with a flag'],
  event_bytes_total: ['counter', 'Bytes of batches received, after decompression'],
  batches_total: ['counter', 'Batches and frames received'],
  batches_malformed_total: ['counter', 'Bodies and frames that could not be read'],
  batches_overloaded_total: ['counter', 'Batches refused because too much was in flight'],
  batches_rate_limited_total: ['counter', 'Batches refused because a quota was used up'],
  batches_unavailable_total: ['counter', 'Batches refused because the store could not write'],
  commits_total: ['counter', 'Group commits flushed'],
  commits_failed_total: ['counter', 'Group commits that failed and were taken back'],
  commit_seconds_total: ['counter', 'Time spent in group commits, flush included'],
  blocks_total: ['counter', 'Blocks written'],
  block_bytes_total: ['counter', 'Bytes of blocks written'],
  blocks_damaged_total: ['counter', 'Blocks whose checksum did not match when read'],
  parts_begun_total: ['counter', 'Parts of the hot log begun'],
  parts_indexed_total: ['counter', 'Parts of the hot log that were given an index of their own'],
  parts_sealed_total: ['counter', 'Parts of the hot log sealed into segments'],
  segments_merged_total: ['counter', 'Segments replaced by a larger one'],
  segments_dropped_total: ['counter', 'Segments dropped because their retention was over'],
  segments_damaged_total: ['counter', 'Segments that could not be opened'],
  parts_damaged_total: ['counter', 'Parts of the hot log that could not be opened'],
  events_unindexed: ['gauge', 'Events in full parts that wait for an index: it is in memory'],
  events_unsealed: ['gauge', 'Events in full parts that wait to be sealed, indexed or not'],
  segments: ['gauge', 'Sealed segments'],
  inflight_bytes: ['gauge', 'Bytes received and not yet acknowledged'],
  ingest_sockets: ['gauge', 'Open ingest WebSockets'],
  ingest_window_closed_total: ['counter', 'Ingest WebSockets closed for ignoring their window'],
  live_subscribers: ['gauge', 'Open live subscriptions'],
  live_waiting_bytes: ['gauge', 'Bytes sent to live connections that the system has not taken'],
  live_events_total: ['counter', 'Events sent to live subscribers'],
  live_lagging_total: ['counter', 'Times a subscriber fell behind and went on from the log'],
  visitor_channels: ['gauge', 'Open channels of web pages'],
  agent_feeds: ['gauge', 'Open live feeds of agents'],
  offer_changes_total: ['counter', 'Changes of offers to agents that were said on the tape'],
  visitor_messages_total: ['counter', 'Messages delivered to web pages'],
  webhook_attempts_total: ['counter', 'Requests to webhooks'],
  webhook_delivered_total: ['counter', 'Actions that a webhook took'],
  webhook_failed_total: [
    'counter',
    'Actions that a webhook did not take, however often it was tried',
  ],
  webhooks_pending: ['gauge', 'Actions that wait for a webhook'],
  pages_told_total: ['counter', 'Offers and notices left for browsers'],
  pages_failed_total: ['counter', 'Offers and notices that no browser could be left'],
  actions_said_total: ['counter', 'Events and commands put on tapes by actions'],
  journey_events_total: ['counter', 'Events that journeys and rules were asked about'],
  requests_lost_total: ['counter', 'Undecided requests that went: a customer had too many'],
  partial_matches_lost_total: [
    'counter',
    'Partial matches of patterns that were given up: a customer had too many',
  ],
  conditions_given_up_total: [
    'counter',
    "Events whose conditions were given up since their workspace's steps were used up",
  ],
  journey_timers_total: ['counter', 'Timers of journeys that came due'],
  links_total: ['counter', 'Identities linked by what events say'],
  links_switched_total: ['counter', 'Identities of devices that changed hands by a login'],
  links_refused_total: [
    'counter',
    'Links that events ask for and do not get: blocked values, limits, publish keys',
  ],
  scans_total: ['counter', 'Tape scans'],
  scans_pooled_total: ['counter', 'Scans moved to the pool because they outgrew their budget'],
  views_total: ['counter', 'Profile views answered'],
  views_kept_total: [
    'counter',
    'Profile views answered without a scan, by an answer that still held',
  ],
  live_views: ['gauge', 'Open subscriptions to live views'],
  live_view_unread_bytes: [
    'gauge',
    'Larger answers of live views that followers have taken a part of',
  ],
  live_view_answers_total: ['counter', 'Answers sent to subscribers of live views'],
  decisions_total: ['counter', 'Decisions about what rules, steps and touchpoints asked for'],
  decisions_acted_total: ['counter', 'Decisions to do something'],
  http_requests_total: ['counter', 'HTTP requests'],
  http_errors_total: ['counter', 'HTTP requests answered with an error'],
} as const satisfies Record<string, readonly ['counter' | 'gauge', string]>;

export type MetricName = keyof typeof metricTable;

/** Durations in seconds: name, and the sentence that `/metrics` prints. */
export const histogramTable = {
  receipt_seconds: 'From a batch or frame that was read whole to its receipt',
  read_seconds:
    'From asking for a page of a tape, or for views that have to be made, to what was found',
} as const satisfies Record<string, string>;

export type HistogramName = keyof typeof histogramTable;

/** Upper bounds of the buckets, inclusive; the last bucket has none. */
export const bucketBounds: readonly number[] = [
  0.0001, 0.0002, 0.0003, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5,
  10,
];

const names = Object.keys(metricTable) as MetricName[];
const columnOf = new Map(names.map((name, column) => [name, column]));
const histogramNames = Object.keys(histogramTable) as HistogramName[];
/** Buckets, and the sum. */
const histogramColumns = bucketBounds.length + 2;
const histogramOf = new Map(
  histogramNames.map((name, number) => [name, names.length + number * histogramColumns]),
);
const columns = names.length + histogramNames.length * histogramColumns;
const rowBytes = columns * 8;

export interface Metrics {
  add(name: MetricName, amount: number): void;
  /** One more duration. */
  observe(name: HistogramName, seconds: number): void;
}

/** Memory for `threads` rows; pass it to every thread. */
export function createMetricsMemory(threads: number): SharedArrayBuffer {
  return new SharedArrayBuffer(threads * rowBytes);
}

/**
 * One thread's counters. Only this thread may write row `thread`; the pool's readers share one, where
 * two that add at once can lose a count.
 */
export function openMetrics(memory: SharedArrayBuffer, thread: number): Metrics {
  const row = new Float64Array(memory, thread * rowBytes, columns);
  return {
    add(name, amount) {
      const column = columnOf.get(name)!;
      row[column] = row[column]! + amount;
    },
    observe(name, seconds) {
      const first = histogramOf.get(name)!;
      let bucket = 0;
      while (bucket < bucketBounds.length && seconds > bucketBounds[bucket]!) bucket += 1;
      row[first + bucket]! += 1;
      row[first + histogramColumns - 1]! += seconds;
    },
  };
}

function sumColumn(all: Float64Array, column: number): number {
  let sum = 0;
  for (let at = column; at < all.length; at += columns) sum += all[at]!;
  return sum;
}

/** The sum over all threads of every metric, in the order of the table. */
export function sumMetrics(memory: SharedArrayBuffer): Map<MetricName, number> {
  const all = new Float64Array(memory);
  return new Map(names.map((name, column) => [name, sumColumn(all, column)]));
}

/** How many durations there were up to each bound, in all, and what they sum up to. */
export interface Histogram {
  readonly upTo: readonly (readonly [bound: number, count: number])[];
  readonly count: number;
  /** Seconds. */
  readonly sum: number;
}

export function sumHistogram(memory: SharedArrayBuffer, name: HistogramName): Histogram {
  const all = new Float64Array(memory);
  const first = histogramOf.get(name)!;
  let count = 0;
  const upTo = bucketBounds.map((bound, bucket) => {
    count += sumColumn(all, first + bucket);
    return [bound, count] as const;
  });
  count += sumColumn(all, first + bucketBounds.length);
  return { upTo, count, sum: sumColumn(all, first + histogramColumns - 1) };
}
