/** The pairs of which nothing is left to be done: found again, apart from those of others, and bounded. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SettledPairs } from '../src/ingest/settled.ts';
import { systemClock } from '../src/std/clock.ts';

const always = { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY };
const forever = Number.POSITIVE_INFINITY;
const time = 1_000;

function name(pairs: SettledPairs, customer: string, previous: string): boolean {
  const [one, other] = [Buffer.from(customer), Buffer.from(previous)];
  pairs.first(one, 0, one.length);
  return pairs.second(other, 0, other.length);
}

test('pairs are found again in their scope and span alone', () => {
  const pairs = new SettledPairs();
  name(pairs, 'Ann', 'cookie-1');
  assert.equal(pairs.find(2, time, systemClock), undefined);
  pairs.add(2, { from: 500, to: 1_500 }, forever);
  assert.equal(pairs.find(2, 500, systemClock), 'inForce');
  assert.equal(pairs.find(2, 499, systemClock), undefined);
  assert.equal(pairs.find(2, 1_500, systemClock), undefined);
  assert.equal(pairs.find(3, time, systemClock), undefined);
  pairs.add(3, always, systemClock.now() + 60_000);
  assert.equal(pairs.find(3, time, systemClock), 'refused');
  pairs.add(3, always, systemClock.now() - 1);
  assert.equal(pairs.find(3, time, systemClock), undefined);
  // The same bytes, divided otherwise; and others that end in zeros.
  for (const [customer, previous] of [
    ['Annc', 'ookie-1'],
    ['Ann', 'cookie-1\0'],
    ['Ann', 'cookie-'],
    ['Ann', ''],
  ] as const) {
    name(pairs, customer, previous);
    assert.equal(pairs.find(2, time, systemClock), undefined, `${customer} ${previous}`);
  }
  assert.equal(name(pairs, 'x'.repeat(48), 'y'.repeat(48)), true);
  assert.equal(name(pairs, 'x'.repeat(48), 'y'.repeat(49)), false);
  pairs.clear();
  name(pairs, 'Ann', 'cookie-1');
  assert.equal(pairs.find(2, time, systemClock), undefined);
});

test('one more takes no place of another while there is room', () => {
  const pairs = new SettledPairs();
  const count = 30_000;
  for (let n = 0; n < count; n++) {
    name(pairs, `customer-${n}`, `cookie-${n}`);
    pairs.add(2, always, forever);
  }
  let found = 0;
  for (let n = 0; n < count; n++) {
    name(pairs, `customer-${n}`, `cookie-${n}`);
    if (pairs.find(2, time, systemClock) === 'inForce') found += 1;
  }
  assert.ok(found > 0.99 * count, `${found} of ${count}`);
});

test('many more than there are places push others out, and the newest is there', () => {
  const pairs = new SettledPairs();
  for (let n = 0; n < 300_000; n++) {
    name(pairs, `customer-${n}`, '');
    pairs.add(2, always, forever);
    if (n % 1_000 === 0) assert.equal(pairs.find(2, time, systemClock), 'inForce');
  }
});
