/**
 * Other ways to write a phone number. Those that a key which is trusted sends first are joined to it, each
 * a node that is merged into its number. Further ones are kept beside it by their texts alone: what is
 * sent under them stays on their own tapes, and is erased with the number. There is an end to that, so
 * that whoever erases a number reaches everything: an event that is sent in yet another way is refused.
 */
import type { Nodes } from './graph.ts';
import type { Node } from './node.ts';

/** Ways to write one number, besides its own, that are joined to it. */
export const spellingsPerPhoneMax = 20;
/** Further ways that customers of events may be written. */
export const otherSpellingsPerPhoneMax = 200;
/** Of those, as many as keys in pages may make up. */
export const guestSpellingsPerPhoneMax = 50;

/** Who writes, and where. */
export interface Writer {
  readonly workspace: number;
  /** False: a key in a page. */
  readonly isTrusted: boolean;
}

export function isSpelling({ merged }: Node): boolean {
  return merged?.isSpelling === true;
}

/** Whether `text`, whose canonical form is `identity`, is that itself or joined to it. */
export function isJoined(nodes: Nodes, workspace: number, text: string, identity: string): boolean {
  return identity === text || nodes.node(workspace, text).merged !== undefined;
}

/** Whether it is joined, or kept beside it. */
export function isKnown(nodes: Nodes, workspace: number, text: string, identity: string): boolean {
  if (isJoined(nodes, workspace, text, identity)) return true;
  return nodes.node(workspace, identity).others?.includes(text) === true;
}

/** How many more ways to write a number can be joined to it. A key in a page joins none. */
export function joinsLeft(
  nodes: Nodes,
  { isTrusted, workspace }: Writer,
  identity: string,
): number {
  if (!isTrusted) return 0;
  let spellings = 0;
  for (const member of nodes.node(workspace, identity).members) {
    if (isSpelling(nodes.node(workspace, member))) spellings += 1;
  }
  return spellingsPerPhoneMax - spellings;
}

/** In how many more ways a writer's events may name a number as their customer. */
export function spellingsLeft(nodes: Nodes, writer: Writer, identity: string): number {
  const max = writer.isTrusted ? otherSpellingsPerPhoneMax : guestSpellingsPerPhoneMax;
  const left = max - (nodes.node(writer.workspace, identity).others?.length ?? 0);
  return left <= 0 ? 0 : left + joinsLeft(nodes, writer, identity);
}
