/**
 * Shows an offer, or a notice that wants no answer, in a corner of the page: in a shadow root, so that neither side's styles reach the other;
 * its texts are texts, never markup. It does not take the focus, is announced politely, and Escape
 * dismisses it.
 */
import type { Answer, Message } from './settings.ts';

const css = `:host{all:initial;position:fixed;z-index:2147483000;right:16px;bottom:16px;width:min(340px,calc(100vw - 32px));display:block}
section{font:15px/1.45 system-ui,sans-serif;color:#16202a;background:#fff;border:1px solid #d5dbe1;border-radius:14px;box-shadow:0 10px 34px #0b1a2a33;padding:16px;margin-top:12px}
img{width:100%;border-radius:8px;margin-bottom:10px}
h2{font-size:17px;margin:0 0 4px}
p{margin:0}
div{display:flex;gap:8px;margin-top:14px}
button{font:inherit;padding:8px 14px;border-radius:9px;border:1px solid #b9c2cb;background:#fff;color:inherit;cursor:pointer}
button:first-child{background:#0f766e;border-color:#0f766e;color:#fff;font-weight:600}
button:focus-visible{outline:3px solid #5eb5ac;outline-offset:2px}`;

let root: ShadowRoot | undefined;
const shown = new Map<string, HTMLElement>();

export function showOffer({ data, id, kind }: Message, answer: (answer: Answer) => void): void {
  if (shown.has(id)) return;
  const text = (name: string): string => (typeof data[name] === 'string' ? data[name] : '');
  const section = make('section');
  section.setAttribute('role', 'region');
  section.setAttribute('aria-label', text('title'));
  const image = safeUrl(text('image'));
  if (image !== undefined) {
    const picture = make('img');
    picture.alt = '';
    picture.src = image;
    section.append(picture);
  }
  section.append(make('h2', text('title')));
  if (text('text') !== '') section.append(make('p', text('text')));
  const isOffer = kind === 'offer';
  const row = make('div');
  if (isOffer) {
    const accept = make('button', text('accept') || 'Accept');
    accept.onclick = () => {
      answer('accepted');
      const meeting = safeUrl(text('meeting'));
      // Beside the page, which the meeting may be about.
      if (meeting !== undefined) open(meeting, '_blank', 'noopener');
      const url = safeUrl(text('url'));
      if (url !== undefined) location.href = url;
    };
    row.append(accept);
  }
  const dismiss = make('button', text('dismiss') || (isOffer ? 'No, thanks' : 'OK'));
  dismiss.onclick = () => answer(isOffer ? 'dismissed' : 'received');
  section.onkeydown = ({ key }) => {
    if (key === 'Escape') dismiss.click();
  };
  row.append(dismiss);
  section.append(row);
  shown.set(id, section);
  corner().append(section);
}

export function hideOffer(id: string): void {
  shown.get(id)?.remove();
  shown.delete(id);
}

export function hideAll(): void {
  for (const id of shown.keys()) hideOffer(id);
}

function corner(): ShadowRoot {
  if (root === undefined) {
    const host = make('div');
    host.setAttribute('aria-live', 'polite');
    root = host.attachShadow({ mode: 'open' });
    // Made by script: a page's policy against inline styles does not mind.
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    root.adoptedStyleSheets = [sheet];
    document.body.append(host);
  }
  return root;
}

function make<Name extends keyof HTMLElementTagNameMap>(name: Name, text = '') {
  const element = document.createElement(name);
  element.textContent = text;
  return element;
}

/**
 * Https, or http of this site: a message cannot run script. The origin alone does not tell: where the page
 * is a frame's `srcdoc` it reads `null`, like that of a script's address.
 */
function safeUrl(text: string): string | undefined {
  if (text === '') return undefined;
  try {
    const url = new URL(text, location.href);
    const isOwn = url.protocol === 'http:' && url.origin === location.origin;
    return url.protocol === 'https:' || isOwn ? url.href : undefined;
  } catch {
    return undefined;
  }
}
