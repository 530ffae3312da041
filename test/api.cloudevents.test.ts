/** CloudEvents over HTTP: the three modes, the scenarios of the conformance suite, and the official SDK. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { CloudEvent, emitterFor, HTTP, httpTransport, Mode } from 'cloudevents';
import { type Fault, FaultProxy } from './support/faultproxy.ts';
import {
  type Answer,
  type Ask,
  ask,
  fresh,
  type StoredEvent,
  startTwo,
  tape,
} from './support/session.ts';

const server = await startTwo();
after(() => server.stop());
const { read, write } = server.keys;

const path = '/v1/cloudevents';
const structured = 'application/cloudevents+json';
const batched = 'application/cloudevents-batch+json';

/** Attributes as the conformance suite gives them. */
const attributes = {
  specversion: '1.0',
  type: 'com.example.someevent',
  time: '2018-04-05T03:56:24Z',
  id: '1234-1234-1234',
  source: '/mycontext/subcontext',
};
const binaryHeaders: Record<string, string> = Object.fromEntries(
  Object.entries(attributes).map(([name, value]) => [`ce-${name}`, value]),
);

function send(body: string | Uint8Array | object, options: Ask & { to?: string } = {}) {
  return ask(server, options.to ?? path, { key: write, ...options, body });
}

function sendOne(event: object, options: Ask & { to?: string } = {}): Promise<Answer> {
  return send(event, { type: structured, ...options });
}

async function only(customer: string): Promise<StoredEvent> {
  const { events } = await tape(server, customer);
  // What the server adds, a link say, is its own matter.
  const sent = events.filter(({ type }) => !type.startsWith('tapeline.'));
  assert.equal(sent.length, 1, JSON.stringify(events));
  return sent[0]!;
}

function contextOf({ data }: StoredEvent): Record<string, unknown> {
  return data!['ce'] as Record<string, unknown>;
}

function codes(answer: Answer): [number, string][] {
  const { rejected } = answer.json as { rejected: { index: number; code: string }[] };
  return rejected.map(({ code, index }) => [index, code]);
}

function assertIsTheScenario(event: StoredEvent, datacontenttype: string): void {
  assert.equal(event.id, '/mycontext/subcontext 1234-1234-1234');
  assert.equal(event.type, attributes.type);
  assert.equal(event.source, attributes.source);
  assert.equal(event.time, Date.parse(attributes.time));
  assert.deepEqual(event.data, {
    message: 'Hello World!',
    ce: { id: attributes.id, specversion: '1.0', datacontenttype },
  });
}

test('conformance: binary content mode', async () => {
  for (const type of ['application/json', 'application/json; charset=utf-8']) {
    const customer = fresh('binary');
    const answer = await send('{\n    "message": "Hello World!"\n}', {
      to: `${path}?customer=${customer}`,
      type,
      headers: binaryHeaders,
    });
    assert.equal(answer.text, '{"accepted":1,"duplicates":0,"rejected":[]}');
    assertIsTheScenario(await only(customer), type);
  }
});

test('conformance: structured content mode', async () => {
  const data = { message: 'Hello World!' };
  for (const type of [structured, `${structured}; charset=utf-8`, structured.toUpperCase()]) {
    const customer = fresh('structured');
    const event = { ...attributes, datacontenttype: 'application/json', data };
    const answer = await sendOne(event, { to: `${path}?customer=${customer}`, type });
    assert.equal(answer.status, 200, answer.text);
    assertIsTheScenario(await only(customer), 'application/json');
  }
});

test('conformance: data of every kind, in binary and in structured mode', async () => {
  const kinds: [type: string, body: string, data: object][] = [
    ['text/plain; charset=us-ascii', 'Hello, World!', { value: 'Hello, World!' }],
    ['text/plain; charset=utf-8', 'Hello, 🌎!', { value: 'Hello, 🌎!' }],
    ['application/json; charset=utf-8', '"Hello, 🌎!"', { value: 'Hello, 🌎!' }],
    ['application/json; charset=utf-8', '{"msg":"Hello, 🌎!"}', { msg: 'Hello, 🌎!' }],
    ['application/json; charset=utf-8', '["Hello","🌎!"]', { value: ['Hello', '🌎!'] }],
    ['application/xml; charset=utf-8', '<msg>Hello, 🌎!</msg>', { value: '<msg>Hello, 🌎!</msg>' }],
    ['application/octet-stream', 'Hello', { base64: 'SGVsbG8=' }],
    ['application/vnd.acme+json', '{"n":12345678901234567890}', { n: 12345678901234567000 }],
    ['application/json', '{"ce":1}', { value: { ce: 1 } }],
  ];
  for (const [type, body, data] of kinds) {
    const customer = fresh('kind');
    const subject = { 'ce-subject': customer };
    const answer = await send(body, { type, headers: { ...binaryHeaders, ...subject } });
    assert.equal(answer.status, 200, answer.text);
    const { ce, ...rest } = (await only(customer)).data!;
    assert.deepEqual(rest, data);
    assert.equal((ce as Record<string, unknown>)['datacontenttype'], type);
    const asText = type.includes('json') ? JSON.parse(body) : body;
    const again = fresh('kind');
    const bytes = Buffer.from(body).toString('base64');
    for (const given of [{ data: asText }, { data_base64: bytes }]) {
      if ('data' in given && type.includes('octet')) continue;
      const event = { ...attributes, id: Object.keys(given)[0], subject: again, ...given };
      assert.equal((await sendOne({ ...event, datacontenttype: type })).status, 200);
    }
    for (const event of (await tape(server, again)).events) {
      const { ce: _, ...members } = event.data!;
      assert.deepEqual(members, data);
    }
  }
});

test('numbers come back to the last digit', async () => {
  const customer = fresh('digits');
  const body = `{"specversion":"1.0","id":"1","source":"/s","type":"T","subject":"${customer}","data":{"n":12345678901234567890.10}}`;
  assert.equal((await send(body, { type: structured })).status, 200);
  const { text } = await ask(server, `/v1/customers/${customer}/tape`, { key: read });
  assert.ok(text.includes('{"n":12345678901234567890.10,'), text);
});

test('batches: every event by its place, an empty one is fine', async () => {
  const [one, other] = [fresh('batch'), fresh('batch')];
  const event = { ...attributes, subject: one, data: { n: 1 } };
  const events = [
    event,
    { ...event, subject: other },
    event,
    { ...event, id: '2', type: undefined },
    7,
    { ...event, id: '3', data_base64: 'AA==' },
    { ...event, id: '4', data: undefined, data_base64: '=' },
    { ...event, id: '5', specversion: '0.3' },
    { ...event, id: '6', userId: 'x' },
    { ...event, id: '7', extension: { a: 1 } },
    { ...event, id: '8', source: 'a b' },
    { ...event, id: '9', subject: undefined },
    { ...event, id: '10', time: 'yesterday' },
    { ...event, id: '11', dataschema: null, anumber: 7, abool: true },
  ];
  const answer = await send(events, { type: batched });
  assert.equal(answer.status, 200);
  assert.equal((answer.json as { accepted: number }).accepted, 3);
  assert.equal((answer.json as { duplicates: number }).duplicates, 1);
  assert.deepEqual(
    codes(answer),
    [3, 4, 5, 6, 7, 8, 9, 10, 11, 12].map((n) => [n, 'invalid']),
  );
  const [last] = (await tape(server, one)).events.filter(({ id }) => id.endsWith(' 11'));
  const expected = { id: '11', specversion: '1.0', subject: one, anumber: 7, abool: true };
  assert.deepEqual(contextOf(last!), expected);
  assert.equal(
    (await send([], { type: batched })).text,
    '{"accepted":0,"duplicates":0,"rejected":[]}',
  );
  assert.equal((await send({ a: 1 }, { type: batched })).code, 'malformed');
  assert.equal((await send([events[3]!], { type: batched })).status, 422);
});

test('source and id together are the identity of an event', async () => {
  const customer = fresh('same');
  const event = { ...attributes, subject: customer };
  const long = 'x'.repeat(250);
  const events = [
    { ...event, source: '/a', id: 'b c' },
    { ...event, source: '/a', id: 'b' },
    { ...event, source: '/b', id: 'b' },
    { ...event, source: '/a', id: 'b', data: { other: true } },
    { ...event, source: '/a', id: `${long}1` },
    { ...event, source: '/a', id: `${long}2` },
    { ...event, source: '/a', id: `${long}1` },
  ];
  const answer = await send(events, { type: batched });
  assert.equal(answer.text, '{"accepted":5,"duplicates":2,"rejected":[]}');
  const ids = (await tape(server, customer)).events.map((each) => contextOf(each)['id']);
  assert.deepEqual(ids.sort(), ['b', 'b', 'b c', `${long}1`, `${long}2`].sort());
});

test('identity attributes come before the subject, which comes before ?customer=', async () => {
  const [identity, subject, fallback] = [fresh('identity'), fresh('subject'), fresh('fallback')];
  const to = `${path}?customer=${fallback}`;
  const extensions = { identitytype: 'email', previousidentity: 'cookie:1', channel: 'chat' };
  await sendOne({ ...attributes, identity, subject, ...extensions }, { to });
  const event = await only(identity);
  assert.deepEqual([event.previous, event.channel], ['cookie:1', 'chat']);
  assert.deepEqual(contextOf(event), {
    id: attributes.id,
    specversion: '1.0',
    subject,
    identitytype: 'email',
  });
  await sendOne({ ...attributes, subject }, { to });
  assert.equal(contextOf(await only(subject))['subject'], subject);
  await sendOne(attributes, { to });
  await only(fallback);
});

test('headers are decoded once, quoted or not', async () => {
  const cases: [sent: string, meant: string][] = [
    ['Euro%20%E2%82%AC%20%F0%9F%98%80', 'Euro € 😀'],
    ['%2541', '%41'],
    ['"quoted%20\\"text\\""', 'quoted "text"'],
    ['100% sure', '100% sure'],
  ];
  for (const [sent, meant] of cases) {
    const customer = fresh('header');
    const headers = { ...binaryHeaders, 'ce-subject': customer, 'ce-note': sent };
    assert.equal((await send('{}', { headers })).status, 200);
    assert.equal(contextOf(await only(customer))['note'], meant);
  }
  const headers = { ...binaryHeaders, 'ce-subject': 'c', 'ce-note': '%C0%A0' };
  assert.equal((await send('{}', { headers })).code, 'malformed');
});

test('/v1/events takes what says that it is a CloudEvent, and native events as before', async () => {
  const customer = fresh('native');
  const to = '/v1/events';
  const event = { ...attributes, subject: customer, data: { n: 1 } };
  const headers = { ...binaryHeaders, 'ce-subject': customer, 'ce-id': 'b' };
  const answers = [
    await sendOne(event, { to }),
    await send([{ ...event, id: 'c' }], { to, type: batched }),
    await send('{"n":1}', { to, type: 'application/json', headers }),
    await send('<n/>', { to, type: 'application/xml', headers: { ...headers, 'ce-id': 'd' } }),
    await send(gzipSync(JSON.stringify({ ...event, id: 'e' })), {
      to,
      type: structured,
      headers: { 'content-encoding': 'gzip' },
    }),
    await send({ customer, type: 'T' }, { to, type: 'application/json' }),
  ];
  for (const answer of answers) assert.match(answer.text, /^{"accepted":1,"duplicates":0/);
  assert.equal((await tape(server, customer)).events.length, 6);
});

test('what is no CloudEvent is told so', async () => {
  const unsupported = 'unsupported_media_type';
  const event = { ...attributes, subject: 'c' };
  const cases: [body: string | object, options: Ask, expected: string][] = [
    ['{}', { type: 'application/json' }, unsupported],
    [event, { type: 'application/cloudevents+xml' }, unsupported],
    [event, { type: 'application/cloudevents-batch+avro' }, unsupported],
    ['{', { type: structured }, 'malformed'],
    ['', { type: structured }, 'malformed'],
    [event, { type: structured, key: 'nobody' }, 'unauthorized'],
    [event, { type: structured, key: read }, 'forbidden'],
  ];
  for (const [body, options, expected] of cases) {
    assert.equal((await send(body, options)).code, expected, JSON.stringify(options));
  }
  const { 'ce-type': _, ...untyped } = binaryHeaders;
  const refused: [body: string, options: Ask, code: string][] = [
    ['{}', { headers: { ...untyped, 'ce-subject': 'c' } }, 'invalid'],
    ['{', { headers: { ...binaryHeaders, 'ce-subject': 'c' } }, 'malformed'],
    ['{"a":1}', { headers: binaryHeaders }, 'invalid'],
  ];
  for (const [body, options, code] of refused) {
    const answer = await send(body, options);
    assert.deepEqual([answer.status, codes(answer)], [422, [[0, code]]]);
  }
});

test('webhooks: the key may stand where senders can put it, and they may ask first', async () => {
  const event = JSON.stringify({ ...attributes, subject: fresh('hook') });
  const user = `Basic ${Buffer.from(`${write}:`).toString('base64')}`;
  const options = { type: structured, key: undefined };
  const inQuery = await send(event, { ...options, to: `${path}?access_token=${write}` });
  assert.equal(inQuery.status, 200);
  assert.equal((await send(event, { ...options, headers: { authorization: user } })).status, 200);
  const asked = await ask(server, path, {
    method: 'OPTIONS',
    headers: { 'webhook-request-origin': 'sender.example', 'webhook-request-rate': '120' },
  });
  assert.equal(asked.status, 204);
  assert.equal(asked.headers['webhook-allowed-origin'], 'sender.example');
  assert.equal(asked.headers['webhook-allowed-rate'], '120');
  assert.match(String(asked.headers['allow']), /POST/);
});

test('the official SDK, in both modes, through a bad network: everything stored, once', async () => {
  const faults: Fault[] = [429, 'lost', 500, 'cut', 'good', 'lost', 503, 'cut', 'good'];
  const proxy = await FaultProxy.open(server.port, faults);
  try {
    for (const mode of [Mode.BINARY, Mode.STRUCTURED]) {
      const transport = httpTransport(`${proxy.url}${path}`);
      const emit = emitterFor(transport, { binding: HTTP, mode });
      const customer = fresh(`sdk-${mode}`);
      const event = new CloudEvent({
        type: 'Purchased',
        source: '/shop',
        subject: customer,
        data: { total: 89.5, note: 'naïve 🌎' },
        channel: 'web',
      });
      const headers = { authorization: `Bearer ${write}` };
      // The transport resolves whatever the status: only the tape tells.
      const tries = mode === Mode.BINARY ? 5 : 4;
      for (let n = 0; n < tries; n++) await emit(event, { headers }).catch(() => undefined);
      const stored = await only(customer);
      assert.equal(stored.id, `/shop ${event.id}`);
      assert.equal(stored.time, Date.parse(event.time!));
      assert.equal(stored.channel, 'web');
      const { ce: _, ...data } = stored.data!;
      assert.deepEqual(data, event.data);
    }
    assert.deepEqual(proxy.done, faults);
  } finally {
    await proxy.close();
  }
});
