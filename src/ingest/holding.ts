/** Whether what an event says of identities holds already, by the graph as a front reads it. */
import { looseBelow, ownerSpanAt } from '../identity/graph.ts';
import type { LinkReader } from '../identity/reader.ts';
import type { Statement } from '../identity/rules.ts';
import { isJoined, isKnown, joinsLeft } from '../identity/spelling.ts';
import { confirmedBy } from '../identity/trust.ts';

export interface Holding {
  /** The span around the event's time in which it is so; `to` not itself. */
  readonly from: number;
  readonly to: number;
  /** Names that another statement might give to somebody else, so that it is not so any more. */
  readonly loose: readonly string[];
  /** Those are among the two texts of the event. */
  readonly isPlain: boolean;
}

const everSince: Holding = {
  from: Number.NEGATIVE_INFINITY,
  to: Number.POSITIVE_INFINITY,
  loose: [],
  isPlain: true,
};

/** Undefined: main has to be asked. */
export function holdingOf(links: LinkReader, statement: Statement): Holding | undefined {
  const { customer, previous, time, workspace } = statement;
  const texts = previous === '' ? [customer] : [customer, previous];
  const names = texts.map((text) => links.canonical(text));
  for (const [n, text] of texts.entries()) {
    if (isJoined(links, workspace, text, names[n]!)) continue;
    if (joinsLeft(links, statement, names[n]!) > 0) return undefined;
    if (n === 0 && !isKnown(links, workspace, text, names[n]!)) return undefined;
  }
  if (previous === '') return everSince;
  const [one, other] = names.map((name) => ownerSpanAt(links, workspace, name, time));
  if (one!.owner !== other!.owner) return undefined;
  if (confirmedBy(links, statement, names[0]!, names[1]!).length > 0) return undefined;
  const loose = looseBelow(links, workspace, names[0]!, names[1]!, time);
  return {
    from: Math.max(one!.from, other!.from),
    to: Math.min(one!.to, other!.to),
    loose,
    isPlain: loose.every((name) => texts.includes(name)),
  };
}

/** Whom a statement may give to others: the two, and their customers at its time. */
export function touchedBy(links: LinkReader, statement: Statement): string[] {
  const { customer, isTrusted, previous, time, workspace } = statement;
  // A key in a page takes nothing from anybody.
  if (!isTrusted || previous === '') return [];
  const names = [customer, previous].map((text) => links.canonical(text));
  const owners = names.map((name) => ownerSpanAt(links, workspace, name, time).owner);
  return [...new Set([...names, ...owners])];
}
