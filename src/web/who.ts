/**
 * Who this browser is. The server gives it an identity and signs a token for it (`POST /v1/visitors`);
 * shown again, the token gets the next one for the same identity. A member who is logged in is the
 * customer of its events; the token stays the browser's.
 */
import { isAllowed, settings } from './settings.ts';
import { read, readCookie, write, writeCookie } from './store.ts';

export interface Who {
  readonly visitor?: string;
  readonly token?: string;
  readonly member?: string;
  /** When the token is to be renewed, by this browser's clock. */
  readonly renewAt?: number;
  /** The server's time less ours, when they are apart. */
  readonly offset?: number;
}

export interface Known {
  readonly visitor: string;
  readonly member: string | undefined;
}

const renewMs = 86_400_000;
/** Clocks that differ by less are as good as equal: the way to the server takes time, too. */
const offsetMsMin = 60_000;

/** Where the server saw this page come from. A browser moves, so it is not kept. */
let address: string | undefined;
const listeners: ((known: Known) => void)[] = [];

export function who(): Who {
  const own = parse(read('who')) ?? {};
  const { cookie, storage } = settings;
  const told = cookie && storage !== 'none' ? parse(readCookie()) : undefined;
  // A domain's cookie tells the identity alone: the rest is ours, while it is about the same one.
  const isSame = typeof cookie === 'string' && told?.visitor === own.visitor;
  return told === undefined || isSame ? own : told;
}

function parse(text: string | undefined): Who | undefined {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as Who);
  } catch {
    return undefined;
  }
}

export function keepWho(next: Who): void {
  const text = JSON.stringify(next);
  write('who', text);
  const { cookie, storage } = settings;
  if (!cookie || storage === 'none') return;
  // Every host of a domain receives its cookie: none but this one is to speak as this browser.
  writeCookie(typeof cookie === 'string' ? JSON.stringify({ visitor: next.visitor }) : text);
}

export function addressSeen(): string | undefined {
  return address;
}

/** The server's time. */
export function now(): number {
  return Date.now() + (who().offset ?? 0);
}

/** Whether the server has to be asked before anything else. */
export function isUnknown(): boolean {
  return known() === undefined || Date.now() > (who().renewAt ?? 0);
}

function known(): Known | undefined {
  const { member, visitor } = who();
  if (visitor === undefined || (settings.address && address === undefined)) return undefined;
  return { visitor, member };
}

type Ask = (path: string, body: unknown) => Promise<Response>;

/** Asks the server who we are. @throws what went wrong: try again later. */
export async function introduce(ask: Ask): Promise<void> {
  const { token } = who();
  let response = await ask('/v1/visitors', { token });
  // Expired, or of another workspace: this browser is a new one then.
  if (response.status === 401 && token !== undefined) response = await ask('/v1/visitors', {});
  if (!response.ok) throw response;
  const welcome = (await response.json()) as Required<Who> & { now: number; address: string };
  if (!isAllowed()) return;
  address = welcome.address;
  const apart = welcome.now - Date.now();
  const before = who();
  // Another tab was faster, and all tabs are one visitor; or whom we asked for has left.
  if (before.token !== token) {
    if (isUnknown()) await introduce(ask);
    return;
  }
  // Of another host, whose cookie tells no token: the same visitor here, but without a channel.
  const isGuest = token === undefined && before.visitor !== undefined;
  keepWho({
    ...before,
    ...(!isGuest && { visitor: welcome.visitor, token: welcome.token }),
    renewAt: Date.now() + renewMs,
    offset: Math.abs(apart) < offsetMsMin ? 0 : apart,
  });
}

/** The token was refused: the next introduction gets another. */
export function renew(): void {
  keepWho({ ...who(), renewAt: 0 });
}

/** Calls `listener` once, as soon as it is known who this is. */
export function whenKnown(listener: (known: Known) => void): void {
  listeners.push(listener);
  tellKnown();
}

export function tellKnown(): void {
  const found = known();
  if (found !== undefined) for (const listener of listeners.splice(0)) listener(found);
}
