/** Makes a definition wrong in one place, or merely different: for tests that look for the place. */
import type { Random } from '../../src/std/random.ts';

export type Json = null | boolean | number | string | Json[] | { [member: string]: Json };

/** A value within another, and where it is. */
export interface Spot {
  readonly path: readonly (string | number)[];
  readonly value: Json;
}

/** Every value, the whole first; not those within members of these names. */
export function spotsOf(value: Json, leave: readonly string[] = []): Spot[] {
  const found: Spot[] = [];
  const walk = (each: Json, path: readonly (string | number)[]): void => {
    found.push({ path, value: each });
    if (Array.isArray(each)) for (const [at, item] of each.entries()) walk(item, [...path, at]);
    else if (typeof each === 'object' && each !== null) {
      for (const [name, item] of Object.entries(each)) {
        if (!leave.includes(name)) walk(item, [...path, name]);
      }
    }
  };
  walk(value, []);
  return found;
}

/** `stages[1].steps[0].name`. */
export function placeOf(path: readonly (string | number)[]): string {
  let place = '';
  for (const step of path) {
    if (typeof step === 'number') place += `[${step}]`;
    else if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(step)) place += `[${JSON.stringify(step)}]`;
    else place += place === '' ? step : `.${step}`;
  }
  return place;
}

/** A copy with another value at a place; undefined removes it. */
export function replaced(whole: Json, path: readonly (string | number)[], value?: Json): Json {
  if (path.length === 0) return value ?? null;
  const copy = structuredClone(whole) as Json;
  let holder = copy as Record<string | number, Json>;
  for (const step of path.slice(0, -1)) holder = holder[step] as Record<string | number, Json>;
  const last = path.at(-1)!;
  if (value !== undefined) holder[last] = value;
  else if (Array.isArray(holder)) holder.splice(last as number, 1);
  else delete holder[last];
  return copy;
}

const strange: readonly Json[] = [
  ...[
    null,
    true,
    0,
    -1,
    1e308,
    0.5,
    '',
    ' ',
    '*',
    '0s',
    '999999999999w',
    '${',
    '${event.id}',
    '__proto__',
  ],
  ...['x'.repeat(5000), '\u0000', 'true && (', 'instance.step', 'a.b.c', '25:00', 'tapeline.timer'],
  ...[[], {}, [[]], [null], { event: 'A' }, { do: 'notify' }, { constructor: 1 }],
];

/** Something else at a random place: often wrong, sometimes not. */
export function spoiled(whole: Json, random: Random): Json {
  const spots = spotsOf(whole);
  const { path, value } = spots[random.below(spots.length)]!;
  const other = spots[random.below(spots.length)]!;
  switch (random.below(6)) {
    case 0:
      return replaced(whole, path);
    case 1:
      return replaced(whole, path, strange[random.below(strange.length)]!);
    case 2:
      return replaced(whole, path, structuredClone(other.value));
    case 3:
      if (typeof value === 'number') return replaced(whole, path, value * 1000 + 0.5);
      return typeof value === 'string' ? replaced(whole, path, cut(value, random)) : whole;
    case 4:
      if (!Array.isArray(value)) return whole;
      return replaced(
        whole,
        path,
        Array.from({ length: random.below(300) }, () => value[0] ?? {}),
      );
    default:
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return whole;
      return replaced(whole, path, { ...value, ['__proto__x'.slice(random.below(3))]: 1 });
  }
}

function cut(text: string, random: Random): string {
  const at = random.below(text.length + 1);
  const noise = ['', '(', '"', '}', '${', '&&', '[0]', '\u2028', '.'][random.below(9)]!;
  return text.slice(0, at) + noise + text.slice(at + random.below(3));
}
