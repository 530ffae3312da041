/** Audiences as the engine keeps them: each of an owner (a map's version, a rule), compiled once. */
import { createHash } from 'node:crypto';
import type { CompiledAudience, JourneySteps } from '../../audiences/audience.ts';
import type { CompiledMap, CompiledRule } from '../compile/compiled.ts';
import type { PersonState } from '../state.ts';

export interface OwnedAudience {
  /**
   * Its key in `PersonState.audiences`. The same definition has the same key in every version of its
   * owner, so a customer's membership outlives a publication; another one begins anew.
   */
  readonly ref: string;
  readonly name: string;
  readonly audience: CompiledAudience;
}

const owned = new WeakMap<CompiledMap | CompiledRule, readonly OwnedAudience[]>();

/** Of a map or rule, by the order of its definition. */
export function audiencesOf(owner: CompiledMap | CompiledRule): readonly OwnedAudience[] {
  const known = owned.get(owner);
  if (known !== undefined) return known;
  const kind = 'steps' in owner ? 'j' : 'r';
  const definitions = 'steps' in owner ? owner.map.audiences : owner.rule.audiences;
  const made = [...owner.audiences].map(([name, audience]): OwnedAudience => {
    const text = JSON.stringify(definitions?.[name]);
    return { ref: `${kind}/${owner.name}/${name}/${digest(text)}`, name, audience };
  });
  owned.set(owner, made);
  return made;
}

/** Tells a set of keys from others; empty: there are none. */
export function markOf(refs: readonly string[]): string {
  return refs.length === 0 ? '' : digest(refs.join('\n'));
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 8);
}

/** Who is in which of these audiences at an instant, by their names. */
export function membershipsOf(
  audiences: readonly OwnedAudience[],
  person: PersonState,
  now: number,
  steps: JourneySteps,
): Record<string, boolean> {
  const memberships: Record<string, boolean> = {};
  for (const { audience, name, ref } of audiences) {
    const state = person.audiences[ref] ?? audience.start();
    memberships[name] = audience.holds(state, now, person, steps);
  }
  return memberships;
}
