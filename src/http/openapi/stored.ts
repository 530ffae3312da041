/** The routes of what a workspace stores under names: list, get, put, delete. What differs is told, the rest is one. */
import {
  type Description,
  describe,
  type Json,
  jsonOf,
  type Operation,
  type Parameter,
  type SchemaName,
} from './describe.ts';
import { auth, base, findErrors, removeErrors, sends, storeErrors } from './words.ts';

/** A kind of thing that is stored. */
export interface Stored {
  readonly tag: string;
  /** `/v1/webhooks` */
  readonly path: string;
  /** Of the example, as it stands in a path. */
  readonly at: string;
  readonly name: Parameter;
  readonly schema: SchemaName;
  readonly example: Json;
  /** Who may list and get it. */
  readonly readers: 'read' | 'admin';
}

export interface Texts {
  readonly id: string;
  readonly summary: string;
  readonly description: string;
}

/** What is not as it usually is. */
type Other = Partial<Pick<Description, 'parameters' | 'responses' | 'errors' | 'scope'>>;

/** @param all a list of them, by the name that it has in the answer. */
export function listed(
  { at: _, example, path, readers, tag }: Stored,
  texts: Texts,
  all: { readonly description: string; readonly schema: SchemaName; readonly member: string },
  other: Other = {},
): Operation {
  const { description, member, schema } = all;
  const content = jsonOf(schema, { [member]: [example] });
  const responses = { 200: { description, content } };
  const curl = `curl -s ${base}${path} ${auth}`;
  return describe({ ...texts, tag, scope: readers, responses, errors: [], curl, ...other });
}

/** @param description of the answer. */
export function got(
  stored: Stored,
  texts: Texts,
  description: string,
  other: Other = {},
): Operation {
  const { at, example, name, path, readers, schema, tag } = stored;
  return describe({
    ...{ ...texts, tag, scope: readers, parameters: [name] },
    responses: { 200: { description, content: jsonOf(schema, example) } },
    errors: findErrors,
    curl: `curl -s ${base}${path}/${at} ${auth}`,
    ...other,
  });
}

/** @param wish what is sent. @param made an example of the answer when it is new, if it is another one. */
export function put(
  { at, example, name, path, schema, tag }: Stored,
  texts: Texts,
  wish: { readonly schema: SchemaName; readonly example: Json; readonly sent?: object },
  made: Json = example,
  other: Other = {},
): Operation {
  return describe({
    ...{ ...texts, tag, scope: 'admin', parameters: [name] },
    body: jsonOf(wish.schema, wish.example),
    responses: {
      200: { description: 'Replaced.', content: jsonOf(schema, example) },
      201: { description: 'Created.', content: jsonOf(schema, made) },
    },
    errors: storeErrors,
    curl: `curl -s -X PUT ${base}${path}/${at} ${auth} ${sends(wish.sent ?? (wish.example as object))}`,
    ...other,
  });
}

export function deleted(
  { at, name, path, tag }: Stored,
  texts: Texts,
  other: Other = {},
): Operation {
  return describe({
    ...{ ...texts, tag, scope: 'admin', parameters: [name] },
    responses: { 204: { description: 'Gone.' } },
    errors: removeErrors,
    curl: `curl -s -X DELETE ${base}${path}/${at} ${auth}`,
    ...other,
  });
}
