/**
 * What outlives a page: the visitor and events that are not stored yet, under `cj.` in localStorage. Where
 * that is refused or full, memory has to do. Every entry is written whole by one call, so that
 * several tabs need no lock to share it.
 */
import { settings } from './settings.ts';

const prefix = 'cj.';
const memory = new Map<string, string>();

function local(): Storage | undefined {
  try {
    return settings.storage === 'none' ? undefined : localStorage;
  } catch {
    return undefined;
  }
}

export function read(name: string): string | undefined {
  return memory.get(name) ?? local()?.getItem(prefix + name) ?? undefined;
}

/** Undefined removes. */
export function write(name: string, value: string | undefined): void {
  memory.delete(name);
  const store = local();
  if (value === undefined) {
    store?.removeItem(prefix + name);
    return;
  }
  try {
    if (store !== undefined) {
      store.setItem(prefix + name, value);
      return;
    }
  } catch {
    // Full: this page remembers it as long as it lives.
  }
  memory.set(name, value);
}

/** The names that begin with `start`, in order. */
export function namesOf(start: string): string[] {
  const names = Object.keys(local() ?? {})
    .filter((name) => name.startsWith(prefix))
    .map((name) => name.slice(prefix.length));
  return [...names, ...memory.keys()].filter((name) => name.startsWith(start)).sort();
}

export function isKept(): boolean {
  return local() !== undefined;
}

/** Removes all that is ours. */
export function clearStore(): void {
  for (const name of namesOf('')) write(name, undefined);
  if (document.cookie.includes(`${cookieName}=`)) writeCookie(undefined);
}

const cookieName = '_cj';
const cookieSeconds = 34_560_000;

export function readCookie(): string | undefined {
  const found = new RegExp(`(?:^|; )${cookieName}=([^;]*)`).exec(document.cookie);
  return found === null ? undefined : decodeURIComponent(found[1]!);
}

export function writeCookie(value: string | undefined): void {
  const { cookie } = settings;
  const domain = typeof cookie === 'string' ? `; domain=${cookie}` : '';
  const secure = location.protocol === 'https:' ? '; secure' : '';
  const seconds = value === undefined ? 0 : cookieSeconds;
  // One of this host alone, of before there was a domain, would be read first.
  // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is not everywhere
  if (domain !== '') document.cookie = `${cookieName}=; path=/; max-age=0`;
  // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is not everywhere
  document.cookie = `${cookieName}=${encodeURIComponent(value ?? '')}; path=/; max-age=${seconds}; samesite=lax${domain}${secure}`;
}
