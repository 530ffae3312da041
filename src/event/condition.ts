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
 *
 * Where more is known than an event, a `Vocabulary` says what and of which types, and an `Expression` is
 * a text in it: a condition, or one that gives a value.
 */
import { Environment } from '@marcbachmann/cel-js';
import { AppError } from '../std/errors.ts';
import { type NameHints, sentenceOf } from './celfault.ts';
import { type ConditionNode, eachName, evaluateWithin, inspect, meter } from './meter.ts';

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
  const condition = new Condition(parse(text, place, events, true).run);
  if (compiled.size >= compiledMax) compiled.clear();
  compiled.set(text, condition);
  return condition;
}

/** What texts may ask of, where there is more than an event. */
export class Vocabulary {
  readonly environment: Environment;
  readonly hints: NameHints;

  /**
   * @param variables name → CEL type: `string`, `map<string, dyn>`, `Event`, or one of `types`.
   * @param types each with its members and their CEL types. A value is an instance of `of`; without it a
   *   plain object.
   */
  constructor(
    variables: Readonly<Record<string, string>>,
    types: readonly FactType[],
    hints: NameHints,
  ) {
    this.hints = hints;
    this.environment = language.clone();
    for (const { members, name, of } of types) {
      const type =
        of === undefined ? { name, schema: members } : { name, ctor: of, fields: members };
      this.environment.registerType(type);
    }
    for (const [name, type] of Object.entries(variables)) {
      this.environment.registerVariable(name, type);
    }
  }
}

export interface FactType {
  readonly name: string;
  readonly members: Readonly<Record<string, string>>;
  readonly of?: new (...given: never[]) => object;
}

/** A text over the variables of a vocabulary, which are the members of `facts`. */
export class Expression {
  /** The variables that it asks for, each with the members; `*` when it may ask for any. */
  readonly asks: ReadonlyMap<string, ReadonlySet<string>>;
  readonly #run: Run;

  /** Use `compileExpression`. */
  constructor(run: Run, asks: ReadonlyMap<string, ReadonlySet<string>>) {
    this.#run = run;
    this.asks = asks;
  }

  /** Whether it holds. A variable that `facts` lacks is an error, and an error is no match. */
  meets(facts: object): Verdict {
    const value = this.value(facts);
    return meter.isOver ? undefined : value === true;
  }

  /** Undefined when there is an error, or when it costs too much; as the engine gives it otherwise. */
  value(facts: object): unknown {
    return evaluateWithin(conditionStepsMax, () => this.#run(facts));
  }
}

/**
 * @param place where the text stands, for the message.
 * @param wanted whether it must be true or false, or may have any value.
 * @throws AppError invalid.
 */
export function compileExpression(
  text: string,
  place: string,
  vocabulary: Vocabulary,
  wanted: 'condition' | 'value',
): Expression {
  const { asks, run } = parse(text, place, vocabulary, wanted === 'condition');
  return new Expression(run, asks);
}

type Run = (facts: object) => unknown;

function parse(
  text: string,
  place: string,
  { environment, hints }: Pick<Vocabulary, 'environment' | 'hints'>,
  mustHold: boolean,
): { run: Run; asks: ReadonlyMap<string, ReadonlySet<string>> } {
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
    return refuse(sentenceOf(error, text, hints));
  }
  const { error, type, valid } = run.check();
  if (!valid) refuse(sentenceOf(error, text, hints));
  if (mustHold && type !== 'bool' && type !== 'dyn') {
    refuse(`a condition must be true or false, not ${type}`);
  }
  const ast = run.ast as unknown as ConditionNode;
  const asks = asksOf(ast, environment);
  const fault = inspect(ast);
  if (fault !== undefined) refuse(fault);
  return { run, asks };
}

/** Which variables a text names. One that a loop calls by the same name counts as well. */
function asksOf(
  root: ConditionNode,
  environment: Environment,
): ReadonlyMap<string, ReadonlySet<string>> {
  const asks = new Map<string, Set<string>>();
  const ask = (name: string, member: string): void => {
    if (!environment.hasVariable(name)) return;
    const members = asks.get(name);
    if (members === undefined) asks.set(name, new Set([member]));
    else members.add(member);
  };
  eachName(root, ask);
  return asks;
}

/** The language and what stands in for events, without any variable. */
const language = new Environment({
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
language.registerType('Event', {
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
  language.registerOperator(`double ${sign} int: double`, mixed);
  language.registerOperator(`int ${sign} double: double`, mixed);
}
language.registerOperator('double % double: double', (a: number, b: number) => a % b);

const events = new Vocabulary({ event: 'Event' }, [], {
  variables:
    'a condition knows `event` alone: event.data.price, event.channel …; text stands in quotes',
  members: 'an event has type, id, customer, channel, source, time and data',
});
