/**
 * Actions, ready to be decided: what is a template in them is filled in with the facts of the moment. In
 * `meeting` of an offer to agents `${agent.id}`, `${agent.name}` and `${agent.desk}` stay as they are:
 * which agent it will be is known when one has accepted.
 */
import type { Action } from '../definition.ts';
import { refuseUnsafeLinks } from '../link.ts';
import type { CompiledAction, Facts } from './compiled.ts';
import { asText } from './json.ts';
import type { Scope } from './scope.ts';
import { compileTemplate } from './template.ts';

/** Members that are templates, whichever action has them. */
const templated = ['data', 'key', 'context', 'title', 'meeting'] as const;
/** What stands within a link is one piece of it, whatever is in the value. */
const ofLink = {
  kept: /^\s*agent\.(id|name|desk)\s*$/,
  write: (value: unknown): string => encodeURIComponent(asText(value)),
};

/** @throws AppError invalid, with the place. */
export function compileAction(action: Action, place: string, scope: Scope): CompiledAction {
  const given = action as unknown as Readonly<Record<string, unknown>>;
  const fills = templated
    .filter((name) => given[name] !== undefined)
    .map((name) => {
      const how = name === 'meeting' ? ofLink : {};
      return [name, compileTemplate(given[name], `${place}.${name}`, scope, how)] as const;
    });
  return {
    action,
    fill(facts: Facts) {
      const filled = fills.map(([name, fill]) => [name, fill(facts)] as const);
      const whole = { ...action, ...Object.fromEntries(filled) } as Action;
      refuseUnsafeLinks(whole, place);
      return whole;
    },
  };
}

/** @throws AppError invalid, with the place. */
export function compileActions(
  actions: readonly Action[] | undefined,
  place: string,
  scope: Scope,
): CompiledAction[] {
  return (actions ?? []).map((each, index) => compileAction(each, `${place}[${index}]`, scope));
}
