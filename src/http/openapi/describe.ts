/**
 * How a route is described: the few facts that differ, from which a full OpenAPI 3.1 operation is
 * made. Kept apart from the handlers so that those stay thin; a test holds the two together.
 */
import type { ErrorCode } from '../../std/errors.ts';
import { statusOf } from '../reply.ts';
import type { schemas } from '../schemas.ts';

export type SchemaName = keyof typeof schemas;
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json };

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required: boolean;
  readonly description: string;
  readonly schema: Json;
  readonly style?: string;
  readonly explode?: boolean;
}

interface Media {
  readonly schema: Json;
  readonly example?: Json;
}

export interface Response {
  readonly description: string;
  readonly headers?: Json;
  readonly content?: { readonly [type: string]: Media };
}

export interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description: string;
  readonly security: readonly { readonly [scheme: string]: readonly string[] }[];
  readonly parameters: readonly Parameter[];
  readonly requestBody?: {
    readonly required: true;
    readonly content: { readonly [type: string]: Media };
  };
  readonly responses: { readonly [status: string]: Response };
  readonly 'x-codeSamples': readonly { readonly lang: string; readonly source: string }[];
}

/** What differs from one route to the next. */
export interface Description {
  readonly id: string;
  readonly tag: string;
  readonly summary: string;
  /** Markdown. */
  readonly description: string;
  readonly scope:
    | 'none'
    | 'visitor'
    | 'any'
    | 'write'
    | 'read'
    | 'decide'
    | 'agent'
    | 'admin'
    | 'server';
  /** The key may also stand in the query. */
  readonly keyInQuery?: boolean;
  readonly parameters?: readonly Parameter[];
  readonly body?: { readonly [type: string]: Media };
  readonly responses: { readonly [status: string]: Response };
  /** Besides those that every route of its kind can give. */
  readonly errors: readonly ErrorCode[];
  /** The shape of refusals, where it is not `Error`. */
  readonly refusal?: { readonly [type: string]: Media };
  /** Query parameters that are not named here are taken as well, and not refused. */
  readonly takesAnyQuery?: boolean;
  /** A command that works as it stands, with `$KEY` set. */
  readonly curl: string;
}

export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';
export type PathItem = { readonly [method in Method]?: Operation };
export type Paths = { readonly [path: string]: PathItem };

export function refTo(name: SchemaName): Json {
  return { $ref: `#/components/schemas/${name}` };
}

export function jsonOf(name: SchemaName, example?: Json): { readonly [type: string]: Media } {
  const media: Media = { schema: refTo(name), ...(example !== undefined && { example }) };
  return { 'application/json': media };
}

/** A path parameter. */
export function inPath(name: string, description: string): Parameter {
  return { name, in: 'path', required: true, description, schema: { type: 'string' } };
}

/** A query parameter; `schema` defaults to a string. */
export function inQuery(
  name: string,
  description: string,
  schema: Json = { type: 'string' },
): Parameter {
  return { name, in: 'query', required: false, description, schema };
}

/** A query parameter that may be repeated. */
export function repeated(name: string, description: string): Parameter {
  const schema = { type: 'array', items: { type: 'string' }, maxItems: 100 };
  return { ...inQuery(name, description, schema), style: 'form', explode: true };
}

export const timeSchema: Json = {
  oneOf: [{ type: 'string', format: 'date-time' }, { type: 'integer' }],
};

/** Makes the operation. Adds the errors every route of its kind can give. */
export function describe(spec: Description): Operation {
  const errors = new Set<ErrorCode>([...spec.errors, 'malformed']);
  if (spec.takesAnyQuery !== true) errors.add('invalid');
  if (spec.scope !== 'none') {
    for (const code of ['unauthorized', 'overloaded', 'unavailable'] as const) errors.add(code);
    if (spec.scope !== 'any' && spec.scope !== 'visitor') errors.add('forbidden');
  }
  return {
    operationId: spec.id,
    tags: [spec.tag],
    summary: spec.summary,
    description: spec.description,
    security: securityOf(spec),
    parameters: spec.parameters ?? [],
    ...(spec.body !== undefined && { requestBody: { required: true, content: spec.body } }),
    responses: { ...spec.responses, ...errorResponses(errors, spec) },
    'x-codeSamples': [{ lang: 'Shell', source: spec.curl }],
  };
}

function securityOf(spec: Description): Operation['security'] {
  if (spec.scope === 'none') return [];
  if (spec.scope === 'visitor') return [{ visitor: [] }];
  const scopes = spec.scope === 'any' ? [] : [spec.scope];
  const header = { key: scopes };
  return spec.keyInQuery === true ? [header, { keyInQuery: scopes }] : [header];
}

/** One response for each status, two codes can share one; and one for all the rest. */
function errorResponses(
  codes: ReadonlySet<ErrorCode>,
  { refusal, responses: taken }: Description,
): { readonly [status: string]: Response } {
  const content = refusal ?? jsonOf('Error');
  const byStatus = new Map<string, ErrorCode[]>();
  for (const code of codes) {
    const status = String(statusOf(code));
    if (status in taken) continue;
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  const responses: Record<string, Response> = {};
  for (const [status, list] of [...byStatus].sort()) {
    const retry = list.some((code) => retryable.has(code));
    responses[status] = {
      description: list.map((code) => `\`${code}\``).join(' or '),
      ...(retry && { headers: retryAfter }),
      content,
    };
  }
  responses['default'] = { description: 'Any other refusal: `internal` (500) above all.', content };
  return responses;
}

const retryable: ReadonlySet<ErrorCode> = new Set(['rate_limited', 'overloaded', 'unavailable']);

const retryAfter: Json = {
  'Retry-After': { description: 'Whole seconds to wait.', schema: { type: 'integer' } },
};
