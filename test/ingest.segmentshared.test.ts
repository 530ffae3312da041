/** What a batch of Segment says for all its messages: mixed in, and never multiplied. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventBytesMax } from '../src/event/envelope.ts';
import { readSegmentBatch } from '../src/ingest/wire/segment.ts';
import { made, type WireItem } from '../src/ingest/wire/store.ts';

const arrival = { nowMs: Date.UTC(2026, 10, 30, 12) };
const track = { type: 'track', event: 'Bought', userId: 'u1', messageId: 'm1' };

function batchOf(body: unknown): WireItem[] {
  return readSegmentBatch(body, arrival).map(made);
}

function one(message: object, shared: object = {}): WireItem {
  return batchOf({ batch: [message], ...shared })[0]!;
}

test('a batch speaks for messages that do not speak for themselves', () => {
  const shared = { context: { app: { name: 'x' }, ip: '1' }, integrations: { All: true } };
  const event = one({ ...track, context: { ip: '2' }, integrations: { A: false } }, shared);
  assert.ok(!('refused' in event));
  assert.deepEqual(event.data, {
    context: { app: { name: 'x' }, ip: '2' },
    integrations: { All: true, A: false },
  });
});

test('what a batch says is measured once, and too much of it is copied into no message', () => {
  let reads = 0;
  const counted = (members: object): object =>
    new Proxy(members, {
      ownKeys(target) {
        reads += 1;
        return Reflect.ownKeys(target);
      },
    });
  const large = { pad: 'x'.repeat(eventBytesMax) };
  for (const shared of [{ context: counted(large) }, { integrations: counted(large) }]) {
    reads = 0;
    const name = Object.keys(shared)[0]!;
    const batch = [...Array<object>(100).fill(track), { ...track, [name]: 'own' }];
    const items = batchOf({ batch, ...shared });
    assert.equal(reads, 1, 'measured');
    const codes = items.map((item) => ('refused' in item ? item.refused.code : 'event'));
    assert.deepEqual(codes, [...Array<string>(100).fill('too_large'), 'event']);
    assert.equal(items[0]!.id, 'm1');
  }
  const deep = JSON.parse(`${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`) as object;
  const [item] = batchOf({ batch: [track], context: deep });
  assert.ok('refused' in item!);
  assert.equal(item.refused.code, 'too_large');
});

test('what is no object is not mixed with what a batch says', () => {
  const event = one({ ...track, context: 'odd' }, { context: { ip: '1' } });
  assert.ok(!('refused' in event));
  assert.deepEqual(event.data, { context: 'odd' });
});
