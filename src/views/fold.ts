/**
 * How each type of field gathers the attributes of its matches, newest first, into one value. A
 * fold sees matches only; which events match, and how many are taken, is decided in `field.ts`.
 */
import { unreachable } from '../std/assert.ts';
import type { FieldType } from '../workspaces/view.ts';
import { canonicalText, compareDecimals, parseDecimal } from './canonical.ts';

/**
 * What a match is to the value: it cannot be used (it is no number), it is one of those that make it
 * up, it alone decides it so far, or it was used and the value is what it was.
 */
export type Taken = 'unusable' | 'part' | 'decides' | 'same';

/** Shows the JSON text of one attribute as the reader may see it. */
export type Show = (text: string) => string;

export interface Fold {
  /** Takes the JSON text of one attribute. */
  take(text: string): Taken;
  /** Whether no further match can change the value. */
  isFull(): boolean;
  /** The JSON text of the value. */
  render(show: Show): string;
}

/** @param limit as in the template; Infinity when it has none. */
export function startFold(type: FieldType, limit: number): Fold {
  switch (type) {
    case 'value':
      return foldValues(limit);
    case 'distinct':
      return foldDistinct(limit);
    case 'count':
      return foldCount();
    case 'sum':
      return foldSum((sum) => sum, '0');
    case 'average':
      return foldSum((sum, count) => sum / count, 'null');
    case 'min':
      return foldExtreme(-1);
    case 'max':
      return foldExtreme(1);
    case 'first':
      return foldFirst();
    case 'last':
      return foldLast();
    default:
      return unreachable(type);
  }
}

function foldValues(limit: number): Fold {
  const values: string[] = [];
  return {
    take(text) {
      values.push(text);
      return 'part';
    },
    isFull: () => values.length >= limit,
    render: (show) => (limit === 1 ? renderOne(values[0], show) : renderList(values, show)),
  };
}

function foldDistinct(limit: number): Fold {
  const values: string[] = [];
  const known = new Set<string>();
  return {
    take(text) {
      const canonical = canonicalText(text);
      if (known.has(canonical)) return 'same';
      known.add(canonical);
      values.push(text);
      return 'part';
    },
    isFull: () => values.length >= limit,
    render: (show) => renderList(values, show),
  };
}

function renderList(values: readonly string[], show: Show): string {
  return values.length === 0 ? 'null' : `[${values.map(show).join()}]`;
}

function renderOne(value: string | undefined, show: Show): string {
  return value === undefined ? 'null' : show(value);
}

function foldCount(): Fold {
  let count = 0;
  return {
    take() {
      count += 1;
      return 'part';
    },
    isFull: () => false,
    // None is no value that a mask could stand for.
    render: (show) => (count === 0 ? '0' : show(`${count}`)),
  };
}

/** Adds numbers up (Neumaier: `lost` holds the digits that did not fit into `sum`). */
function foldSum(finish: (sum: number, count: number) => number, none: string): Fold {
  let sum = 0;
  let lost = 0;
  let count = 0;
  return {
    take(text) {
      const number = parseNumber(text);
      if (number === undefined) return 'unusable';
      const next = sum + number;
      lost += Math.abs(sum) >= Math.abs(number) ? sum - next + number : number - next + sum;
      sum = next;
      count += 1;
      return 'part';
    },
    isFull: () => false,
    render: (show) => {
      if (count === 0) return none;
      const result = finish(sum + lost, count);
      return Number.isFinite(result) ? show(JSON.stringify(result)) : 'null';
    },
  };
}

/** The smallest (`sign` -1) or largest (1) number as it was sent; of equal ones the newest. */
function foldExtreme(sign: -1 | 1): Fold {
  let best: string | undefined;
  let bestNumber = 0;
  return {
    take(text) {
      const number = parseNumber(text);
      if (number === undefined) return 'unusable';
      const isBetter =
        best === undefined || sign * compareNumbers(text, number, best, bestNumber) > 0;
      if (!isBetter) return 'same';
      best = text;
      bestNumber = number;
      return 'decides';
    },
    isFull: () => false,
    render: (show) => renderOne(best, show),
  };
}

/** Doubles decide nearly always; different texts of one double are compared to the last digit. */
function compareNumbers(aText: string, a: number, bText: string, b: number): number {
  if (a !== b) return a - b;
  if (aText === bText) return 0;
  const aDecimal = parseDecimal(aText);
  const bDecimal = parseDecimal(bText);
  return aDecimal && bDecimal ? compareDecimals(aDecimal, bDecimal) : 0;
}

/** Matches come newest first, so the oldest is the one that came last. */
function foldFirst(): Fold {
  let oldest: string | undefined;
  return {
    take(text) {
      oldest = text;
      return 'decides';
    },
    isFull: () => false,
    render: (show) => renderOne(oldest, show),
  };
}

function foldLast(): Fold {
  let newest: string | undefined;
  return {
    take(text) {
      newest ??= text;
      return 'decides';
    },
    isFull: () => newest !== undefined,
    render: (show) => renderOne(newest, show),
  };
}

/** The double of a JSON number; undefined for other values and for what no double can hold. */
function parseNumber(text: string): number | undefined {
  const first = text.charCodeAt(0);
  if (first !== 0x2d && (first < 0x30 || first > 0x39)) return undefined;
  const number = Number(text);
  return Number.isFinite(number) ? number : undefined;
}
