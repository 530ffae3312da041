/**
 * Entry of a client process: sends random batches without a pause, resends what was not acknowledged,
 * and appends every receipt to its journal, which outlives whatever happens to the server.
 *
 *     go ─▶ sends …        pause ─▶ waits for its last receipts, then says drained
 */
import { openSync, writeSync } from 'node:fs';
import { openIngest } from '../../src/client/ingest.ts';
import { nodeSocket } from '../../src/client/socket.ts';
import type { Event } from '../../src/client/types.ts';
import { sleep, systemClock } from '../../src/std/clock.ts';
import { seededRandom } from '../../src/std/random.ts';
import type { ClientStart, FromClient, ToClient } from './messages.ts';

const start = JSON.parse(process.argv[2]!) as ClientStart;
const random = seededRandom(start.seed);
const journal = openSync(start.journal, 'a');
const recentMax = 300;
const httpLoops = 4;
const retryMs = 50;
/** What the HTTP parser below the server says of a request line split by a bad network. */
const splitVersionStatus = 505;

let isSending = false;
let sent = 0;
let wake: (() => void) | undefined;
const recent: Event[] = [];

function makeEvent(): Event {
  if (recent.length > 0 && random.below(12) === 0) return recent[random.below(recent.length)]!;
  sent += 1;
  const isHot = random.below(3) === 0;
  const customer = isHot ? `hot-${random.below(2)}` : `customer-${random.below(start.customers)}`;
  const now = systemClock.now();
  const times = [now, now - random.below(60_000), now - 1000 * random.below(3)];
  const large = random.below(150) === 0 ? 'x'.repeat(random.below(20_000)) : undefined;
  const event: Event = {
    id: `${start.name}-${sent}`,
    customer,
    type: ['Click', 'Login', 'Purchased'][random.below(3)]!,
    time: times[random.below(3)]!,
    channel: ['web', 'store'][random.below(2)]!,
    data: { n: sent, note: 'some more bytes of a usual event', large },
  };
  recent[(sent - 1) % recentMax] = event;
  return event;
}

function makeBatch(): Event[] {
  const size = random.below(10) === 0 ? 1 + random.below(300) : 1 + random.below(30);
  return Array.from({ length: size }, makeEvent);
}

/** One line an event: customer, id, time. A single write, so that a line is whole or absent. */
function acknowledged(events: readonly Event[], receipt: Receipt): void {
  const { accepted, duplicates, rejected } = receipt;
  if (accepted + duplicates !== events.length || rejected.length > 0) {
    throw new Error(`a strange receipt: ${JSON.stringify(receipt)}`);
  }
  writeSync(
    journal,
    events.map(({ customer, id, time }) => `${customer}\t${id}\t${time}\n`).join(''),
  );
}

interface Receipt {
  readonly accepted: number;
  readonly duplicates: number;
  readonly rejected: readonly { readonly index: number; readonly code: string }[];
}

/** Resolves while sending; waits while paused. */
async function turn(): Promise<void> {
  while (!isSending) {
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  }
  await sleep(systemClock, random.below(6));
}

async function sendFrames(encoding: 'json' | 'msgpack'): Promise<never> {
  const client = openIngest({
    url: start.url,
    key: start.key,
    openSocket: nodeSocket,
    clock: systemClock,
    random,
    encoding,
    silenceMs: start.patienceMs,
  });
  whenPaused = () => client.drain();
  for (;;) {
    await turn();
    const events = makeBatch();
    const { receipt } = await client.send(events);
    void receipt.then((told) => acknowledged(events, told));
  }
}

/** Requests under way; each is repeated until it is answered with a receipt. */
const requests = new Set<Promise<void>>();

async function postUntilStored(events: readonly Event[]): Promise<void> {
  let rest = events;
  while (rest.length > 0) {
    const response = await fetch(`${start.url}/v1/events`, requestOf(rest)).catch(() => undefined);
    const text = await response?.text().catch(() => undefined);
    if (response?.status === 200 && text !== undefined) {
      rest = settle(rest, JSON.parse(text) as Receipt);
      if (rest.length === 0) return;
    } else if (
      response !== undefined &&
      ![200, 503, splitVersionStatus].includes(response.status)
    ) {
      throw new Error(`a strange answer: ${response.status} ${text}`);
    }
    await sleep(systemClock, retryMs);
  }
}

function requestOf(events: readonly Event[]): RequestInit {
  const isLines = random.below(2) === 0;
  const lines = events.map((event) => JSON.stringify(event));
  return {
    method: 'POST',
    signal: AbortSignal.timeout(start.patienceMs),
    headers: {
      authorization: `Bearer ${start.key}`,
      'content-type': isLines ? 'application/x-ndjson' : 'application/json',
    },
    body: isLines ? lines.join('\n') : `[${lines.join(',')}]`,
  };
}

/** Notes what is stored; returns what has to go again because its shard could not write. */
function settle(events: readonly Event[], receipt: Receipt): readonly Event[] {
  const again = new Set(
    receipt.rejected.filter(({ code }) => code === 'unavailable').map(({ index }) => index),
  );
  const { accepted, duplicates } = receipt;
  const rejected = receipt.rejected.filter(({ code }) => code !== 'unavailable');
  acknowledged(
    events.filter((_, index) => !again.has(index)),
    { accepted, duplicates, rejected },
  );
  return events.filter((_, index) => again.has(index));
}

async function sendRequests(): Promise<never> {
  for (;;) {
    await turn();
    const request = postUntilStored(makeBatch());
    requests.add(request);
    await request.finally(() => requests.delete(request));
  }
}

let whenPaused = async (): Promise<void> => {
  while (requests.size > 0) await Promise.all(requests);
};

function tell(message: FromClient): void {
  process.send?.(message);
}

process.on('message', (message: ToClient) => {
  isSending = message.kind === 'go';
  wake?.();
  if (message.kind === 'go') return;
  // One turn later, so that the loops have seen it.
  void sleep(systemClock, retryMs)
    .then(() => whenPaused())
    .then(() => tell({ kind: 'drained', sent }));
});
process.on('disconnect', () => process.exit(0));

if (start.door === 'http') {
  for (let loop = 0; loop < httpLoops; loop++) void sendRequests();
} else {
  void sendFrames(start.door);
}
