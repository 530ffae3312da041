/**
 * RSQL, as far as reads in the manner of CJDS use it: which events of a list somebody wants to see.
 *
 *     type=='Payment';time=ge=2025-11-01T00:00:00Z        ; and    , or    ( )
 *     category=in=(Water,Power),amount=gt=100
 *
 * == != =gt= =ge= =lt= =le= =in= =out= (and > >= < <=). With == and != a `*` stands for any text. Numbers compare as
 * numbers, times as instants, everything else as text. What is absent meets no comparison; of a list one
 * entry has to meet it, with != and =out= all of them.
 */
import { type Comparison, parseRsql, type RsqlNode } from './rsqlparse.ts';
import { parseTime } from './time.ts';

/** What a selector stands for; undefined or null when there is nothing. */
export type Lookup = (selector: string) => unknown;

export class Rsql {
  readonly #root: RsqlNode;

  /** @throws AppError invalid, `place` and what is wrong with the text. */
  constructor(text: string, place: string) {
    this.#root = parseRsql(text, place);
  }

  meets(lookup: Lookup): boolean {
    return meets(this.#root, lookup);
  }

  /** Comparisons that every match meets: those a reader may look for first. */
  get required(): readonly Comparison[] {
    const root = this.#root;
    if (root.kind === 'comparison') return [root];
    if (root.kind === 'or') return [];
    return root.parts.filter((part) => part.kind === 'comparison');
  }
}

function meets(node: RsqlNode, lookup: Lookup): boolean {
  switch (node.kind) {
    case 'and':
      return node.parts.every((part) => meets(part, lookup));
    case 'or':
      return node.parts.some((part) => meets(part, lookup));
    case 'comparison':
      return compares(node, lookup(node.selector));
  }
}

function compares(comparison: Comparison, value: unknown): boolean {
  if (value === undefined || value === null) return false;
  if (!Array.isArray(value)) return comparesOne(comparison, value);
  const isNegative = comparison.operator === '!=' || comparison.operator === '=out=';
  const one = (entry: unknown): boolean => compares(comparison, entry);
  return isNegative ? value.every(one) : value.some(one);
}

function comparesOne({ operator, values }: Comparison, value: unknown): boolean {
  const first = values[0]!;
  switch (operator) {
    case '==':
      return isLike(value, first);
    case '!=':
      return !isLike(value, first);
    case '=in=':
      return values.some((each) => order(value, each) === 0);
    case '=out=':
      return !values.some((each) => order(value, each) === 0);
    case '=gt=':
      return order(value, first) > 0;
    case '=ge=':
      return order(value, first) >= 0;
    case '=lt=':
      return order(value, first) < 0;
    case '=le=':
      return order(value, first) <= 0;
  }
}

/** Below zero: the value comes first. NaN when the two cannot be compared. */
function order(value: unknown, wanted: string): number {
  const text = textOf(value);
  const [a, b] = [numberIn(text), numberIn(wanted)];
  if (!Number.isNaN(a) && !Number.isNaN(b)) return a - b;
  const [from, to] = [parseTime(text), parseTime(wanted)];
  if (!Number.isNaN(from) && !Number.isNaN(to)) return from - to;
  if (text === wanted) return 0;
  return text < wanted ? -1 : 1;
}

/** Phone numbers are no numbers: only what is written as one counts. */
function numberIn(text: string): number {
  return /^-?\d{1,15}(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
}

function textOf(value: unknown): string {
  // Numbers that were read exactly are objects, too, and say their digits.
  const isPlain = typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype;
  return isPlain ? JSON.stringify(value) : String(value);
}

function isLike(value: unknown, pattern: string): boolean {
  if (!pattern.includes('*')) return order(value, pattern) === 0;
  const text = textOf(value);
  const parts = pattern.split('*');
  const [head, tail] = [parts[0]!, parts.at(-1)!];
  if (text.length < head.length + tail.length) return false;
  if (!text.startsWith(head) || !text.endsWith(tail)) return false;
  // The leftmost place for each part leaves the most room for those that follow.
  const end = text.length - tail.length;
  let at = head.length;
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}
