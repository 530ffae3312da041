/** Identities over the API: links, merges, what is read then, settings, and who may do what. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { identitiesOf, identity, linkEvents, merge, own, send, unmerge } from './support/people.ts';
import { ask, count, fresh, startTwo, store, tape, tapeIds } from './support/session.ts';

const server = await startTwo({ env: { TAPELINE_PHONE_REGION: 'US' } });
after(() => server.stop());
const { admin, read, write } = server.keys;
const at = 1_763_740_000_000;

interface Fault {
  readonly code: string;
  readonly message: string;
}

function event(customer: string, id: string, time: number, previous?: string): object {
  return { id, customer, type: 'T', time: at + time, ...(previous !== undefined && { previous }) };
}

test('a cookie that logs in is read as the customer, with what came before', async () => {
  const [c, cookie] = [fresh('c'), `cookie:${fresh('x')}`];
  await store(server, [event(cookie, 'a', 1), event(cookie, 'b', 2)]);
  await store(server, [event(c, 'login', 3, cookie), event(c, 'd', 4), event(cookie, 'e', 5)]);
  for (const name of [c, cookie]) {
    assert.deepEqual(own(await tapeIds(server, name)), ['e', 'd', 'login', 'b', 'a']);
  }
  const shown = await identity(server, cookie);
  assert.equal(shown.customer, c);
  assert.deepEqual(shown.identities, [
    { identity: c, type: 'customerId', since: null, from: null, to: null },
    { identity: cookie, type: 'cookie', since: at + 3, from: null, to: null },
  ]);
  const [link] = await linkEvents(server, c);
  const { member, ...told } = link!.data as Record<string, unknown>;
  assert.deepEqual(told, { type: 'cookie', since: at + 3, switched: false });
  assert.equal(typeof member, 'number');
});

test('an untyped previous belongs to the customer it came with', async () => {
  const [c, temporary] = [fresh('c'), fresh('tmp')];
  await store(server, [event(temporary, 'a', 1), event(c, 'b', 2, temporary)]);
  assert.deepEqual(own(await tapeIds(server, c)), ['b', 'a']);
  assert.equal((await identity(server, temporary)).identities[1]!.type, 'temporaryId');
});

test('another login on a shared device is a switch, not a merge', async () => {
  const [ann, bob, cookie] = [fresh('ann'), fresh('bob'), `cookie:${fresh('x')}`];
  await store(server, [event(cookie, 'before', 0), event(ann, 'ann', 10, cookie)]);
  await store(server, [event(cookie, 'anns', 15), event(bob, 'bob', 20, cookie)]);
  await store(server, [event(cookie, 'bobs', 25)]);
  assert.deepEqual(own(await tapeIds(server, ann)), ['anns', 'ann', 'before']);
  assert.deepEqual(own(await tapeIds(server, bob)), ['bobs', 'bob']);
  assert.deepEqual(own(await tapeIds(server, cookie)), ['bobs', 'bob']);
  // What comes late goes to whoever had the device then.
  await store(server, [event(cookie, 'late', 12)]);
  assert.deepEqual(own(await tapeIds(server, ann)), ['anns', 'late', 'ann', 'before']);
  assert.deepEqual((await identity(server, ann)).identities[1], {
    identity: cookie,
    type: 'cookie',
    since: at + 10,
    from: null,
    to: at + 20,
  });
  // Ann is back: what she does counts for her again.
  await store(server, [event(ann, 'again', 30, cookie), event(cookie, 'hers', 31)]);
  assert.deepEqual(own(await tapeIds(server, ann, 'limit=2')).slice(0, 1), ['hers']);
  assert.deepEqual(own(await tapeIds(server, bob)), ['bobs', 'bob']);
});

test('an email of another customer is left out: a new profile (demotion)', async () => {
  const [one, other, email] = [fresh('abc'), fresh('abc'), `${fresh('jane')}@example.com`];
  await store(server, [event(one, 'a', 1, email), event(email, 'mail', 2)]);
  await store(server, [event(other, 'b', 3, email)]);
  assert.deepEqual(own(await tapeIds(server, one)), ['mail', 'a']);
  assert.deepEqual(own(await tapeIds(server, other)), ['b']);
  assert.equal((await identity(server, email)).customer, one);
});

test('a caller is found by number, however it is written', async () => {
  const c = fresh('c');
  await store(server, [
    event('+1 (415) 555-2671', 'sent', 1),
    event('tel:+1-415-555-2671', 'called', 2),
    event(c, 'known', 3, 'tel:415 555 2671'),
  ]);
  const written = ['+14155552671', 'tel:(415) 555-2671', '+1 415 555 2671', c];
  for (const name of written) {
    assert.deepEqual(own(await tapeIds(server, name)), ['known', 'called', 'sent'], name);
  }
  const { customer, identity: canonical } = await identity(server, 'tel:4155552671');
  assert.deepEqual([customer, canonical], [c, '+14155552671']);
});

test('values that name nobody never link', async () => {
  const c = fresh('c');
  for (const value of [
    'null',
    'anonymous',
    '00000000-0000-0000-0000-000000000000',
    "'guest'",
    '-1',
  ]) {
    await store(server, [event(c, `with ${value}`, 1, value), event(value, fresh('of'), 2)]);
    await store(server, [event(c, `typed ${value}`, 1, `cookie:${value}`)]);
  }
  assert.deepEqual(await identitiesOf(server, c), [c]);
  assert.equal((await tapeIds(server, c)).length, 10);
});

test('limits hold: five cookies a week, and a sixth a week later', async () => {
  const [c, x] = [fresh('c'), fresh('x')];
  const dayMs = 86_400_000;
  const link = (n: number, time: number) => event(c, `${n}`, time, `cookie:${x}-${n}`);
  await store(
    server,
    count(7).map((n) => link(n, n * 1000)),
  );
  assert.equal((await identitiesOf(server, c)).length, 6);
  await store(server, [link(8, 8 * dayMs), link(9, 6 * dayMs), link(10, -30 * dayMs)]);
  const names = await identitiesOf(server, c);
  assert.deepEqual(names.slice(6), [`cookie:${x}-8`, `cookie:${x}-10`]);
});

test('an ip brings no profile along', async () => {
  const [ann, bob, cookie] = [fresh('ann'), fresh('bob'), `cookie:${fresh('x')}`];
  const ip = `10.1.${count(2)
    .map(() => Math.floor(Math.random() * 250))
    .join('.')}`;
  await store(server, [event(cookie, 'c', 1, ip), event(ip, 'i', 2)]);
  assert.deepEqual(own(await tapeIds(server, cookie)), ['i', 'c']);
  await store(server, [event(ann, 'a', 3, ip)]);
  assert.deepEqual(own(await tapeIds(server, ann)), ['a']);
  await store(server, [event(ip, 'j', 4), event(bob, 'b', 5, cookie)]);
  assert.deepEqual(own(await tapeIds(server, ann)), ['j', 'a']);
  assert.deepEqual(own(await tapeIds(server, bob)), ['b', 'i', 'c']);
});

test('merge and un-merge: one customer, and again exactly what was', async () => {
  const [a, b, cookie] = [fresh('a'), fresh('b'), `cookie:${fresh('x')}`];
  await store(server, [event(a, 'a1', 1), event(b, 'b1', 2), event(a, 'a2', 3, cookie)]);
  await store(server, [event(cookie, 'k1', 4)]);
  const merged = await merge(server, { from: [a, b] });
  assert.equal(merged.customer, b, 'the newest stays');
  assert.deepEqual(own(await tapeIds(server, a)), ['k1', 'a2', 'b1', 'a1']);
  // What is linked to the merged one goes back with it.
  await store(server, [event(a, 'a3', 5, `${cookie}2`), event(`${cookie}2`, 'k2', 6)]);
  assert.deepEqual(own(await tapeIds(server, b)), ['k2', 'a3', 'k1', 'a2', 'b1', 'a1']);
  assert.deepEqual((await merge(server, { into: b, from: [a] })).customer, b, 'idempotent');
  await unmerge(server, a);
  assert.deepEqual(own(await tapeIds(server, a)), ['k2', 'a3', 'k1', 'a2', 'a1']);
  assert.deepEqual(own(await tapeIds(server, b)), ['b1']);
  const types = (await linkEvents(server, b)).map(({ type }) => type);
  assert.deepEqual(types, ['tapeline.unmerge', 'tapeline.merge']);
  const again = await send(server, 'unmerge', { customer: a });
  assert.equal(again.code, 'not_found');
});

test('without into the newest by its first event stays, wherever it stands in the list', async () => {
  const [old, young] = [fresh('old'), fresh('young')];
  // The older one has the newest event, and was the last to be stored.
  await store(server, [event(young, 'y', 2)]);
  await store(server, [event(old, 'o1', 1), event(old, 'o2', 9)]);
  const lists = [
    [old, young],
    [young, old],
    // One that nothing is known of is not the newest.
    [fresh('empty'), young],
    [young, fresh('empty')],
  ];
  for (const from of lists) {
    assert.equal((await merge(server, { from })).customer, young, from.join());
    await unmerge(server, from.find((name) => name !== young)!);
  }
});

test('the tape is never rewritten: events stay as they were sent, whoever they count for', async () => {
  const [a, b, cookie] = [fresh('a'), fresh('b'), `cookie:${fresh('x')}`];
  await store(server, [event(cookie, 'k1', 1), event(b, 'b1', 2), event(a, 'a1', 3)]);
  await store(server, [event(a, 'a2', 6), event(cookie, 'k2', 4), event(b, 'b2', 5)]);
  /** What was sent to any of them, newest first, as it is read under their names. */
  const readAs = async (...names: string[]): Promise<object[]> => {
    const pages = await Promise.all(names.map((name) => tape(server, name)));
    const all = pages.flatMap(({ events }) => events).filter(({ type }) => type === 'T');
    return names.length === 1 ? all : all.sort((one, other) => other.time - one.time);
  };
  const sent = await readAs(a, b, cookie);
  const of = (...names: string[]): object[] =>
    sent.filter((each) => names.includes((each as { customer: string }).customer));
  await send(server, 'link', { from: cookie, to: a });
  for (const name of [a, cookie]) assert.deepEqual(await readAs(name), of(a, cookie));
  await merge(server, { into: b, from: [a] });
  for (const name of [a, b, cookie]) assert.deepEqual(await readAs(name), sent);
  for (const name of [a, cookie]) await unmerge(server, name);
  for (const name of [a, b, cookie]) assert.deepEqual(await readAs(name), of(name));
});

test('a merged one is merged on as its root, and cannot close a circle', async () => {
  const [a, b, c] = [fresh('a'), fresh('b'), fresh('c')];
  await store(server, [event(a, 'a', 1), event(b, 'b', 2), event(c, 'c', 3)]);
  await merge(server, { into: b, from: [a] });
  assert.equal((await merge(server, { into: c, from: [a] })).customer, c);
  assert.equal((await identity(server, b)).customer, c);
  assert.equal((await merge(server, { into: a, from: [c] })).customer, c, 'it is so already');
  assert.deepEqual(own(await tapeIds(server, a)), ['c', 'b', 'a']);
});

test('links by hand: switches, refusals', async () => {
  const [a, b, cookie] = [fresh('a'), fresh('b'), `cookie:${fresh('x')}`];
  await store(server, [event(cookie, 'k', 1)]);
  assert.equal((await send(server, 'link', { from: cookie, to: a })).status, 200);
  assert.deepEqual(own(await tapeIds(server, a)), ['k']);
  assert.equal((await send(server, 'link', { from: cookie, to: b })).status, 200);
  assert.deepEqual(own(await tapeIds(server, a)), ['k'], 'what was hers stays hers');
  const codes = [
    await send(server, 'link', { from: 'null', to: a }),
    await send(server, 'link', { from: a, to: a }),
    await send(server, 'link', { from: `customerId:${a}`, to: `customerId:${b}` }),
    await send(server, 'link', { from: a }),
    await send(server, 'merge', { from: [a] }),
    await send(server, 'merge', { from: [], into: a }),
    await send(server, 'merge', { from: ['x'.repeat(257)], into: a }),
  ].map(({ code }) => code);
  const expected = ['invalid', 'invalid', 'conflict', 'invalid', 'invalid', 'invalid', 'invalid'];
  assert.deepEqual(codes, expected);
});

test('what is no link, merge, un-merge or identity is refused', async () => {
  const [a, b] = [fresh('a'), fresh('b')];
  const more = 'x'.repeat(257);
  const bodies: [what: 'link' | 'merge' | 'unmerge', bodies: object[]][] = [
    ['link', [[], {}, { to: b }, { from: 7, to: b }, { from: a, to: null }, { from: '', to: b }]],
    [
      'link',
      [
        { from: more, to: b },
        { from: a, to: more },
        { from: a, to: b, since: 1 },
      ],
    ],
    ['merge', [[], {}, { into: b }, { from: a, into: b }, { from: [7], into: b }]],
    [
      'merge',
      [
        { from: [''], into: b },
        { from: [a], into: more },
        { from: [a], into: '' },
      ],
    ],
    [
      'merge',
      [
        { from: [a], into: b, to: b },
        { from: Array(101).fill(a), into: b },
      ],
    ],
    ['unmerge', [[], {}, { customer: '' }, { customer: 7 }, { customer: more }]],
    ['unmerge', [{ customer: a, from: b }]],
  ];
  for (const [what, wrong] of bodies) {
    for (const body of wrong) {
      const answer = await send(server, what, body);
      const shown = JSON.stringify(body).slice(0, 80);
      assert.equal(`${answer.status} ${answer.code}`, '422 invalid', `${what} ${shown}`);
    }
    const path = `/v1/identities/${what}`;
    const type = 'application/json';
    const broken = await ask(server, path, { key: admin, body: '{', type });
    assert.equal(`${broken.status} ${broken.code}`, '400 malformed');
  }
  for (const [path, refusal] of [
    [more, '422 invalid'],
    ['%ff', '400 malformed'],
    [`${a}?all=1`, '422 invalid'],
  ] as const) {
    const answer = await ask(server, `/v1/identities/${path}`, { key: admin });
    assert.equal(`${answer.status} ${answer.code}`, refusal, path);
  }
  for (const name of [a, b]) assert.deepEqual(await identitiesOf(server, name), [name]);
});

test('names of 256 bytes are linked, and a hundred customers merged at once', async () => {
  const [a, most] = [fresh('a'), 'x'.repeat(256)];
  assert.equal((await identity(server, most)).customer, most);
  const cookie = `cookie:${most}`.slice(0, 256);
  assert.equal((await send(server, 'link', { from: cookie, to: most })).status, 200);
  assert.deepEqual(await identitiesOf(server, cookie), [most, cookie]);
  await unmerge(server, cookie);
  const hundred = count(100).map(() => fresh('of'));
  await merge(server, { into: a, from: hundred });
  assert.equal((await identity(server, hundred[99]!)).customer, a);
});

test('settings: the survivor, types, and their checks', async () => {
  const put = (body: object) => {
    return ask(server, '/v1/settings/identities', { method: 'PUT', key: admin, body });
  };
  const [a, b] = [fresh('a'), fresh('b')];
  await store(server, [event(a, 'a', 1), event(b, 'b', 2)]);
  assert.equal((await put({ survivor: 'explicit' })).status, 200);
  assert.equal((await send(server, 'merge', { from: [a, b] })).code, 'invalid');
  const loyalty = { priority: 2, limit: 1, days: null, shared: false };
  const answer = await put({ survivor: 'oldest', types: { loyalty } });
  const settings = answer.json as { survivor: string; types: Record<string, unknown> };
  assert.deepEqual(settings.types['loyalty'], loyalty);
  assert.ok('cookie' in settings.types);
  assert.equal((await merge(server, { from: [b, a] })).customer, a);
  await store(server, [event(a, 'l', 3, `loyalty:${a}`), event(a, 'm', 3, `loyalty:${a}-2`)]);
  assert.ok((await identitiesOf(server, a)).includes(`loyalty:${a}`));
  assert.ok(!(await identitiesOf(server, a)).includes(`loyalty:${a}-2`));
  const bad = [{ survivor: 'best' }, { types: { 'a b': loyalty } }, { types: { Cookie: loyalty } }];
  for (const body of bad) assert.equal((await put(body)).code, 'invalid');
  assert.equal((await put({})).status, 200);
});

test('only admin may look and change', async () => {
  for (const key of [read, write]) {
    assert.equal((await send(server, 'link', { from: 'x', to: 'y' }, key)).code, 'forbidden');
    assert.equal((await send(server, 'merge', { from: ['x'], into: 'y' }, key)).code, 'forbidden');
    assert.equal((await send(server, 'unmerge', { customer: 'x' }, key)).code, 'forbidden');
    assert.equal((await ask(server, '/v1/identities/x', { key })).code, 'forbidden');
    assert.equal((await ask(server, '/v1/settings/identities', { key })).code, 'forbidden');
  }
});

test('workspaces know nothing of each other’s identities', async () => {
  const made = await ask(server, '/v1/workspaces', { key: admin, body: { name: fresh('other') } });
  const other = (made.json as { key: { key: string } }).key.key;
  const [c, cookie] = [fresh('c'), `cookie:${fresh('x')}`];
  await store(server, [event(c, 'a', 1, cookie)]);
  const seen = await ask(server, `/v1/identities/${encodeURIComponent(cookie)}`, { key: other });
  assert.equal((seen.json as { customer: string }).customer, cookie);
});

test('names of the server’s own cannot be linked, merged, sent or erased', async () => {
  const name = 'tapeline:definitions';
  const c = fresh('c');
  await store(server, [event(c, 'a', 1)]);
  const refusals = [
    await ask(server, '/v1/events', { key: write, body: event(name, 'b', 2) }),
    await ask(server, '/v1/events', { key: write, body: event(c, 'b', 2, name) }),
    await ask(server, '/v1/identities/link', { key: admin, body: { from: name, to: c } }),
    await ask(server, '/v1/identities/link', { key: admin, body: { from: c, to: name } }),
    await ask(server, '/v1/identities/merge', { key: admin, body: { from: [name], into: c } }),
    await ask(server, '/v1/identities/merge', { key: admin, body: { from: [c], into: name } }),
    await ask(server, '/v1/identities/unmerge', { key: admin, body: { customer: name } }),
    await ask(server, `/v1/customers/${name}`, { method: 'DELETE', key: admin }),
    await ask(server, '/v1/decide', { key: admin, body: { customer: name, placement: 'p' } }),
  ];
  for (const { json, status } of refusals) {
    assert.ok(status === 400 || status === 422, JSON.stringify(json));
    const answer = json as { error?: Fault; rejected: readonly [Fault] };
    const { code, message } = answer.error ?? answer.rejected[0];
    assert.equal(code, 'invalid');
    assert.match(message, /must not begin with tapeline:$/);
  }
  assert.deepEqual(own(await tapeIds(server, c)), ['a']);
});
