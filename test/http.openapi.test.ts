/** The OpenAPI document and its page tell the truth about the routes, the schemas and the answers. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { plainRoutes } from '../src/http/app.ts';
import * as checks from '../src/http/check.ts';
import { cjdsRoutes } from '../src/http/cjds/routes.ts';
import { streamPaths } from '../src/http/cjds/streams.ts';
import { docsPage } from '../src/http/docs/page.ts';
import { doors } from '../src/http/doors.ts';
import type { Operation } from '../src/http/openapi/describe.ts';
import { openApiDocument } from '../src/http/openapi/document.ts';
import { wireRoute } from '../src/http/wire.ts';
import { errorCodes } from '../src/std/errors.ts';
import { fieldTypes, parseViewTemplate } from '../src/workspaces/view.ts';
import { keys, serveFront } from './support/front.ts';

const document = openApiDocument();
const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: true });
ajv.addFormat('date-time', true);
ajv.addFormat('binary', true);
ajv.addKeyword({ keyword: 'components' });
ajv.addSchema({ $id: 'api', components: document.components });

/** Routes served by code outside the tables. */
const others = [
  'post /v1/events',
  'get /v1/ingest',
  'get /v1/live',
  'get /v1/live/sse',
  'get /v1/customers/{customer}/views/{name}/live',
  'get /v1/customers/{customer}/views/{name}/live/sse',
  ...Object.values(streamPaths).map((path) => `get ${path}`),
  'get /v1/visitor/channel',
  'get /v1/agents/{id}/live',
  'get /v1/agents/{id}/live/sse',
];

const routes = [
  ...plainRoutes,
  ...doors.map((door) => wireRoute(door, () => undefined)),
  ...cjdsRoutes(() => undefined),
];

const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => ({
    name: `${method} ${path}`,
    path,
    operation,
  })),
);

function errorsOf(schema: unknown, value: unknown): string {
  const text = JSON.stringify(schema).replaceAll('"#/components', '"api#/components');
  const validate = ajv.compile(JSON.parse(text) as object);
  return validate(value) ? '' : ajv.errorsText(validate.errors);
}

test('every route is in the document, and every operation of the document is a route', () => {
  const names = routes.map(({ method, path }) => `${method} ${path}`);
  const expected = [...names.filter((name) => name !== 'get /'), ...others].sort();
  assert.deepEqual(operations.map(({ name }) => name).sort(), expected);
});

test('operations name the parameters, scopes and bodies that their routes have', () => {
  const ids = operations.map(({ operation }) => operation.operationId);
  assert.equal(new Set(ids).size, ids.length);
  const tags = document.tags.map(({ name }) => name);
  for (const { name, path, operation } of operations) {
    assert.ok(
      operation.tags.every((tag) => tags.includes(tag)),
      name,
    );
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
    assert.deepEqual(namesOf(operation, 'path'), inPath, name);
    assert.ok(operation.parameters.every((each) => each.required === (each.in === 'path')));
    assert.ok(Object.keys(operation.responses).length > 0);
    const route = routes.find((each) => `${each.method} ${each.path}` === name);
    if (route === undefined) continue;
    if (route.query !== 'any') assert.deepEqual(namesOf(operation, 'query'), route.query, name);
    const mayBeInvalid = operation.responses['422']?.description.includes('invalid') === true;
    if (route.query !== 'any') assert.ok(mayBeInvalid, name);
    if (route.scope !== 'none') assert.ok('503' in operation.responses, name);
    assert.ok('default' in operation.responses, name);
    assert.equal(operation.requestBody !== undefined, route.bodyBytesMax !== undefined, name);
    const scopes = operation.security[0]?.['key'];
    if (route.scope === 'none') assert.equal(operation.security.length, 0, name);
    else if (route.scope === 'visitor') assert.deepEqual(operation.security, [{ visitor: [] }]);
    else assert.deepEqual(scopes, route.scope === 'any' ? [] : [route.scope], name);
    assert.equal(operation.security.length > 1, route.keyInQuery === true, name);
  }
});

function namesOf(operation: Operation, place: string): readonly string[] {
  return operation.parameters.filter((each) => each.in === place).map((each) => each.name);
}

test('every schema compiles, every reference leads somewhere, every example keeps to its schema', () => {
  for (const name of Object.keys(document.components.schemas)) {
    ajv.compile({ $ref: `api#/components/schemas/${name}` });
  }
  for (const [ref] of JSON.stringify(document).matchAll(/#\/components\/schemas\/\w+/g)) {
    assert.ok(ref.slice('#/components/schemas/'.length) in document.components.schemas, ref);
  }
  for (const { name, operation } of operations) {
    const bodies = [operation.requestBody, ...Object.values(operation.responses)];
    for (const body of bodies) {
      for (const media of Object.values(body?.content ?? {})) {
        if (media.example === undefined) continue;
        assert.equal(errorsOf(media.schema, media.example), '', name);
      }
    }
  }
});

test('every body that is checked by a schema has one that compiles', () => {
  for (const check of Object.values(checks)) {
    assert.throws(() => check(undefined), { code: 'invalid' });
  }
});

test('a view passes its schema exactly when the server stores it', () => {
  const schema = { $ref: '#/components/schemas/ViewTemplate' };
  const field = { name: 'A', event: 'E', attribute: 'x', type: 'value' };
  const good = [
    { fields: [field] },
    { fields: [{ ...field, limit: 1, lookback: '7d' }] },
    { fields: [{ name: 'A', event: '*', type: 'count' }] },
    { fields: [{ ...field, where: 'event.data.x > 1' }], where: 'event.channel == "web"' },
    ...fieldTypes.map((type) => ({ fields: [{ ...field, type }] })),
  ];
  const bad = [
    {},
    [],
    { fields: [] },
    { fields: [field], extra: 1 },
    { fields: [{ ...field, extra: 1 }] },
    { fields: [{ ...field, type: 'median' }] },
    { fields: [{ ...field, limit: 0 }] },
    { fields: [{ ...field, limit: 10_001 }] },
    { fields: [{ ...field, limit: 1.5 }] },
    { fields: [{ ...field, lookback: '7 days' }] },
    { fields: [{ ...field, lookback: '0d' }] },
    { fields: [{ ...field, name: '' }] },
    { fields: [{ ...field, name: 'x'.repeat(129) }] },
    { fields: [{ ...field, event: '' }] },
    { fields: [{ ...field, attribute: '' }] },
    { fields: [{ ...field, where: '' }] },
    { fields: [field], where: 7 },
    { fields: [{ name: 'A', type: 'value' }] },
    { fields: Array.from({ length: 101 }, (_, index) => ({ ...field, name: `f${index}` })) },
  ];
  for (const template of good) {
    assert.doesNotThrow(() => parseViewTemplate(template));
    assert.equal(errorsOf(schema, template), '');
  }
  for (const template of bad) {
    assert.throws(() => parseViewTemplate(template), { code: 'invalid' });
    assert.notEqual(errorsOf(schema, template), '', JSON.stringify(template));
  }
});

type Call = readonly [name: string, url: string, key: string, body?: unknown];

/** The routes of web pages. */
const messagesPath = `/v1/visitors/cookie:${'a'.repeat(22)}/messages`;
const tagCalls: readonly Call[] = [
  ['get /v1/tag', '/v1/tag', ''],
  ['post /v1/visitors', '/v1/visitors', keys.publish, {}],
  ['post /v1/visitors', '/v1/visitors', keys.publish, { token: 'vt_forged' }],
  ['post /v1/visitor/messages/{id}', '/v1/visitor/messages/m1', keys.admin, {}],
  ['post /v1/visitors/{visitor}/messages', messagesPath, keys.admin, { kind: 'offer', data: {} }],
  ['post /v1/visitors/{visitor}/messages', messagesPath, keys.admin, { kind: 'Offer' }],
  ['get /v1/visitors/{visitor}/messages', messagesPath, keys.admin],
  ['delete /v1/visitors/{visitor}/messages/{id}', `${messagesPath}/m1`, keys.admin],
];

/** The routes of webhooks. */
const webhookCalls: readonly Call[] = [
  ['get /v1/webhooks', '/v1/webhooks', keys.admin],
  ['get /v1/webhooks', '/v1/webhooks', keys.read],
  ['get /v1/webhooks/{name}', '/v1/webhooks/none', keys.admin],
  ['put /v1/webhooks/{name}', '/v1/webhooks/crm', keys.admin, { url: 'https://crm.example' }],
  ['put /v1/webhooks/{name}', '/v1/webhooks/crm', keys.admin, { href: 'https://crm.example' }],
  ['delete /v1/webhooks/{name}', '/v1/webhooks/crm', keys.admin],
];

test('what the server answers keeps to the schema the document gives for it', async (t) => {
  const server = await serveFront();
  t.after(() => server.close());
  const view = { fields: [{ name: 'A', event: 'E', type: 'count' }] };
  const calls: readonly Call[] = [
    ['get /v1/customers/{customer}/tape', '/v1/customers/c1/tape', keys.read],
    ['get /v1/customers/{customer}/tape', '/v1/customers/c1/tape', ''],
    ['get /v1/customers/{customer}/tape', '/v1/customers/c1/tape?limit=0', keys.read],
    ['get /v1/customers/{customer}/views/{name}', '/v1/customers/c1/views/basic', keys.read],
    ['get /v1/customers/{customer}/views/{name}', '/v1/customers/c1/views/none', keys.read],
    ['get /v1/customers/{customer}/views', '/v1/customers/c1/views?names=basic', keys.read],
    ['get /v1/customers/{customer}/views', '/v1/customers/c1/views', keys.read],
    ['put /v1/roles/{name}', '/v1/roles/desk', keys.admin, { views: ['basic'] }],
    ['put /v1/roles/{name}', '/v1/roles/desk', keys.admin, { views: [] }],
    ['get /v1/roles', '/v1/roles', keys.admin],
    ['get /v1/roles/{name}', '/v1/roles/none', keys.admin],
    ['delete /v1/roles/{name}', '/v1/roles/desk', keys.admin],
    ['get /v1/views', '/v1/views', keys.read],
    ['get /v1/views/{name}', '/v1/views/basic', keys.read],
    ['put /v1/views/{name}', '/v1/views/basic', keys.admin, view],
    ['put /v1/views/{name}', '/v1/views/new', keys.admin, view],
    ['put /v1/views/{name}', '/v1/views/new', keys.admin, {}],
    ['delete /v1/views/{name}', '/v1/views/basic', keys.admin],
    ['post /v1/keys', '/v1/keys', keys.admin, { scopes: ['read'] }],
    ['post /v1/keys', '/v1/keys', keys.read, { scopes: ['read'] }],
    ['get /v1/keys', '/v1/keys', keys.admin],
    ['delete /v1/keys/{id}', '/v1/keys/k_read', keys.admin],
    ['put /v1/keys/{id}/quota', '/v1/keys/k_read/quota', keys.admin, { eventsPerSecond: 1 }],
    ['put /v1/keys/{id}/quota', '/v1/keys/k_read/quota', keys.admin, { eventsPerSecond: 0 }],
    ['put /v1/workspaces/{id}/quota', '/v1/workspaces/w_other/quota', keys.server, {}],
    ['post /v1/tokens', '/v1/tokens', keys.read, { scopes: ['read'], ttlSeconds: 9 }],
    ['post /v1/tokens', '/v1/tokens', keys.read, { scopes: ['admin'], ttlSeconds: 9 }],
    ['post /v1/workspaces', '/v1/workspaces', keys.server, { name: 'acme' }],
    ['get /v1/workspaces', '/v1/workspaces', keys.server],
    ['delete /v1/workspaces/{id}', '/v1/workspaces/w_other', keys.server],
    ...tagCalls,
    ...webhookCalls,
    ['get /healthz', '/healthz', ''],
  ];
  for (const [name, url, key, body] of calls) {
    const response = await fetch(server.url + url, {
      method: name.split(' ')[0]!.toUpperCase(),
      headers: {
        ...(key !== '' && { authorization: `Bearer ${key}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      body: body === undefined ? null : JSON.stringify(body),
    });
    const operation = operations.find((each) => each.name === name)?.operation;
    const described = operation?.responses[String(response.status)];
    assert.ok(described !== undefined, `${name} answers ${response.status}, undocumented`);
    const media = described.content?.['application/json'];
    const text = await response.text();
    if (media === undefined) assert.equal(text, '', name);
    else assert.equal(errorsOf(media.schema, JSON.parse(text)), '', `${name} ${text}`);
  }
});

test('the guide names every error code', () => {
  for (const code of errorCodes) {
    assert.ok(document.info.description.includes(`\`${code}\``), code);
  }
});

test('the document is served as it is, to any page', async (t) => {
  const server = await serveFront();
  t.after(() => server.close());
  const response = await fetch(`${server.url}/openapi.json`, {
    headers: { origin: 'https://tools.example' },
  });
  assert.equal(response.headers.get('content-type'), 'application/json; charset=utf-8');
  assert.equal(response.headers.get('access-control-allow-origin'), '*');
  assert.deepEqual(await response.json(), JSON.parse(JSON.stringify(document)));
});

test('the page shows every route and schema, and needs nothing from elsewhere', () => {
  const { html, policy } = docsPage(document);
  for (const { operation } of operations) {
    assert.ok(html.includes(`id="${operation.operationId}"`), operation.operationId);
  }
  const ids = [...html.matchAll(/ id="([^"]+)"/g)].map((match) => match[1]);
  assert.equal(new Set(ids).size, ids.length);
  for (const [, target] of html.matchAll(/href="#([^"]+)"/g))
    assert.ok(ids.includes(target), target);
  for (const [, link] of html.matchAll(/(?:href|src)="([^"]*)"/g)) {
    assert.match(link!, /^(#|\/openapi\.json$|data:)/);
  }
  assert.ok(!/ style=| on\w+=|@import|url\(/.test(html));
  for (const [kind, tag] of [
    ['style-src', 'style'],
    ['script-src', 'script'],
  ]) {
    const source = html.split(`<${tag}>`)[1]!.split(`</${tag}>`)[0]!;
    const hash = createHash('sha256').update(source).digest('base64');
    assert.ok(policy.includes(`${kind} 'sha256-${hash}'`));
  }
  assert.ok(policy.startsWith("default-src 'none'"));
});
