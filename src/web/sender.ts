/**
 * Sends what the queue holds: in batches, one request at a time, by one tab at a time, again and again
 * until the server has acknowledged each event. When the page is left, what is under way goes by
 * beacon and stays stored: the next page sends it again, and the server knows it by its id.
 */
import { guard } from './guard.ts';
import {
  drop,
  fillIn,
  forgetEvents,
  lostType,
  newVisitor,
  onPost,
  randomText,
  waiting,
} from './queue.ts';
import { isAllowed, settings } from './settings.ts';
import { isKept, read, write } from './store.ts';
import { introduce, isUnknown, tellKnown, who } from './who.ts';

const batchEvents = 50;
/** A beacon and a body that outlives its page may have 64 KiB, all of the page's together. */
const batchCharacters = 16_000;
/** Events that come together go together. */
const gatherMs = 400;
const retryMs = 1000;
const retryMsMax = 60_000;
/** Longer than a request takes; a tab that is gone leaves its lock for so long. */
const lockMs = 15_000;

const tab = randomText(12);
let timer: ReturnType<typeof setTimeout> | undefined;
let isSending = false;
let failures = 0;
/** Not before: the server said so. */
let pauseEnds = 0;

/** Starts sending what earlier pages left, and what comes. */
export function start(): void {
  schedule(0);
}

onPost(() => schedule());
addEventListener('online', () => {
  failures = 0;
  schedule(0);
});

/** Sends soon; sooner, when that was planned for later. */
export function schedule(delayMs = failures === 0 ? gatherMs : waitMs()): void {
  if (isSending) return;
  clearTimeout(timer);
  const pauseMs = Math.max(0, pauseEnds - Date.now());
  timer = setTimeout(() => guard(send), Math.max(delayMs, pauseMs));
}

/** Longer with each failure, and different in each browser. */
export function backoffMs(count: number): number {
  return Math.min(retryMsMax, retryMs * 2 ** count) * (0.5 + Math.random() / 2);
}

function waitMs(): number {
  return backoffMs(failures - 1);
}

function ask(path: string, body: unknown): Promise<Response> {
  const url = `${settings.server}${path}?key=${encodeURIComponent(settings.key!)}`;
  // Text, for which a browser asks no permission first.
  return fetch(url, { method: 'POST', body: JSON.stringify(body), credentials: 'omit' });
}

async function send(): Promise<void> {
  if (isSending || settings.key === undefined || !isAllowed()) return;
  if (!lock()) {
    schedule(gatherMs + Math.random() * gatherMs);
    return;
  }
  isSending = true;
  let isMore = false;
  try {
    const { offset = 0 } = who();
    if (isUnknown()) await introduce(ask);
    fillIn(who().visitor!, (who().offset ?? 0) - offset);
    tellKnown();
    isMore = await sendBatch();
    failures = 0;
  } catch (failure) {
    failures += 1;
    const seconds = failure instanceof Response ? Number(failure.headers.get('Retry-After')) : 0;
    // A proxy may send a date there.
    pauseEnds = Date.now() + (seconds || 0) * 1000;
  }
  isSending = false;
  write('lock', undefined);
  if (failures > 0) schedule(waitMs());
  else if (isMore) schedule(0);
}

/** Whether this tab may send: none other does. Two that ask at once may both: ids make that safe. */
function lock(): boolean {
  const [owner, ends] = (read('lock') ?? '').split(' ');
  if (owner !== tab && Number(ends ?? 0) > Date.now()) return false;
  write('lock', `${tab} ${Date.now() + lockMs}`);
  return true;
}

interface Receipt {
  readonly rejected: readonly { readonly index: number; readonly code: string }[];
}

/** @returns whether there may be more. @throws the response, or what the network says. */
async function sendBatch(): Promise<boolean> {
  const batch = waiting(batchEvents, batchCharacters);
  if (batch.length === 0) return false;
  const response = await ask(
    '/v1/events',
    batch.map(([, event]) => event),
  );
  if (!response.ok && response.status !== 422) throw response;
  const { rejected } = (await response.json()) as Receipt;
  const codes = new Map(rejected.map(({ code, index }) => [index, code]));
  // What could not be written may be sent again; what is refused otherwise would be for ever.
  const isOver = (index: number): boolean => codes.get(index) !== 'unavailable';
  const over = batch.filter((_, index) => isOver(index));
  const isLost = ([, event]: (typeof batch)[number], index: number): boolean =>
    codes.has(index) && isOver(index) && event.type !== lostType;
  drop(batch.filter(isLost).length);
  forgetEvents(over.map(([name]) => name));
  if (over.length < batch.length) throw response;
  return true;
}

/** The page is being left, or hidden and perhaps never shown again. */
export function leave(): void {
  if (settings.key === undefined || !isAllowed()) return;
  // Stored, they wait for the next page to learn who this is. Else they have no other chance.
  if (who().visitor === undefined) {
    if (isKept()) return;
    fillIn(newVisitor());
  }
  const events = waiting(undefined, batchCharacters).map(([, event]) => event);
  if (events.length === 0) return;
  const url = `${settings.server}/v1/events?key=${encodeURIComponent(settings.key)}`;
  navigator.sendBeacon(url, JSON.stringify(events));
}
