/** What the conditions of a workspace cost is bounded over time, and what holds is a function of the tape. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { meter } from '../src/event/meter.ts';
import type { JourneyMap } from '../src/journeys/definition.ts';
import {
  Allowances,
  stepsBurst,
  stepsLeast,
  stepsPerSecond,
} from '../src/journeys/engine/allowance.ts';
import { eventStepsMax } from '../src/journeys/engine/apply.ts';
import { EnginePlay } from './support/engineplay.ts';
import { count } from './support/session.ts';

test('a bucket is refilled by commit time, and empties for its own workspace alone', () => {
  const allowances = new Allowances();
  assert.equal(allowances.of(1, 0, eventStepsMax), eventStepsMax);
  allowances.spend(1, 0, stepsBurst + 5);
  assert.equal(allowances.of(1, 0, eventStepsMax), stepsLeast);
  assert.equal(allowances.of(1, 10, eventStepsMax), stepsPerSecond / 100);
  assert.equal(allowances.of(2, 0, eventStepsMax), eventStepsMax);
  const kept = new Allowances(allowances.rows);
  assert.equal(kept.of(1, 10, eventStepsMax), stepsPerSecond / 100);
  allowances.spend(1, 10, 1000);
  assert.equal(allowances.of(1, 10, eventStepsMax), stepsPerSecond / 100 - 1000);
  allowances.spend(1, 5, 1000);
  assert.equal(allowances.of(1, 10, eventStepsMax), stepsPerSecond / 100 - 2000);
  assert.equal(allowances.of(1, 60_000, eventStepsMax), eventStepsMax);
  allowances.forget(new Set([2]));
  assert.equal(allowances.of(1, 10, eventStepsMax), eventStepsMax);
});

const map: JourneyMap = {
  entry: [
    { event: 'Hog', where: 'event.data.l.all(x, event.data.l.all(y, x + y >= 0.0))' },
    { event: 'Fine', where: 'event.data.n == 1' },
  ],
  stages: [{ name: 's', steps: [{ name: 'a' }] }],
  goal: [{ event: 'Never' }],
};
const hogs = 1000;

async function sendHogs(play: EnginePlay, prefix: string): Promise<void> {
  const l = count(60);
  await play.store(
    count(hogs).map((n) => ({ customer: `${prefix}${n}`, type: 'Hog', data: { l } })),
  );
  await play.rest();
}

function begun(play: EnginePlay): string {
  const has = (customer: string): string => (play.state(customer) === undefined ? '.' : 'x');
  return ['h', 'i'].flatMap((prefix) => count(hogs).map((n) => has(`${prefix}${n}`))).join('');
}

test('a thousand hostile events cost no more than a bucket, ordinary conditions go on, a replay does the same', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tapeline-allowance-'));
  const play = await EnginePlay.open(directory, 1, map, {});
  play.start();
  await play.pass(1000);
  meter.spent = 0;
  await sendHogs(play, 'h');
  // One operation may go beyond what is left.
  const most = stepsBurst + hogs * (stepsLeast + 100);
  assert.ok(meter.spent > stepsBurst && meter.spent < most, `${meter.spent}`);
  await play.store([{ customer: 'fine', type: 'Fine', data: { n: 1 } }]);
  await play.rest();
  assert.equal(play.state('fine')?.instances.length, 1);
  await play.written();
  await play.cut(false);
  play.start();
  await play.rest();
  await play.pass(500);
  await sendHogs(play, 'i');
  const before = begun(play);
  const [first, second] = [before.slice(0, hogs), before.slice(hogs)].map(
    (each) => each.split('x').length - 1,
  );
  assert.ok(second! > 0 && second! < first! && first! < hogs / 2, `${first} ${second}`);
  await play.cut(true);
  play.start();
  await play.rest();
  assert.equal(begun(play), before);
  await play.close();
  rmSync(directory, { recursive: true });
});
