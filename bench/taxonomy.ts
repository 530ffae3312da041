/** Gives the workspace of a bench a taxonomy that its events keep to: what checking them costs. */
import type { TestServer } from '../test/support/server.ts';
import { cartTypes } from './frames.ts';

export const taxonomyKinds = ['none', 'types', 'schemas'] as const;
export type TaxonomyKind = (typeof taxonomyKinds)[number];

const schema = {
  type: 'object',
  required: ['SKU', 'quantity'],
  additionalProperties: false,
  properties: {
    SKU: { type: 'string', pattern: '^sku-' },
    quantity: { type: 'integer', minimum: 1 },
    price: { type: 'number', minimum: 0 },
    page: { type: 'string', maxLength: 100 },
  },
};

/** `types`: an allow list; `schemas`: with a schema for each type. */
export async function defineTaxonomy(server: TestServer, kind: TaxonomyKind): Promise<void> {
  if (kind === 'none') return;
  await put(server, '/v1/taxonomy', { unknown: 'reject' });
  for (const type of cartTypes) {
    const path = `/v1/taxonomy/types/${encodeURIComponent(type)}`;
    await put(server, path, kind === 'schemas' ? { mode: 'reject', schema } : {});
  }
}

async function put(server: TestServer, path: string, body: object): Promise<void> {
  const headers = {
    authorization: `Bearer ${server.keys.admin}`,
    'content-type': 'application/json',
  };
  const response = await fetch(server.url + path, {
    method: 'PUT',
    headers,
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
}
