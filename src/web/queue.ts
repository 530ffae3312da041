/**
 * Events that the server has not acknowledged, each an entry of the store under an id made for good:
 * whoever sends one again, this page, the next one or another tab, sends the same event.
 */
import { isAllowed } from './settings.ts';
import { namesOf, read, write } from './store.ts';
import { now, who } from './who.ts';

export interface Event {
  readonly id: string;
  customer?: string;
  /** Empty: to be filled in with the visitor. */
  previous?: string;
  readonly type: string;
  time: number;
  readonly channel: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Of a browser that is offline; past them the oldest are dropped, and counted. */
const eventsMax = 500;
const eventCharactersMax = 10_000;
const start = 'e.';
/** The event that tells of lost ones; its own loss is not told, or there would be no end. */
export const lostType = 'Events Dropped';
let made = 0;
let posted: (() => void) | undefined;

/** Tells `listener` of every event that is added. */
export function onPost(listener: () => void): void {
  posted = listener;
}

/** `count` characters at random, of 32. */
export function randomText(count: number): string {
  const bytes = crypto.getRandomValues(new Uint8Array(count));
  return Array.from(bytes, (byte) => (byte & 31).toString(32)).join('');
}

/** For a visit that the server is not asked about. */
export function newVisitor(): string {
  return `cookie:${randomText(22)}`;
}

/**
 * Stores an event to be sent. Members of `sent` that an event does not have go into its data.
 * @param own what the tag itself adds.
 */
export function post(sent: Readonly<Record<string, unknown>>, own: Partial<Event> = {}): void {
  if (!isAllowed()) return;
  const { channel = 'web', data, id, source, time, type = 'Event', ...rest } = sent;
  const at = now();
  const { member, visitor } = who();
  const order = (made++).toString(36).padStart(4, '0');
  const event = {
    id: id === undefined ? `${at.toString(36)}-${order}${randomText(12)}` : String(id),
    type,
    // A number, a text or a `Date`: a number from here on.
    time: +new Date((time ?? at) as number),
    channel,
    ...(source !== undefined && { source }),
    data: { Page: location.pathname, 'Page-Title': document.title, ...rest, ...(data as object) },
    ...own,
  } as Event;
  const customer = event.customer ?? member ?? visitor;
  if (customer !== undefined) event.customer = customer;
  if (event.previous === '' && visitor !== undefined) event.previous = visitor;
  keep(event);
  posted?.();
}

function keep(event: Event): void {
  const text = JSON.stringify(event);
  if (text.length > eventCharactersMax || Number.isNaN(event.time)) {
    drop(1);
    return;
  }
  // In the order they were made, whatever id the page gave.
  write(`${start}${event.time.toString(36)}.${event.id}`, text);
  const names = namesOf(start);
  const surplus = names.slice(0, Math.max(0, names.length - eventsMax));
  for (const name of surplus) write(name, undefined);
  drop(surplus.length);
}

/** How many were given up is told with the next event that can be sent. */
export function drop(count: number): void {
  if (count > 0) write('dropped', String(Number(read('dropped') ?? 0) + count));
}

/**
 * The visitor is known now: events that waited for it are about it.
 * @param shiftMs what has been learned of the server's clock since they were made.
 */
export function fillIn(visitor: string, shiftMs = 0): void {
  for (const [name, event] of waiting()) {
    if (event.customer !== undefined && event.previous !== '') continue;
    event.time += shiftMs;
    event.customer ??= visitor;
    if (event.previous === '') event.previous = visitor;
    write(name, JSON.stringify(event));
  }
}

/** The oldest events, by their names in the store; at most so many characters of JSON. */
export function waiting(count = eventsMax, charactersMax = Number.POSITIVE_INFINITY) {
  const found: [name: string, event: Event][] = [];
  let characters = 0;
  for (const name of namesOf(start).slice(0, count)) {
    const text = read(name);
    if (text === undefined) continue;
    characters += text.length;
    if (characters > charactersMax) break;
    found.push([name, JSON.parse(text) as Event]);
  }
  return found;
}

/** They are stored for good, or refused for good. */
export function forgetEvents(names: readonly string[]): void {
  for (const name of names) write(name, undefined);
  const lost = Number(read('dropped') ?? 0);
  if (lost === 0) return;
  write('dropped', undefined);
  post({ type: lostType, Count: lost });
}
