/** Log records as events: what is the same for a group of them is made once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventBytesMax } from '../src/event/envelope.ts';
import { otlpItems } from '../src/ingest/wire/otlp.ts';
import { made, type WireItem } from '../src/ingest/wire/store.ts';

const text = (key: string, stringValue: string): object => ({ key, value: { stringValue } });
const record = { eventName: 'E', attributes: [text('user.id', 'u')] };

let reads = 0;
/** A list that counts how often it is gone through. */
function counted(list: readonly object[]): readonly object[] {
  return new Proxy(list, {
    get(target, name, self) {
      if (name === Symbol.iterator) reads += 1;
      return Reflect.get(target, name, self) as unknown;
    },
  });
}

function itemsOf(resource: readonly object[], scope: object, records: number): WireItem[] {
  const logRecords = Array<object>(records).fill(record);
  const group = { resource: { attributes: resource }, scopeLogs: [{ scope, logRecords }] };
  return otlpItems({ resourceLogs: [group] }).map(made);
}

test('resource and scope are read once, however many records they have', () => {
  reads = 0;
  const scope = { name: 's', attributes: counted([text('c', 'd')]) };
  const items = itemsOf(counted([text('a', 'b')]), scope, 100);
  assert.equal(reads, 2);
  const otels = items.map((item) => ('refused' in item ? undefined : item.data!['otel']));
  for (const otel of otels as { resource: object; scope: object }[]) {
    assert.deepEqual(otel.resource, { a: 'b' });
    assert.deepEqual(otel.scope, { name: 's', version: undefined, attributes: { c: 'd' } });
    assert.equal(otel.resource, (otels[0] as typeof otel).resource, 'one and the same');
  }
  assert.equal(new Set(items.map(({ id }) => id)).size, 100);
});

test('records of other resources and scopes are other events', () => {
  const ids = [
    itemsOf([], {}, 1),
    itemsOf([text('a', 'b')], {}, 1),
    itemsOf([text('a', 'c')], {}, 1),
    itemsOf([], { name: 's' }, 1),
  ].map(([item]) => item!.id);
  assert.equal(new Set(ids).size, 4);
  assert.equal(itemsOf([text('a', 'b')], {}, 1)[0]!.id, ids[1]);
});

test('a group that no event could carry is refused record by record, and none of them read', () => {
  const large = text('pad', 'x'.repeat(eventBytesMax));
  for (const [resource, scope] of [
    [[large], {}],
    [[], { name: 's', attributes: [large] }],
  ] as const) {
    reads = 0;
    const items = itemsOf(counted(resource), scope, 50);
    assert.equal(reads, 1);
    assert.equal(items.length, 50);
    for (const item of items) {
      assert.ok('refused' in item);
      assert.equal(item.refused.code, 'too_large');
    }
  }
});

test('a resource that cannot be read is for its own records to answer for', () => {
  const bad = { resource: { attributes: {} }, scopeLogs: [{ logRecords: [record] }] };
  const good = { resource: { attributes: [] }, scopeLogs: [{ logRecords: [record] }] };
  const items = otlpItems({ resourceLogs: [good, bad, good] }).map(made);
  assert.deepEqual(
    items.map((item) => 'refused' in item),
    [false, true, false],
  );
});
