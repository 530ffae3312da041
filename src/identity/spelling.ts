/** Other ways to write a phone number: a few of them are kept, each a node that is merged into its number. */
import type { Nodes } from './graph.ts';
import type { Node } from './node.ts';

/** Ways to write one number besides its own; what is sent in more ways stays on its own tape. */
export const spellingsPerPhoneMax = 20;

export function isSpelling({ merged }: Node): boolean {
  return merged?.isSpelling === true;
}

/**
 * Whether `text`, whose canonical form is `identity`, is to be kept as a spelling and is not yet. A key in
 * a page adds none: it could make up any number of them.
 */
export function lacksSpelling(
  nodes: Nodes,
  { isTrusted, workspace }: { readonly isTrusted: boolean; readonly workspace: number },
  text: string,
  identity: string,
): boolean {
  if (identity === text || !isTrusted) return false;
  if (nodes.node(workspace, text).merged !== undefined) return false;
  let spellings = 0;
  for (const member of nodes.node(workspace, identity).members) {
    if (isSpelling(nodes.node(workspace, member))) spellings += 1;
  }
  return spellings < spellingsPerPhoneMax;
}
