/** Clients of CJDS: persons, their aliases, merges and patches, and the journey widget from its first call to its last. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import {
  assertRefused,
  attribute,
  type CjdsAnswer,
  cjds,
  cloudEvent,
  openCjdsStream,
  publish,
} from './support/cjds.ts';
import { ask, fresh, startTwo, until } from './support/session.ts';

const server = await startTwo();
after(() => server.stop());
const { admin, read, write } = server.keys;
const persons = '/admin/v1/api/person';
const patchType = 'application/json-patch+json';

const create = (body: object, key = admin) => cjds(server, `${persons}/{W}`, { key, body });
const patch = (path: string, body: object, key = admin) =>
  cjds(server, `${persons}/${path}`, {
    method: 'PATCH',
    key,
    type: patchType,
    body: JSON.stringify(body),
  });
const byAlias = async (alias: string) =>
  (await cjds(server, `${persons}/{W}/aliases/${alias}`, { key: read })).json.data;

async function made(body: object): Promise<CjdsAnswer['json']['data']> {
  const answer = await create(body);
  assert.equal(answer.status, 201, JSON.stringify(answer.json));
  return answer.json.data;
}

function phone(): string {
  return `+1415555${String(1000 + Number(fresh('').slice(1)))}`;
}

test('a person is made of identities, and found by each of them', async () => {
  const [email, number, id] = [fresh('barry@example.com'), phone(), fresh('4689')];
  const person = await made({
    firstName: 'Barry',
    lastName: 'McLellan',
    phone: [number, ''],
    email: [email],
    customerId: [id],
  });
  assert.equal(typeof person.id, 'string');
  assert.deepEqual(
    { ...person, id: '', aliases: [...person.aliases].sort() },
    {
      id: '',
      firstName: 'Barry',
      lastName: 'McLellan',
      phone: [number],
      email: [email],
      temporaryId: [],
      customerId: [id],
      aliases: [email, number, id].sort(),
    },
  );
  for (const alias of [email, number, id, `${email},${number},nobody@example.com`]) {
    assert.deepEqual(await byAlias(alias), [person], alias);
  }
  assert.deepEqual(await byAlias(fresh('nobody')), []);
  const byId = await cjds(server, `${persons}/{W}?personId=${person.id}`, { key: read });
  assert.deepEqual(byId.json.data, [person]);
  const again = await create({ email: [email] });
  assertRefused(again, '409 CONFLICT', ['Alias to be added already exists to some other Person']);
  assertRefused(await create({ firstName: 'Nobody' }), '400 BAD_REQUEST', [
    'a person needs an identity: phone, email, temporaryId or customerId',
  ]);
});

test('whoever has events is a person, and what was sent under each identity is one journey', async () => {
  const [email, number] = [fresh('ann@example.com'), phone()];
  await publish(server, cloudEvent({ identity: email }));
  await publish(server, cloudEvent({ identity: number, identitytype: 'phone' }));
  const [ann] = await byAlias(email);
  assert.deepEqual([ann.firstName, ann.email, ann.aliases], ['', [email], [email]]);
  const added = await patch(`add-identities/{W}/person-id/${ann.id}`, { phone: [number] });
  assert.equal(added.status, 200, JSON.stringify(added.json));
  assert.deepEqual([added.json.data.id, added.json.data.phone], [ann.id, [number]]);
  const events = async (identity: string) => {
    const path = `/v1/api/events/{W}?identity=${encodeURIComponent(identity)}`;
    const { data } = (await cjds(server, path, { key: read })).json;
    return data.map((event: { identity: string }) => event.identity);
  };
  assert.deepEqual((await events(number)).sort(), [number, email].sort());
  const removed = await patch(`remove-identities/{W}/person-id/${ann.id}`, [number]);
  assert.deepEqual([removed.status, removed.json.data.aliases], [200, [email]]);
  assert.deepEqual(await events(email), [email]);
  const root = await patch(`remove-identities/{W}/person-id/${ann.id}`, [email]);
  assert.equal(root.status, 409, 'the name it goes by');
  const other = await patch(`remove-identities/{W}/person-id/${ann.id}`, ['x']);
  assertRefused(other, '404 NOT_FOUND', ['Alias x not found']);
});

test('a patch changes names and identities, as RFC 6902 has it', async () => {
  const [email, number, second] = [fresh('p@example.com'), phone(), phone()];
  const { id } = await made({ firstName: 'A', email: [email], phone: [number] });
  const path = `{W}/person-id/${id}`;
  const change = [
    { op: 'add', path: '/phone/1', value: second },
    { op: 'replace', path: '/lastName', value: 'McLellan' },
    { op: 'add', path: '/customerId/0', value: fresh('4165548863') },
  ];
  const changed = await patch(path, change);
  assert.equal(changed.status, 202, JSON.stringify(changed.json));
  assert.deepEqual(changed.json.data.phone, [number, second]);
  assert.equal(changed.json.data.lastName, 'McLellan');
  assert.equal(changed.json.data.aliases.length, 4);
  const less = await patch(path, [{ op: 'remove', path: '/phone/0', value: number }]);
  assert.deepEqual([less.status, less.json.data.phone], [202, [second]]);
  assert.deepEqual(await byAlias(number), []);
  const bad: [object, RegExp][] = [
    [{}, /must be a list/],
    [[{ op: 'add', path: '/aliases/0', value: 'x' }], /operation 0 must name a member/],
    [[{ op: 'add', path: '/__proto__/x', value: 'x' }], /operation 0 must name a member/],
    [[{ op: 'burn', path: '/phone/0' }], /operation 0 must be add/],
    [[{ op: 'remove', path: '/phone/7' }], /does not fit/],
    [[{ op: 'replace', path: '/firstName', value: 7 }], /firstName must be a text/],
  ];
  for (const [body, message] of bad) {
    const { json, status } = await patch(path, body);
    assert.equal(status, 400, JSON.stringify(json));
    assert.match(json.errors![0]!, message);
  }
  const long = Array.from({ length: 99 }, (_, n) => `${String(n)}-`.padEnd(240, '"'));
  const large = await create({ customerId: [fresh('large'), ...long] });
  assert.equal(large.status, 409, JSON.stringify(large.json));
  const broken = await cjds(server, `${persons}/{W}`, {
    key: admin,
    type: 'application/json',
    body: '{"firstName":"\\ud800","email":["s@example.com"]}',
  });
  assert.equal(broken.status, 400);
  assert.equal((await byAlias(second))[0].lastName, 'McLellan', 'nothing of it was done');
});

test('persons are merged into the one that is named, which keeps its names', async () => {
  const [a, b] = [fresh('a@example.com'), fresh('b@example.com')];
  const primary = await made({ firstName: 'Ann', email: [a] });
  const other = await made({ firstName: 'Anna', lastName: 'Lee', email: [b], phone: [phone()] });
  const path = `${persons}/merge/{W}/primary-person-id/${primary.id}`;
  const merged = await cjds(server, path, { key: admin, body: { personIdsToMerge: [other.id] } });
  assert.equal(merged.status, 202, JSON.stringify(merged.json));
  const { data } = merged.json;
  assert.deepEqual([data.id, data.firstName, data.lastName], [primary.id, 'Ann', 'Lee']);
  assert.deepEqual([...data.email].sort(), [a, b]);
  const byOldId = await cjds(server, `${persons}/{W}?personId=${other.id}`, { key: read });
  assert.deepEqual(byOldId.json.data, [data], 'the old id leads to the same person');
  const none = await cjds(server, path, { key: admin, body: { personIdsToMerge: [] } });
  assert.equal(none.status, 400);
});

test('merge-identities makes one person of all, or of these alone', async () => {
  const [email, number, social] = [fresh('m@example.com'), phone(), fresh('social')];
  const path = `${persons}/merge-identities/{W}`;
  const send = (body: object) => cjds(server, path, { key: admin, body });
  const first = await send({
    firstName: 'Mo',
    email: [email],
    phone: [number],
    socialId: [social],
  });
  assert.equal(first.status, 200, JSON.stringify(first.json));
  const { aliases, id, socialId } = first.json.data;
  assert.deepEqual([[...aliases].sort(), socialId], [[email, number, social].sort(), [social]]);
  const more = await send({ email: [email], temporaryId: [fresh('t')] });
  assert.deepEqual([more.json.data.id, more.json.data.aliases.length], [id, 4]);
  assert.equal(more.json.data.firstName, 'Mo');
  const fewer = await send({ email: [email], phone: [number], override: true });
  assert.deepEqual([...fewer.json.data.aliases].sort(), [email, number].sort());
  assert.deepEqual(await byAlias(social), []);
  const other = await made({ email: [fresh('o@example.com')], phone: [phone()] });
  const both = await send({ email: [email, other.email[0]], override: true });
  assert.deepEqual([...both.json.data.aliases].sort(), [email, other.email[0]].sort());
  const without = await send({ phone: other.phone, email: [], override: true });
  assert.equal(without.status, 200, 'it is on its own by now');
});

test('a person that is deleted has no names and no aliases; one that is erased is unknown', async () => {
  const [email, number] = [fresh('d@example.com'), phone()];
  const person = await made({ firstName: 'Dee', email: [email], phone: [number] });
  const path = `${persons}/{W}/person-id/${person.id}`;
  const deleted = await cjds(server, path, { key: admin, method: 'DELETE' });
  assert.deepEqual([deleted.status, deleted.json.data.id], [200, person.id]);
  assert.deepEqual(await byAlias(`${email},${number}`), []);
  const gone = await cjds(server, path, { key: admin, method: 'DELETE' });
  assertRefused(gone, '404 NOT_FOUND', [`Person Id ${person.id} not found`]);
  const erased = await made({ firstName: 'Eve', email: [fresh('e@example.com')] });
  const [eve] = erased.email;
  const { status } = await ask(server, `/v1/customers/${eve}`, { key: admin, method: 'DELETE' });
  assert.ok(status === 200 || status === 202);
  assert.deepEqual(await byAlias(eve), []);
});

test('names take a key that writes, identities an administrator, and pages may neither', async () => {
  const email = fresh('k@example.com');
  const { id } = await made({ firstName: 'Kay', email: [email] });
  const path = `{W}/person-id/${id}`;
  const rename = [{ op: 'replace', path: '/firstName', value: 'Kai' }];
  assert.equal((await patch(path, rename, write)).json.data.firstName, 'Kai');
  const more = await patch(path, [{ op: 'add', path: '/phone/0', value: phone() }], write);
  assertRefused(more, '403 FORBIDDEN', ['to change identities takes a key of the scope admin']);
  assert.equal((await patch(path, rename, read)).status, 403);
  const body = { name: 'page', scopes: ['publish'] };
  const { key } = (await ask(server, '/v1/keys', { key: admin, body })).json as { key: string };
  assertRefused(await patch(path, rename, key), '403 FORBIDDEN', [
    'a key of the scope publish may not change persons',
  ]);
  const views = { name: 'narrow', scopes: ['read'], views: ['basic'] };
  const narrow = (await ask(server, '/v1/keys', { key: admin, body: views })).json as {
    key: string;
  };
  for (const place of [`{W}/aliases/${email}`, `{W}?personId=${id}`]) {
    const { status } = await cjds(server, `${persons}/${place}`, { key: narrow.key });
    assert.equal(status, 403, place);
  }
});

test('the journey widget, call by call', async () => {
  const customer = phone();
  const desk = { name: 'desk', scopes: ['read', 'write'] };
  const { key } = (await ask(server, '/v1/keys', { key: admin, body: desk })).json as {
    key: string;
  };
  const query = 'organizationId=acme';
  const auth = `${query}&bearerToken=${key}`;
  await cjds(server, '/admin/v1/api/profile-view-template/{W}', {
    key: admin,
    body: { name: 'journey-default-template', attributes: [attribute()] },
  });
  await publish(server, cloudEvent({ identity: customer, identitytype: 'phone' }));
  // As in a browser: the identity is encoded in the first call and stands as it is in all others.
  const history = `/v1/api/events/{W}?${query}&identity=${encodeURIComponent(customer)}`;
  const aliases = `${persons}/{W}/aliases/${customer}?${query}`;
  const [events, found] = await Promise.all([
    cjds(server, history, { key }),
    cjds(server, aliases, { key }),
  ]);
  assert.equal(events.json.data[0].type, 'task:new');
  const [identity] = found.json.data;
  assert.deepEqual([identity.firstName, identity.lastName, identity.aliases], ['', '', [customer]]);
  const stream = await openCjdsStream(
    server,
    `/v1/api/events/stream/{W}/identity/${customer}?${auth}`,
  );
  const named = '/admin/v1/api/profile-view-template/{W}/template-name/journey-default-template%20';
  const templateId = (await cjds(server, named, { key })).json.data.id;
  const progressive = '/v1/api/progressive-profile-view';
  const view = `${progressive}/{W}/person-id/${identity.id}/template-id/${templateId}`;
  const [profile] = (await cjds(server, view, { key })).json.data;
  assert.equal(profile.personId, identity.id);
  const [shown] = profile.attributes;
  assert.equal(`${shown.queryTemplate.widgetAttributes.type} ${shown.result}`, 'table 1');
  assert.equal(JSON.parse(shown.journeyEvents[0]).identity, customer);
  const viewPath = `${progressive}/stream/{W}/identity/${customer}/template-id/${templateId}?${auth}`;
  const viewStream = await openCjdsStream(server, viewPath);
  assert.equal((await viewStream.next()).data.personId, identity.id);
  await publish(
    server,
    cloudEvent({ identity: customer, identitytype: 'phone', type: 'task:new' }),
  );
  assert.equal((await stream.next()).data.identity, customer);
  assert.equal((await viewStream.next()).data.attributes[0].result, '2');
  const rename = [
    { op: 'replace', path: '/firstName', value: 'Ada' },
    { op: 'replace', path: '/lastName', value: 'Lovelace' },
  ];
  const patched = await patch(`{W}/person-id/${identity.id}?${query}`, rename, key);
  assert.deepEqual([patched.json.data.firstName, patched.json.data.lastName], ['Ada', 'Lovelace']);
  await until(async () => (await byAlias(customer))[0].firstName === 'Ada');
  const later = (await cjds(server, history, { key })).json.data;
  assert.equal(later.length, 2, 'what the server itself says is no event of the journey');
  stream.close();
  viewStream.close();
});
