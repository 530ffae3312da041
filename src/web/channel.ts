/**
 * The channel from the workspace to this browser (`GET /v1/visitor/channel`), opened with the visitor's
 * token in a header, so that it stands in no log. A message comes until it is answered; answers are
 * remembered, so that one the server did not hear is given again and nobody is asked twice.
 */
import { guard } from './guard.ts';
import { hideAll, hideOffer, showOffer } from './offer.ts';
import { post } from './queue.ts';
import { backoffMs, schedule } from './sender.ts';
import { type Answer, isAllowed, type Message, settings } from './settings.ts';
import { read, write } from './store.ts';
import { renew, whenKnown, who } from './who.ts';

const answersMax = 50;
let abort: AbortController | undefined;

addEventListener('pagehide', closeChannel);
addEventListener('pageshow', (event) => {
  if (event.persisted) openChannel();
});

export function closeChannel(): void {
  abort?.abort();
  abort = undefined;
  hideAll();
}

/** Opens it, once the visitor is known; once. */
export function openChannel(): void {
  if (!settings.offers || abort !== undefined || settings.key === undefined || !isAllowed()) return;
  const own = new AbortController();
  abort = own;
  whenKnown(() => guard(() => follow(own.signal)));
}

async function follow(signal: AbortSignal): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    const { token, visitor } = who();
    if (token === undefined) return;
    try {
      const headers = { Authorization: `Bearer ${token}` };
      const response = await fetch(`${settings.server}/v1/visitor/channel`, { headers, signal });
      if (response.status === 401) {
        renew();
        schedule(0);
      }
      if (!response.ok) throw response;
      failures = 0;
      await listen(response.body!.getReader(), visitor!);
    } catch {
      failures += 1;
    }
    await new Promise((resolve) => setTimeout(resolve, backoffMs(failures)));
  }
}

/** Reads Server-Sent Events until the stream ends. */
async function listen(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  visitor: string,
): Promise<void> {
  const decoder = new TextDecoder();
  let text = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += decoder.decode(value, { stream: true });
    const blocks = text.split('\n\n');
    text = blocks.pop()!;
    for (const block of blocks) guard(() => take(block, visitor));
  }
}

function take(block: string, visitor: string): void {
  if (who().visitor !== visitor) {
    // Another tab has logged out.
    closeChannel();
    openChannel();
    return;
  }
  const json = /^data: (.*)$/m.exec(block)?.[1];
  if (json === undefined) return;
  const message = JSON.parse(json) as Message;
  if (block.startsWith('event: gone')) {
    hideOffer(message.id);
    return;
  }
  const given = answers()[message.id];
  if (given !== undefined) {
    guard(() => tell(message.id, given));
    return;
  }
  const answer = (chosen: Answer): void =>
    guard(() => who().visitor === visitor && give(message, chosen));
  if (typeof settings.offers === 'function') settings.offers(message, answer);
  else if (message.kind === 'offer' || message.kind === 'notice') {
    showOffer(message, answer);
    note(message, 'Shown');
  }
}

/** An event of what became of a message; its id is that of the message, so that it is stored once. */
function note({ data, id, kind }: Message, what: string): void {
  const noun = kind === 'offer' ? 'Offer' : 'Message';
  const event = { type: `${noun} ${what}`, id: `${id}-${what.toLowerCase()}` };
  // About the browser that was asked, whoever is logged in on the page that answers.
  const { visitor } = who();
  post(
    { ...event, data: { Message: id, Kind: kind, Title: data['title'] } },
    { customer: visitor! },
  );
}

async function give(message: Message, answer: Answer): Promise<void> {
  hideOffer(message.id);
  if (answers()[message.id] !== undefined) return;
  const kept = Object.entries({ ...answers(), [message.id]: answer }).slice(-answersMax);
  write('answers', JSON.stringify(Object.fromEntries(kept)));
  if (answer !== 'received') note(message, answer === 'accepted' ? 'Accepted' : 'Dismissed');
  await tell(message.id, answer);
}

function answers(): Record<string, Answer> {
  return JSON.parse(read('answers') ?? '{}') as Record<string, Answer>;
}

function tell(id: string, answer: Answer): Promise<Response> {
  return fetch(`${settings.server}/v1/visitor/messages/${id}`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${who().token}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ answer }),
    keepalive: true,
  });
}
