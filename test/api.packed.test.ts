/** Tape pages as MessagePack, for readers that ask for it: the same events as in JSON. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { pack, Unpackr } from 'msgpackr';
import { startServer } from './support/server.ts';
import { ask, fresh, type Page, post, store, tape, tapePath } from './support/session.ts';

const server = await startServer();
after(() => server.stop());
const unpackr = new Unpackr({ int64AsType: 'number', useRecords: false });
const type = 'application/msgpack';

async function packedTape(customer: string, query = '', accept = type): Promise<Page> {
  const response = await fetch(`${server.url}${tapePath(customer, query)}`, {
    headers: { authorization: `Bearer ${server.keys.read}`, accept },
  });
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('content-type'), type);
  assert.equal(response.headers.get('cache-control'), 'no-store');
  return unpackr.unpack(Buffer.from(await response.arrayBuffer())) as Page;
}

const data = {
  text: 'naïve "quoted"\n😀',
  long: 'x'.repeat(300),
  numbers: [0, 1, -1, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32, -33, -129, -32_769, -(2 ** 40)],
  fractions: [0.1, -2.5e300, 1e-7],
  nested: { empty: {}, list: [], flags: [true, false, null] },
};

test('a page says the same in MessagePack, however its events were sent', async () => {
  const customer = fresh('packed');
  const events = Array.from({ length: 30 }, (_, n) => ({
    ...(n % 3 === 0 ? {} : { id: `e-${n}` }),
    ...(n % 5 === 0 ? {} : { time: 1_763_740_000_000 + n }),
    customer,
    type: 'Täst',
    ...(n % 2 === 0 ? {} : { channel: 'web', source: 'shop', previous: 'a\u0001b' }),
    ...(n % 4 === 0 ? {} : { data: { ...data, n } }),
  }));
  await store(server, events.slice(0, 15));
  const answer = await post(server, pack(events.slice(15)), { type });
  assert.equal(answer.text, '{"accepted":15,"duplicates":0,"rejected":[]}');
  const packed = await packedTape(customer);
  // One more: the link that the events state.
  assert.equal(packed.events.length, 31);
  const { live: _, ...rest } = packed;
  const { live: __, ...expected } = await tape(server, customer);
  assert.deepEqual(rest, expected);
});

test('pages lead to each other in MessagePack', async () => {
  const customer = fresh('paged');
  const events = Array.from({ length: 25 }, (_, n) => ({ id: `${n}`, customer, type: 't' }));
  await store(server, events);
  const ids: string[] = [];
  let next: string | null = '';
  while (next !== null) {
    const page: Page = await packedTape(
      customer,
      `limit=10${next === '' ? '' : `&before=${next}`}`,
    );
    ids.push(...page.events.map(({ id }) => id));
    next = page.next;
  }
  assert.deepEqual(ids, events.map(({ id }) => id).reverse());
});

test('integers past 2^53 keep every digit, numbers past all doubles are texts', async () => {
  const customer = fresh('digits');
  const numbers =
    '[18446744073709551615,-9223372036854775808,9007199254740993,1e999,123456789012345678901234567890]';
  await post(server, `{"customer":"${customer}","type":"t","data":{"n":${numbers}}}`);
  const response = await fetch(`${server.url}${tapePath(customer)}`, {
    headers: { authorization: `Bearer ${server.keys.read}`, accept: type },
  });
  const exact = new Unpackr({ useRecords: false });
  const page = exact.unpack(Buffer.from(await response.arrayBuffer())) as Page;
  assert.deepEqual(page.events[0]!.data, {
    n: [
      2n ** 64n - 1n,
      -(2n ** 63n),
      2n ** 53n + 1n,
      '1e999',
      Number('123456789012345678901234567890'),
    ],
  });
});

test('who does not ask for MessagePack gets JSON, and errors are JSON always', async () => {
  const customer = fresh('asking');
  await store(server, [{ customer, type: 't' }]);
  for (const accept of [
    '*/*',
    'application/json',
    'application/msgpack;q=0',
    'application/msgpackx',
  ]) {
    const answer = await ask(server, tapePath(customer), {
      key: server.keys.read,
      headers: { accept },
    });
    assert.equal((answer.json as Page).events.length, 1, accept);
  }
  assert.equal((await packedTape(customer, '', `text/html, ${type};q=0.9`)).events.length, 1);
  const refused = await ask(server, tapePath(customer, 'limit=0'), {
    key: server.keys.read,
    headers: { accept: type },
  });
  assert.equal(refused.code, 'invalid');
});
