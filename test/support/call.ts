/** Calls to a served front, for tests of the HTTP room. */
import { jsonReply } from '../../src/http/reply.ts';
import type { Route } from '../../src/http/route.ts';
import { keys, type TestServer } from './front.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The code of an error body. */
  readonly code: string | undefined;
}

/** One request; `key` names the credential to send. */
export async function call(
  server: TestServer,
  path: string,
  init: RequestInit & { key?: keyof typeof keys } = {},
): Promise<Answer> {
  const headers = new Headers(init.headers);
  if (init.key !== undefined) headers.set('authorization', `Bearer ${keys[init.key]}`);
  const response = await fetch(server.url + path, { redirect: 'manual', ...init, headers });
  const text = await response.text();
  let code: string | undefined;
  if (response.status >= 400 && text.startsWith('{"error"')) {
    code = (JSON.parse(text) as { error: { code: string } }).error.code;
  }
  return { status: response.status, headers: response.headers, text, code };
}

/** A route that takes a body, as ingest does. */
export const echo: Route = {
  method: 'post',
  path: '/v1/echo',
  scope: 'write',
  query: [],
  keyInQuery: true,
  cors: 'any',
  bodyBytesMax: 100_000,
  handle: (request) => jsonReply(200, { bytes: request.body.length, sum: sumOf(request.body) }),
};

/** A checksum of a body. */
export function sumOf(bytes: Uint8Array): number {
  return bytes.reduce((sum, byte) => (sum + byte) % 65_521, 0);
}

export const tapePath = '/v1/customers/c1/tape';
