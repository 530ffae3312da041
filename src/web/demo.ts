/**
 * The script of the demo page: the store's buttons, and the agent's desk. The desk knows what any desk could:
 * it follows the workspace's events with a read token, and reads the tape of whom it is about.
 */
import { describe } from './timeline.ts';

interface Stored {
  readonly id: string;
  readonly customer: string;
  readonly previous?: string;
  readonly type: string;
  readonly time: number;
  readonly channel?: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

declare const Cjtag: (...call: unknown[]) => void;

const key = document.body.dataset['key']!;
const retryMs = 1500;

function find<Kind extends HTMLElement>(selector: string): Kind {
  return document.querySelector<Kind>(selector)!;
}

// The store --------------------------------------------------------------------------------------

let member: string | undefined;
let items = 0;

function showMember(next: string | undefined): void {
  member = next;
  find('#login').hidden = next !== undefined;
  find('#hello').hidden = next === undefined;
  find('#hello span').textContent = `Member ${next ?? ''}`;
  find<HTMLButtonElement>('#call').disabled = next === undefined;
}

find('#login').onsubmit = (event) => {
  event.preventDefault();
  const name = find<HTMLInputElement>('#member').value.trim();
  if (name === '') return;
  Cjtag('config', 'MEMBERID', name);
  showMember(name);
};

find('#logout').onclick = () => {
  Cjtag('config', 'MEMBERID', null);
  showMember(undefined);
  meet();
};

for (const button of document.querySelectorAll<HTMLButtonElement>('.buy')) {
  button.onclick = () => {
    items += 1;
    find('#cart b').textContent = String(items);
  };
}

/** The telephone system knows members by their number, and sends its events by itself. */
find('#call').onclick = () => {
  const data = { Number: '+1 555 0100', Choice: 'Order status' };
  const event = {
    id: crypto.randomUUID(),
    customer: member,
    type: 'IVR Call',
    channel: 'ivr',
    data,
  };
  void fetch(`/v1/events?key=${key}`, { method: 'POST', body: JSON.stringify(event) });
};

// The desk ---------------------------------------------------------------------------------------

let token = '';
let visitor: string | undefined;
/** Whose tape is shown: the member once there is one. */
let shown: string | undefined;
const lines = new Map<string, HTMLElement>();
let reads = 0;

/** The store's page says which browser it is; a desk elsewhere would be told by whoever calls. */
function meet(): void {
  shown = undefined;
  visitor = undefined;
  find('#timeline').textContent = '';
  find('#name').textContent = 'Nobody yet';
  find('#identities').textContent = 'waiting for a visit';
  lines.clear();
  Cjtag('visitor', (known: { visitor: string; member?: string }) => {
    visitor = known.visitor;
    shown = known.member ?? known.visitor;
    showMember(known.member);
    find<HTMLButtonElement>('#send').disabled = false;
    void read();
  });
}

/** One tape: a member's is the union of all that is linked to it, the visit before the login included. */
async function read(): Promise<void> {
  if (shown === undefined || token === '') return;
  const turn = ++reads;
  const whose = shown;
  const headers = { Authorization: `Bearer ${token}` };
  const path = `/v1/customers/${encodeURIComponent(whose)}/tape?limit=100`;
  const response = await fetch(path, { headers }).catch(() => undefined);
  if (response?.ok !== true) return;
  const { events } = (await response.json()) as { events: readonly Stored[] };
  // Answers may overtake each other.
  if (whose !== shown || turn !== reads) return;
  // What the server notes for itself, such as links, is not what the customer did. Newest comes first.
  show(events.filter(({ type }) => !type.startsWith('tapeline.')).reverse());
}

function show(events: readonly Stored[]): void {
  const timeline = find('#timeline');
  for (const [index, event] of events.entries()) {
    const line = lines.get(event.id) ?? makeLine(event);
    lines.set(event.id, line);
    if (timeline.children[index] !== line)
      timeline.insertBefore(line, timeline.children[index] ?? null);
  }
  while (timeline.children.length > events.length) timeline.lastElementChild!.remove();
  timeline.scrollTop = timeline.scrollHeight;
  const isMember = shown !== visitor;
  find('#name').textContent = isMember ? `Member ${shown}` : 'Unknown visitor';
  find('#avatar').textContent = isMember ? 'M' : '?';
  find('#identities').textContent = isMember ? `${shown} · ${visitor}` : (visitor ?? '');
}

function makeLine(event: Stored): HTMLElement {
  const { detail, kind, path, text } = describe(event);
  const line = document.createElement('li');
  line.className = `new ${kind}`;
  const dot = document.createElement('span');
  dot.className = 'dot';
  // The one place with markup: our own drawing.
  dot.innerHTML = `<svg viewBox="0 0 24 24" aria-hidden="true"><path d="${path}"/></svg>`;
  const what = document.createElement('b');
  what.textContent = text;
  const time = document.createElement('time');
  time.textContent = new Date(event.time).toLocaleTimeString([], { hour12: false });
  const more = document.createElement('small');
  more.textContent = detail;
  line.append(dot, what, time, more);
  return line;
}

/** Follows the workspace with a token of a few minutes, and with the next one when that has ended. */
async function follow(): Promise<void> {
  const again = (): void => {
    find('#live').className = '';
    find('#live span').textContent = 'connecting';
    setTimeout(() => void follow(), retryMs);
  };
  try {
    const response = await fetch('/demo/desk');
    token = ((await response.json()) as { token: string }).token;
  } catch {
    again();
    return;
  }
  const stream = new EventSource(`/v1/live/sse?key=${encodeURIComponent(token)}`);
  stream.onopen = () => {
    find('#live').className = 'on';
    find('#live span').textContent = 'live';
    void read();
  };
  stream.addEventListener('event', (message) => {
    const { customer, previous } = JSON.parse((message as MessageEvent<string>).data) as Stored;
    // Somebody logged in with this browser: from now on the desk is about the member.
    if (previous !== undefined && previous === visitor) shown = customer;
    if (customer === shown || customer === visitor) void read();
  });
  stream.onerror = () => {
    stream.close();
    again();
  };
}

find('#send').onclick = () => {
  if (visitor === undefined) return;
  void fetch(`/demo/offer?visitor=${encodeURIComponent(visitor)}`, { method: 'POST' });
};

meet();
void follow();
