/**
 * Links that customers and agents are shown: https, or http of this very machine, for who tries things
 * out. Whoever writes definitions or sends events chooses them, so one that would run script is refused:
 * as soon as its beginning is known, and again when it is filled in.
 */
import { AppError } from '../std/errors.ts';
import type { Action } from './definition.ts';

/** Members of the data of what pages show that the browser tag opens or loads. */
const shownLinks = ['url', 'image', 'meeting'] as const;
const localHosts: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);
const safeStart = /^(?:https:\/\/|http:\/\/(?:localhost|127\.0\.0\.1|\[::1\]))/i;
const scheme = /^[^/?#]*:/;
/** Where a page is, for links that are relative to it. */
const somePage = 'https://page.invalid';
const agentMember = /\$\{\s*agent\.\w+\s*\}/g;

export const linkFault = 'must begin with https:// (or http://localhost)';

/** A link of an action, by its member. */
export interface ActionLink {
  readonly member: string;
  readonly text: string;
  /** It may be relative to the page that shows it. */
  readonly isOfPage: boolean;
}

export function linksOf(action: Action): readonly ActionLink[] {
  if (action.do === 'agent') {
    const { meeting } = action;
    return meeting === undefined ? [] : [{ member: 'meeting', text: meeting, isOfPage: false }];
  }
  if (action.do !== 'page' && action.do !== 'notify') return [];
  const data = (action.data ?? {}) as Readonly<Record<string, unknown>>;
  return shownLinks.flatMap((name) => {
    const text = Object.hasOwn(data, name) ? data[name] : undefined;
    return typeof text === 'string' ? [{ member: `data.${name}`, text, isOfPage: true }] : [];
  });
}

/** Of a link as it is written, which may be a template: what stands before its first expression tells. */
export function mayBeSafe(link: ActionLink): boolean {
  const at = link.text.indexOf('${');
  if (at === -1) return isSafe(link);
  const start = link.text.slice(0, at);
  return start === '' || safeStart.test(start) || (link.isOfPage && !scheme.test(start));
}

/** Of one that is filled in but for what only an agent who accepts can tell. */
export function isSafe({ isOfPage, text }: ActionLink): boolean {
  if (isOfPage && text === '') return true;
  const whole = text.replace(agentMember, 'x');
  const base = isOfPage ? somePage : undefined;
  if (!URL.canParse(whole, base)) return false;
  const { hostname, protocol } = new URL(whole, base);
  return protocol === 'https:' || (protocol === 'http:' && localHosts.has(hostname));
}

/** @throws AppError invalid, when a link of a filled action is none that may be shown. */
export function refuseUnsafeLinks(action: Action, place: string): void {
  const wrong = linksOf(action).find((link) => !isSafe(link));
  if (wrong !== undefined) throw new AppError('invalid', `${place}.${wrong.member} ${linkFault}`);
}
