/**
 * The engine of conditions against the conformance data of CEL: in the groups that matter here, what
 * passes and what does not is known by name (`golden/cel.golden.json`), so that a new version of the
 * engine can neither lose a case nor win one unnoticed. `UPDATE_GOLDEN=1` writes the list anew.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { tests } from '@bufbuild/cel-spec/testdata/conformance.js';
import { Environment } from '@marcbachmann/cel-js';

/** Left out: what belongs to protobuf messages and to extensions that conditions do not offer. */
const skippedGroups: Readonly<Record<string, string>> = {
  bindings_ext: 'cel.bind',
  block_ext: 'cel.block',
  encoders_ext: 'base64',
  enums: 'protobuf enums',
  macros2: 'macros with two variables',
  math_ext: 'math.*',
  proto2: 'protobuf messages',
  proto2_ext: 'protobuf extensions',
  proto3: 'protobuf messages',
  string_ext: 'format, replace, quote and others',
  unknowns: 'it has no cases',
};

interface Case {
  readonly name: string;
  readonly expr: string;
  readonly container?: string;
  readonly value?: Value;
  readonly typedResult?: { readonly result?: Value };
  readonly evalError?: unknown;
  readonly checkOnly?: boolean;
  readonly bindings?: Readonly<Record<string, { readonly value?: Value }>>;
  readonly typeEnv?: readonly { readonly name: string }[];
}

/** A value as protobuf writes it in JSON. */
type Value = Readonly<Record<string, unknown>>;

interface Outcome {
  readonly passed: Record<string, number>;
  readonly failed: Record<string, string[]>;
  readonly protobuf: Record<string, number>;
}

const golden = fileURLToPath(new URL('../../test/golden/cel.golden.json', import.meta.url));

test('the conformance data has the outcome that is known', () => {
  const outcome = play();
  if (process.env['UPDATE_GOLDEN'] === '1') {
    writeFileSync(golden, `${JSON.stringify(outcome, undefined, 2)}\n`);
  }
  assert.deepEqual(outcome, JSON.parse(readFileSync(golden, 'utf8')));
});

function play(): Outcome {
  const outcome: Outcome = { passed: {}, failed: {}, protobuf: {} };
  for (const group of tests.suites ?? []) {
    if (group.name in skippedGroups) continue;
    let passed = 0;
    let protobuf = 0;
    const failed: string[] = [];
    for (const section of group.suites ?? []) {
      for (const { original } of section.tests ?? []) {
        const each = original as unknown as Case;
        if (needsProtobuf(each) || each.checkOnly === true) protobuf += 1;
        else if (passes(each)) passed += 1;
        else failed.push(`${section.name}/${each.name}`);
      }
    }
    outcome.passed[group.name] = passed;
    if (failed.length > 0) outcome.failed[group.name] = failed;
    if (protobuf > 0) outcome.protobuf[group.name] = protobuf;
  }
  return outcome;
}

test('the groups that are left out are still there', () => {
  const names = (tests.suites ?? []).map(({ name }) => name);
  for (const name of Object.keys(skippedGroups)) assert.ok(names.includes(name), name);
});

function needsProtobuf({ bindings, container, expr, value, typedResult }: Case): boolean {
  const text = JSON.stringify([bindings, value, typedResult]);
  const isMessage = /TestAllTypes|google\.protobuf\.(?!Timestamp|Duration)/.test(expr + text);
  return isMessage || container?.includes('proto') === true || text.includes('enumValue');
}

function passes({ bindings, evalError, expr, typeEnv, typedResult, value }: Case): boolean {
  const environment = new Environment({
    unlistedVariablesAreDyn: evalError === undefined || typeEnv !== undefined,
    homogeneousAggregateLiterals: false,
    enableOptionalTypes: true,
  });
  const context: Record<string, unknown> = {};
  for (const [name, bound] of Object.entries(bindings ?? {})) {
    context[name] = decode(bound.value ?? {});
  }
  let result: unknown;
  try {
    result = environment.evaluate(expr, context);
  } catch {
    return evalError !== undefined;
  }
  if (evalError !== undefined) return false;
  return isSame(result, decode(value ?? typedResult?.result ?? { boolValue: true }));
}

/** Numbers of the three kinds are told apart, as the engine does. */
function decode(value: Value): unknown {
  const [[kind, content] = ['nullValue', null]] = Object.entries(value);
  switch (kind) {
    case 'int64Value':
      return BigInt(content as string);
    case 'uint64Value':
      return evaluate(`${content as string}u`);
    case 'doubleValue':
      return Number(content);
    case 'bytesValue':
      return Uint8Array.from(Buffer.from(content as string, 'base64'));
    case 'nullValue':
      return null;
    case 'typeValue':
      return evaluate(content as string);
    case 'listValue':
      return ((content as { values?: Value[] }).values ?? []).map(decode);
    case 'mapValue': {
      const { entries = [] } = content as { entries?: { key: Value; value: Value }[] };
      return new Map(entries.map((entry) => [decode(entry.key), decode(entry.value)]));
    }
    case 'objectValue': {
      const { '@type': type, value: text } = content as { '@type': string; value: string };
      const maker = type.endsWith('Duration') ? 'duration' : 'timestamp';
      return evaluate(`${maker}(${JSON.stringify(text)})`);
    }
    default:
      return content;
  }
}

const plain = new Environment({ enableOptionalTypes: true });

function evaluate(expression: string): unknown {
  try {
    return plain.evaluate(expression);
  } catch {
    return Symbol(expression);
  }
}

function isSame(a: unknown, b: unknown): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0;
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((each, index) => isSame(each, b[index]));
  }
  if (isMap(a) && isMap(b)) return isSameMap(entriesOf(a), entriesOf(b));
  if (a instanceof Date && b instanceof Date) return a.getTime() === b.getTime();
  const isObject = typeof a === 'object' && typeof b === 'object' && a !== null && b !== null;
  if (isObject) return a.constructor === b.constructor && String(a) === String(b);
  return Object.is(a, b) || (typeof a === 'number' && a === b);
}

function isMap(value: unknown): value is object {
  if (value instanceof Map) return true;
  return typeof value === 'object' && value !== null && value.constructor === Object;
}

function entriesOf(map: object): [unknown, unknown][] {
  return map instanceof Map ? [...map.entries()] : Object.entries(map);
}

/** Objects of the engine have text for keys, whatever they were. */
function isSameMap(a: [unknown, unknown][], b: [unknown, unknown][]): boolean {
  return (
    a.length === b.length &&
    a.every(([key, value]) => {
      const found = b.find(([other]) => String(other) === String(key));
      return found !== undefined && isSame(value, found[1]);
    })
  );
}
