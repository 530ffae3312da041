/**
 * Templates: JSON in whose texts `${…}` is an expression. A text that is one expression and nothing else
 * becomes its value, of whatever type; within more text the value is written out. `$${` stands for `${`.
 *
 *     {"title": "Still there, ${instance.context.name}?", "step": "${instance.step}"}
 *                                                          ↳ a number
 *
 * What an expression cannot find is null, or nothing within more text: an offer without a name is better
 * than none. A text that must be there asks for it in the rule's `if`.
 */
import type { Expression } from '../../event/condition.ts';
import { AppError } from '../../std/errors.ts';
import type { Facts } from './compiled.ts';
import { asVariables } from './facts.ts';
import { asJson, asText } from './json.ts';
import { compileIn, type Scope } from './scope.ts';

export const templateExpressionsMax = 50;
export const templateDepthMax = 16;
/** Of the JSON that a template becomes, as UTF-8. */
export const templateBytesMax = 8 * 1024;

/** @throws AppError too_large when it would become more than `templateBytesMax`. */
export type Fill = (facts: Facts) => unknown;

/**
 * @param kept expressions that stay as they are written, for whoever knows more later.
 * @param write how a value is written within more text.
 * @throws AppError invalid, with the place.
 */
export function compileTemplate(
  value: unknown,
  place: string,
  scope: Scope,
  {
    kept,
    write = asText,
  }: { readonly kept?: RegExp; readonly write?: (value: unknown) => string } = {},
): Fill {
  const budget = { expressions: templateExpressionsMax };
  const fill = compileValue(value, { scope, budget, kept, write, place, depth: 0 });
  return (facts) => {
    const filled = fill(facts);
    const bytes = Buffer.byteLength(JSON.stringify(filled) ?? '');
    if (bytes <= templateBytesMax) return filled;
    throw new AppError('too_large', `${place} becomes more than ${templateBytesMax} bytes`);
  };
}

interface Spot {
  readonly scope: Scope;
  readonly budget: { expressions: number };
  readonly kept: RegExp | undefined;
  readonly write: (value: unknown) => string;
  readonly place: string;
  readonly depth: number;
}

function compileValue(value: unknown, spot: Spot): Fill {
  if (typeof value === 'string') return compileText(value, spot);
  if (typeof value !== 'object' || value === null) return () => value;
  if (spot.depth >= templateDepthMax) {
    throw new AppError('invalid', `${spot.place} may be at most ${templateDepthMax} levels deep`);
  }
  if (Array.isArray(value)) {
    const parts = value.map((each, index) =>
      compileValue(each, { ...spot, place: `${spot.place}[${index}]`, depth: spot.depth + 1 }),
    );
    return (facts) => parts.map((fill) => fill(facts));
  }
  const members = Object.entries(value).map(([name, each]) => {
    const below = { ...spot, place: `${spot.place}.${name}`, depth: spot.depth + 1 };
    return [name, compileValue(each, below)] as const;
  });
  return (facts) => Object.fromEntries(members.map(([name, fill]) => [name, fill(facts)]));
}

function compileText(text: string, { budget, kept, place, scope, write }: Spot): Fill {
  const parts = splitTemplate(text, place).map((part): string | Expression => {
    if (typeof part === 'string') return part;
    if (kept?.test(part.expression)) return `\${${part.expression}}`;
    budget.expressions -= 1;
    if (budget.expressions < 0) {
      throw new AppError(
        'invalid',
        `${place}: a template may have at most ${templateExpressionsMax} expressions`,
      );
    }
    return compileIn(part.expression, place, scope, 'value');
  });
  const [only] = parts;
  if (parts.length === 0) return () => '';
  if (parts.length === 1) {
    return typeof only === 'string' ? () => only : (facts) => asJson(evaluate(only!, facts));
  }
  return (facts) =>
    parts.map((part) => (typeof part === 'string' ? part : write(evaluate(part, facts)))).join('');
}

function evaluate(expression: Expression, facts: Facts): unknown {
  return expression.value(asVariables(facts, expression.asks));
}

type Part = string | { readonly expression: string };

/** The texts and expressions of a text, in order. @throws AppError invalid. */
export function splitTemplate(text: string, place: string): Part[] {
  const parts: Part[] = [];
  let plain = '';
  let at = 0;
  while (at < text.length) {
    const next = text.indexOf('${', at);
    if (next === -1) break;
    if (next > at && text[next - 1] === '$') {
      plain += `${text.slice(at, next - 1)}\${`;
      at = next + 2;
      continue;
    }
    plain += text.slice(at, next);
    if (plain !== '') parts.push(plain);
    plain = '';
    const end = endOfExpression(text, next + 2);
    if (end === -1) {
      throw new AppError(
        'invalid',
        `${place}: \${ has no } to end it; write $\${ for the text \${`,
      );
    }
    parts.push({ expression: text.slice(next + 2, end) });
    at = end + 1;
  }
  plain += text.slice(at);
  if (plain !== '') parts.push(plain);
  return parts;
}

/** Where the brace stands that ends an expression, past braces and quotes within it; -1: nowhere. */
function endOfExpression(text: string, from: number): number {
  let depth = 0;
  let at = from;
  while (at < text.length) {
    const character = text[at]!;
    if (character === '}' && depth === 0) return at;
    if (character === '{') depth += 1;
    if (character === '}') depth -= 1;
    if (character === '"' || character === "'") at = endOfQuote(text, at);
    else at += 1;
  }
  return -1;
}

/** Just after the literal that begins at `at`; the end of the text when it does not end. */
function endOfQuote(text: string, at: number): number {
  const one = text[at]!;
  const quote = text.startsWith(one.repeat(3), at) ? one.repeat(3) : one;
  const isRaw = /[rR]/.test(text[at - 1] ?? '');
  let next = at + quote.length;
  while (next < text.length) {
    if (text.startsWith(quote, next)) return next + quote.length;
    next += text[next] === '\\' && !isRaw ? 2 : 1;
  }
  return text.length;
}
