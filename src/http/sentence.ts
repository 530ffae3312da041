/** What is wrong with a body, in one sentence that names the place and all of the rule it breaks. */
import type { ErrorObject } from 'ajv';

/** The members of a schema that sentences speak of. */
interface Rule {
  readonly type?: string | readonly string[];
  readonly anyOf?: readonly Rule[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minProperties?: number;
  readonly maxProperties?: number;
}

/** @param errors as Ajv gives them with `verbose`: the first one counts, of alternatives all. */
export function sentenceOf(errors: readonly ErrorObject[]): string {
  const [first] = errors;
  if (first === undefined) return 'the body is invalid';
  const last = errors.at(-1)!;
  const wanted = last.instancePath === first.instancePath ? alternativesOf(last) : undefined;
  return wanted === undefined ? sentence(first) : `${placeOf(last)} must be ${wanted}`;
}

function sentence(error: ErrorObject): string {
  const place = placeOf(error);
  const params = error.params as Record<string, unknown>;
  switch (error.keyword) {
    case 'additionalProperties':
      return `${place} has an unknown member '${String(params['additionalProperty'])}'`;
    case 'required': {
      const missing = String(params['missingProperty']);
      return `${error.instancePath === '' ? missing : `${place}.${missing}`} is required`;
    }
    case 'uniqueItems': {
      const [one, other] = [Number(params['i']), Number(params['j'])].sort((a, b) => a - b);
      return `${place}[${other}] is the same as ${place}[${one}]`;
    }
    case 'minItems':
    case 'maxItems': {
      const { maxItems, minItems } = ruleOf(error);
      return `${place} must have ${boundsOf(minItems, maxItems)} entries`;
    }
    case 'minProperties':
    case 'maxProperties': {
      const { maxProperties, minProperties } = ruleOf(error);
      return `${place} must have ${boundsOf(minProperties, maxProperties)} members`;
    }
    case 'pattern':
      return `${place} must match the pattern ${ruleOf(error).pattern}`;
    default: {
      const wanted = wantedBy(ruleOf(error));
      return wanted === undefined
        ? `${place} ${error.message ?? 'is invalid'}`
        : `${place} must be ${wanted}`;
    }
  }
}

/** `/scopes/0` is `scopes[0]`, as in what is said of views. */
function placeOf({ instancePath }: ErrorObject): string {
  let place = '';
  for (const step of instancePath.split('/').slice(1)) {
    const name = step.replaceAll('~1', '/').replaceAll('~0', '~');
    if (/^\d+$/.test(name)) place += `[${name}]`;
    else place += place === '' ? name : `.${name}`;
  }
  return place === '' ? 'the body' : place;
}

/** The schema whose rule was broken. */
function ruleOf({ parentSchema }: ErrorObject): Rule {
  return (parentSchema ?? {}) as Rule;
}

/** What else could stand there; undefined unless each alternative can be named in a few words. */
function alternativesOf(error: ErrorObject): string | undefined {
  if (error.keyword !== 'anyOf') return undefined;
  const rules = ruleOf(error).anyOf ?? [];
  if (rules.some(({ type }) => type === 'object' || type === 'array')) return undefined;
  const wanted = rules.map(wantedBy);
  return wanted.includes(undefined) ? undefined : wanted.join(' or ');
}

/** What a value has to be; undefined when there is no short word for it. */
function wantedBy(rule: Rule): string | undefined {
  if ('const' in rule) return String(rule.const);
  if (rule.enum !== undefined) return `one of ${rule.enum.join(', ')}`;
  switch (rule.type) {
    case 'integer':
      return `a whole number${rangeOf(rule)}`;
    case 'number':
      return `a number${rangeOf(rule)}`;
    case 'string': {
      const { maxLength, minLength } = rule;
      const isFree = minLength === undefined && maxLength === undefined;
      return isFree ? 'a string' : `a string of ${boundsOf(minLength, maxLength)} characters`;
    }
    case 'boolean':
      return 'true or false';
    case 'null':
      return 'null';
    case 'array':
      return 'a list';
    case 'object':
      return 'an object';
    default:
      return undefined;
  }
}

function rangeOf({ maximum, minimum }: Rule): string {
  if (minimum !== undefined && maximum !== undefined) return ` from ${minimum} to ${maximum}`;
  if (minimum !== undefined) return `, at least ${minimum}`;
  return maximum === undefined ? '' : `, at most ${maximum}`;
}

function boundsOf(min: number | undefined, max: number | undefined): string {
  if (min !== undefined && max !== undefined) return `${min} to ${max}`;
  return min !== undefined ? `${min} or more` : `at most ${max}`;
}
