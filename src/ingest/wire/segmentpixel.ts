/**
 * RudderStack's pixels: the members of a message in a query, those of objects with dots in their names:
 *
 *     ?event=Opened&anonymousId=a1&properties.campaign=spring
 */
import { readSegmentMessage, type SegmentCall } from './segment.ts';
import type { WireItem } from './store.ts';

type Node = { [name: string]: string | Node };

/** Where the key stands; never a member. */
const keyNames = new Set(['writeKey', 'key']);

/** The event of a pixel. It has no id unless the query gives a `messageId`: loaded again it counts again. */
export function readSegmentPixel(query: string, call: SegmentCall, nowMs: number): WireItem {
  const message = newNode();
  for (const [name, value] of new URLSearchParams(query)) {
    if (!keyNames.has(name)) put(message, name.split('.'), value);
  }
  const { anonymousId } = message;
  if (typeof anonymousId === 'string') message['anonymousId'] = unquoted(anonymousId);
  message['channel'] ??= 'web';
  return readSegmentMessage(message, call, { nowMs });
}

/** Without a prototype, so that no name in a query is special. */
function newNode(): Node {
  return Object.create(null) as Node;
}

function put(node: Node, path: readonly string[], value: string): void {
  let at = node;
  for (const name of path.slice(0, -1)) {
    const next = at[name];
    const child = typeof next === 'object' ? next : newNode();
    at[name] = child;
    at = child;
  }
  at[path.at(-1)!] = value;
}

/** Templates of mails put it in quotes. */
function unquoted(text: string): string {
  return /^"(.*)"$/.exec(text)?.[1] ?? text;
}
