/** What a rule, a step or a wait does once it is decided: its actions, filled in, under ids of their own. */
import { createHash } from 'node:crypto';
import type { CompiledAction, CompiledRule, Facts } from '../compile/compiled.ts';
import type { DecidedAction } from '../words.ts';

const idCharacters = 32;

export interface Acting {
  readonly workspace: number;
  /** The decision's id, and under which rule it counts; a step's own have none. */
  readonly request: string;
  readonly rule: string | undefined;
  readonly within: CompiledRule['rule']['within'];
}

/** @throws AppError too_large, when a template becomes too long. */
export function fillActions(
  actions: readonly CompiledAction[],
  acting: Acting,
  facts: Facts,
): readonly DecidedAction[] {
  return actions.map((compiled, index) => {
    const id = actionIdOf(acting, index);
    const filled = compiled.fill(facts);
    if (filled.do !== 'agent') return { id, ...filled };
    const asksContext = filled.skills?.some(({ context }) => context !== undefined) === true;
    return {
      id,
      ...filled,
      ...(asksContext && facts.instance !== undefined && { context: facts.instance.context }),
      ...(facts.place !== undefined && { place: facts.place }),
      ...(acting.within !== undefined && { within: acting.within }),
    };
  });
}

/** The same in every try, restart and replay; without a dot, which webhooks may not have in an id. */
export function actionIdOf(
  { request, rule = '', workspace }: Omit<Acting, 'within'>,
  index: number,
): string {
  const text = JSON.stringify([workspace, request, rule, index]);
  return `act_${createHash('sha256').update(text).digest('base64url').slice(0, idCharacters)}`;
}
