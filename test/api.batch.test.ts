/** Bodies of `POST /v1/events`: content types, encodings, sizes, receipts. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { pack } from 'msgpackr';
import {
  ask,
  count,
  fresh,
  post,
  type Receipt,
  startTwo,
  tape,
  tapeIds,
} from './support/session.ts';
import { Wire } from './support/wire.ts';

const server = await startTwo();
after(() => server.stop());

const event = { customer: 'c', type: 'T' };
const ndjson = 'application/x-ndjson';
const msgpack = 'application/msgpack';
const mebibyte = 1024 * 1024;

function total({ accepted, duplicates, rejected }: Receipt): number {
  return accepted + duplicates + rejected.length;
}

test('a batch with bad events stores the others and names the bad ones', async () => {
  const customer = fresh('mixed');
  const good = (id: string): object => ({ id, customer, type: 'T', time: 1000 });
  const answer = await post(server, [
    good('g1'),
    { id: 'b1', customer },
    good('g2'),
    good('g1'),
    { customer, type: 'T', id: 7 },
    'text',
    { ...good('b3'), extra: 1 },
    good('g3'),
  ]);
  assert.equal(answer.status, 200);
  assert.deepEqual(answer.json, {
    accepted: 3,
    duplicates: 1,
    rejected: [
      { index: 1, id: 'b1', code: 'invalid', message: 'type is required' },
      { index: 4, code: 'invalid', message: 'id must be a string of 1 to 256 bytes' },
      { index: 5, code: 'invalid', message: 'an event must be an object' },
      {
        index: 6,
        id: 'b3',
        code: 'invalid',
        message: 'unknown top-level field; put your own fields under data',
      },
    ],
  });
  assert.deepEqual(await tapeIds(server, customer), ['g3', 'g2', 'g1']);
});

test('the receipt is 422 when nothing was stored and something refused, otherwise 200', async () => {
  const customer = fresh('status');
  const good = { id: 'a', customer, type: 'T' };
  const bad = { id: 'b', customer };
  const cases: [object, number, string][] = [
    [[bad], 422, '0 0 1'],
    [bad, 422, '0 0 1'],
    [[bad, bad], 422, '0 0 2'],
    [[good, bad], 200, '1 0 1'],
    [[good, bad], 200, '0 1 1'],
    [good, 200, '0 1 0'],
    [[], 200, '0 0 0'],
  ];
  for (const [body, status, counts] of cases) {
    const answer = await post(server, body);
    assert.equal(answer.status, status);
    assert.equal(answer.headers['content-type'], 'application/json; charset=utf-8');
    const { accepted, duplicates, rejected } = answer.json as Receipt;
    assert.equal(`${accepted} ${duplicates} ${rejected.length}`, counts);
  }
});

const malformed: [name: string, body: string | Buffer][] = [
  ['an empty body', ''],
  ['spaces', ' \n '],
  ['no JSON', 'hello'],
  ['an array that does not end', '[{"customer":"m","type":"T"}'],
  ['an object that does not end', '{"customer":"m","type":"T"'],
  ['a comma too many', '[{"customer":"m","type":"T"},]'],
  ['two values', '{"customer":"m","type":"T"}{"customer":"m","type":"T"}'],
  ['single quotes', "{'customer':'m','type':'T'}"],
  ['a byte order mark', '\ufeff{"customer":"m","type":"T"}'],
  ['text that is not UTF-8', Buffer.from('{"customer":"m","type":"\xff"}', 'latin1')],
  ['NaN', '[{"customer":"m","type":"T"},{"customer":"m","type":"T","data":{"a":NaN}}]'],
  ['a number with a leading zero', '{"customer":"m","type":"T","time":01}'],
  ['a raw control character', '{"customer":"m","type":"a\u0001b"}'],
];

for (const [name, body] of malformed) {
  test(`${name} is malformed, and nothing is stored`, async () => {
    const answer = await post(server, body);
    assert.equal(answer.status, 400, answer.text);
    assert.equal(answer.code, 'malformed');
    assert.deepEqual((await tape(server, 'm')).events, []);
  });
}

test('the content type decides, its parameters and case do not', async () => {
  const json = JSON.stringify(event);
  const good = [
    'application/json',
    'application/json; charset=utf-8',
    'Application/JSON;charset=UTF-8',
    'text/plain',
    'text/plain;charset=UTF-8',
    ndjson,
    'application/x-ndjson; charset=utf-8',
  ];
  for (const type of good) {
    assert.equal((await post(server, json, { type })).text.slice(0, 14), '{"accepted":1,', type);
  }
  const bad = ['application/xml', 'application/octet-stream', 'application/jsonx', 'text/html', ''];
  for (const type of bad) {
    const answer = await post(server, json, { type });
    assert.equal(`${answer.status} ${answer.code}`, '415 unsupported_media_type', type);
  }
  const none = await ask(server, '/v1/events', { key: server.keys.write, body: json });
  assert.equal(`${none.status} ${none.code}`, '415 unsupported_media_type');
});

test('NDJSON is one event a line, and a bad line is refused alone', async () => {
  const customer = fresh('lines');
  const line = (id: string): string => JSON.stringify({ id, customer, type: 'T', time: 1 });
  const big = JSON.stringify({ customer, type: 'T', data: { a: 'x'.repeat(33_000) } });
  const lines = [line('1'), '', 'not json', `${line('2')}\r`, '{"customer":', big, '[]', line('3')];
  const answer = await post(server, lines.join('\n'), { type: ndjson });
  assert.equal(answer.status, 200);
  const { accepted, rejected } = answer.json as Receipt;
  assert.equal(accepted, 3);
  assert.deepEqual(
    rejected.map(({ index, code }) => `${index} ${code}`),
    ['1 malformed', '3 malformed', '4 too_large', '5 invalid'],
  );
  assert.deepEqual(await tapeIds(server, customer), ['3', '2', '1']);
  const trailing = await post(server, `${line('4')}\n\n`, { type: ndjson });
  assert.equal((trailing.json as Receipt).accepted, 1);
  const onlyBad = await post(server, 'a\nb\n', { type: ndjson });
  assert.equal(onlyBad.status, 422);
  assert.equal((await post(server, '\n\n', { type: ndjson })).code, 'malformed');
});

test('gzip is understood in every content type', async () => {
  const headers = { 'content-encoding': 'gzip' };
  for (const [type, body] of [
    ['application/json', JSON.stringify([event, event])],
    [ndjson, `${JSON.stringify(event)}\n${JSON.stringify(event)}`],
    ['text/plain', JSON.stringify([event, event])],
    [msgpack, pack([event, event])],
  ] as const) {
    const answer = await post(server, gzipSync(body), { type, headers });
    assert.equal((answer.json as Receipt).accepted, 2, answer.text);
  }
  const upper = await post(server, gzipSync('[]'), { headers: { 'content-encoding': 'GZIP' } });
  assert.equal(upper.status, 200);
  const identity = await post(server, '[]', { headers: { 'content-encoding': 'identity' } });
  assert.equal(identity.status, 200);
});

test('broken gzip is malformed, other encodings are not supported, bombs are too large', async () => {
  const headers = { 'content-encoding': 'gzip' };
  const whole = gzipSync(JSON.stringify(event));
  const flipped = Buffer.from(whole);
  flipped[flipped.length - 6]! ^= 0xff;
  for (const body of [whole.subarray(0, -9), Buffer.from('no gzip'), Buffer.alloc(0), flipped]) {
    const answer = await post(server, body, { headers });
    assert.equal(`${answer.status} ${answer.code}`, '400 malformed');
  }
  for (const encoding of ['br', 'deflate', 'gzip, gzip', 'zstd']) {
    const answer = await post(server, whole, { headers: { 'content-encoding': encoding } });
    assert.equal(`${answer.status} ${answer.code}`, '415 unsupported_media_type', encoding);
  }
  const bomb = await post(server, gzipSync(Buffer.alloc(64 * mebibyte, 0x20)), { headers });
  assert.equal(`${bomb.status} ${bomb.code}`, '413 too_large');
  assert.equal((await post(server, event)).status, 200);
});

const encodings: [type: string, encode: (events: readonly object[]) => string | Buffer][] = [
  ['application/json', (events) => JSON.stringify(events)],
  [ndjson, (events) => events.map((each) => JSON.stringify(each)).join('\n')],
  [msgpack, (events) => pack(events)],
];

for (const [type, encode] of encodings) {
  test(`a batch holds at most 10,000 events (${type})`, async () => {
    const customer = fresh('full');
    const events = count(10_001).map((n) => ({ id: String(n), customer, type: 'T', time: n }));
    const over = await post(server, encode(events), { type });
    assert.equal(`${over.status} ${over.code}`, '413 too_large');
    assert.deepEqual(await tapeIds(server, customer), []);
    const full = await post(server, encode(events.slice(0, 10_000)), { type });
    assert.equal(full.text, '{"accepted":10000,"duplicates":0,"rejected":[]}');
    const newest = count(1000).map((n) => String(9999 - n));
    assert.deepEqual(await tapeIds(server, customer, 'limit=1000'), newest);
  });
}

test('a batch has at most 16 MiB, before and after decompression', async () => {
  const customer = fresh('sized');
  const padded = (bytes: number, id: string): Buffer => {
    const body = Buffer.alloc(bytes, 0x20);
    body.write(JSON.stringify([{ id, customer, type: 'T' }]));
    return body;
  };
  assert.equal((await post(server, padded(16 * mebibyte, 'exact'))).status, 200);
  const over = padded(16 * mebibyte + 1, 'over');
  const answer = await post(server, over);
  assert.equal(`${answer.status} ${answer.code}`, '413 too_large');
  const headers = { 'content-encoding': 'gzip' };
  const zipped = await post(server, gzipSync(padded(16 * mebibyte, 'zipped')), { headers });
  assert.equal(zipped.status, 200);
  assert.equal((await post(server, gzipSync(over), { headers })).code, 'too_large');
  assert.deepEqual((await tapeIds(server, customer)).sort(), ['exact', 'zipped']);
});

test('chunked bodies are bodies, and are measured too', async (t) => {
  const wire = new Wire(server.port);
  t.after(() => wire.close());
  const head = `POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${server.keys.write}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`;
  const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;
  wire.send(`${head}${chunk('[{"customer":"chunked",')}`);
  wire.send(`${chunk('"type":"T"}]')}0\r\n\r\n`);
  assert.equal((await wire.reply()).body, '{"accepted":1,"duplicates":0,"rejected":[]}');
  assert.equal((await tape(server, 'chunked')).events.length, 1);
  wire.send(head);
  const space = chunk(' '.repeat(mebibyte));
  for (const _ of count(17)) wire.send(space);
  wire.send('0\r\n\r\n');
  const reply = await wire.reply();
  assert.equal(reply.status, 413);
  assert.match(reply.body, /"code":"too_large"/);
});

test('an upload that is broken off stores nothing and harms nobody', async () => {
  const customer = fresh('broken');
  const body = JSON.stringify(count(2000).map(() => ({ customer, type: 'T' })));
  const uploads = count(20).map(async (index) => {
    const wire = new Wire(server.port);
    const head = `POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${server.keys.write}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
    await new Promise<void>((resolve) => {
      wire.socket.write(head + body.slice(0, (index + 1) * 1000), () => resolve());
    });
    wire.close();
  });
  await Promise.all(uploads);
  assert.equal((await post(server, { id: 'after', customer, type: 'T' })).status, 200);
  assert.deepEqual(await tapeIds(server, customer), ['after']);
});

test('batches of any size add up', async () => {
  const sizes = [1, 2, 99, 1000, 5000];
  const answers = await Promise.all(
    sizes.map((size) =>
      post(
        server,
        count(size).map((index) => ({ customer: `s${index % 50}`, type: 'T' })),
      ),
    ),
  );
  assert.deepEqual(
    answers.map(({ json }) => total(json as Receipt)),
    sizes,
  );
});
