/**
 * Who may see what of a customer: keys and tokens narrowed to views or given a role, over every route that
 * the server itself describes; and masked fields.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { type Door, doors, fill } from './support/doors.ts';
import { refusedUpgrade } from './support/frames.ts';
import { type Answer, ask, fresh, startTwo, store } from './support/session.ts';

const server = await startTwo();
after(() => server.stop());
const { admin, read } = server.keys;

function put(path: string, body: object, key: string = admin): Promise<Answer> {
  return ask(server, path, { method: 'PUT', key, body });
}

async function makeKey(body: object, key: string = admin): Promise<{ id: string; key: string }> {
  const answer = await ask(server, '/v1/keys', { key, body });
  assert.equal(answer.status, 201, answer.text);
  return answer.json as { id: string; key: string };
}

async function makeToken(key: string, body: object): Promise<string> {
  const answer = await ask(server, '/v1/tokens', { key, body });
  assert.equal(answer.status, 201, answer.text);
  return (answer.json as { token: string }).token;
}

interface Field {
  readonly name: string;
  readonly value: unknown;
  readonly events?: number;
  readonly masked?: string;
  readonly evidence?: readonly unknown[];
}

async function show(customer: string, view: string, key: string, query = ''): Promise<Field[]> {
  const answer = await ask(server, `/v1/customers/${customer}/views/${view}${query}`, { key });
  assert.equal(answer.status, 200, answer.text);
  return (answer.json as { fields: Field[] }).fields;
}

const person = {
  Name: 'Jane Doe',
  Email: 'jane.doe@example.com',
  Phone: '+1 415 555 4567',
  card: { number: 4111111111111111, holder: 'Jane Doe' },
  Tags: ['gold', 'a-very-long-tag'],
};
const value = { event: 'Profile', type: 'value', limit: 1 };
const profileFields = [
  { ...value, name: 'Name', attribute: 'Name' },
  { ...value, name: 'Mail', attribute: 'Email' },
  { ...value, name: 'Phones', attribute: 'Phone', limit: 3 },
  { ...value, name: 'Card', attribute: 'card.number' },
  { ...value, name: 'Card whole', attribute: 'card' },
  { ...value, name: 'All', attribute: '*' },
  { ...value, name: 'Tags', attribute: 'Tags' },
  { name: 'Updates', event: 'Profile', type: 'count' },
];

const customer = 'jane';
await store(server, [
  { customer, type: 'Profile', data: person },
  { customer, type: 'Profile', data: { ...person, Phone: '555' } },
]);
for (const name of ['basic', 'secret']) await put(`/v1/views/${name}`, { fields: profileFields });

test('a role masks what it says, wherever the attribute is shown', async () => {
  const masks = [
    { attribute: 'Email', as: 'email' },
    { field: 'Phones', as: 'last4' },
    { attribute: 'card', as: 'last4' },
    { view: 'other', field: 'Name', as: 'hide' },
    { field: 'Tags', as: 'last4' },
  ];
  const stored = await put('/v1/roles/desk', { views: ['basic'], masks });
  assert.equal(stored.status, 201, stored.text);
  const { key } = await makeKey({ scopes: ['read'], role: 'desk' });
  const fields = await show(customer, 'basic', key);
  const seen = fields.map(({ masked, value: shown }) => [shown, masked]);
  assert.deepEqual(seen, [
    ['Jane Doe', undefined],
    ['j***@example.com', 'email'],
    [['****', '***********4567'], 'last4'],
    ['************1111', 'last4'],
    ['****', 'last4'],
    [null, 'hide'],
    ['****', 'last4'],
    [2, undefined],
  ]);
  assert.deepEqual(fields[5], { name: 'All', value: null, masked: 'hide' });
  assert.equal((await show(customer, 'basic', read))[1]?.value, person.Email);
  const again = await show(customer, 'basic', key);
  assert.deepEqual(again, fields, 'a kept answer is masked too');
});

test('hash is the same for equal values and another in another workspace; present says there is one', async () => {
  const hashed = {
    masks: [
      { attribute: 'Name', as: 'hash' },
      { attribute: 'Email', as: 'present' },
    ],
  };
  const other = await ask(server, '/v1/workspaces', { key: admin, body: { name: fresh('hash') } });
  const { key: otherAdmin } = (other.json as { key: { key: string } }).key;
  const shown: unknown[] = [];
  for (const [owner, who] of [
    [admin, 'h1'],
    [admin, 'h2'],
    [otherAdmin, 'h1'],
  ] as const) {
    const body = [{ customer: who, type: 'Profile', data: person }];
    assert.equal((await ask(server, '/v1/events', { key: owner, body })).status, 200);
    await put('/v1/views/hashed', { fields: profileFields.slice(0, 2) }, owner);
    await put('/v1/roles/hashed', hashed, owner);
    const { key } = await makeKey({ scopes: ['read'], role: 'hashed' }, owner);
    const [name, mail] = await show(who, 'hashed', key);
    assert.match(String(name?.value), /^h:[0-9a-f]{16}$/);
    assert.equal(mail?.value, true);
    shown.push(name?.value);
  }
  assert.equal(shown[0], shown[1]);
  assert.notEqual(shown[0], shown[2]);
});

test('a change of a role is in force at once, also for tokens', async () => {
  await put('/v1/roles/changing', { masks: [{ field: 'Name', as: 'hide' }] });
  const token = await makeToken(read, { scopes: ['read'], ttlSeconds: 60, role: 'changing' });
  assert.equal((await show(customer, 'basic', token))[0]?.value, null);
  assert.equal((await put('/v1/roles/changing', {})).status, 200);
  assert.equal((await show(customer, 'basic', token))[0]?.value, 'Jane Doe');
  await put('/v1/roles/changing', { views: ['secret'] });
  const refused = await ask(server, '/v1/customers/jane/views/basic', { key: token });
  assert.equal(refused.code, 'forbidden');
  const remove = await ask(server, '/v1/roles/changing', { method: 'DELETE', key: admin });
  assert.equal(remove.status, 204);
  const gone = await ask(server, '/v1/customers/jane/views/secret', { key: token });
  assert.equal(gone.code, 'unauthorized');
});

test('roles are stored, listed and deleted; one that a key has stays', async () => {
  const path = '/v1/roles/kept';
  const role = { views: ['basic'], masks: [{ field: 'Name', as: 'hash' }] };
  assert.equal((await put(path, role)).status, 201);
  const stored = (await ask(server, path, { key: admin })).json as object;
  assert.deepEqual(
    { ...stored, version: 0, updatedAt: 0 },
    { name: 'kept', ...role, version: 0, updatedAt: 0 },
  );
  const listed = (await ask(server, '/v1/roles', { key: admin })).json as {
    roles: { name: string }[];
  };
  assert.ok(listed.roles.some(({ name }) => name === 'kept'));
  const { id } = await makeKey({ scopes: ['read'], role: 'kept' });
  const keys = (await ask(server, '/v1/keys', { key: admin })).json as {
    keys: { id: string; role?: string }[];
  };
  assert.equal(keys.keys.find((each) => each.id === id)?.role, 'kept');
  const remove = (of: string) => ask(server, of, { method: 'DELETE', key: admin });
  assert.equal((await remove(path)).code, 'conflict');
  assert.equal((await remove(`/v1/keys/${id}`)).status, 204);
  assert.equal((await remove(path)).status, 204);
  assert.equal((await remove(path)).code, 'not_found');
});

test('a role, or a wish for one, against the rules is refused with the place named', async () => {
  const wrong: [body: unknown, message: RegExp][] = [
    [[], /object/],
    [{ view: [] }, /"view" is not a member/],
    [{ views: [] }, /views must have 1 to 100/],
    [{ views: [''] }, /views\[0\]/],
    [{ masks: [{ as: 'hide' }] }, /masks\[0\] must name a field or an attribute/],
    [{ masks: [{ field: 'x', as: 'blur' }] }, /masks\[0\]\.as must be one of hide/],
    [{ masks: [{ field: 'x', as: 'hide', more: 1 }] }, /masks\[0\] has an unknown member "more"/],
    [{ masks: Array.from({ length: 101 }, () => ({ field: 'x', as: 'hide' })) }, /0 to 100/],
  ];
  for (const [body, message] of wrong) {
    const answer = await put('/v1/roles/wrong', body as object);
    assert.equal(answer.code, 'invalid', JSON.stringify(body));
    assert.match(answer.message ?? '', message);
  }
  assert.equal((await put(`/v1/roles/${'x'.repeat(129)}`, {})).code, 'invalid');
  for (const body of [
    { scopes: ['read'], role: 'none' },
    { scopes: ['read', 'write'], role: 'desk' },
    { scopes: ['admin'], role: 'desk' },
  ]) {
    assert.equal((await ask(server, '/v1/keys', { key: admin, body })).code, 'invalid');
  }
  const token = { scopes: ['read'], ttlSeconds: 60 };
  const { key } = await makeKey({ scopes: ['read'], role: 'desk' });
  await put('/v1/roles/wider', {});
  const wishes: [key: string, body: object, code: string][] = [
    [admin, { ...token, role: 'none' }, 'invalid'],
    [admin, { ...token, scopes: ['admin'], role: 'desk' }, 'invalid'],
    [key, { ...token, role: 'wider' }, 'forbidden'],
    [key, { ...token, views: ['secret'] }, 'forbidden'],
  ];
  for (const [owner, body, code] of wishes) {
    assert.equal((await ask(server, '/v1/tokens', { key: owner, body })).code, code);
  }
});

/** The status with which a door answers; sockets at the upgrade. */
async function knock(
  { isSocket, method }: Door,
  path: string,
  key: string,
): Promise<Answer | number> {
  if (isSocket) return (await refusedUpgrade(server, path, { key })).status;
  return ask(server, path, { method, key, ...(method === 'GET' ? {} : { body: {} }) });
}

test('whoever may read the view basic reads it and nothing else, over every route', async () => {
  const { key } = await makeKey({ scopes: ['read'], views: ['basic'] });
  await put('/v1/roles/level%201', { views: ['basic'] });
  const { key: roleKey } = await makeKey({ scopes: ['read'], role: 'level 1' });
  const narrow = [
    key,
    roleKey,
    await makeToken(key, { scopes: ['read'], ttlSeconds: 60 }),
    await makeToken(roleKey, { scopes: ['read'], ttlSeconds: 60 }),
    await makeToken(read, { scopes: ['read'], ttlSeconds: 60, role: 'level 1' }),
    await makeToken(read, { scopes: ['read'], ttlSeconds: 60, views: ['basic'] }),
  ];
  const left = new Set([
    'GET /v1/views',
    'POST /v1/tokens',
    'GET /admin/v1/api/profile-view-template/workspace-id/{workspaceId}',
  ]);
  const secret = 'secret';
  const cjds = { workspaceId: 'default', templateId: secret, templateName: secret };
  const parts = { name: secret, ...cjds };
  const all = await doors(server);
  assert.ok(all.length > 20);
  for (const each of narrow) {
    for (const door of all) {
      const name = `${door.method} ${door.path}`;
      // What is left to it: to list the views it may read, and a token that may do no more.
      if (left.has(name)) continue;
      const query = name === 'GET /v1/customers/{customer}/views' ? '?names=basic,secret' : '';
      const path = fill(door.path, { ...parts, customer }) + query;
      const answer = await knock(door, path, each);
      // These take the tokens of visitors, and no key at all.
      const wanted = door.path.startsWith('/v1/visitor/') ? 401 : 403;
      assert.equal(typeof answer === 'number' ? answer : answer.status, wanted, name);
    }
    const list = (await ask(server, '/v1/views', { key: each })).json as {
      views: { name: string }[];
    };
    assert.deepEqual(
      list.views.map(({ name }) => name),
      ['basic'],
    );
    assert.equal((await ask(server, '/v1/views/basic', { key: each })).status, 200);
    assert.equal((await show(customer, 'basic', each))[0]?.value, 'Jane Doe');
    assert.equal((await show(customer, 'basic', each, '?evidence=1'))[0]?.evidence?.length, 1);
    const whole = `/v1/customers/${customer}/views/basic?evidence=events`;
    assert.equal((await ask(server, whole, { key: each })).code, 'forbidden');
  }
});
