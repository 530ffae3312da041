/** OTLP/HTTP logs: the protocol by hand, and the real exporter through a bad network. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs';
import { type Fault, FaultProxy } from './support/faultproxy.ts';
import { type Ask, ask, fresh, type StoredEvent, startTwo, tape } from './support/session.ts';

const server = await startTwo();
after(() => server.stop());
const { read, write } = server.keys;
const path = '/v1/logs';

function text(key: string, stringValue: string): object {
  return { key, value: { stringValue } };
}

function request(records: readonly unknown[], resource: readonly object[] = []): object {
  const attributes = [text('service.name', 'ivr'), ...resource];
  const scope = { name: 'calls', version: '1.0', unknownField: 1 };
  return {
    resourceLogs: [{ resource: { attributes }, scopeLogs: [{ scope, logRecords: records }] }],
  };
}

function send(body: object | string | Uint8Array, options: Ask & { to?: string } = {}) {
  const type = 'application/json';
  return ask(server, options.to ?? path, { key: write, type, ...options, body });
}

async function events(customer: string): Promise<readonly StoredEvent[]> {
  const { events: all } = await tape(server, customer);
  // The links that they state stand beside them.
  return all.filter(({ type }) => type !== 'tapeline.link');
}

const time = '1763740000123456789';

test('an event record becomes an event, with all it says', async () => {
  const user = fresh('user');
  const record = {
    timeUnixNano: time,
    observedTimeUnixNano: '1763740009000000000',
    severityNumber: 9,
    severityText: 'INFO',
    eventName: 'call.started',
    traceId: '5b8efff798038103d269b633813fc60c',
    spanId: 'eee19b7ec3c1b174',
    flags: 1,
    body: { stringValue: 'hello' },
    futureField: { a: 1 },
    attributes: [
      text('enduser.id', user),
      text('session.id', 's-1'),
      text('channel', 'ivr'),
      { key: 'order.total', value: { doubleValue: 99.5 } },
      { key: 'order.id', value: { intValue: '9007199254740993' } },
      { key: 'order', value: { boolValue: true } },
      {
        key: 'menu',
        value: { arrayValue: { values: [{ intValue: 1 }, { stringValue: 'b' }, {}] } },
      },
      { key: 'who', value: { kvlistValue: { values: [text('name', 'Ada')] } } },
      { key: 'raw', value: { bytesValue: 'AAE=' } },
      { key: '__proto__', value: { boolValue: true } },
    ],
  };
  const answer = await send(request([record], [text('deployment.environment', 'test')]));
  assert.deepEqual([answer.status, answer.text], [200, '{}']);
  const [event] = await events(user);
  assert.equal(event!.type, 'call.started');
  assert.equal(event!.time, 1763740000123);
  assert.deepEqual([event!.source, event!.channel, event!.previous], ['ivr', 'ivr', 's-1']);
  const { otel, ...data } = event!.data!;
  const { ['__proto__']: proto, enduser, session, ...flat } = data;
  assert.deepEqual([proto, enduser, session], [true, { id: user }, { id: 's-1' }]);
  assert.deepEqual([flat['order'], flat['order.total']], [true, 99.5]);
  assert.deepEqual(data['menu'], [1, 'b', null]);
  assert.deepEqual([data['body'], data['who'], data['raw']], ['hello', { name: 'Ada' }, 'AAE=']);
  const page = await ask(server, `/v1/customers/${user}/tape`, { key: read });
  assert.ok(page.text.includes('"order.id":9007199254740993'), page.text);
  const said = otel as Record<string, unknown>;
  assert.deepEqual(
    [said['traceId'], said['spanId'], said['flags']],
    [record.traceId, record.spanId, 1],
  );
  assert.deepEqual(said['scope'], { name: 'calls', version: '1.0' });
  assert.deepEqual(said['resource'], {
    service: { name: 'ivr' },
    deployment: { environment: 'test' },
  });
});

test('who it is, and by which attribute', async () => {
  const names = ['customer', 'enduser.id', 'user.id', 'enduser.pseudo.id', 'session.id'];
  const ids = names.map((name) => [name, fresh('id')] as const);
  for (let n = 0; n < ids.length; n++) {
    const attributes = ids.slice(n).map(([name, id]) => text(name, id));
    await send(request([{ eventName: 'e', attributes }]));
    const [event] = await events(ids[n]![1]);
    const expected = n < 3 ? ids[3]![1] : ids[n + 1]?.[1];
    assert.equal(event!.previous, expected, ids[n]![0]);
  }
  const id = 7_000_000 + Number(fresh('').slice(1));
  const attributes = [{ key: 'enduser.id', value: { intValue: String(id) } }];
  await send(request([{ eventName: 'e', attributes }]));
  assert.equal((await events(String(id))).length, 1, 'an integer is a name as well');
  const inResource = fresh('id');
  await send(request([{ eventName: 'e' }], [text('user.id', inResource)]));
  assert.equal((await events(inResource)).length, 1);
});

test('the time is that of the record, or when it was observed; zero is none', async () => {
  const user = fresh('time');
  const record = { eventName: 'e', attributes: [text('user.id', user)] };
  const zero = { timeUnixNano: '0', observedTimeUnixNano: time };
  const events3 = [zero, { timeUnixNano: 1763740000123000000 }, { timeUnixNano: 0 }];
  await send(request(events3.map((each) => ({ ...record, ...each }))));
  const [latest, ...others] = await events(user);
  assert.equal(latest!.time, latest!.received);
  assert.deepEqual(
    others.map((each) => each.time),
    [1763740000123, 1763740000123],
  );
});

test('records are known by all they say: a request that is sent again is stored once', async () => {
  const user = fresh('again');
  const record = { eventName: 'e', timeUnixNano: time, attributes: [text('user.id', user)] };
  const uid = { ...record, attributes: [...record.attributes, text('log.record.uid', 'u-1')] };
  const body = request([record, record, { ...record, body: { intValue: 1 } }, uid]);
  for (const _ of [1, 2, 3]) assert.equal((await send(body)).text, '{}');
  const ids = (await events(user)).map(({ id }) => id);
  assert.equal(ids.length, 4);
  assert.ok(ids.includes('u-1'));
  await send(request([record], [text('host.name', 'b')]));
  assert.equal((await events(user)).length, 5, 'another resource is another record');
});

test('what is no event is counted and named in a partial success', async () => {
  const user = fresh('part');
  const good = { eventName: 'e', attributes: [text('user.id', user)] };
  const bad = [
    { body: { stringValue: 'log line' } },
    7,
    { eventName: 'e' },
    { ...good, eventName: 'x'.repeat(200) },
  ];
  const answer = await send(request([good, ...bad]));
  assert.equal(answer.status, 200);
  assert.deepEqual(answer.json, {
    partialSuccess: {
      rejectedLogRecords: '4',
      errorMessage: 'record 1: invalid: a log record without an event name is no event',
    },
  });
  assert.equal((await events(user)).length, 1);
  for (const empty of [{}, { resourceLogs: [] }, { resourceLogs: [{}] }]) {
    assert.equal((await send(empty)).text, '{}');
  }
});

test('refusals are a google.rpc.Status; what may be sent again says when', async () => {
  const cases: [body: string | Uint8Array, options: Ask, status: number, code: number][] = [
    ['{', {}, 400, 3],
    ['[]', {}, 400, 3],
    ['{"resourceLogs":7}', {}, 400, 3],
    ['{}', { key: 'nobody' }, 401, 16],
    ['{}', { key: read }, 403, 7],
    [Uint8Array.of(10, 0), { type: 'application/x-protobuf' }, 415, 12],
    [Buffer.alloc(17 * 1024 * 1024, 0x20), {}, 413, 8],
  ];
  for (const [body, options, status, code] of cases) {
    const answer = await send(body, options);
    assert.equal(answer.status, status);
    const told = answer.json as { code: number; message: string };
    assert.deepEqual(Object.keys(told), ['code', 'message']);
    assert.equal(told.code, code);
  }
});

test('gzip, the other path, and pages of any origin', async () => {
  const user = fresh('gzip');
  const body = request([{ eventName: 'e', attributes: [text('user.id', user)] }]);
  const packed = gzipSync(JSON.stringify(body));
  const headers = { 'content-encoding': 'gzip', origin: 'https://shop.example' };
  const answer = await send(packed, { headers, to: '/otlp/v1/logs' });
  assert.equal(answer.text, '{}');
  assert.equal(answer.headers['access-control-allow-origin'], 'https://shop.example');
  assert.equal((await events(user)).length, 1);
});

test('the real exporter, through a bad network: everything stored, once', async () => {
  const faults: Fault[] = [429, 'lost', 503, 'cut'];
  const proxy = await FaultProxy.open(server.port, faults);
  try {
    const exporter = new OTLPLogExporter({
      url: `${proxy.url}${path}`,
      headers: { authorization: `Bearer ${write}` },
    });
    const processor = new BatchLogRecordProcessor({ exporter });
    const resource = resourceFromAttributes({ 'service.name': 'back-office' });
    const provider = new LoggerProvider({ resource, processors: [processor] });
    const logger = provider.getLogger('orders', '2.0');
    const user = fresh('exporter');
    for (const n of [0, 1, 2]) {
      const attributes = { 'enduser.id': user, n, 'order.lines': ['a', 'b'] };
      logger.emit({
        eventName: 'order.packed',
        attributes,
        timestamp: new Date(1763740000000 + n),
      });
    }
    await provider.forceFlush();
    await provider.shutdown();
    const stored = await events(user);
    assert.deepEqual(
      stored.map(({ data }) => data!['n']),
      [2, 1, 0],
    );
    assert.deepEqual(
      stored.map((each) => each.time),
      [2, 1, 0].map((n) => 1763740000000 + n),
    );
    for (const { data, source, type } of stored) {
      assert.deepEqual([type, source], ['order.packed', 'back-office']);
      assert.deepEqual(data!['order'], { lines: ['a', 'b'] });
    }
    assert.deepEqual(proxy.done, [...faults, 'good']);
  } finally {
    await proxy.close();
  }
});
