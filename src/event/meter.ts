/**
 * Bounds for conditions: which functions they may use, and what evaluating one may cost. The engine
 * bounds the text of a condition, not its work: nested loops over lists of an event, lists added to
 * themselves and regular expressions that go back and forth would hold a thread for hours. So every node
 * of a parsed condition counts a step when it is evaluated, what is compared, added or searched counts
 * by its size, and regular expressions are RE2's, which take time in proportion to the text.
 *
 * Counting stands in the nodes, through the engine's own `setMeta`; the tests would notice if a new
 * version did otherwise.
 */
import { RE2JS } from 're2js';

/** A node of a parsed condition, as far as it matters here. */
export interface ConditionNode {
  readonly op: string;
  readonly args: unknown;
  readonly meta: { evaluate: Evaluate; alternate?: ConditionNode };
  setMeta(name: 'evaluate', evaluate: Evaluate): unknown;
}

interface Evaluator {
  run(node: ConditionNode, context: unknown): unknown;
}
type Evaluate = (evaluator: Evaluator, node: ConditionNode, context: unknown) => unknown;

/** Of the evaluation under way, or the last one: evaluating is synchronous. */
export const meter = {
  left: 0,
  /** Steps of all evaluations; whoever reads it may set it back. */
  spent: 0,
  get isOver(): boolean {
    return this.left < 0;
  },
};

/** Made once: to throw a new one for each of many elements would cost more than what it ends. */
const over = new Error('the condition costs too much');

/** What is left of `boundSteps`. */
const together = { steps: Number.POSITIVE_INFINITY };

/**
 * Runs something that evaluates conditions: they may cost so many steps all together. Past that each is given
 * up at once, the same ones whenever the same is run.
 */
export function boundSteps<Value>(stepsMax: number, run: () => Value): Value {
  together.steps = stepsMax;
  try {
    return run();
  } finally {
    together.steps = Number.POSITIVE_INFINITY;
  }
}

/** The value; undefined when there is an error, or when it costs more than that (`meter.isOver`). */
export function evaluateWithin(stepsMax: number, run: () => unknown): unknown {
  const most = Math.min(stepsMax, together.steps);
  meter.left = most;
  try {
    return run();
  } catch {
    return undefined;
  } finally {
    const spent = most - meter.left;
    meter.spent += spent;
    together.steps = Math.max(0, together.steps - spent);
  }
}

/** Functions and macros a condition may use: none whose cost does not follow from sizes. */
const known: ReadonlySet<string> = new Set([
  ...['has', 'size', 'int', 'uint', 'double', 'string', 'bool', 'dyn', 'type'],
  ...['timestamp', 'duration', 'all', 'exists', 'exists_one', 'map', 'filter'],
  ...['startsWith', 'endsWith', 'contains', 'matches', 'lowerAscii', 'upperAscii', 'trim'],
  ...['indexOf', 'lastIndexOf', 'substring', 'split', 'orValue', 'or', 'hasValue', 'value'],
  ...['getFullYear', 'getMonth', 'getDate', 'getDayOfMonth', 'getDayOfWeek', 'getDayOfYear'],
  ...['getHours', 'getMinutes', 'getSeconds', 'getMilliseconds'],
]);
/** What a time zone costs to look up. */
const zoneSteps = 2000;
/** Of all patterns of a condition together: to compile one takes microseconds for each of them. */
const patternInstructionsMax = 1000;

/**
 * Makes a parsed and checked condition count what it costs.
 * @returns why it may not be used; undefined when it may.
 */
export function inspect(root: ConditionNode): string | undefined {
  const nodes = new Set<ConditionNode>();
  collect(root, nodes);
  const weights = new Map<ConditionNode, Weigh>();
  const patterns = new Patterns();
  for (const node of nodes) {
    const fault = isCall(node) ? faultOf(node, patterns) : undefined;
    if (fault !== undefined) return fault;
    for (const operand of operandsOf(node)) weights.set(operand, weighOf(node.op));
  }
  for (const node of nodes) count(node, weights.get(node), patterns);
  return undefined;
}

/** Calls `found` for each name in a condition, with the member of it that is asked for, `*`: all of it. */
export function eachName(value: unknown, found: (name: string, member: string) => void): void {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    for (const each of value) eachName(each, found);
  } else if (isNode(value)) {
    const named = namedMember(value);
    if (named !== undefined) found(named.name, named.member);
    else if (value.op === 'id') found(value.args as string, '*');
    else eachName(value.args, found);
  }
}

/** `name.member`, `name["member"]`, and the same with `?`. */
function namedMember({ args, op }: ConditionNode): { name: string; member: string } | undefined {
  if (!/^(\.|\.\?|\[\]|\[\?\])$/.test(op)) return undefined;
  const [receiver, key] = args as [ConditionNode, ConditionNode | string];
  if (receiver.op !== 'id') return undefined;
  const member = typeof key === 'string' ? key : key.op === 'value' ? key.args : undefined;
  return typeof member === 'string' ? { name: receiver.args as string, member } : undefined;
}

/** A node, those below it, and those a macro has become. */
function collect(value: unknown, nodes: Set<ConditionNode>): void {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    for (const each of value) collect(each, nodes);
  } else if (isNode(value)) {
    if (nodes.has(value)) return;
    nodes.add(value);
    collect(value.args, nodes);
    collect(value.meta.alternate, nodes);
  } else if (Object.getPrototypeOf(value) === Object.prototype) {
    for (const each of Object.values(value)) collect(each, nodes);
  }
}

function isNode(value: object): value is ConditionNode {
  return 'op' in value && 'args' in value && 'setMeta' in value;
}

interface CallNode extends ConditionNode {
  readonly args:
    | readonly [name: string, given: readonly ConditionNode[]]
    | readonly [name: string, receiver: ConditionNode, given: readonly ConditionNode[]];
}

function isCall(node: ConditionNode): node is CallNode {
  return node.op === 'call' || node.op === 'rcall';
}

function givenOf({ args }: CallNode): readonly ConditionNode[] {
  return args[args.length - 1] as readonly ConditionNode[];
}

function faultOf(node: CallNode, patterns: Patterns): string | undefined {
  const [name] = node.args;
  const first = givenOf(node)[0];
  if (!known.has(name)) return `the function ${name} cannot be used in a condition`;
  const text = first?.op === 'value' && typeof first.args === 'string' ? first.args : undefined;
  const needsText = name === 'matches' || name === 'duration' || isZoned(node);
  if (needsText && text === undefined) return `${name} must be given a text in quotes`;
  if (name === 'matches') return patterns.add(text!);
  return undefined;
}

function isZoned(node: CallNode): boolean {
  return node.args[0].startsWith('get') && givenOf(node).length === 1;
}

/** What is left of `boundPatterns`. */
const allowance = { instructions: Number.POSITIVE_INFINITY };

/** Runs something that compiles conditions: their patterns may have so many instructions all together. */
export function boundPatterns<Value>(instructionsMax: number, run: () => Value): Value {
  allowance.instructions = instructionsMax;
  try {
    return run();
  } finally {
    allowance.instructions = Number.POSITIVE_INFINITY;
  }
}

/** The patterns of one condition, each compiled once. */
class Patterns {
  readonly #compiled = new Map<string, RE2JS>();
  #instructions = 0;

  /** @returns why it may not be used; undefined when it may. */
  add(text: string): string | undefined {
    if (this.#compiled.has(text)) return undefined;
    try {
      const pattern = RE2JS.compile(text);
      this.#compiled.set(text, pattern);
      this.#instructions += pattern.programSize();
      allowance.instructions -= pattern.programSize();
    } catch (error) {
      return `the pattern of matches is no RE2 regular expression: ${(error as Error).message}`;
    }
    if (allowance.instructions < 0) {
      return 'the patterns of matches are too large, those of all conditions together';
    }
    if (this.#instructions <= patternInstructionsMax) return undefined;
    return this.#compiled.size === 1
      ? 'the pattern of matches is too large'
      : 'the patterns of matches are too large together';
  }

  get(text: string): RE2JS {
    return this.#compiled.get(text)!;
  }
}

/** What a node works on at a cost that grows with it. */
function operandsOf(node: ConditionNode): readonly ConditionNode[] {
  if (isCall(node)) {
    if (node.meta.alternate !== undefined) return [];
    const receiver = node.op === 'rcall' ? [node.args[1] as ConditionNode] : [];
    return [...receiver, ...givenOf(node)];
  }
  const isBinary = Array.isArray(node.args) && /^([-+*/%<>]|[<>!=]=|in)$/.test(node.op);
  return isBinary ? (node.args as ConditionNode[]) : [];
}

type Weigh = (value: unknown) => number;

function weighOf(op: string): Weigh {
  return op === '==' || op === '!=' || op === 'in' ? deepSize : flatSize;
}

/** Steps for a value that is copied or searched. */
function flatSize(value: unknown): number {
  if (typeof value === 'string' || value instanceof Uint8Array) return value.length >> 4;
  return Array.isArray(value) ? value.length : 0;
}

/** Steps for a value that is compared with all that is in it. */
function deepSize(value: unknown): number {
  if (typeof value !== 'object' || value === null) return flatSize(value);
  if (value instanceof Uint8Array) return value.length >> 4;
  const parts = value instanceof Map ? value.values() : Object.values(value);
  let size = 1;
  for (const part of parts) size += 1 + deepSize(part);
  return size;
}

function count(node: ConditionNode, weigh: Weigh | undefined, patterns: Patterns): void {
  const evaluate = isCall(node) ? evaluateCall(node, patterns) : node.meta.evaluate;
  node.setMeta('evaluate', (evaluator, self, context) => {
    spend(1);
    const value = evaluate(evaluator, self, context);
    if (weigh !== undefined) spend(weigh(value));
    return value;
  });
}

/** @throws when nothing is left; once so, nothing is evaluated any more. */
function spend(steps: number): void {
  if (meter.left < 0) throw over;
  meter.left -= steps;
  if (meter.left < 0) throw over;
}

function evaluateCall(node: CallNode, patterns: Patterns): Evaluate {
  const { evaluate } = node.meta;
  if (isZoned(node)) {
    return (evaluator, self, context) => {
      spend(zoneSteps);
      return evaluate(evaluator, self, context);
    };
  }
  if (node.args[0] !== 'matches') return evaluate;
  const pattern = patterns.get(givenOf(node)[0]!.args as string);
  const size = pattern.programSize();
  const receiver = node.args[1] as ConditionNode;
  return (evaluator, _self, context) => {
    const text = evaluator.run(receiver, context);
    if (typeof text !== 'string') throw new TypeError('matches looks at a text');
    spend((text.length * size) >> 4);
    return pattern.test(text);
  };
}
