/** The stories of `npm run demo`, each on a real server: what is told is what is on the tape. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Stage } from '../scripts/demo/stage.ts';
import { stories } from '../scripts/demo/stories/all.ts';
import { systemClock } from '../src/std/clock.ts';
import { startTwo } from './support/session.ts';

const server = await startTwo();
after(() => server.stop());

interface Told {
  readonly seconds: number;
  readonly who: string;
  readonly what: string;
}

const silentSeconds = 2;

async function told(name: string): Promise<readonly Told[]> {
  const lines: Told[] = [];
  const stage = new Stage({
    url: server.url,
    key: server.keys.admin,
    clock: systemClock,
    silentSeconds,
    tell: (line) => lines.push(line),
  });
  try {
    await stories[name]!.play(stage);
  } finally {
    stage.close();
  }
  return lines;
}

/** The lines in order, each begun by who, and with these words. */
function assertTold(
  lines: readonly Told[],
  expected: readonly (readonly [who: string, what: RegExp])[],
): void {
  const text = lines.map(({ who, what }) => `${who} ${what}`).join('\n');
  assert.deepEqual(
    lines.map(({ who }) => who),
    expected.map(([who]) => who),
    text,
  );
  for (const [index, [, what]] of expected.entries()) assert.match(lines[index]!.what, what);
}

test('insurance: a quote stalls, and the nearest licensed agent takes the walk-in', async () => {
  const lines = await told('insurance');
  assertTold(lines, [
    ['agents', /Ann .* Bob .* Cam/],
    ['customer', /step 4/],
    ['page', /Shall we go through it together/],
    ['Ann', /Honda Civic for 840 dollars.* 2\.9 miles away; the customer is at step 4 \(Price\)/],
    ['Ann', /Vehicle: Honda Civic, Price: 840/],
    ['Ann', /accepts, and meets at https:\/\/meet\.example\/\S+\?with=Ann%20Lee$/],
    ['page', /invites to https:\/\/meet\.example\/\S+\?with=Ann%20Lee with Ann Lee/],
    ['server', /delivered, outcome “policy sold”/],
  ]);
  const [, stalled, shown] = lines;
  assert.ok(shown!.seconds - stalled!.seconds >= silentSeconds - 0.1, 'not before the time is up');
});

test('bank: a checking customer who read about car loans reaches who knows them', async () => {
  assertTold(await told('bank'), [
    ['agents', /Eve .* Joe/],
    ['customer', /checking account/],
    ['customer', /calls/],
    ['Joe', /A checking customer calls.*past the menu/],
    ['Joe', /accepts/],
    ['server', /demo-joe completed it, “loan application sent”/],
  ]);
});

test('mortgage: an upload fails on iOS, marketing is suppressed, the customer is told', async () => {
  assertTold(await told('mortgage'), [
    ['customer', /fails on an iPhone/],
    ['page', /We are on it/],
    ['customer', /rates/],
    ['server', /refinance offer: suppressed$/],
    ['customer', /after the fix/],
    ['page', /Refinance/],
  ]);
});

test('telecom: a device was never activated: help instead of an accessory offer', async () => {
  assertTold(await told('telecom'), [
    ['customer', /does not activate/],
    ['customer', /shop/],
    ['server', /accessory offer: suppressed$/],
    ['page', /Need a hand/],
    ['customer', /activates/],
    ['page', /A case for your new phone/],
  ]);
});
