/** Distances between places. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isPlace, isWithin, metersBetween, milesBetween } from '../src/journeys/place.ts';

const london = { latitude: 51.5074, longitude: -0.1278 };
const paris = { latitude: 48.8566, longitude: 2.3522 };
const sydney = { latitude: -33.8688, longitude: 151.2093 };
const singapore = { latitude: 1.3521, longitude: 103.8198 };

test('great circles have their published lengths', () => {
  assert.equal(metersBetween(london, paris).toFixed(3), '343556.533');
  assert.equal(metersBetween(sydney, singapore).toFixed(3), '6306259.395');
  assert.equal(metersBetween(paris, london), metersBetween(london, paris));
  assert.equal(metersBetween(london, london), 0);
});

test('the other side of the world is half of its girth away, and the date line is no border', () => {
  const here = { latitude: 12, longitude: 170 };
  const antipode = { latitude: -12, longitude: -10 };
  assert.ok(Math.abs(metersBetween(here, antipode) - Math.PI * 6_371_008.7714) < 1);
  const west = { latitude: 0, longitude: -179.9 };
  const east = { latitude: 0, longitude: 179.9 };
  assert.ok(milesBetween(west, east) < 14);
});

test('within is inclusive, and what is not known is within nothing', () => {
  const miles = milesBetween(london, paris);
  assert.equal(isWithin(london, paris, miles + 1e-9), true);
  assert.equal(isWithin(london, london, 0), true);
  assert.equal(isWithin(london, paris, miles - 0.001), false);
  assert.equal(isWithin(undefined, paris, 1e9), false);
  assert.equal(isWithin(london, undefined, 1e9), false);
});

test('degrees have their ranges', () => {
  assert.equal(isPlace({ latitude: 90, longitude: -180 }), true);
  assert.equal(isPlace({ latitude: 90.1, longitude: 0 }), false);
  assert.equal(isPlace({ latitude: 0, longitude: Number.NaN }), false);
});
