/**
 * Shapes of JSON: each looks at a value and notes every fault with its place and a hint, and says of itself
 * in JSON Schema what it takes, so that what is checked and what is described are one thing.
 */
import { parseDuration } from '../../event/duration.ts';
import { membersOf, quote } from '../../workspaces/view.ts';
import { type Faults, nearest } from './faults.ts';

export interface Shape {
  readonly schema: object;
  /** Notes what is wrong with a value; nothing when it is as it should be. */
  check(value: unknown, place: string, faults: Faults): void;
}

/** A member that may be absent. */
export interface Optional {
  readonly optional: Shape;
}
export type Members = Readonly<Record<string, Shape | Optional>>;

export function optional(shape: Shape): Optional {
  return { optional: shape };
}

export function described(shape: Shape, description: string): Shape {
  return { ...shape, schema: { ...shape.schema, description } };
}

/** Anything that JSON can say. */
export const anything: Shape = { schema: {}, check: () => undefined };

export const flag: Shape = {
  schema: { type: 'boolean' },
  check(value, place, faults) {
    if (typeof value !== 'boolean') faults.add(place, 'must be true or false');
  },
};

export function characters(most: number, hint?: string): Shape {
  return {
    schema: { type: 'string', minLength: 1, maxLength: most },
    check(value, place, faults) {
      if (typeof value === 'string' && value.length >= 1 && value.length <= most) return;
      faults.add(place, `must be a text of 1 to ${most} characters`, hint);
    },
  };
}

/** Counted as UTF-8, without control characters. */
export function bytes(most: number, hint?: string): Shape {
  return {
    schema: { type: 'string', minLength: 1, maxLength: most },
    check(value, place, faults) {
      const isFit =
        typeof value === 'string' &&
        value.length >= 1 &&
        Buffer.byteLength(value) <= most &&
        !/[\p{Control}\p{Surrogate}]/u.test(value);
      if (isFit) return;
      faults.add(place, `must be a text of 1 to ${most} bytes without control characters`, hint);
    },
  };
}

export function whole(least: number, most: number): Shape {
  return {
    schema: { type: 'integer', minimum: least, maximum: most },
    check(value, place, faults) {
      if (Number.isInteger(value) && Number(value) >= least && Number(value) <= most) return;
      faults.add(place, `must be a whole number from ${least} to ${most}`);
    },
  };
}

export function number(least: number, most: number): Shape {
  return {
    schema: { type: 'number', minimum: least, maximum: most },
    check(value, place, faults) {
      if (typeof value === 'number' && value >= least && value <= most) return;
      faults.add(place, `must be a number from ${least} to ${most}`);
    },
  };
}

/** @param least as durations are written, such as `1s`; as `most`. */
export function duration(least: string, most: string): Shape {
  return {
    schema: {
      type: 'string',
      pattern: '^[1-9][0-9]{0,11}[smhdw]$',
      examples: ['30s', '12h', '7d'],
    },
    check(value, place, faults) {
      const given = typeof value === 'string' ? parseDuration(value) : Number.NaN;
      if (given >= parseDuration(least) && given <= parseDuration(most)) return;
      const hint = `write 30s, 5m, 12h, 7d or 2w; at least ${least} and at most ${most}`;
      faults.add(place, 'must be a duration', hint);
    },
  };
}

export function choice(...words: readonly string[]): Shape {
  return {
    schema: { type: 'string', enum: words },
    check(value, place, faults) {
      if (typeof value === 'string' && words.includes(value)) return;
      const near = typeof value === 'string' ? nearest(value, words) : undefined;
      faults.add(place, `must be one of ${words.join(', ')}`, near && `did you mean ${near}?`);
    },
  };
}

export function list(item: Shape, least: number, most: number): Shape {
  return {
    schema: { type: 'array', items: item.schema, minItems: least, maxItems: most },
    check(value, place, faults) {
      if (!Array.isArray(value)) faults.add(place, 'must be a list');
      else if (value.length < least || value.length > most) {
        faults.add(place, `must have ${least} to ${most} entries`, `it has ${value.length}`);
      } else {
        for (const [index, each] of value.entries()) item.check(each, `${place}[${index}]`, faults);
      }
    },
  };
}

/** An object with just these members. @param what it is, for messages: `a step`. */
export function object(what: string, members: Members): Shape {
  const shapes = new Map(Object.entries(members));
  const required = [...shapes].flatMap(([name, shape]) => ('optional' in shape ? [] : [name]));
  const properties = [...shapes].map(([name, shape]) => [name, bare(shape).schema]);
  return {
    schema: {
      type: 'object',
      properties: Object.fromEntries(properties),
      ...(required.length > 0 && { required }),
      additionalProperties: false,
    },
    check(value, place, faults) {
      const sent = objectAt(value, place, what, faults);
      if (sent === undefined) return;
      for (const [name, each] of sent) {
        const shape = shapes.get(name);
        const at = memberPlace(place, name);
        if (shape !== undefined) bare(shape).check(each, at, faults);
        else faults.add(at, `is not a member of ${what}`, hintForMember(name, [...shapes.keys()]));
      }
      for (const name of required) {
        if (!sent.has(name)) faults.add(memberPlace(place, name), `is required in ${what}`);
      }
    },
  };
}

/** An object whose members all have one shape. @param name what a member's name must match. */
export function record(
  item: Shape,
  most: number,
  name: { readonly pattern: RegExp; readonly hint: string },
): Shape {
  return {
    schema: {
      type: 'object',
      additionalProperties: item.schema,
      maxProperties: most,
      propertyNames: { type: 'string', pattern: name.pattern.source },
    },
    check(value, place, faults) {
      const sent = objectAt(value, place, 'a list by name', faults);
      if (sent === undefined) return;
      if (sent.size > most) faults.add(place, `may have at most ${most} members`);
      for (const [key, each] of sent) {
        const at = memberPlace(place, key);
        if (!name.pattern.test(key)) faults.add(at, 'has a name that cannot be used', name.hint);
        else item.check(each, at, faults);
      }
    },
  };
}

/** One of several objects, told apart by which of these members it has. */
export function byMember(what: string, shapes: Readonly<Record<string, Shape>>): Shape {
  const names = Object.keys(shapes);
  return {
    schema: { oneOf: Object.values(shapes).map(({ schema }) => schema) },
    check(value, place, faults) {
      const sent = objectAt(value, place, what, faults);
      if (sent === undefined) return;
      const found = names.filter((name) => sent.has(name));
      if (found.length === 1) shapes[found[0]!]!.check(value, place, faults);
      else
        faults.add(
          place,
          `must have exactly one of ${names.join(', ')}`,
          `it has ${found.join(' and ') || 'none'}`,
        );
    },
  };
}

/** One of several objects, told apart by the word in one member. */
export function byWord(
  what: string,
  member: string,
  shapes: Readonly<Record<string, Members>>,
): Shape {
  const words = choice(...Object.keys(shapes));
  const made = new Map(
    Object.entries(shapes).map(([word, members]) => {
      const kind: Shape = { schema: { const: word }, check: () => undefined };
      return [word, object(`${what} that is ${word}`, { [member]: kind, ...members })];
    }),
  );
  return {
    schema: { oneOf: [...made.values()].map(({ schema }) => schema) },
    check(value, place, faults) {
      const sent = objectAt(value, place, what, faults);
      if (sent === undefined) return;
      const shape = made.get(sent.get(member) as string);
      if (shape === undefined) words.check(sent.get(member), memberPlace(place, member), faults);
      else shape.check(value, place, faults);
    },
  };
}

/** A value of the one shape when it is an object, else of the other. */
export function eitherObject(other: Shape, shape: Shape): Shape {
  return {
    schema: { oneOf: [other.schema, shape.schema] },
    check(value, place, faults) {
      const isObject = typeof value === 'object' && value !== null;
      (isObject ? shape : other).check(value, place, faults);
    },
  };
}

/** A value of the one shape when it is a number, else of the other. */
export function eitherNumber(shape: Shape, other: Shape): Shape {
  return {
    schema: { oneOf: [shape.schema, other.schema] },
    check(value, place, faults) {
      (typeof value === 'number' ? shape : other).check(value, place, faults);
    },
  };
}

/** A shape with a further look at what has the shape. */
export function looked(
  shape: Shape,
  look: (value: never, place: string, faults: Faults) => void,
): Shape {
  return {
    schema: shape.schema,
    check(value, place, faults) {
      const before = faults.count;
      shape.check(value, place, faults);
      if (faults.count === before) look(value as never, place, faults);
    },
  };
}

function bare(shape: Shape | Optional): Shape {
  return 'optional' in shape ? shape.optional : shape;
}

function objectAt(
  value: unknown,
  place: string,
  what: string,
  faults: Faults,
): Map<string, unknown> | undefined {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return membersOf(value, place);
  }
  faults.add(place, `must be an object: ${what}`);
  return undefined;
}

/** `stages[1].name`; names that are no identifiers are quoted. */
export function memberPlace(place: string, name: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return `${place}[${quote(name)}]`;
  return place === '' ? name : `${place}.${name}`;
}

function hintForMember(name: string, known: readonly string[]): string {
  const near = nearest(name, known);
  return near === undefined ? `it may have ${known.join(', ')}` : `did you mean ${near}?`;
}
