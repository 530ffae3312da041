/** The demo's customers behave: visits are attributed at login, and a seed plays the same store. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeHistory } from '../scripts/demo/history.ts';
import { makeCustomer } from '../scripts/demo/shop.ts';
import { basicView } from '../scripts/demo/view.ts';
import { openVisitor, step } from '../scripts/demo/visits.ts';
import type { Event } from '../src/client/types.ts';
import { seededRandom } from '../src/std/random.ts';

function playAlone(seed: number, count: number): Event[] {
  const random = seededRandom(seed);
  const visitor = openVisitor(makeCustomer(0, random));
  return Array.from({ length: count }, () => step(visitor, random));
}

test('the same seed plays the same store, another seed another', () => {
  assert.deepEqual(playAlone(7, 500), playAlone(7, 500));
  assert.notDeepEqual(playAlone(7, 500), playAlone(8, 500));
});

test('a login names the customer and the identity the visit had', () => {
  let identity: string | undefined;
  let logins = 0;
  for (const event of playAlone(3, 5_000)) {
    if (event.type === 'Login') {
      assert.equal(event.customer, 'c1001');
      assert.equal(event.previous, identity);
      logins += 1;
    } else {
      assert.equal(event.previous, undefined);
    }
    const isAnonymous = event.customer !== 'c1001';
    if (isAnonymous) assert.match(event.customer, /^(cookie:[0-9a-f]{12}|ip:198\.18\.\d+\.\d+)$/);
    if (event.type === 'Purchased') assert.ok(!isAnonymous, 'bought without a login');
    identity = isAnonymous ? event.customer : undefined;
  }
  assert.ok(logins > 100, `${logins} logins`);
});

test('every kind of event of the example view happens, and the history fills every row', () => {
  const random = seededRandom(1);
  const history = makeHistory([makeCustomer(0, random)], 1_700_000_000_000, random);
  for (const events of [playAlone(1, 5_000), history]) {
    const types = new Set(events.map(({ type }) => type));
    for (const { event } of basicView) assert.ok(types.has(event), `no ${event}`);
  }
  assert.equal(new Set(history.map(({ id }) => id)).size, history.length);
});

test('the example view has its ten rows', () => {
  const rows = basicView.map(
    ({ name, event, attribute = '', limit = '-', lookback, type }) =>
      `${name} | ${event}/${attribute} | ${limit} | ${lookback} | ${type}`,
  );
  assert.deepEqual(rows, [
    'Name | Profile/Name | 1 | 365d | value',
    'City | Profile/City | 2 | 365d | value',
    'Phone | Profile/Phone | 3 | 365d | value',
    'Items in Cart | Add To Cart/SKU | - | 7d | count',
    'Products | Purchased/Product | 3 | 90d | value',
    'Interested | Click/Page-Title | 1 | 1d | value',
    'Calls | Call Wrap/* | 4 | 30d | value',
    'Emails | Email Received/Text | 4 | 30d | value',
    'Chats | Chat Wrap/Transcript | 4 | 30d | value',
    'Activity | Login/ | - | 30d | sum',
  ]);
});
