/** Webhook endpoints over a real server: what is told of them, and what never is. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type Answer, ask, startTwo } from './support/session.ts';

const server = await startTwo({ env: { TAPELINE_WEBHOOK_ALLOW: '127.0.0.1' } });
after(() => server.stop());
const { admin, read, write } = server.keys;

const at = (name: string, more = ''): string => `/v1/webhooks/${encodeURIComponent(name)}${more}`;
const put = (name: string, body: object, key = admin): Promise<Answer> =>
  ask(server, at(name), { method: 'PUT', key, body });
const url = 'https://crm.example/hook';
const own = `whsec_${Buffer.alloc(32, 5).toString('base64')}`;

test('an endpoint is stored, listed and deleted; its secrets and headers are told to nobody', async () => {
  const made = await put('crm & co', { url, headers: { 'X-Key': 'hidden-value' } });
  assert.equal(made.status, 201, made.text);
  const { secret } = made.json as { secret: string };
  assert.match(secret, /^whsec_/);
  const changed = await put('crm & co', { url, description: 'ours', secret: own });
  assert.equal(changed.status, 200);
  const shown = (await ask(server, at('crm & co'), { key: admin })).json as Record<string, unknown>;
  const { updatedAt, ...rest } = shown;
  assert.equal(typeof updatedAt, 'number');
  assert.deepEqual(rest, {
    name: 'crm & co',
    url,
    description: 'ours',
    headerNames: ['X-Key'],
    secrets: [{}],
  });
  const rotated = await ask(server, at('crm & co', '/rotate'), { key: admin, method: 'POST' });
  assert.equal(rotated.status, 200, rotated.text);
  const listed = await ask(server, '/v1/webhooks', { key: admin });
  assert.deepEqual(
    (listed.json as { webhooks: { secrets: unknown[] }[] }).webhooks.map(
      (each) => each.secrets.length,
    ),
    [2],
  );
  for (const { text } of [changed, listed]) {
    assert.ok(!text.includes('whsec_') && !text.includes('hidden-value'), text);
  }
  assert.ok(!server.log().includes('whsec_'));
  assert.equal((await ask(server, at('crm & co'), { method: 'DELETE', key: admin })).status, 204);
  assert.equal((await ask(server, at('crm & co'), { key: admin })).code, 'not_found');
});

test('only an administrator may, and only what makes sense', async () => {
  for (const key of [read, write]) {
    assert.equal((await put('crm', { url }, key)).code, 'forbidden');
    assert.equal((await ask(server, '/v1/webhooks', { key })).code, 'forbidden');
  }
  const bad = [
    {},
    { url: 'crm' },
    { url, secret: 'x' },
    { url, more: 1 },
    { url, headers: { Host: 'a' } },
  ];
  for (const body of bad)
    assert.equal((await put('crm', body)).code, 'invalid', JSON.stringify(body));
  const rotation = { key: admin, body: { keepSeconds: -1 } };
  assert.equal((await ask(server, at('none', '/rotate'), rotation)).code, 'invalid');
  assert.equal(
    (await ask(server, at('none', '/rotate'), { ...rotation, body: {} })).code,
    'not_found',
  );
});

test('what signs lies where only the server’s user may look', async () => {
  await put('kept', { url, secret: own });
  assert.equal(statSync(server.data).mode & 0o077, 0);
  const holders = readdirSync(server.data).filter((name) => {
    const path = join(server.data, name);
    return statSync(path).isFile() && readFileSync(path).includes(own);
  });
  assert.deepEqual(holders, ['workspaces.mdb']);
});
