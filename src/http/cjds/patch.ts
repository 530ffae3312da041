/** JSON Patch (RFC 6902) on what is said of a person. */
import jsonPatch from 'fast-json-patch';
import { refuse } from '../../workspaces/view.ts';
import type { PersonFacts } from './person.ts';

export const patchOperationsMax = 100;
const kinds: readonly unknown[] = ['add', 'remove', 'replace', 'test', 'move', 'copy'];
/** A member, an entry of a list, or its end. */
const pathForm =
  /^\/(?:firstName|lastName|(?:phone|email|temporaryId|customerId|socialId)(?:\/(?:\d{1,4}|-))?)$/;

/** @returns the person as patched, of whatever shape. @throws AppError invalid. */
export function patched(facts: PersonFacts, operations: unknown): unknown {
  if (!Array.isArray(operations) || operations.length > patchOperationsMax) {
    refuse(`a patch must be a list of at most ${patchOperationsMax} operations`);
  }
  for (const [at, operation] of operations.entries()) {
    const { from, op, path } = (operation ?? {}) as Record<string, unknown>;
    if (!kinds.includes(op)) refuse(`operation ${at} must be add, replace or remove`);
    for (const place of from === undefined ? [path] : [path, from]) {
      if (typeof place !== 'string' || !pathForm.test(place)) {
        refuse(`operation ${at} must name a member of a person, such as /firstName or /phone/0`);
      }
    }
  }
  try {
    return jsonPatch.applyPatch(facts as object, operations, true, false).newDocument;
  } catch (error) {
    const [reason = ''] = (error as Error).message.split('\n');
    return refuse(`the patch does not fit the person: ${reason}`);
  }
}
