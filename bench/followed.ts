/**
 * view --live: how soon a live view tells its follower, on tapes that hold all of their events:
 *
 *     load ─▶ followers, one customer each ─▶ single events at a steady rate ─▶ the answer that shows each
 *
 * An event's way is from its sending, over its commit, to the answer in which its number is first seen. Its
 * receipt, which waits for the same commit and comes on a connection of its own, parts the way in two: what is
 * before is the commit's, what is after the view's. An answer may come before the receipt; then that counts as 0.
 */
import { basicView } from '../scripts/demo/view.ts';
import { type FrameSocket, openFrames, openIngest } from '../test/support/frames.ts';
import type { TestServer } from '../test/support/server.ts';
import { catchUp } from './debt.ts';
import { customerName } from './frames.ts';
import { fillTapes, tapesOf } from './reads.ts';
import { count, print, type Quantiles, quantiles, rounded, spread } from './report.ts';
import { withServer } from './server.ts';
import type { Settings } from './settings.ts';

const viewName = 'followed';
const eventType = 'Noted';
const rateDefault = 100;
const followersDefault = 100;
const silenceMsMax = 20_000;

/** One follower, and the numbers that its view has not shown yet. */
interface Followed {
  readonly customer: string;
  readonly socket: FrameSocket;
  readonly sentMs: number[];
  /** When each was acknowledged, and answered, by its number. */
  readonly receiptMs: number[];
  readonly answerMs: number[];
  shown: number;
}

interface Figures {
  readonly followers: number;
  readonly events: number;
  readonly answers: number;
  readonly latencyMs: Quantiles;
  /** From the sending of an event to its receipt. */
  readonly receiptMs: Quantiles;
  /** From there to its answer. */
  readonly afterReceiptMs: Quantiles;
}

export async function viewLive(settings: Settings): Promise<void> {
  await withServer(settings, async (server) => {
    const filled = await fillTapes(server, settings);
    await catchUp(server);
    await putView(server);
    report(settings, filled.work, await measure(server, settings));
  });
}

async function putView(server: TestServer): Promise<void> {
  const noted = { name: 'Noted', event: eventType, attribute: 'n', limit: 1, type: 'value' };
  const response = await fetch(`${server.url}/v1/views/${viewName}`, {
    method: 'PUT',
    headers: {
      authorization: `Bearer ${server.keys.admin}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ fields: [noted, ...basicView] }),
  });
  if (!response.ok) throw new Error(`the view was refused: ${await response.text()}`);
}

async function measure(server: TestServer, settings: Settings): Promise<Figures> {
  const followers = await openFollowers(server, settings);
  let [answers, answered] = [0, 0];
  for (const followed of followers) {
    followed.socket.ws.on('message', (data: Buffer) => {
      answers += 1;
      const now = performance.now();
      const { fields } = JSON.parse(data.toString()) as { fields: { value: unknown }[] };
      const shown = fields[0]!.value as number;
      for (let n = followed.shown + 1; n <= shown; n++) {
        followed.answerMs[n] = now;
        answered += 1;
      }
      followed.shown = shown;
    });
  }
  const { acknowledged, events } = await send(server, followers, settings);
  const giveUpMs = performance.now() + silenceMsMax;
  while (answered < events || acknowledged() < events) {
    if (performance.now() > giveUpMs) throw new Error(`${events - answered} never came`);
    await pause(5);
  }
  for (const { socket } of followers) socket.close();
  return { followers: followers.length, events, answers, ...spreads(followers, events) };
}

/** The first tenth of each is left out. */
function spreads(
  followers: readonly Followed[],
  events: number,
): Pick<Figures, 'latencyMs' | 'receiptMs' | 'afterReceiptMs'> {
  const ways = followers.flatMap(({ answerMs, receiptMs, sentMs }) =>
    sentMs.slice(1).map((sent, n) => ({
      sent,
      latency: answerMs[n + 1]! - sent,
      receipt: receiptMs[n + 1]! - sent,
      after: Math.max(0, answerMs[n + 1]! - receiptMs[n + 1]!),
    })),
  );
  const counted = ways
    .sort((a, b) => a.sent - b.sent)
    .slice(Math.min(events - 1, Math.round(events * 0.1)));
  return {
    latencyMs: quantiles(counted.map(({ latency }) => latency)),
    receiptMs: quantiles(counted.map(({ receipt }) => receipt)),
    afterReceiptMs: quantiles(counted.map(({ after }) => after)),
  };
}

async function openFollowers(server: TestServer, settings: Settings): Promise<Followed[]> {
  const { smoke, subscribers = smoke ? 10 : followersDefault } = settings;
  const followers: Followed[] = [];
  for (let n = 0; n < Math.min(subscribers, tapesOf(settings).customers); n++) {
    const customer = customerName(n);
    const path = `/v1/customers/${customer}/views/${viewName}/live`;
    const socket = await openFrames(server, path, { key: server.keys.read });
    await socket.raw();
    const none = { sentMs: [Number.NaN], receiptMs: [Number.NaN], answerMs: [Number.NaN] };
    followers.push({ customer, socket, ...none, shown: 0 });
  }
  return followers;
}

/** Sends events one by one, to the followed customers in turn; returns how many, and how many have receipts. */
async function send(
  server: TestServer,
  followers: readonly Followed[],
  { rate = rateDefault, seconds, warmup }: Settings,
): Promise<{ events: number; acknowledged(): number }> {
  const ingest = await openIngest(server);
  let acknowledged = 0;
  ingest.ws.on('message', (data: Buffer) => {
    const { ack } = JSON.parse(data.toString()) as { ack?: number };
    if (ack === undefined) return;
    // Receipts come in the order of the frames, and those go to the followers in turn.
    followers[(ack - 1) % followers.length]!.receiptMs.push(performance.now());
    acknowledged += 1;
  });
  const events = Math.max(followers.length, Math.round(rate * (seconds + warmup)));
  const begunMs = performance.now();
  for (let sent = 0; sent < events; sent++) {
    const dueMs = begunMs + (sent * 1000) / rate;
    while (performance.now() < dueMs) await pause(1);
    const { customer, sentMs } = followers[sent % followers.length]!;
    const event = { customer, type: eventType, data: { n: sentMs.length } };
    sentMs.push(performance.now());
    ingest.text({ seq: sent + 1, events: [event] });
  }
  return { events, acknowledged: () => acknowledged };
}

function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}

function report(settings: Settings, work: string, found: Figures): void {
  const { afterReceiptMs, answers, events, followers, latencyMs, receiptMs } = found;
  const { fronts, rate = rateDefault, seconds, seed, shards, warmup } = settings;
  const tapes = tapesOf(settings);
  print({
    workload: 'view',
    settings: { ...tapes, live: true, followers, rate, seconds, warmup, shards, fronts, seed },
    work,
    rows: [
      ['events of followed customers', count(events)],
      ['answers sent', count(answers)],
      ['from sending an event to its answer', spread(latencyMs)],
      ['from sending an event to its receipt', spread(receiptMs)],
      ['from its receipt to its answer', spread(afterReceiptMs)],
    ],
    figures: {
      events,
      answers,
      latencyMs,
      receiptMs,
      afterReceiptMs,
      answersPerEvent: rounded(answers / events),
    },
  });
}
