/** Calls for identities, for tests of the contract. */
import assert from 'node:assert/strict';
import type { ShownCustomer } from '../../src/identity/shown.ts';
import type { TestServer } from './server.ts';
import { type Answer, ask, type StoredEvent, tape } from './session.ts';

/** Posts to `/v1/identities/{what}`, with the admin key unless another is given. */
export function send(
  server: TestServer,
  what: 'link' | 'merge' | 'unmerge',
  body: object,
  key = server.keys.admin,
): Promise<Answer> {
  return ask(server, `/v1/identities/${what}`, { key, body });
}

async function change(
  server: TestServer,
  what: 'merge' | 'unmerge',
  body: object,
): Promise<ShownCustomer> {
  const answer = await send(server, what, body);
  assert.equal(answer.status, 200, answer.text);
  return answer.json as ShownCustomer;
}

export function merge(
  server: TestServer,
  wish: { readonly into?: string; readonly from: readonly string[] },
): Promise<ShownCustomer> {
  return change(server, 'merge', wish);
}

export function unmerge(server: TestServer, customer: string): Promise<ShownCustomer> {
  return change(server, 'unmerge', { customer });
}

export async function identity(server: TestServer, name: string): Promise<ShownCustomer> {
  const path = `/v1/identities/${encodeURIComponent(name)}`;
  const answer = await ask(server, path, { key: server.keys.admin });
  assert.equal(answer.status, 200, answer.text);
  return answer.json as ShownCustomer;
}

/** The names of everything that belongs to a customer. */
export async function identitiesOf(server: TestServer, name: string): Promise<string[]> {
  return (await identity(server, name)).identities.map((each) => each.identity);
}

/** Without what the server itself put on the tape. */
export function own(ids: readonly string[]): string[] {
  return ids.filter((id) => !id.startsWith('tapeline.'));
}

/** What the server itself put on the tape, newest first. */
export async function linkEvents(server: TestServer, customer: string): Promise<StoredEvent[]> {
  const { events } = await tape(server, customer, 'limit=1000');
  return events.filter(({ type }) => type.startsWith('tapeline.'));
}
