/** The routes of CJDS. Their replies and refusals have one envelope, so a route is described by what differs. */
import {
  type Description,
  describe,
  inPath,
  inQuery,
  type Json,
  type Method,
  type Operation,
  type Parameter,
  type Paths,
  type Response,
  refTo,
  type SchemaName,
} from './describe.ts';

/** What differs from one route to the next. */
export interface CjdsEntry {
  readonly method: Method;
  /** As in a table of the product's; `{W}` for `workspace-id/{workspaceId}`. */
  readonly path: string;
  readonly id: string;
  readonly summary: string;
  readonly text: string;
  readonly scope: Description['scope'];
  readonly query?: readonly string[];
  readonly body?: { readonly schema: SchemaName; readonly example: Json; readonly type?: string };
  readonly status?: number;
  /** What `data` is: one of them, several, or (null) something the text tells of. */
  readonly answer?: { readonly of: SchemaName; readonly many?: boolean };
  /** A stream of these. */
  readonly stream?: SchemaName;
  /** The answer is the thing itself, without an envelope. */
  readonly isBare?: boolean;
}

/** One that says little more than its summary. */
export function entry(
  method: CjdsEntry['method'],
  path: string,
  id: string,
  summary: string,
  scope: CjdsEntry['scope'],
  rest: Partial<CjdsEntry>,
): CjdsEntry {
  return { method, path, id, summary, scope, text: `${summary}.`, ...rest };
}

const inPaths: Readonly<Record<string, string>> = {
  workspaceId: 'The workspace of the key, by its id or name.',
  identity: 'A customer, by any identity.',
  personId: 'A person, as an answer named it.',
  primaryPersonId: 'The person that stays.',
  templateId: 'A template, by its id or its name.',
  templateName: 'A template, by its name.',
  actionId: 'An action, by its id.',
  actionName: 'An action, by its name.',
  aliases: 'Identities, with commas between.',
};
const inQueries: Readonly<Record<string, string>> = {
  workspaceId: 'The workspace of the key. Absent: that one.',
  identity: 'The customer, by any identity; `+` as `%2B`.',
  personId: 'This person alone.',
  filter:
    'RSQL over the envelope: `==` `!=` `=gt=` `=ge=` `=lt=` `=le=` `=in=` `=out=`, `;` and `,`, parentheses, `*`.',
  data: 'RSQL over the data.',
  sortBy: 'The member to sort by.',
  sort: '`ASC` or `DESC` (default).',
  page: 'From 0.',
  pageSize: '1 to 1000.',
};

export function cjdsPaths(entries: readonly CjdsEntry[]): Paths {
  const paths: Record<string, { [method in Method]?: Operation }> = {};
  for (const entry of entries) {
    const path = entry.path.replace('{W}', 'workspace-id/{workspaceId}');
    paths[path] = { ...paths[path], [entry.method]: operationOf(entry, path) };
  }
  return paths;
}

function operationOf(entry: CjdsEntry, path: string): Operation {
  const { body, id, method, scope, summary, text } = entry;
  const names = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]!);
  const parameters: Parameter[] = [
    ...names.map((name) => inPath(name, inPaths[name]!)),
    ...(entry.query ?? []).map((name) => inQuery(name, inQueries[name]!)),
  ];
  const sent = body === undefined ? '' : ` -d '${JSON.stringify(body.example)}'`;
  const media = body?.type ?? 'application/json';
  const type = body === undefined ? '' : ` -H 'Content-Type: ${media}'`;
  const url = path.replace('{workspaceId}', 'default');
  return describe({
    id,
    tag: 'CJDS',
    summary,
    description: text,
    scope,
    keyInQuery: true,
    parameters,
    ...(body !== undefined && {
      body: { [media]: { schema: refTo(body.schema), example: body.example } },
    }),
    responses: responsesOf(entry),
    errors: [],
    refusal: { 'application/json': { schema: refTo('CjdsError') } },
    takesAnyQuery: true,
    curl: `curl -s -X ${method.toUpperCase()} 'http://127.0.0.1:8787${url}' -H "Authorization: Bearer $KEY"${type}${sent}`,
  });
}

const refusals: Readonly<Record<number, string>> = {
  400: 'Something is wrong with the request; each of `errors` says what.',
  401: 'No key, or not a valid one.',
  403: 'The key may not do this.',
  404: 'There is no such thing in the workspace of the key.',
  409: 'It exists already, or is in use.',
  413: 'The body is too large.',
  415: 'The body is not JSON.',
  429: 'More than the quota; `Retry-After` says when to come back.',
  503: 'Not now; `Retry-After` says when to come back.',
};

function responsesOf(entry: CjdsEntry): Description['responses'] {
  const responses: Record<string, Response> = { [entry.status ?? 200]: successOf(entry) };
  for (const [status, description] of Object.entries(refusals)) {
    responses[status] = {
      description,
      content: { 'application/json': { schema: refTo('CjdsError') } },
    };
  }
  return responses;
}

function successOf({ answer, isBare, stream }: CjdsEntry): Response {
  if (stream !== undefined) {
    const description = 'Server-Sent Events without names: `data` is one of these.';
    return { description, content: { 'text/event-stream': { schema: refTo(stream) } } };
  }
  const data: Json = answer === undefined ? {} : shapeOf(answer);
  const schema: Json = isBare === true ? data : { type: 'object', properties: { meta: {}, data } };
  return { description: 'Done.', content: { 'application/json': { schema } } };
}

function shapeOf({ many, of }: { readonly of: SchemaName; readonly many?: boolean }): Json {
  return many === true ? { type: 'array', items: refTo(of) } : refTo(of);
}
