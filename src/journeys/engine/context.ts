/** What an instance remembers: the newest values under its map's names, within a bound for all of them. */
import type { InstanceState } from '../state.ts';

/** Longer values (as JSON) are not kept. */
export const contextValueCharactersMax = 4096;
/** All names and values of an instance, as JSON. What would go beyond that is not kept; what is there stays. */
export const contextCharactersMax = 8192;

/** @param json the value as JSON text. */
export function remember(instance: InstanceState, name: string, json: string): void {
  if (json.length > contextValueCharactersMax) return;
  const { context } = instance;
  const value = JSON.parse(json) as unknown;
  const mayBeTooMany =
    charactersAtMost(context) + nameAtMost(name) + json.length > contextCharactersMax;
  if (mayBeTooMany && charactersWith(context, name, json) > contextCharactersMax) return;
  if (name !== '__proto__') context[name] = value;
  else {
    // A name like any other.
    Object.defineProperty(context, name, {
      ...{ value, configurable: true, enumerable: true, writable: true },
    });
  }
}

/** What a character of text can become in JSON. */
const escapedAtMost = 6;
/** Of a number, a truth or null, and of an empty object. */
const plainAtMost = 32;

/** With its quotes, colon and comma. */
function nameAtMost(name: string): number {
  return escapedAtMost * name.length + 4;
}

/** No fewer than the context has as JSON: to count exactly costs ten times as much. */
function charactersAtMost(context: InstanceState['context']): number {
  let most = plainAtMost;
  for (const name in context) {
    const value = context[name];
    most += nameAtMost(name) + plainAtMost;
    if (typeof value === 'string') most += escapedAtMost * value.length;
    else if (typeof value === 'object' && value !== null) return Number.POSITIVE_INFINITY;
  }
  return most;
}

/** How many it has when that value stands under that name. */
function charactersWith(context: InstanceState['context'], name: string, json: string): number {
  const replaced = Object.hasOwn(context, name)
    ? JSON.stringify(context[name]).length
    : -JSON.stringify(name).length - 2;
  return JSON.stringify(context).length - replaced + json.length;
}

/** What a command carries; each value counts for itself. */
export function rememberAll(
  instance: InstanceState,
  values: Readonly<Record<string, unknown>> | undefined,
): void {
  for (const [name, value] of Object.entries(values ?? {})) {
    remember(instance, name, JSON.stringify(value));
  }
}
