/** Entering and leaving an audience is said on the tape, once for each change, whatever is cut off or lost meanwhile. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, beforeEach, test } from 'node:test';
import type { JourneyMap } from '../src/journeys/definition.ts';
import { typeOfAudience } from '../src/journeys/words.ts';
import { EnginePlay } from './support/engineplay.ts';

const root = mkdtempSync(join(tmpdir(), 'tapeline-announce-'));
after(() => rmSync(root, { recursive: true }));

const hour = 3_600_000;
const map: JourneyMap = {
  entry: [{ event: 'Z' }],
  stages: [{ name: 's', steps: [{ name: 'a' }] }],
  audiences: {
    caller: { performed: 'Call', times: 2, within: '3h' },
    quiet: { performed: 'Call', within: '1h' },
  },
  announces: ['caller'],
};

let play: EnginePlay;
beforeEach(async () => {
  play = await EnginePlay.open(mkdtempSync(join(root, 'life-')), 1, map, {});
  play.start();
  await play.rest();
});
afterEach(() => play.close());

/** Of a customer: what was said, and how long after the first such. */
function said(customer: string): string[] {
  const found = play.tape.filter((event) => event.type === typeOfAudience);
  return found
    .filter((event) => event.customer === customer)
    .map(({ data }) => `${data['journey']} ${data['audience']} ${data['change']}`);
}

async function call(customer: string, time?: number): Promise<void> {
  await play.store([{ customer, type: 'Call', ...(time !== undefined && { time }) }]);
  await play.rest();
}

test('who enters by an event and leaves as time passes is told of, at that time; others are not', async () => {
  await call('ann');
  await call('bob');
  assert.deepEqual(said('ann'), []);
  await play.pass(hour);
  await call('ann');
  assert.deepEqual(said('ann'), ['m caller enter']);
  // The first of the two is three hours old, and no older.
  await play.pass(2 * hour);
  assert.deepEqual(said('ann'), ['m caller enter']);
  await play.pass(1000);
  assert.deepEqual(said('ann'), ['m caller enter', 'm caller leave']);
  await call('ann');
  assert.deepEqual(said('ann').slice(2), ['m caller enter']);
  await play.pass(9 * hour);
  assert.deepEqual(said('ann').slice(3), ['m caller leave']);
  assert.deepEqual(said('bob'), []);
  assert.deepEqual(play.state('ann')!.deliveries, []);
});

test('what could not be said, or was not heard of, is said once by the next life, and by one that is made anew', async () => {
  play.refused = 1;
  await call('ann');
  await call('ann');
  await play.written();
  await play.cut(false);
  play.refused = 0;
  play.unheard = 1;
  play.start();
  await play.rest();
  await play.pass(1000);
  assert.deepEqual(said('ann'), ['m caller enter']);
  await play.cut(true);
  play.unheard = 0;
  play.start();
  await play.rest();
  await play.pass(4 * hour);
  const all = ['m caller enter', 'm caller leave'];
  assert.deepEqual(said('ann'), all);
  await play.cut(true);
  play.start();
  await play.pass(4 * hour);
  assert.deepEqual(said('ann'), all);
});

test('history moves who is in, and is not told of', async () => {
  await call('ann', play.clock.now() - hour);
  await call('ann', play.clock.now() - hour);
  assert.deepEqual(said('ann'), []);
  await play.pass(hour);
  await call('ann');
  await play.pass(9 * hour);
  assert.deepEqual(said('ann'), ['m caller leave']);
});
