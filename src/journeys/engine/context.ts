/** What an instance remembers: the newest values under its map's names, within a bound for all of them. */
import type { InstanceState } from '../state.ts';

/** Longer values (as JSON) are not kept. */
export const contextValueCharactersMax = 4096;
/** All names and values of an instance, as JSON. What would go beyond that is not kept; what is there stays. */
export const contextCharactersMax = 8192;

/** @param json the value as JSON text. */
export function remember(instance: InstanceState, name: string, json: string): void {
  if (json.length > contextValueCharactersMax) return;
  const value = JSON.parse(json) as unknown;
  const before = JSON.stringify(instance.context).length;
  const replaced = Object.hasOwn(instance.context, name)
    ? JSON.stringify(instance.context[name]).length
    : -JSON.stringify(name).length - 2;
  if (before - replaced + json.length > contextCharactersMax) return;
  // What is called `__proto__` is a name like any other.
  Object.defineProperty(instance.context, name, {
    ...{ value, configurable: true, enumerable: true, writable: true },
  });
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
