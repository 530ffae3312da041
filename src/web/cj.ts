/**
 * The browser tag, served as `/cj.js`: one script, no dependencies, loaded with `async`. Until it is there
 * the page's own line of code keeps its calls:
 *
 *     window.Cjtag = window.Cjtag || function () { (Cjtag.q = Cjtag.q || []).push(arguments) };
 *
 *     Cjtag('<publish key>')                     start
 *     Cjtag('config', '<NAME>', value)           settings: see `commands` below
 *     Cjtag('post', { type, data })              an event of the page's own
 *     Cjtag('visitor', callback)                 who this browser is: { visitor, member }
 *
 * Whatever fails in here stays in here: a page must not notice that the tag is ill, or that its server is gone.
 *
 *     pages, elements, offers ──▶ queue (stored) ──▶ sender ──▶ POST /v1/events
 *     channel ◀── GET /v1/visitor/channel                    with the visitor's token (`who`)
 */
import { closeChannel, openChannel } from './channel.ts';
import { trackElements } from './elements.ts';
import { guard } from './guard.ts';
import { logIn } from './member.ts';
import { trackPages } from './pages.ts';
import { post } from './queue.ts';
import { leave, start } from './sender.ts';
import { isAllowed, settings } from './settings.ts';
import { clearStore } from './store.ts';
import { whenKnown } from './who.ts';

type Command = (value: unknown) => void;

/** Each name that `config` knows. Anything else is ignored: pages outlive versions of the tag. */
const commands: Readonly<Record<string, Command>> = {
  PAGE_TRACK: (value) => {
    settings.pages = value !== false;
    trackPages();
  },
  MEMBERID: logIn,
  DIV_INTERACTION: (value) => trackElements(value, false),
  DIV_CONVERSION: (value) => trackElements(value, true),
  OFFERS: (value) => {
    settings.offers = value as typeof settings.offers;
    if (value === false) closeChannel();
    else openChannel();
  },
  CONSENT: (value) => {
    settings.consent = value !== false;
    if (settings.consent) restart();
    else forget();
  },
  STORAGE: (value) => {
    if (value === 'none') clearStore();
    settings.storage = value as typeof settings.storage;
  },
  COOKIE: (value) => {
    settings.cookie = value as typeof settings.cookie;
  },
  IP_TRACK: (value) => {
    settings.address = value !== false;
  },
  SERVER: (value) => {
    settings.server = String(value).replace(/\/$/, '');
  },
};

/** A call of one text is the key; one that is not known here is of a later version, and ignored. */
function run(call: readonly unknown[]): void {
  const [name, first, second] = call;
  if (name === 'config') commands[String(first)]?.(second);
  else if (name === 'post') post((first ?? {}) as Record<string, unknown>);
  else if (name === 'visitor') whenKnown(first as Parameters<typeof whenKnown>[0]);
  else if (call.length === 1 && typeof name === 'string') {
    settings.key = name;
    if (!isAllowed()) clearStore();
    restart();
  }
}

function restart(): void {
  start();
  trackPages();
  openChannel();
}

/** Consent was taken back: nothing of this browser stays, and nothing is under way. */
function forget(): void {
  closeChannel();
  clearStore();
}

interface Tag {
  (...call: unknown[]): void;
  q?: ArrayLike<ArrayLike<unknown>>;
  /** Set by this script, so that a second copy on a page does nothing. */
  on?: boolean;
}

const page = window as unknown as { Cjtag?: Tag };
const early = page.Cjtag;
if (early?.on !== true) {
  const script = document.currentScript as HTMLScriptElement | null;
  settings.server = script?.src ? new URL(script.src).origin : location.origin;
  const tag: Tag = (...call) => guard(() => run(call));
  tag.on = true;
  page.Cjtag = tag;
  for (const call of Array.from(early?.q ?? [])) tag(...Array.from(call));
  const hide = (): void => guard(leave);
  addEventListener('pagehide', hide);
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'hidden') hide();
  });
}
