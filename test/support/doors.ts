/** Every route that the server itself describes, as a caller finds it. For probes over all of them. */
import type { TestServer } from './server.ts';
import { ask } from './session.ts';

type Content = Readonly<Record<string, { readonly example?: unknown }>>;

interface Operation {
  readonly security: readonly object[];
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly content?: Content }>>;
}

export interface Door {
  readonly method: string;
  readonly path: string;
  /** The names of its query parameters. */
  readonly query: readonly string[];
  /** A body that it takes: the example of the document, with its type. */
  readonly body: { readonly type: string; readonly example: unknown } | undefined;
  readonly isSocket: boolean;
  readonly isStream: boolean;
}

/** Every route of the document that asks for a credential. */
export async function doors(server: TestServer): Promise<Door[]> {
  const { json } = await ask(server, '/openapi.json');
  const { paths } = json as { paths: Record<string, Record<string, Operation>> };
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item)
      .filter(([, { security }]) => security.length > 0)
      .map(([method, operation]) => doorOf(method.toUpperCase(), path, operation)),
  );
}

function doorOf(method: string, path: string, operation: Operation): Door {
  const { parameters = [], requestBody, responses } = operation;
  const [body] = Object.entries(requestBody?.content ?? {});
  return {
    method,
    path,
    query: parameters.filter((each) => each.in === 'query').map(({ name }) => name),
    body: body && { type: body[0], example: body[1].example },
    isSocket: '101' in responses,
    isStream: responses['200']?.content?.['text/event-stream'] !== undefined,
  };
}

/** The path with its parameters filled in; `x` where none is given. */
export function fill(path: string, parts: Readonly<Record<string, string>>): string {
  return path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(parts[name] ?? 'x'));
}
