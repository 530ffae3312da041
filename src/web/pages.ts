/** Page views: of the page itself, and of each place a single-page application goes to. */
import { guard } from './guard.ts';
import { post } from './queue.ts';
import { isAllowed, settings } from './settings.ts';
import { addressSeen, whenKnown } from './who.ts';

/** Applications set the title after the address. */
const titleMs = 50;
let seen: string | undefined;
let referrer = document.referrer;
let isWatching = false;
/** Views that wait for the address. */
const held: Record<string, unknown>[] = [];

export function trackPages(): void {
  if (!settings.pages || settings.key === undefined || !isAllowed()) return;
  if (!isWatching) watch();
  view();
}

function watch(): void {
  isWatching = true;
  const later = (): void => {
    setTimeout(() => guard(view), titleMs);
  };
  for (const name of ['pushState', 'replaceState'] as const) {
    const original = history[name];
    history[name] = function (this: History, ...call) {
      original.apply(this, call);
      later();
    };
  }
  addEventListener('popstate', later);
  addEventListener('hashchange', later);
  addEventListener('pagehide', () => guard(finish), true);
}

/** Sends a page view unless the place is the one seen last. Fragments are places when they look like paths. */
function view(): void {
  if (!settings.pages || !isAllowed()) return;
  const { hash, origin, pathname, search } = location;
  const place = pathname + search + (/^#!?\//.test(hash) ? hash : '');
  if (place === seen) return;
  seen = place;
  const data: Record<string, unknown> = { Page: pathname, 'Page-Title': document.title };
  if (referrer !== '') data['Referrer'] = referrer;
  referrer = origin + pathname;
  for (const [name, value] of new URLSearchParams(search)) {
    if (name.startsWith('utm_')) data[name] = value;
  }
  held.push(data);
  if (settings.address) whenKnown(release);
  else release();
}

function release(): void {
  const IP = settings.address ? addressSeen() : undefined;
  for (const data of held.splice(0)) post({ type: 'Page View', data: { ...data, IP } });
}

/** Left before the title or the address was there. */
function finish(): void {
  view();
  release();
}
