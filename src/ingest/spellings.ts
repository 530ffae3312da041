/**
 * Ways to write phone numbers that events under way use and nobody has noted yet: they count towards what
 * a number may have (`identity/spelling.ts`), so that a flood of them ends where it should.
 */
import type { Rejection } from '../event/envelope.ts';
import type { Nodes } from '../identity/graph.ts';
import { isKnown, spellingsLeft, type Writer } from '../identity/spelling.ts';

/** Of one batch: texts by workspace and number. */
export type NewSpellings = Map<string, Set<string>>;

/**
 * Notes the customer of an event as a new way to write `identity`, unless it is known.
 * @param others of the batches under way.
 * @returns why it is refused.
 */
export function admitSpelling(
  nodes: Nodes,
  writer: Writer,
  { identity, text }: { readonly identity: string; readonly text: string },
  own: NewSpellings,
  others: Iterable<NewSpellings>,
): Rejection | undefined {
  if (isKnown(nodes, writer.workspace, text, identity)) return undefined;
  const key = `${writer.workspace}/${identity}`;
  const mine = own.get(key) ?? new Set();
  if (mine.has(text)) return undefined;
  const all = new Set(mine);
  for (const each of others) for (const other of each.get(key) ?? []) all.add(other);
  if (!all.has(text) && all.size >= spellingsLeft(nodes, writer, identity)) {
    const message = `this number has been written in too many ways; write ${identity}`;
    return { code: 'invalid', message };
  }
  own.set(key, mine.add(text));
  return undefined;
}
