/**
 * Elements a page wants to hear of, by selector: `DIV_INTERACTION` when one is seen or clicked,
 * `DIV_CONVERSION` when one is clicked. An element says more by attributes: `data-cj-event` is the type
 * of the event instead of ours, every other `data-cj-…` goes into its data.
 */
import { guard } from './guard.ts';
import { post } from './queue.ts';

const clicked: { readonly selector: string; readonly type: string }[] = [];
const viewed: string[] = [];
const seen = new WeakSet<Element>();
const textCharactersMax = 100;
/** An element counts as seen when so much of it is. */
const share = 0.5;
const rescanMs = 200;
let observer: IntersectionObserver | undefined;
let isScanDue = false;

/** @param wanted a selector, a list of them, or `{click, view}` with the selectors for each. */
export function trackElements(wanted: unknown, isConversion: boolean): void {
  if (clicked.length === 0) document.addEventListener('click', click, true);
  const { click: clicks, view: views } =
    typeof wanted === 'string' || Array.isArray(wanted)
      ? { click: wanted, view: isConversion ? [] : wanted }
      : (wanted as { click?: string | string[]; view?: string | string[] });
  const type = isConversion ? 'Conversion' : 'Element Clicked';
  for (const selector of [clicks ?? []].flat()) clicked.push({ selector, type });
  viewed.push(...[views ?? []].flat());
  if (viewed.length > 0) watchViews();
}

function click(event: MouseEvent): void {
  guard(() => {
    const target = event.composedPath()[0] as Element;
    for (const { selector, type } of clicked) {
      const element = target.closest?.(selector);
      if (element) tell(element, selector, type);
    }
  });
}

function watchViews(): void {
  if (observer === undefined) {
    observer = new IntersectionObserver(see, { threshold: share });
    // Applications make their elements late.
    new MutationObserver(() => {
      if (isScanDue) return;
      isScanDue = true;
      setTimeout(() => guard(scan), rescanMs);
    }).observe(document, { childList: true, subtree: true });
  }
  scan();
}

function scan(): void {
  isScanDue = false;
  for (const selector of viewed) {
    for (const element of document.querySelectorAll(selector)) {
      if (!seen.has(element)) observer?.observe(element);
    }
  }
}

function see(entries: readonly IntersectionObserverEntry[]): void {
  guard(() => {
    for (const { isIntersecting, target } of entries) {
      const selector = viewed.find((each) => target.matches(each));
      if (!isIntersecting || seen.has(target) || selector === undefined) continue;
      seen.add(target);
      observer?.unobserve(target);
      tell(target, selector, 'Element Viewed');
    }
  });
}

function tell(element: Element, selector: string, type: string): void {
  const own: Record<string, unknown> = {};
  for (const [name, value] of Object.entries((element as HTMLElement).dataset ?? {})) {
    if (name.startsWith('cj') && name !== 'cjEvent') own[name.slice(2)] = value;
  }
  const { cjEvent } = (element as HTMLElement).dataset ?? {};
  const text = (element.textContent ?? '').trim().replace(/\s+/g, ' ').slice(0, textCharactersMax);
  post({
    type: type === 'Element Viewed' ? type : (cjEvent ?? type),
    data: { Selector: selector, ...(element.id && { Element: element.id }), Text: text, ...own },
  });
}
