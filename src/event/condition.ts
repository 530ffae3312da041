/**
 * Conditions over an event, in CEL (the Common Expression Language): the only place that knows the
 * engine. A condition is compiled once, refused with the place and a hint if it does not parse or its
 * types do not fit, and evaluated within a bound of steps (`meter.ts`), whatever it and the event say.
 *
 *     event.data.price > 100 && event.channel in ["web", "app"]
 *     event.data.items.exists(i, i.sku.startsWith("A-")) && !has(event.data.coupon)
 *     event.time.getHours("Europe/Berlin") >= 18
 *
 *     event.type, id, customer, channel, source   strings; a channel or source that is absent is ""
 *     event.time                                  a timestamp
 *     event.data                                  a map; empty when the event has none
 *
 * A number in `data` is a double, and whole numbers in a condition mix with it (`event.data.qty * 2`).
 * What `data` does not have is an error, and an error is no match; `has(event.data.x)` asks, and
 * `event.data.?x.orValue(0)` gives something instead. There is no clock: a condition says the same of
 * an event for ever.
 */
import { Environment } from '@marcbachmann/cel-js';
import { AppError } from '../std/errors.ts';
import { type ConditionNode, evaluateWithin, inspect, meter } from './meter.ts';

export const conditionCharactersMax = 4096;
/** What one condition may cost on one event, in steps of some 100 ns; then it is given up. */
export const conditionStepsMax = 100_000;
const nodesMax = 1000;
const depthMax = 32;
const listElementsMax = 500;
/** Compiled conditions that a thread keeps, by their text. */
const compiledMax = 1000;

/** What a condition may ask of an event. */
export interface ConditionEvent {
  /** Epoch milliseconds. */
  readonly time: number;
  text(field: ConditionText): string | undefined;
  /** JSON text. */
  data(): string | undefined;
}

export type ConditionText = 'type' | 'id' | 'customer' | 'channel' | 'source';

/** The event at hand as conditions see it; what several of them ask for is decoded once. */
export class ConditionSubject {
  #event: ConditionEvent | undefined;
  #data: unknown;

  become(event: ConditionEvent): void {
    this.#event = event;
    this.#data = undefined;
  }

  get type(): string {
    return this.#event!.text('type') ?? '';
  }

  get id(): string {
    return this.#event!.text('id') ?? '';
  }

  get customer(): string {
    return this.#event!.text('customer') ?? '';
  }

  get channel(): string {
    return this.#event!.text('channel') ?? '';
  }

  get source(): string {
    return this.#event!.text('source') ?? '';
  }

  get time(): Date {
    return new Date(this.#event!.time);
  }

  get data(): unknown {
    this.#data ??= parseData(this.#event!.data());
    return this.#data;
  }
}

/** An object with a member `constructor` would be taken for something else, so it becomes a Map. */
function parseData(json: string | undefined): unknown {
  if (json === undefined) return {};
  const mayHold = json.includes('constructor') || json.includes('\\u');
  return mayHold ? JSON.parse(json, mapIfMisleading) : JSON.parse(json);
}

function mapIfMisleading(_name: string, value: unknown): unknown {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject && Object.hasOwn(value, 'constructor') ? new Map(Object.entries(value)) : value;
}

/** Whether an event meets a condition; undefined: that would cost more than `conditionStepsMax`. */
export type Verdict = boolean | undefined;

export class Condition {
  readonly #run: (facts: { event: ConditionSubject }) => unknown;

  /** Use `compileCondition`. */
  constructor(run: (facts: { event: ConditionSubject }) => unknown) {
    this.#run = run;
  }

  /** Adds what it cost to `meter.spent`. */
  meets(subject: ConditionSubject): Verdict {
    const value = evaluateWithin(conditionStepsMax, () => this.#run({ event: subject }));
    return meter.isOver ? undefined : value === true;
  }
}

const compiled = new Map<string, Condition>();

/** @param place where the condition stands, for the message. @throws AppError invalid. */
export function compileCondition(text: string, place: string): Condition {
  const known = compiled.get(text);
  if (known !== undefined) return known;
  const condition = compile(text, place);
  if (compiled.size >= compiledMax) compiled.clear();
  compiled.set(text, condition);
  return condition;
}

function compile(text: string, place: string): Condition {
  const refuse = (reason: string): never => {
    throw new AppError('invalid', `${place}: ${reason}`);
  };
  if (text.length > conditionCharactersMax) {
    refuse(`a condition has at most ${conditionCharactersMax} characters`);
  }
  let run: ReturnType<typeof environment.parse>;
  try {
    run = environment.parse(text);
  } catch (error) {
    return refuse(sentenceOf(error, text));
  }
  const { error, type, valid } = run.check();
  if (!valid) refuse(sentenceOf(error, text));
  if (type !== 'bool' && type !== 'dyn') refuse(`a condition must be true or false, not ${type}`);
  const fault = inspect(run.ast as unknown as ConditionNode);
  if (fault !== undefined) refuse(fault);
  return new Condition(run);
}

const environment = new Environment({
  homogeneousAggregateLiterals: false,
  enableOptionalTypes: true,
  limits: {
    maxAstNodes: nodesMax,
    maxDepth: depthMax,
    maxListElements: listElementsMax,
    maxMapEntries: listElementsMax,
    maxCallArguments: 8,
  },
});
environment.registerType('Event', {
  ctor: ConditionSubject,
  fields: {
    type: 'string',
    id: 'string',
    customer: 'string',
    channel: 'string',
    source: 'string',
    time: 'google.protobuf.Timestamp',
    data: 'map<string, dyn>',
  },
});
environment.registerVariable('event', 'Event');

/** CEL does not mix whole numbers and doubles; in JSON they are one kind of number. */
const arithmetic: Readonly<Record<string, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '%': (a, b) => a % b,
};
for (const [sign, apply] of Object.entries(arithmetic)) {
  const mixed = (a: unknown, b: unknown): number => apply(Number(a), Number(b));
  environment.registerOperator(`double ${sign} int: double`, mixed);
  environment.registerOperator(`int ${sign} double: double`, mixed);
}
environment.registerOperator('double % double: double', (a: number, b: number) => a % b);

interface EngineError {
  readonly summary: string;
  readonly range?: { readonly start: number; readonly end: number };
}

function sentenceOf(error: unknown, text: string): string {
  const { range, summary = (error as Error).message } = error as Partial<EngineError>;
  const at = range === undefined ? '' : ` at character ${range.start + 1}${quoteAt(text, range)}`;
  const hint = hintFor(summary, range === undefined ? text : text.slice(range.start));
  return `${summary}${at}${hint === undefined ? '' : `; ${hint}`}`;
}

function quoteAt(text: string, { start, end }: { start: number; end: number }): string {
  const found = text.slice(start, Math.max(end, start + 1));
  return found === '' ? '' : ` (${found.length > 40 ? `${found.slice(0, 40)}…` : found})`;
}

/** What people who know other languages write, and what it is here. */
function hintFor(summary: string, rest: string): string | undefined {
  if (/^and\b/i.test(rest)) return 'write && for and';
  if (/^or\b/i.test(rest)) return 'write || for or';
  if (/^not\b/i.test(rest)) return 'write ! for not';
  if (/^=(?!=)/.test(rest)) return 'write == to compare';
  if (/^(&|\|)/.test(rest)) return 'write && or ||';
  if (summary.startsWith('Unknown variable')) {
    return 'a condition knows `event` alone: event.data.price, event.channel …; text stands in quotes';
  }
  if (summary.startsWith('No such key')) {
    return 'an event has type, id, customer, channel, source, time and data';
  }
  return rest === '' ? 'the condition ends too early' : undefined;
}
