/** The picture for e-mails: an open is an event, however often it is fetched. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { type Ask, ask, fresh, type StoredEvent, startTwo, tape } from './support/session.ts';

const server = await startTwo();
after(() => server.stop());
const { admin, read, write } = server.keys;

function look(query: Readonly<Record<string, string>>, options: Ask = {}) {
  const text = new URLSearchParams({ key: write, ...query }).toString();
  return ask(server, `/pixel.gif?${text}`, options);
}

async function events(customer: string): Promise<readonly StoredEvent[]> {
  return (await tape(server, customer)).events;
}

test('to look at the picture is an event', async () => {
  const customer = fresh('mail');
  const response = await fetch(
    `${server.url}/pixel.gif?key=${write}&customer=${customer}&id=m-1&campaign=spring%20sale&n=1`,
  );
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('content-type'), 'image/gif');
  assert.match(String(response.headers.get('cache-control')), /no-store.*max-age=0/);
  const bytes = Buffer.from(await response.arrayBuffer());
  assert.deepEqual([bytes.length, bytes.toString('latin1', 0, 6)], [43, 'GIF89a']);
  const [event] = await events(customer);
  const { cursor: _, received, time, ...rest } = event!;
  assert.equal(time, received);
  assert.deepEqual(rest, {
    id: 'm-1',
    customer,
    type: 'Email Opened',
    channel: 'email',
    data: { campaign: 'spring sale', n: '1' },
  });
});

test('every field of an event may be given', async () => {
  const customer = fresh('full');
  const fields = { type: 'Page View', channel: 'web', source: 'blog', previous: 'p' };
  await look({ customer, ...fields, time: '2025-11-21T15:46:40Z', id: 'a' });
  await look({ customer, ...fields, time: '1763740000001', id: 'b' });
  const stored = (await events(customer)).filter(({ type }) => type !== 'tapeline.link');
  assert.deepEqual(
    stored.map(({ id, time }) => [id, time]),
    [
      ['b', 1763740000001],
      ['a', 1763740000000],
    ],
  );
  for (const { id: _, customer: __, cursor, received, time, ...rest } of stored) {
    assert.deepEqual(rest, fields);
    assert.ok(cursor.length > 0 && received > time);
  }
});

test('opens of one period count once, by what the address says', async () => {
  const customer = fresh('again');
  // A period so long that the test cannot fall into two of them, whenever it runs in this decade.
  const every = '520w';
  for (const _ of [1, 2, 3]) {
    await look({ customer, every });
    await look({ customer, every, campaign: 'b' });
    await look({ customer, every, id: 'm' });
    await look({ customer, id: 'm' });
  }
  const ids = (await events(customer)).map(({ id }) => id);
  assert.equal(ids.length, 4);
  assert.ok(ids.includes('m'));
  const periods = new Set(ids.filter((id) => id !== 'm').map((id) => id.split('@')[1]));
  assert.equal(periods.size, 1);
  const hourly = fresh('hourly');
  await look({ customer: hourly });
  const [event] = await events(hourly);
  const hour = new Date(event!.received - (event!.received % 3_600_000)).toISOString();
  assert.ok(event!.id.endsWith(`@${hour}`), event!.id);
});

test('a key of scope publish, or a token, is enough, and no key is ever stored', async () => {
  const customer = fresh('key');
  const made = async (path: string, body: object, member: string): Promise<string> => {
    const { json } = await ask(server, path, { key: admin, body });
    return (json as Record<string, string>)[member]!;
  };
  const publish = await made('/v1/keys', { scopes: ['publish'], name: 'mail' }, 'key');
  const token = await made('/v1/tokens', { scopes: ['write'], ttlSeconds: 60 }, 'token');
  for (const key of [publish, token]) {
    assert.equal((await look({ key, customer, id: key.slice(0, 2) })).status, 200);
  }
  const stored = JSON.stringify(await events(customer));
  assert.ok(!stored.includes(publish) && !stored.includes(token));
});

test('refusals are pictures too, and say what is wrong; HEAD stores nothing', async () => {
  const customer = fresh('bad');
  const cases: [Record<string, string>, number, string][] = [
    [{ customer, key: 'nobody' }, 401, 'unauthorized'],
    [{ customer, key: '' }, 401, 'unauthorized'],
    [{ customer, key: read }, 403, 'forbidden'],
    [{}, 422, 'invalid'],
    [{ customer, every: 'often' }, 422, 'invalid'],
    [{ customer, every: '4000d' }, 422, 'invalid'],
    [{ customer, type: 'tapeline.linked' }, 422, 'invalid'],
    [{ customer, time: 'now' }, 422, 'invalid'],
    [{ customer, id: 'x'.repeat(300) }, 422, 'invalid'],
  ];
  for (const [query, status, code] of cases) {
    const answer = await look(query);
    assert.deepEqual([answer.status, answer.headers['x-tapeline-error']], [status, code]);
    assert.equal(answer.headers['content-type'], 'image/gif');
  }
  assert.equal((await look({ customer }, { method: 'HEAD' })).status, 200);
  assert.deepEqual(await events(customer), []);
});
