/**
 * What the libraries are given to send, and what must then be on the tape. Every message has a number of
 * its own among its properties or traits, by which it is known again; an alias by the identity it links.
 */
import type { StoredEvent } from '../../test/support/session.ts';

export type Call = 'identify' | 'track' | 'page' | 'screen' | 'group' | 'alias';

export type Details = Readonly<Record<string, unknown>>;

export interface Message {
  readonly call: Call;
  readonly userId?: string;
  readonly anonymousId?: string;
  /** Who logs in after an anonymous message: sent again it may name that user. */
  readonly laterUserId?: string;
  readonly previousId?: string;
  readonly groupId?: string;
  /** Of what was done, or the name of a page or screen. */
  readonly name?: string;
  /** RFC 3339 with milliseconds; absent: now. */
  readonly timestamp?: string;
  /** Properties or traits. */
  readonly details?: Details;
}

/** In the text of a plan it stands for a number that a double cannot hold. */
export const exactMark = '@exact@';
export const exactDigits = '9007199254740993';

const perVisitor = 8;

/** The lives of so many visitors: anonymous at first, then known, every kind of message. */
export function makeMessages(stem: string, visitors: number): Message[] {
  return Array.from({ length: visitors }, (_, number) => visit(stem, number)).flat();
}

function visit(stem: string, visitor: number): Message[] {
  const userId = `${stem}-user-${visitor}`;
  const anonymousId = `${stem}-anonymous-${visitor}`;
  const both = { userId, anonymousId };
  let n = visitor * perVisitor;
  const next = (more: Details = {}): Details => ({ n: n++, ...more });
  return [
    { call: 'page', anonymousId, name: 'Landing', details: next({ path: '/', title: 'Grüße 👋' }) },
    { call: 'identify', ...both, details: next({ email: `${userId}@example.com`, plan: 'pro' }) },
    { call: 'track', ...both, name: 'Product Added', details: next(basket) },
    {
      call: 'track',
      userId,
      name: 'Order Completed',
      timestamp: '2026-01-05T10:00:00.000Z',
      details: next({ total: 89.5, paid: true, note: 'a "quoted" \\ text\n' }),
    },
    { call: 'group', userId, groupId: `${stem}-group`, details: next({ employees: 7 }) },
    { call: 'page', userId, name: 'Account', details: next() },
    { call: 'screen', userId, name: 'Orders', details: next() },
    { call: 'alias', userId, previousId: `${stem}-old-${visitor}` },
  ];
}

const basket = { sku: 'CM-070', price: 12.25, tags: ['a', 'b'], shop: { id: 3, open: false } };

/** The type under which a message is stored. */
export function typeOf({ call, name }: Message): string {
  return call === 'track' ? name! : call;
}

/** The identity under which an anonymous visitor is stored. */
export function visitorOf({ anonymousId }: Message): string | undefined {
  return anonymousId === undefined ? undefined : `anonymous:${anonymousId}`;
}

export function keyOf(message: Message): string {
  return `${typeOf(message)} ${message.details?.['n'] ?? message.previousId}`;
}

type Data = Readonly<Record<string, Details | undefined>>;

/** The same key, from what was read back. */
export function keyOfStored(event: StoredEvent): string {
  return `${event.type} ${detailsOf(event)?.['n'] ?? event.previous}`;
}

/** Properties, or traits: RudderStack has those of a customer under `context`. */
function detailsOf({ data, type }: StoredEvent): Details | undefined {
  const { context, properties, traits } = (data ?? {}) as Data;
  if (type === 'identify') return traits ?? (context?.['traits'] as Details | undefined);
  return type === 'group' ? traits : properties;
}

/** What differs between a message and what was stored of it. */
export function differences(sent: Message, event: StoredEvent): string[] {
  const { laterUserId } = sent;
  const isLater = laterUserId !== undefined && event.customer === laterUserId;
  const message = isLater ? { ...sent, userId: laterUserId } : sent;
  const { details, groupId, name, previousId, timestamp, userId } = message;
  const visitor = visitorOf(message);
  const previous = previousId ?? (userId === undefined ? undefined : visitor);
  const expected: [what: string, expected: unknown, found: unknown][] = [
    ['customer', userId ?? visitor, event.customer],
    ['type', typeOf(message), event.type],
    ['previous', previous, event.previous],
    ['group', groupId, event.data?.['groupId']],
    ['time', timestamp, timestamp === undefined ? undefined : saidTimeOf(event)],
    ...Object.entries(details ?? {}).map(([member, value]): [string, unknown, unknown] => [
      member,
      value,
      detailsOf(event)?.[member],
    ]),
  ];
  if (message.call === 'page' || message.call === 'screen') {
    expected.push(['name', name, event.data?.['name']]);
  }
  return expected
    .filter(([, wanted, found]) => !isSame(wanted, found))
    .map(([what, wanted, found]) => {
      const [was, is] = [JSON.stringify(wanted), JSON.stringify(found)];
      return `${keyOf(message)}: ${what} should be ${was}, is ${is}`;
    });
}

/**
 * The time that was sent. A library that leaves its first `sentAt` in a resend seems to have a wrong
 * clock: the event is then stored as later, and keeps what was sent in its data.
 */
function saidTimeOf({ data, time }: StoredEvent): string {
  const said = data?.['timestamp'];
  return new Date(typeof said === 'string' ? said : time).toISOString();
}

/** Members may have another order. The exact number is looked for in the text. */
function isSame(wanted: unknown, found: unknown): boolean {
  if (wanted === exactMark) return found === Number(exactDigits);
  return JSON.stringify(sorted(wanted)) === JSON.stringify(sorted(found));
}

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const members = Object.entries(value).map(([name, member]) => [name, sorted(member)] as const);
  return Object.fromEntries(members.sort(([a], [b]) => (a < b ? -1 : 1)));
}
