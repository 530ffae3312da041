/** Messages of Segment and RudderStack as native events: what goes where, and that nothing is lost. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readJson, writeJson } from '../src/ingest/wire/json.ts';
import {
  type Arrival,
  batchMessagesMax,
  readSegmentBatch,
  readSegmentMessage,
  type SegmentCall,
  segmentCalls,
  writeKeyOf,
} from '../src/ingest/wire/segment.ts';
import { readSegmentPixel } from '../src/ingest/wire/segmentpixel.ts';
import { resendSkewMsMin, skewMsMin } from '../src/ingest/wire/segmenttime.ts';
import { made, type WireEvent, type WireItem } from '../src/ingest/wire/store.ts';

const nowMs = Date.UTC(2026, 10, 30, 12);

function iso(time: number): string {
  return new Date(time).toISOString();
}

/** Without the members that are undefined. */
function plain(item: WireItem | undefined): unknown {
  return JSON.parse(JSON.stringify(item)) as unknown;
}

/** The items of a batch, all made. */
function batchOf(body: unknown, arrival: Arrival): WireItem[] {
  return readSegmentBatch(body, arrival).map(made);
}

function one(message: object, shared: object = {}): WireItem {
  const [item] = batchOf({ batch: [message], ...shared }, { nowMs });
  return item!;
}

const track = { type: 'track', event: 'Bought', userId: 'u1', messageId: 'm1' };

const mappings: readonly [title: string, message: object, event: object][] = [
  [
    'a track is what was done',
    {
      ...track,
      anonymousId: 'a1',
      timestamp: '2026-11-30T11:00:00.000Z',
      properties: { sku: 'x', price: 1.5 },
      context: { library: { name: 'analytics-python', version: '2' }, channel: 'server' },
      integrations: { All: false },
    },
    {
      id: 'm1',
      customer: 'u1',
      previous: 'anonymous:a1',
      type: 'Bought',
      time: nowMs - 3_600_000,
      channel: 'server',
      source: 'analytics-python',
      data: {
        properties: { sku: 'x', price: 1.5 },
        context: { library: { name: 'analytics-python', version: '2' }, channel: 'server' },
        integrations: { All: false },
      },
    },
  ],
  [
    'an identify links the visitor',
    { type: 'identify', userId: 'u1', anonymousId: 'a1', traits: { email: 'a@b' } },
    {
      customer: 'u1',
      previous: 'anonymous:a1',
      type: 'identify',
      data: { traits: { email: 'a@b' } },
    },
  ],
  [
    'a visitor without a user is the customer',
    { type: 'identify', userId: null, anonymousId: 'a1' },
    { customer: 'anonymous:a1', type: 'identify' },
  ],
  [
    'a user and a visitor of one name are two identities',
    { type: 'identify', userId: 'x', anonymousId: 'x' },
    { customer: 'x', previous: 'anonymous:x', type: 'identify' },
  ],
  [
    'a page is on the web, and named in its data',
    { type: 'page', anonymousId: 'a1', name: 'Home', category: 'Docs' },
    {
      customer: 'anonymous:a1',
      type: 'page',
      channel: 'web',
      data: { name: 'Home', category: 'Docs' },
    },
  ],
  [
    'a screen is on a mobile device',
    { type: 'screen', userId: 'u1', name: 'Orders' },
    { customer: 'u1', type: 'screen', channel: 'mobile', data: { name: 'Orders' } },
  ],
  [
    'a context with a device is mobile, one with a page is the web',
    { ...track, context: { device: { id: 'd' }, page: { path: '/' } } },
    {
      id: 'm1',
      customer: 'u1',
      type: 'Bought',
      channel: 'mobile',
      data: { context: { device: { id: 'd' }, page: { path: '/' } } },
    },
  ],
  [
    'a group keeps its id',
    { type: 'group', userId: 'u1', groupId: 'g', traits: { size: 3 } },
    { customer: 'u1', type: 'group', data: { groupId: 'g', traits: { size: 3 } } },
  ],
  [
    'an alias links the identity before',
    { type: 'alias', userId: 'u1', previousId: 'a1', anonymousId: 'a2' },
    { customer: 'u1', previous: 'a1', type: 'alias', data: { anonymousId: 'a2' } },
  ],
  [
    'an alias of the visitor at hand links that one',
    { type: 'alias', userId: 'u1', previousId: 'a1', anonymousId: 'a1' },
    { customer: 'u1', previous: 'anonymous:a1', type: 'alias' },
  ],
  [
    'a merge of RudderStack links two typed identities',
    {
      type: 'merge',
      mergeProperties: [
        { type: 'email', value: 'a@b' },
        { type: 'mobile', value: '+1' },
      ],
    },
    {
      customer: 'email:a@b',
      previous: 'mobile:+1',
      type: 'merge',
      data: {
        mergeProperties: [
          { type: 'email', value: 'a@b' },
          { type: 'mobile', value: '+1' },
        ],
      },
    },
  ],
  ['ids may be numbers', { ...track, userId: 17 }, { id: 'm1', customer: '17', type: 'Bought' }],
  [
    'the channel that a message names comes first',
    { ...track, channel: 'kiosk', context: { channel: 'web' } },
    {
      id: 'm1',
      customer: 'u1',
      type: 'Bought',
      channel: 'kiosk',
      data: { context: { channel: 'web' } },
    },
  ],
  [
    'what is too long for the envelope stays in the data',
    { ...track, channel: 'c'.repeat(65) },
    { id: 'm1', customer: 'u1', type: 'Bought', data: { channel: 'c'.repeat(65) } },
  ],
  [
    'members that nobody knows are kept, the key is not',
    { ...track, writeKey: 'secret', _metadata: { nodeVersion: '20' }, version: 2 },
    {
      id: 'm1',
      customer: 'u1',
      type: 'Bought',
      data: { _metadata: { nodeVersion: '20' }, version: 2 },
    },
  ],
];

for (const [title, message, event] of mappings) {
  test(title, () => assert.deepEqual(plain(one(message)), event));
}

const refusals: readonly [title: string, message: unknown, expected: RegExp, id?: string][] = [
  ['a message that is no object', 'track', /object/],
  [
    'a message of no known type',
    { type: 'audiencelist', userId: 'u', messageId: 'm' },
    /type/,
    'm',
  ],
  ['a track without an event', { type: 'track', userId: 'u', messageId: 'm' }, /event/, 'm'],
  ['nobody', { type: 'page', messageId: 'm', userId: '', anonymousId: null }, /userId or/, 'm'],
  ['an alias of nothing', { type: 'alias', userId: 'u' }, /previousId/],
  ['a merge of one', { type: 'merge', mergeProperties: [{ type: 'a', value: 'b' }] }, /merge/],
  ['a merge of three', { type: 'merge', mergeProperties: [1, 2, 3] }, /merge/],
];

for (const [title, message, expected, id] of refusals) {
  test(`${title} is refused, its neighbours are not`, () => {
    const items = batchOf({ batch: [track, message, track] }, { nowMs });
    assert.deepEqual(
      items.map((item) => 'refused' in item),
      [false, true, false],
    );
    const item = items[1]!;
    assert.ok('refused' in item);
    assert.match(item.refused.message, expected);
    assert.equal(item.id, id);
  });
}

const hourMs = 3_600_000;

const times: readonly [title: string, members: object, time: number | undefined, kept: string[]][] =
  [
    ['no time at all', {}, undefined, []],
    ['a clock that is right', { timestamp: iso(nowMs - 5), sentAt: iso(nowMs) }, nowMs - 5, []],
    [
      'a request that took its time',
      { timestamp: iso(nowMs - hourMs), sentAt: iso(nowMs - skewMsMin) },
      nowMs - hourMs,
      [],
    ],
    [
      'a clock an hour behind',
      { timestamp: iso(nowMs - 3 * hourMs), sentAt: iso(nowMs - hourMs) },
      nowMs - 2 * hourMs,
      ['sentAt', 'timestamp'],
    ],
    [
      'a clock a day ahead',
      { timestamp: iso(nowMs + 24 * hourMs - 7), sentAt: iso(nowMs + 24 * hourMs) },
      nowMs - 7,
      ['sentAt', 'timestamp'],
    ],
    [
      'RudderStack names it otherwise',
      { originalTimestamp: iso(nowMs - 3 * hourMs), sentAt: iso(nowMs - hourMs) },
      nowMs - 2 * hourMs,
      ['originalTimestamp', 'sentAt'],
    ],
    [
      'one that was put right already',
      {
        originalTimestamp: iso(nowMs - 3 * hourMs),
        timestamp: iso(nowMs - hourMs),
        sentAt: iso(nowMs - 2 * hourMs),
      },
      nowMs - hourMs,
      ['originalTimestamp'],
    ],
    ['epoch milliseconds', { timestamp: nowMs - 9 }, nowMs - 9, []],
    [
      'more digits than the tape has are kept',
      { timestamp: '2026-11-30T11:59:59.123456Z' },
      nowMs - 877,
      ['timestamp'],
    ],
    ['nonsense', { timestamp: 'yesterday' }, undefined, ['timestamp']],
    ['before 1970', { timestamp: '1969-12-31T00:00:00Z' }, undefined, ['sentAt', 'timestamp']],
    ['two days ahead', { timestamp: iso(nowMs + 48 * hourMs) }, undefined, ['sentAt', 'timestamp']],
  ];

for (const [title, members, time, kept] of times) {
  test(`time: ${title}`, () => {
    // By the message and by its batch.
    const { sentAt, ...others } = { sentAt: iso(nowMs), ...members } as Record<string, unknown>;
    const items = [one({ ...track, ...others, sentAt }), one({ ...track, ...others }, { sentAt })];
    for (const item of items) {
      assert.ok(!('refused' in item));
      assert.equal(item.time, time);
      const names = Object.keys(item.data ?? {}).filter((name) => name !== 'sentAt');
      assert.deepEqual(
        names.sort(),
        kept.filter((name) => name !== 'sentAt'),
      );
      assert.equal(item.data?.['sentAt'] !== undefined, kept.includes('sentAt'));
    }
  });
}

test('a resend may carry the time of its first sending', () => {
  const timeAfter = (waitMs: number): unknown => {
    const times = { timestamp: iso(nowMs - hourMs), sentAt: iso(nowMs - waitMs) };
    const batch = [{ ...track, ...times }];
    return (batchOf({ batch }, { nowMs, isResend: true })[0] as WireEvent).time;
  };
  assert.equal(timeAfter(resendSkewMsMin), nowMs - hourMs);
  assert.equal(timeAfter(resendSkewMsMin + 1), nowMs - hourMs + resendSkewMsMin + 1);
});

test('the address of the sender is taken where the message wants it', () => {
  const ipOf = (context: object): unknown => {
    const message = { batch: [{ ...track, context }] };
    const [event] = batchOf(message, { nowMs, address: '192.0.2.1' });
    return ((event as WireEvent).data!['context'] as { ip?: string }).ip;
  };
  assert.equal(ipOf({ direct: true }), '192.0.2.1');
  assert.equal(ipOf({ direct: true, ip: '::1' }), '::1');
  assert.equal(ipOf({ direct: false }), undefined);
});

test('what a batch holds beyond its limit is refused by index', () => {
  const items = batchOf({ batch: Array(batchMessagesMax + 2).fill(track) }, { nowMs });
  const refused = items.flatMap((item, index) => ('refused' in item ? [index] : []));
  assert.deepEqual(refused, [batchMessagesMax, batchMessagesMax + 1]);
});

test('what is no batch or no message is malformed', () => {
  for (const body of [null, [], 'x', 1, {}, { batch: {} }]) {
    assert.throws(() => batchOf(body, { nowMs }), { code: 'malformed' });
  }
  for (const body of [null, [], 'x', 1]) {
    assert.throws(() => readSegmentMessage(body, 'track', { nowMs }), { code: 'malformed' });
  }
  assert.deepEqual(batchOf({ batch: [] }, { nowMs }), []);
});

test('the route says what a message is, whatever the message says', () => {
  for (const call of segmentCalls.filter((each) => each !== 'merge')) {
    const body = { ...track, type: 'nonsense', previousId: 'p', event: 'Bought' };
    const event = readSegmentMessage(body, call, { nowMs });
    assert.ok(!('refused' in event));
    assert.equal(event.type, call === 'track' ? 'Bought' : call);
  }
});

test('a resend may be stored under the visitor', () => {
  const both = { ...track, anonymousId: 'a1' };
  const formerly = (message: object, call: SegmentCall, isResend: boolean): unknown => {
    return (readSegmentMessage(message, call, { isResend, nowMs }) as WireEvent).formerly;
  };
  assert.equal(formerly(both, 'track', true), 'anonymous:a1');
  assert.equal(formerly(both, 'track', false), undefined);
  assert.equal(formerly(track, 'track', true), undefined);
  assert.equal(formerly({ ...both, previousId: 'p' }, 'alias', true), undefined);
});

test('the key is found in a body', () => {
  assert.equal(writeKeyOf({ writeKey: 'k' }), 'k');
  for (const body of [{}, { writeKey: 1 }, { writeKey: '' }, null]) {
    assert.equal(writeKeyOf(body), undefined);
  }
});

test('a query is a message', () => {
  const query =
    'writeKey=k&event=Mail+opened&anonymousId=%22a1%22&properties.campaign=spring' +
    '&properties.a.b=%C3%A9&__proto__.x=1';
  const event = readSegmentPixel(query, 'track', nowMs) as WireEvent;
  assert.deepEqual(plain(event), {
    customer: 'anonymous:a1',
    type: 'Mail opened',
    channel: 'web',
    data: JSON.parse('{"properties":{"campaign":"spring","a":{"b":"é"}},"__proto__":{"x":"1"}}'),
  });
});

test('numbers keep their digits', () => {
  const body = readJson(`{"batch":[{"type":"track","event":"e","userId":12345678901234567890,
    "properties":{"exact":9007199254740993,"price":1.10}}]}`);
  const [event] = batchOf(body, { nowMs });
  const text = writeJson(event);
  assert.match(text, /"customer":"12345678901234567890"/);
  assert.match(text, /"exact":9007199254740993/);
});

test('whatever a message holds is in its event', () => {
  const members = fc.dictionary(fc.string({ maxLength: 8 }), fc.jsonValue(), { maxKeys: 6 });
  const call = fc.constantFrom(...segmentCalls.filter((each) => each !== 'merge'));
  fc.assert(
    fc.property(members, members, call, (others, properties, type) => {
      const ids = { messageId: 'm', userId: 'u', anonymousId: 'a', previousId: 'p' };
      const event = one({ ...others, ...ids, type, event: 'e', properties });
      assert.ok(!('refused' in event));
      const { customer, id, previous } = event;
      const isAlias = type === 'alias';
      assert.deepEqual([id, customer, previous], ['m', 'u', isAlias ? 'p' : 'anonymous:a']);
      const kept = {
        ...others,
        properties,
        ...(isAlias ? { anonymousId: 'a' } : { previousId: 'p' }),
        ...(type !== 'track' && { event: 'e' }),
      };
      assert.deepEqual(event.data, kept);
    }),
  );
});
