/** What the server itself puts on the tape of merges and links: it fits, names nobody, and stops no start. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { numberedKey, outboxKind } from '../src/identity/node.ts';
import { KeyedStore } from '../src/store/keyed.ts';
import { identitiesFile } from '../src/tape/layout.ts';
import { identity, linkEvents, merge, own, send, unmerge } from './support/people.ts';
import { startServer, temporaryDirectory } from './support/server.ts';
import { ask, count, fresh, startTwo, store, tapeIds, until } from './support/session.ts';
import { traces } from './support/traces.ts';

const at = 1_763_740_000_000;

function event(customer: string, id: string): object {
  return { id, customer, type: 'T', time: at };
}

test('a merge of the most and longest names is on the tape, and the server starts again', async (t) => {
  const data = temporaryDirectory();
  t.after(() => rmSync(data, { recursive: true, force: true }));
  let place = await startTwo({ data });
  t.after(() => place.kill());
  const names = count(100).map((n) => '"'.repeat(247) + String(n).padStart(3, '0'));
  await store(place, [event('stays', 's')]);
  const { customer, identities } = await merge(place, { into: 'stays', from: names });
  assert.deepEqual([customer, identities.length], ['stays', 101]);
  const records = await linkEvents(place, 'stays');
  assert.equal(records.length, 100);
  for (const { data } of records) assert.equal(data?.['identities'], 1);
  assert.equal(new Set(records.map(({ data }) => data?.['member'])).size, records.length);
  await place.kill();
  place = await startTwo({ data });
  assert.deepEqual(await linkEvents(place, 'stays'), records);
});

test('a record that can never be written is dropped, and the others are stored', async (t) => {
  const data = temporaryDirectory();
  t.after(() => rmSync(data, { recursive: true, force: true }));
  let place = await startTwo({ data });
  t.after(() => place.kill());
  await store(place, [event('c', 'e')]);
  await place.stop();
  const facts = { customer: 'c', type: 'tapeline.merge' };
  const events = [
    { ...facts, id: 'tapeline.merge/90001', time: at, data: { from: 'x'.repeat(40_000) } },
    // The clock was set back since.
    { ...facts, id: 'tapeline.merge/90002', time: Date.now() + 3 * 86_400_000, data: {} },
    { ...facts, id: 'tapeline.merge/90003', time: at, data: {} },
  ];
  const records = events.map((each, n) => {
    return { number: 90_001 + n, workspace: 1, event: JSON.stringify(each) };
  });
  const row = { number: 90_003, records };
  const key = numberedKey(outboxKind, row.number);
  const kept = new KeyedStore(join(data, identitiesFile));
  await kept.commit([[key, Buffer.from(JSON.stringify(row))]]);
  await kept.close();
  place = await startTwo({ data });
  await until(async () => (await linkEvents(place, 'c')).length > 0);
  assert.deepEqual(
    (await linkEvents(place, 'c')).map(({ id }) => id),
    ['tapeline.merge/90003'],
  );
  await until(async () => place.log().split('what the server says is dropped').length === 3);
  // It is done with, as whoever starts next finds.
  await store(place, [{ ...event('c2', 'l'), previous: 'cookie:2' }]);
  await place.stop();
  const after = new KeyedStore(join(data, identitiesFile));
  assert.equal(after.get(key), undefined);
  await after.close();
});

test('no record names another: an erased name is in no file, whoever it was merged with', async (t) => {
  const place = await startServer({ env: { TAPELINE_ERASURE_MINUTES: '1440' } });
  t.after(() => place.stop());
  const other = fresh('other');
  const gone = [fresh('merged, erased'), fresh('survivor, erased'), `cookie:${fresh('erased')}`];
  const [merged, survivor, cookie] = gone as [string, string, string];
  await store(place, [event(other, 'o'), event(merged, 'm'), event(survivor, 's')]);
  await merge(place, { into: other, from: [merged] });
  await unmerge(place, merged);
  await merge(place, { into: survivor, from: [other] });
  await unmerge(place, other);
  await send(place, 'link', { from: cookie, to: other });
  await unmerge(place, cookie);
  assert.equal((await identity(place, other)).identities.length, 1);
  for (const name of gone) {
    const path = `/v1/customers/${encodeURIComponent(name)}?now=1`;
    const { status } = await ask(place, path, { method: 'DELETE', key: place.keys.admin });
    assert.equal(status, 200);
  }
  assert.deepEqual(await traces(place.data, gone), []);
  assert.deepEqual(own(await tapeIds(place, other)), ['o']);
  assert.equal((await linkEvents(place, other)).length, 5);
});
