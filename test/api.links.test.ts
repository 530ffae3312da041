/** Links under attack, under a kill, while streams follow them, and when they are erased. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { after, test } from 'node:test';
import { openFrames, openLive } from './support/frames.ts';
import { identitiesOf, identity, linkEvents, merge, own, send, unmerge } from './support/people.ts';
import { startServer, type TestServer, temporaryDirectory } from './support/server.ts';
import {
  ask,
  count,
  fresh,
  metric,
  post,
  startTwo,
  store,
  tapeIds,
  tapePath,
  until,
} from './support/session.ts';
import { lingering, traces } from './support/traces.ts';

const env = { TAPELINE_PART_EVENTS: '100', TAPELINE_ERASURE_MINUTES: '1440' };
const server = await startTwo({ env });
after(() => server.stop());
const { admin, read } = server.keys;
const at = 1_763_740_000_000;

function event(customer: string, id: string, time: number, previous?: string): object {
  return { id, customer, type: 'T', time: at + time, ...(previous !== undefined && { previous }) };
}

async function publishKey(): Promise<string> {
  const body = { scopes: ['publish'] };
  const made = await ask(server, '/v1/keys', { key: admin, body });
  return (made.json as { key: string }).key;
}

test('a publish key links a device that nobody has, and nothing else', async () => {
  const key = await publishKey();
  const [victim, evil] = [fresh('victim'), fresh('evil')];
  const [hers, free] = [`cookie:${fresh('hers')}`, `cookie:${fresh('free')}`];
  const email = `${victim}@example.com`;
  await store(server, [event(victim, 'v', 1, hers), event(victim, 'w', 1, email)]);
  await store(server, [event(`${victim}-2`, 'other', 1), event(free, 'f', 1)]);
  const before = await tapeIds(server, victim);
  const attacks = [
    event(evil, 'e1', 2, victim),
    event(evil, 'e2', 2, hers),
    event(evil, 'e3', 2, email),
    event(evil, 'e4', 2, `${victim}-2`),
    event(evil, 'e5', 2, `customerId:${victim}-2`),
    event(victim, 'e6', 2, `${victim}-2`),
    event(email, 'e7', 2, evil),
  ];
  for (const attack of attacks) {
    const answer = await post(server, [attack], { key });
    assert.equal(answer.text, '{"accepted":1,"duplicates":0,"rejected":[]}');
  }
  assert.deepEqual(await identitiesOf(server, evil), [evil]);
  assert.deepEqual(await identitiesOf(server, `${victim}-2`), [`${victim}-2`]);
  assert.equal((await identity(server, hers)).customer, victim);
  assert.equal((await identity(server, email)).customer, victim);
  const kept = (await tapeIds(server, victim)).filter((id) => !id.startsWith('e'));
  assert.deepEqual(kept, before);
  // Over a bridge: two steps that are each allowed do not join two customers.
  const bridge = `anonymous:${fresh('bridge')}`;
  await post(server, [event(evil, 'b1', 3, bridge), event(bridge, 'b2', 4, hers)], { key });
  assert.equal((await identity(server, bridge)).customer, evil);
  assert.equal((await identity(server, hers)).customer, victim);
  // What it is there for.
  await post(server, [event(evil, 'ok', 5, free)], { key });
  assert.deepEqual(own(await tapeIds(server, free)).at(-1), 'f');
  assert.equal((await identity(server, free)).customer, evil);
  // And not a second time, by another.
  await post(server, [event(fresh('thief'), 'no', 6, free)], { key });
  assert.equal((await identity(server, free)).customer, evil);
});

test('a publish key claims no name that is a UUID, through no door', async () => {
  const key = await publishKey();
  const evil = fresh('evil');
  const victims = {
    new: randomUUID(),
    'with a cookie': randomUUID(),
    'with a cookie that has a cookie': `anonymous:${randomUUID()}`,
  };
  const hers = `cookie:${fresh('hers')}`;
  await store(server, [
    ...Object.values(victims).map((name, n) => event(name, `v${n}`, n)),
    event(victims['with a cookie'], 'v3', 3, hers),
    event(victims['with a cookie that has a cookie'], 'v4', 3, `cookie:${fresh('own')}`),
  ]);
  const headers = { authorization: `Basic ${Buffer.from(`${key}:`).toString('base64')}` };
  const send = async (path: string, body: object, type = 'application/json'): Promise<void> => {
    const answer = await ask(server, path, { headers, type, body });
    assert.equal(answer.status, 200, answer.text);
  };
  const at = new Date(1_763_740_000_000).toISOString();
  for (const [title, victim] of Object.entries(victims)) {
    const own = await identitiesOf(server, victim);
    await post(server, [event(evil, fresh('e'), 5, victim)], { key });
    await post(server, [event(`cookie:${evil}`, fresh('e'), 5, victim)], { key });
    const alias = { userId: evil, previousId: victim, timestamp: at };
    await send('/v1/alias', { ...alias, messageId: fresh('e') });
    // The key in the body: who sends it is known only when it has been read.
    const inBody = { ...alias, messageId: fresh('e'), writeKey: key };
    const aliased = await ask(server, '/v1/alias', { body: inBody });
    assert.equal(aliased.status, 200);
    await send('/v1/batch', { batch: [{ ...alias, type: 'alias', messageId: fresh('e') }] });
    const identify = { userId: evil, anonymousId: victim, timestamp: at, messageId: fresh('e') };
    await send('/v1/identify', identify);
    const cloud = { specversion: '1.0', id: fresh('e'), source: '/x', type: 'T', time: at };
    await ask(server, '/v1/cloudevents', {
      key,
      type: 'application/cloudevents+json',
      body: { ...cloud, subject: evil, previousidentity: victim },
    });
    const data = [{ e: 'pv', eid: fresh('e'), uid: evil, duid: victim, p: 'web', tv: 'js-4' }];
    const schema = 'iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/1-0-4';
    await ask(server, '/com.snowplowanalytics.snowplow/tp2', { key, body: { schema, data } });
    const socket = await openFrames(server, '/v1/ingest', { key, protocol: 'tapeline.json' });
    await socket.next();
    socket.text({ seq: 1, events: [event(evil, fresh('e'), 5, victim)] });
    assert.deepEqual((await socket.next()).accepted, 1);
    socket.close();
    const { customer, identities } = await identity(server, victim);
    assert.equal(customer, victim, title);
    assert.ok(
      own.every((name) => identities.some((each) => each.identity === name)),
      title,
    );
    assert.ok(!identities.some((each) => each.identity === evil), title);
  }
  // All of them arrived: eight doors, three victims.
  assert.ok(own(await tapeIds(server, evil, 'limit=100')).length >= 24);
});

test('what a key in a page has linked and a login says again counts as a login', async () => {
  const key = await publishKey();
  const c = fresh('c');
  const cookies = count(6).map((n) => `cookie:${c}-${n}`);
  await post(server, [event(c, fresh('e'), 1, cookies[0]!)], { key });
  await store(server, [event(c, fresh('e'), 2, cookies[0]!)]);
  // One after the other: five logins within a week have room, a sixth has not.
  for (const [n, cookie] of cookies.entries()) {
    await store(server, [event(c, fresh('e'), 3 + n, cookie)]);
  }
  assert.deepEqual(await identitiesOf(server, c), [c, ...cookies.slice(0, 5)]);
});

test('a receipt means the links are in force on every front, after a kill too', async (t) => {
  const data = temporaryDirectory();
  t.after(() => rmSync(data, { recursive: true, force: true }));
  let place = await startServer({ data, shards: 2, fronts: 2 });
  t.after(() => place.kill());
  for (const round of count(2)) {
    const names = count(8).map((n) => `of-${round}-${n}`);
    await store(
      place,
      names.map((n) => event(`cookie:${n}`, `k${n}`, round * 100)),
    );
    await store(
      place,
      names.map((n) => event(`c${n}`, `c${n}`, round * 100 + 1, `cookie:${n}`)),
    );
    // Each on a connection of its own: one in 2^32 times all of them come to one front.
    for (const n of [...names, ...names, ...names, ...names]) {
      assert.deepEqual(own(await tapeIds(place, `cookie:${n}`)), [`c${n}`, `k${n}`]);
    }
    await place.kill();
    place = await startServer({ data, shards: 2, fronts: 2 });
    for (const n of names) {
      const customer = round % 2 === 0 ? `c${n}` : `cookie:${n}`;
      assert.deepEqual(own(await tapeIds(place, customer)), [`c${n}`, `k${n}`]);
      const ids = await tapeIds(place, customer);
      assert.equal(ids.filter((id) => id.startsWith('tapeline.link/')).length, 1);
    }
  }
});

test('links of events without a receipt are found after a kill', async (t) => {
  const data = temporaryDirectory();
  t.after(() => rmSync(data, { recursive: true, force: true }));
  const held = { TAPELINE_FAULT_HOLD_LINKS: '1' };
  let place = await startServer({ data, shards: 2, fronts: 2, env: held });
  t.after(() => place.kill());
  const names = count(20).map((n) => `of-${n}`);
  const answers = count(4).map((part) => {
    const sent = names
      .slice(part * 5, part * 5 + 5)
      .map((n) => event(`c${n}`, `c${n}`, 1, `cookie:${n}`));
    return post(place, sent).then(
      () => true,
      () => false,
    );
  });
  // Main is asked for links when the events are durable: between the two the process dies.
  await until(async () => place.log().split('links are held by a fault switch').length === 5);
  for (const n of names)
    assert.equal((await identity(place, `cookie:${n}`)).customer, `cookie:${n}`);
  await place.kill();
  assert.deepEqual(await Promise.all(answers), [false, false, false, false]);
  place = await startServer({ data, shards: 2, fronts: 2 });
  for (const n of names) {
    assert.deepEqual(own(await tapeIds(place, `c${n}`)), [`c${n}`]);
    assert.equal((await identity(place, `cookie:${n}`)).customer, `c${n}`);
  }
});

test('a stream of a customer follows what is linked to it, and what leaves it', async () => {
  const [c, cookie, other] = [fresh('c'), `cookie:${fresh('x')}`, fresh('other')];
  await store(server, [event(cookie, 'early', 1)]);
  const [live, lagging] = [
    await openLive(server, `customer=${c}`),
    await openLive(server, `from=earliest&customer=${c}`),
  ];
  await store(server, [event(cookie, 'not yet', 2)]);
  await store(server, [event(c, 'login', 3, cookie)]);
  await store(server, [event(cookie, 'hers', 4)]);
  await store(server, [event(other, 'switch', 5, cookie)]);
  await store(server, [event(cookie, 'not hers', 6), event(c, 'last', 7)]);
  const until = async (socket: Awaited<ReturnType<typeof openLive>>): Promise<string[]> => {
    const ids: string[] = [];
    while (ids.at(-1) !== 'last') ids.push((await socket.live()).event.id);
    socket.close();
    return ids;
  };
  assert.deepEqual(own(await until(live)), ['login', 'hers', 'last']);
  const replayed = own(await until(await openLive(server, `from=earliest&customer=${c}`)));
  assert.deepEqual(replayed, ['early', 'not yet', 'login', 'hers', 'last']);
  const late = own(await until(lagging));
  assert.deepEqual(late.slice(-3), ['login', 'hers', 'last']);
});

test('views and kept answers follow links, merges and un-merges', async () => {
  const [a, b, cookie] = [fresh('a'), fresh('b'), `cookie:${fresh('x')}`];
  const view = { fields: [{ name: 'n', event: 'T', type: 'count' }] };
  await ask(server, '/v1/views/people', { method: 'PUT', key: admin, body: view });
  const counted = async (customer: string): Promise<number> => {
    const values = new Set<number>();
    for (const query of ['', '', '', '?fresh=1', '', '', '']) {
      const path = `/v1/customers/${encodeURIComponent(customer)}/views/people${query}`;
      const { json } = await ask(server, path, { key: read });
      values.add((json as { fields: { value: number }[] }).fields[0]!.value);
    }
    assert.equal(values.size, 1, 'kept answers say the same as new ones, on every front');
    return [...values][0]!;
  };
  await store(server, [event(cookie, 'k', 1), event(a, 'a', 2), event(b, 'b', 3)]);
  assert.deepEqual([await counted(a), await counted(b), await counted(cookie)], [1, 1, 1]);
  await send(server, 'link', { from: cookie, to: a });
  assert.deepEqual([await counted(a), await counted(b), await counted(cookie)], [2, 1, 2]);
  await merge(server, { into: b, from: [a] });
  assert.deepEqual([await counted(a), await counted(b), await counted(cookie)], [3, 3, 3]);
  await unmerge(server, a);
  assert.deepEqual([await counted(a), await counted(b), await counted(cookie)], [2, 1, 2]);
  await unmerge(server, cookie);
  assert.deepEqual([await counted(a), await counted(b), await counted(cookie)], [1, 1, 1]);
});

test('pages of a union go on where they ended, whatever is linked and stored meanwhile', async () => {
  const [c, x] = [fresh('c'), fresh('x')];
  const cookies = count(4).map((n) => `cookie:${x}-${n}`);
  const names = [c, ...cookies];
  await store(
    server,
    cookies.map((cookie, n) => event(c, `l${n}`, n, cookie)),
  );
  const events = count(250).map((n) => event(names[n % 5]!, `e${n}`, 100 + Math.floor(n / 3)));
  for (let n = 0; n < 250; n += 50) await store(server, events.slice(n, n + 50));
  const expected = own(await tapeIds(server, c, 'limit=1000'));
  assert.equal(expected.length, 254);
  const seen: string[] = [];
  let before = '';
  do {
    const query = `limit=7${before === '' ? '' : `&before=${before}`}`;
    const { json } = await ask(server, tapePath(names[seen.length % 5]!, query), { key: read });
    const page = json as { events: { id: string }[]; next: string | null };
    seen.push(...page.events.map(({ id }) => id));
    before = page.next ?? '';
    await store(server, [event(cookies[1]!, fresh('new'), 5000)]);
  } while (before !== '');
  assert.deepEqual(own(seen), expected);
  assert.equal(new Set(seen).size, seen.length);
});

test('erasing a customer erases every identity, and leaves no name in any file', async () => {
  const [ann, bob] = [fresh('ann of the erased'), fresh('bob')];
  const hers = `cookie:${fresh('only hers, erased')}`;
  const both = `cookie:${fresh('both')}`;
  const email = `${fresh('ann.erased')}@example.com`;
  await store(server, [event(hers, 'h', 1), event(both, 'b', 1), event(email, 'm', 1)]);
  await store(server, [event(ann, 'a', 2, hers), event(ann, 'a2', 3, both)]);
  await store(server, [event(ann, 'a3', 4, email), event(both, 'b2', 5)]);
  await store(server, [event(bob, 'bob', 10, both), event(both, 'b3', 11)]);
  assert.notDeepEqual(await traces(server.data, [ann, hers, email]), []);
  const path = `/v1/customers/${encodeURIComponent(hers)}?now=1`;
  const answer = await ask(server, path, { method: 'DELETE', key: admin });
  assert.equal(answer.status, 200, answer.text);
  for (const name of [ann, hers, email]) {
    assert.deepEqual(await tapeIds(server, name), []);
    assert.deepEqual(await identitiesOf(server, name), [name]);
  }
  assert.deepEqual(own(await tapeIds(server, bob)), ['b3', 'bob']);
  assert.deepEqual(own(await tapeIds(server, both)), ['b3', 'bob']);
  assert.deepEqual(await traces(server.data, [ann, hers, email]), []);
  await until(async () => lingering(server.process.pid!, server.data).length === 0);
  // They begin anew, each for itself.
  await store(server, [event(hers, 'h', 1), event(ann, 'a', 2)]);
  assert.deepEqual(await tapeIds(server, ann), ['a']);
  assert.deepEqual(await tapeIds(server, hers), ['h']);
  assert.equal((await linkEvents(server, bob)).length, 1);
});

test('an erasure that a kill cuts is brought to its end with all identities', async (t) => {
  const data = temporaryDirectory();
  t.after(() => rmSync(data, { recursive: true, force: true }));
  const options = { data, shards: 2, fronts: 2, env };
  let place: TestServer = await startServer(options);
  t.after(() => place.kill());
  const names = count(6).map((n) => [`ann-${n}`, `cookie:ann-${n}`] as const);
  for (const [ann, cookie] of names) {
    await store(place, [event(cookie, `k${ann}`, 1), event(ann, `a${ann}`, 2, cookie)]);
  }
  for (const [n, [ann, cookie]] of names.entries()) {
    const path = `/v1/customers/${ann}`;
    const asked = ask(place, path, { method: 'DELETE', key: admin }).then(
      ({ status }) => status,
      () => 0,
    );
    await new Promise((resolve) => setTimeout(resolve, n * 2));
    await place.kill();
    const status = await asked;
    place = await startServer(options);
    const left = [await tapeIds(place, ann), await tapeIds(place, cookie)].flat();
    if (status === 202) assert.deepEqual(left, []);
    // All of it or nothing.
    else assert.ok(left.length === 0 || own(left).length === 4, `${left}`);
  }
});

test('what repeats a link costs no more than a look: it is counted once', async () => {
  const [c, cookie] = [fresh('c'), `cookie:${fresh('x')}`];
  const links = await metric(server, 'links_total');
  await store(
    server,
    count(500).map((n) => event(c, `e${n}`, n, cookie)),
  );
  for (const round of count(5)) await store(server, [event(c, `r${round}`, round, cookie)]);
  assert.equal((await metric(server, 'links_total')) - links, 1);
  assert.equal((await linkEvents(server, c)).length, 1);
});
