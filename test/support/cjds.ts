/** Calls to a server in the manner of CJDS. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import type { TestServer } from './server.ts';
import { type Ask, ask } from './session.ts';

export interface CjdsAnswer {
  readonly status: number;
  readonly json: {
    readonly meta?: Record<string, unknown>;
    // biome-ignore lint/suspicious/noExplicitAny: what is asserted on is looked into freely
    readonly data?: any;
    readonly status?: string;
    readonly message?: string;
    readonly errors?: readonly string[];
    readonly timestamp?: string;
    readonly trackingId?: string;
    readonly [member: string]: unknown;
  };
}

/** `{W}` in a path is the workspace `default`. */
export async function cjds(
  server: TestServer,
  path: string,
  options: Ask = {},
): Promise<CjdsAnswer> {
  const full = path.replace('{W}', 'workspace-id/default');
  const { status, json, text } = await ask(server, full, options);
  assert.ok(json !== undefined, `${status} ${text}`);
  return { status, json: json as CjdsAnswer['json'] };
}

export interface Published {
  readonly id: string;
  readonly identity: string;
  readonly [member: string]: unknown;
}

let made = 0;

/** A CloudEvent as CJDS wants it. */
export function cloudEvent(parts: Partial<Published> & { identity: string }): Published {
  made += 1;
  return {
    id: `event-${made}`,
    specversion: '1.0',
    type: 'task:new',
    source: 'wxcc',
    identitytype: 'email',
    datacontenttype: 'application/json',
    data: { origin: parts.identity, channelType: 'email' },
    ...parts,
  };
}

export function publish(
  server: TestServer,
  event: unknown,
  key = server.keys.write,
): Promise<CjdsAnswer> {
  const path = '/publish/v1/api/event?workspaceId=default';
  return cjds(server, path, { key, body: event as object });
}

/** An attribute of a template. */
export function attribute(parts: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    version: '0.1',
    event: 'task:new',
    metaDataType: 'string',
    metaData: 'origin',
    limit: 100,
    displayName: 'Contacts in 24 hours',
    lookBackDurationType: 'hours',
    lookBackPeriod: 24,
    aggregationMode: 'Count',
    rules: null,
    widgetAttributes: { type: 'table' },
    verbose: true,
    ...parts,
  };
}

/** Without those of the envelope that a server adds. */
export function assertRefused(answer: CjdsAnswer, status: string, errors: readonly string[]): void {
  const { json } = answer;
  assert.equal(`${answer.status}`, status.slice(0, 3), JSON.stringify(json));
  assert.equal(json.status, status);
  assert.deepEqual(json.errors, errors);
  assert.match(String(json.timestamp), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.match(String(json.trackingId), /^[0-9a-f]{16}$/);
  assert.equal(typeof json.message, 'string');
}

export interface CjdsMessage {
  readonly id: string | undefined;
  readonly event: string | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: what is asserted on is looked into freely
  readonly data: any;
}

/** A stream of Server-Sent Events; `path` goes on the wire as it is. */
export async function openCjdsStream(
  server: TestServer,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly status: number; next(): Promise<CjdsMessage>; close(): void }> {
  const full = path.replace('{W}', 'workspace-id/default');
  const sent = request({ port: server.port, host: '127.0.0.1', agent: false, path: full, headers });
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const messages = readMessages(response.setEncoding('utf8'));
  sent.on('error', () => {});
  return {
    status: response.statusCode!,
    async next() {
      const { done, value } = await messages.next();
      assert.ok(done !== true, 'the stream ended');
      return value;
    },
    close: () => sent.destroy(),
  };
}

async function* readMessages(response: IncomingMessage): AsyncGenerator<CjdsMessage> {
  let rest = '';
  for await (const text of response) {
    const blocks = (rest + String(text)).split('\n\n');
    rest = blocks.pop()!;
    for (const block of blocks) {
      const found = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
      const data = found('data');
      if (data !== undefined) {
        yield { id: found('id'), event: found('event'), data: JSON.parse(data) };
      }
    }
  }
}
