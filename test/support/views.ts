/** A client of profile views, and a customer to look at. For tests of the contract. */
import assert from 'node:assert/strict';
import type { TestServer } from './server.ts';
import { type Answer, ask, fresh, store } from './session.ts';

const hourMs = 60 * 60 * 1000;

export interface Field {
  readonly name: string;
  readonly value: unknown;
  readonly events: number;
  readonly skipped?: number;
}

export interface ViewAnswer {
  readonly customer: string;
  readonly view: string;
  readonly asOf: number;
  readonly fields: readonly Field[];
}

/** Stores a template. */
export function putView(server: TestServer, name: string, body: object | string): Promise<Answer> {
  const path = `/v1/views/${encodeURIComponent(name)}`;
  return ask(server, path, {
    method: 'PUT',
    key: server.keys.admin,
    body,
    type: 'application/json',
  });
}

/** A view of a customer, with the read key. */
export async function showView(
  server: TestServer,
  customer: string,
  name: string,
  query = '',
): Promise<ViewAnswer> {
  const path = `/v1/customers/${encodeURIComponent(customer)}/views/${encodeURIComponent(name)}`;
  const answer = await ask(server, path + query, { key: server.keys.read });
  assert.equal(answer.status, 200, answer.text);
  return answer.json as ViewAnswer;
}

/** Six purchases, one an hour, the newest now; the third has no number and the fourth no price. */
export async function shopper(server: TestServer): Promise<{ customer: string; now: number }> {
  const customer = fresh('shopper');
  const now = Date.now();
  const items: object[] = [
    { price: 10, product: { name: 'tea', tags: ['hot'] } },
    { price: 2.5, product: { name: 'milk' } },
    { price: 'free', product: { name: 'cup' } },
    { product: { name: 'tea' } },
    { price: null, product: { name: 'tea' } },
    { price: -4, product: { name: 'pot' } },
  ];
  const events = items.map((data, index) => {
    const time = now - (items.length - 1 - index) * hourMs;
    return { customer, type: 'Purchased', time, data };
  });
  await store(server, [...events, { customer, type: 'Login', time: now - 5 * hourMs }]);
  return { customer, now };
}
