/** What is written to harm: odd items between good ones at every door, and bodies that make much of little. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { eventBytesMax } from '../src/event/envelope.ts';
import { doorBytesMax, doorItemsMax } from '../src/ingest/wire/store.ts';
import { type Answer, ask, count, fresh, startTwo, tape, tapeIds } from './support/session.ts';

const server = await startTwo();
after(() => server.stop());
const { admin, write } = server.keys;

const depth = 20_000;
const deep = `${'['.repeat(depth)}1${']'.repeat(depth)}`;
/** JSON, each of which some reader stumbles over; with a number that keeps its digits, too. */
const odd = [
  '7',
  'null',
  '{"toString":1,"valueOf":1}',
  `{"deep":${deep}}`,
  `{"deep":${deep},"long":12345678901234567890}`,
  deep,
];

interface HostileDoor {
  readonly name: string;
  readonly path: string;
  readonly type: string;
  /** An item as JSON that says `value` where it can say anything. */
  item(customer: string, id: string, value: string): string;
  /** The same, said where something simple is expected. */
  strange(customer: string, value: string): string;
  body(items: readonly string[]): string;
  /** The indexes that were refused; the first at least. */
  refused(answer: Answer): number[];
}

function byIndex({ json }: Answer): number[] {
  const { rejected = [] } = (json ?? {}) as { rejected?: { index: number }[] };
  return rejected.map(({ index }) => index);
}

const doors: readonly HostileDoor[] = [
  {
    name: 'Segment',
    path: '/v1/batch',
    type: 'application/json',
    item: (user, id, value) =>
      `{"type":"track","event":"E","userId":"${user}","messageId":"${id}","properties":{"v":${value}}}`,
    strange: (user, value) =>
      `{"type":"track","event":${value},"userId":"${user}","messageId":${value},"timestamp":${value}}`,
    body: (items) => `{"batch":[${items.join(',')}]}`,
    refused: byIndex,
  },
  {
    name: 'CloudEvents',
    path: '/v1/cloudevents',
    type: 'application/cloudevents-batch+json',
    item: (user, id, value) =>
      `{"specversion":"1.0","type":"E","source":"s","id":"${id}","subject":"${user}","data":{"v":${value}}}`,
    strange: (user, value) =>
      `{"specversion":"1.0","type":"E","source":${value},"id":"x","subject":"${user}"}`,
    body: (items) => `[${items.join(',')}]`,
    refused: byIndex,
  },
  {
    name: 'Snowplow',
    path: '/com.snowplowanalytics.snowplow/tp2',
    type: 'application/json',
    item: (user, id, value) => `{"e":"pv","eid":"${id}","uid":"${user}","v":${value}}`,
    strange: (user, value) => `{"e":${value},"eid":"x","uid":"${user}","co":${value}}`,
    body: (items) => `{"data":[${items.join(',')}]}`,
    refused: byIndex,
  },
  {
    name: 'OTLP',
    path: '/v1/logs',
    type: 'application/json',
    item: (user, id, value) =>
      `{"eventName":"E","attributes":[{"key":"user.id","value":{"stringValue":"${user}"}},{"key":"log.record.uid","value":{"stringValue":"${id}"}}],"severityNumber":${value}}`,
    strange: (_user, value) => `{"eventName":"E","attributes":{"v":${value}}}`,
    body: (items) => `{"resourceLogs":[{"scopeLogs":[{"logRecords":[${items.join(',')}]}]}]}`,
    refused({ json }) {
      const { partialSuccess } = json as { partialSuccess?: { errorMessage: string } };
      const index = /^record (\d+):/.exec(partialSuccess?.errorMessage ?? '')?.[1];
      return index === undefined ? [] : [Number(index)];
    },
  },
];

for (const door of doors) {
  test(`${door.name}: an odd item between two good ones harms neither`, async () => {
    for (const value of odd) {
      const user = fresh('user');
      const bad = [value, door.strange(user, value), door.item(user, 'odd', value)];
      for (const [n, each] of bad.entries()) {
        const items = [
          door.item(user, `a${n}`, '1'),
          each,
          door.item(user, `b${n}`, '98765432109876543210'),
        ];
        const answer = await ask(server, door.path, {
          key: write,
          type: door.type,
          body: door.body(items),
        });
        const what = `${value.slice(0, 40)} as ${n}: ${answer.text.slice(0, 200)}`;
        assert.equal(answer.status, 200, what);
        const isHarmless = n === 2 && value.length < 100;
        assert.deepEqual(door.refused(answer), isHarmless ? [] : [1], what);
        const ids = await tapeIds(server, user);
        // That of a CloudEvent begins with its source.
        assert.ok(
          [`a${n}`, `b${n}`].every((id) => ids.some((each) => each.endsWith(id))),
          what,
        );
      }
    }
  });
}

test('sources: an odd item between two good ones harms neither', async () => {
  const event = { id: '{id}', customer: '{user}', type: 'E', data: { fields: { v: '{v}' } } };
  const made = await ask(server, '/v1/sources/odd', { method: 'PUT', key: admin, body: { event } });
  assert.equal(made.status, 201, made.text);
  for (const value of odd) {
    const user = fresh('mapped');
    const item = (id: string, v: string): string => `{"id":"${id}","user":"${user}","v":${v}}`;
    for (const each of [value, item('odd', value)]) {
      const body = `[${[item('a', '1'), each, item('b', '98765432109876543210')].join(',')}]`;
      const answer = await ask(server, '/v1/sources/odd/events', {
        key: write,
        type: 'application/json',
        body,
      });
      const what = `${value.slice(0, 40)}: ${answer.text.slice(0, 200)}`;
      assert.equal(answer.status, 200, what);
      const ids = await tapeIds(server, user);
      assert.ok(ids.includes('a') && ids.includes('b'), what);
    }
  }
});

test('who sends no good key learns that, whatever else is in the body', async () => {
  const bad = '{"aid":"nobody","e":"pv","x":{"toString":1}}';
  for (const body of [`{"data":[${bad}]}`, `{"data":[${bad},${deep}]}`, `{"data":[${deep}]}`]) {
    const answer = await ask(server, '/com.snowplowanalytics.snowplow/tp2', { body });
    assert.equal(answer.status, 401, answer.text);
  }
});

test('Snowplow: what is no text is kept as its JSON', async () => {
  const uid = fresh('values');
  const payload = { e: 'pv', eid: 1, uid, url: { a: [1] }, tv: true, res: [1, { b: null }] };
  const answer = await ask(server, '/com.snowplowanalytics.snowplow/tp2', {
    key: write,
    body: { data: [payload] },
  });
  assert.equal(answer.text, 'ok');
  const { data, id } = (await tape(server, uid)).events[0]!;
  assert.deepEqual([id, data!['url']], ['1', '{"a":[1]}']);
  assert.deepEqual(data!['sp'], { tv: 'true', res: '[1,{"b":null}]' });
});

test('OTLP: a key of many steps stays as it is, and one of millions is refused alone', async () => {
  const user = fresh('steps');
  const record = (...keys: string[]): string =>
    JSON.stringify({
      eventName: 'E',
      attributes: ['user.id', ...keys].map((key) => ({ key, value: { stringValue: user } })),
    });
  const [most, more] = ['a.'.repeat(15), 'a.'.repeat(16)];
  const long = `${'x'.repeat(300)}.y`;
  const items = [record(`${most}b`, `${more}b`, long), record('a.'.repeat(500_000)), record('c.d')];
  const otlp = doors.find(({ name }) => name === 'OTLP')!;
  const answer = await ask(server, otlp.path, {
    key: write,
    type: otlp.type,
    body: otlp.body(items),
  });
  assert.equal(answer.status, 200, answer.text);
  assert.match(answer.text, /"rejectedLogRecords":"1","errorMessage":"record 1: too_large/);
  const events = (await tape(server, user)).events.map(({ data }) => data!);
  const first = events.find((data) => `${more}b` in data)!;
  assert.equal(first[long], user);
  let level: unknown = first;
  for (const step of `${most}b`.split('.')) level = (level as Record<string, unknown>)[step];
  assert.equal(level, user);
  assert.ok(events.some(({ c }) => (c as { d?: string } | undefined)?.d === user));
});

test('a body that says once what thousands of events repeat is stored as far as a body may come to', async () => {
  const user = fresh('much');
  const value = 'x'.repeat(eventBytesMax - 1000);
  const most = Math.ceil(doorBytesMax / value.length);
  const attributes = [{ key: 'pad', value: { stringValue: value } }];
  const logRecords = count(most + 100).map((n) => ({
    eventName: 'E',
    attributes: [
      { key: 'user.id', value: { stringValue: user } },
      { key: 'log.record.uid', value: { stringValue: `r${n}` } },
    ],
  }));
  const body = { resourceLogs: [{ resource: { attributes }, scopeLogs: [{ logRecords }] }] };
  const answer = await ask(server, '/v1/logs', { key: write, body });
  assert.equal(answer.status, 200);
  const told = answer.json as {
    partialSuccess: { rejectedLogRecords: string; errorMessage: string };
  };
  const refused = Number(told.partialSuccess.rejectedLogRecords);
  assert.ok(refused >= 100 && refused < 200, `${refused} were refused`);
  assert.match(told.partialSuccess.errorMessage, /too_large: the events of one body/);
});

test('a body of too many items is refused as a whole', async () => {
  const body = `[${'0,'.repeat(doorItemsMax)}0]`;
  const answer = await ask(server, '/v1/cloudevents', {
    key: write,
    type: 'application/cloudevents-batch+json',
    body,
  });
  assert.deepEqual([answer.status, answer.code], [413, 'too_large']);
});
