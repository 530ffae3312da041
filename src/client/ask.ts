/** One HTTP request to the server: the address, the key, and refusals turned into `ClientError`. */
import { ClientError, type ClientErrorCode } from './types.ts';

/** Members that are undefined are left out, arrays are repeated. */
export type Query = Readonly<Record<string, unknown>>;

/** Asks the server something; resolves with a good answer only. */
export type Ask = (
  method: string,
  path: string,
  query?: Query,
  body?: unknown,
  more?: { readonly headers?: Record<string, string>; readonly signal?: AbortSignal },
) => Promise<Response>;

/** Asks the server at `url` with `key`; the methods of the reader are thin over this. */
export function openAsk(options: {
  readonly url: string;
  readonly key: string;
  readonly fetch?: typeof globalThis.fetch;
}): Ask {
  const { url, key, fetch = globalThis.fetch } = options;
  return async (method, path, query = {}, body, more = {}) => {
    const target = new URL(path, url);
    for (const [name, value] of Object.entries(query)) {
      for (const one of Array.isArray(value) ? value : [value]) {
        if (one !== undefined) target.searchParams.append(name, String(one));
      }
    }
    const headers: Record<string, string> = { authorization: `Bearer ${key}`, ...more.headers };
    if (body !== undefined) headers['content-type'] = 'application/json';
    let response: Response;
    try {
      response = await fetch(target, {
        method,
        headers,
        ...(body !== undefined && { body: JSON.stringify(body) }),
        ...(more.signal && { signal: more.signal }),
      });
    } catch (cause) {
      if (more.signal?.aborted) throw new ClientError('closed', 'given up', { cause });
      throw new ClientError('unreachable', `no server answers at ${target.origin}`, { cause });
    }
    if (!response.ok) throw await errorOf(response);
    return response;
  };
}

async function errorOf(response: Response): Promise<ClientError> {
  const { status } = response;
  const text = await response.text();
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  const options = { status, ...(Number.isFinite(seconds) && { retryAfterMs: seconds * 1000 }) };
  // A server or something before it that is not well for now: the server's own code follows, if it is its.
  let code: ClientErrorCode = status >= 500 ? 'unavailable' : 'protocol';
  let message = `the server answered ${status}`;
  try {
    const { error } = JSON.parse(text) as { error?: { code: ClientErrorCode; message: string } };
    if (error !== undefined) ({ code, message } = error);
  } catch {
    // Not the server's own words (a proxy's page, perhaps): the status says what there is to say.
    message = `the server answered ${status}: ${text.slice(0, 200)}`;
  }
  return new ClientError(code, message, options);
}
