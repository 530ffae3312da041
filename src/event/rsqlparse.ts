/** RSQL text to a tree; see `rsql.ts`. Everything is bounded: text, depth, comparisons, values. */
import { AppError } from '../std/errors.ts';

export const rsqlCharactersMax = 2048;
export const rsqlDepthMax = 16;
export const rsqlComparisonsMax = 50;
export const rsqlValuesMax = 100;

export const rsqlOperators = ['==', '!=', '=gt=', '=ge=', '=lt=', '=le=', '=in=', '=out='] as const;
export type RsqlOperator = (typeof rsqlOperators)[number];

export interface Comparison {
  readonly kind: 'comparison';
  readonly selector: string;
  readonly operator: RsqlOperator;
  /** One, or for lists at least one. */
  readonly values: readonly string[];
}

export type RsqlNode =
  | { readonly kind: 'and' | 'or'; readonly parts: readonly RsqlNode[] }
  | Comparison;

const signs: Readonly<Record<string, RsqlOperator>> = {
  '>=': '=ge=',
  '<=': '=le=',
  '>': '=gt=',
  '<': '=lt=',
};
const operatorForm = /==|!=|=[a-z]+=|>=|<=|>|</y;
/** A name, or a value without quotes. */
const plainForm = /[^"'();,=!~<>\s]+/y;
const quotedForm = /'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"/sy;

/** @throws AppError invalid. */
export function parseRsql(text: string, place: string): RsqlNode {
  if (text.length > rsqlCharactersMax) {
    throw new AppError('invalid', `${place} may have at most ${rsqlCharactersMax} characters`);
  }
  return new Parser(text, place).whole();
}

class Parser {
  readonly #text: string;
  readonly #place: string;
  #at = 0;
  #comparisons = 0;

  constructor(text: string, place: string) {
    this.#text = text;
    this.#place = place;
  }

  whole(): RsqlNode {
    const node = this.#either(0);
    if (this.#at < this.#text.length) this.#refuse('expected ; or , or the end');
    return node;
  }

  #either(depth: number): RsqlNode {
    return this.#joined('or', ',', () => this.#joined('and', ';', () => this.#term(depth)));
  }

  #joined(kind: 'and' | 'or', sign: string, part: () => RsqlNode): RsqlNode {
    const parts = [part()];
    while (this.#skip(sign) || this.#skipWord(kind)) parts.push(part());
    return parts.length === 1 ? parts[0]! : { kind, parts };
  }

  #term(depth: number): RsqlNode {
    if (!this.#skip('(')) return this.#comparison();
    if (depth >= rsqlDepthMax) this.#refuse(`more than ${rsqlDepthMax} parentheses in each other`);
    const node = this.#either(depth + 1);
    if (!this.#skip(')')) this.#refuse('expected )');
    return node;
  }

  #comparison(): Comparison {
    this.#comparisons += 1;
    if (this.#comparisons > rsqlComparisonsMax) {
      this.#refuse(`more than ${rsqlComparisonsMax} comparisons`);
    }
    this.#blanks();
    const selector = this.#take(plainForm)?.[0] ?? this.#refuse('expected a name');
    this.#blanks();
    const written = this.#take(operatorForm)?.[0] ?? this.#refuse('expected an operator');
    const operator = signs[written] ?? rsqlOperators.find((known) => known === written);
    if (operator === undefined) {
      return this.#refuse(`${written} is none of ${rsqlOperators.join(' ')}`);
    }
    const isList = operator === '=in=' || operator === '=out=';
    return {
      kind: 'comparison',
      selector,
      operator,
      values: isList ? this.#list() : [this.#value()],
    };
  }

  #list(): string[] {
    if (!this.#skip('(')) return [this.#value()];
    const values = [this.#value()];
    while (this.#skip(',')) values.push(this.#value());
    if (values.length > rsqlValuesMax) this.#refuse(`more than ${rsqlValuesMax} values in a list`);
    if (!this.#skip(')')) this.#refuse('expected )');
    return values;
  }

  #value(): string {
    this.#blanks();
    const quoted = this.#take(quotedForm);
    if (quoted !== undefined) return (quoted[1] ?? quoted[2]!).replace(/\\(.)/gs, '$1');
    return this.#take(plainForm)?.[0] ?? this.#refuse('expected a value');
  }

  #blanks(): void {
    while (this.#text[this.#at] === ' ') this.#at += 1;
  }

  #skip(sign: string): boolean {
    this.#blanks();
    if (this.#text[this.#at] !== sign) return false;
    this.#at += 1;
    this.#blanks();
    return true;
  }

  /** `and` and `or` between blanks, which some write for the signs. */
  #skipWord(word: string): boolean {
    const before = this.#text[this.#at - 1];
    const isApart = before === ' ' || before === ')';
    if (!isApart || !this.#text.startsWith(`${word} `, this.#at)) return false;
    this.#at += word.length;
    this.#blanks();
    return true;
  }

  #take(form: RegExp): RegExpExecArray | undefined {
    form.lastIndex = this.#at;
    const found = form.exec(this.#text);
    if (found === null) return undefined;
    this.#at = form.lastIndex;
    return found;
  }

  #refuse(reason: string): never {
    const at = this.#at + 1;
    throw new AppError('invalid', `${this.#place} is not RSQL: ${reason} at character ${at}`);
  }
}
