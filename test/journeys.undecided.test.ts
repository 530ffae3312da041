/** Requests that nobody has decided: bounded, and what came to nothing stays gone. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { JourneyMap, Rule } from '../src/journeys/definition.ts';
import { requestsMax } from '../src/journeys/engine/requests.ts';
import { EnginePlay } from './support/engineplay.ts';
import { Play } from './support/journeykit.ts';
import { count } from './support/session.ts';

const rule: Rule = { when: { event: 'A' }, then: [{ do: 'event', type: 'B' }] };

test('of more requests than a customer may have the oldest go, and are told of', () => {
  const play = new Play({ rules: { each: rule } });
  play.event(0, 'A');
  const { requests } = play.person;
  const more = count(requestsMax - 3).map((n) => ({ ...requests[0]!, id: `r${n}` }));
  requests.push(...more);
  for (let n = 0; n < 5; n += 1) play.event(0, 'A');
  assert.deepEqual([play.asked.length, play.person.requests.length], [6, requestsMax]);
  assert.deepEqual(play.asked.at(-1)!.id, play.person.requests.at(-1)!.id);
  assert.equal(play.overflowed, 3);
});

test('a request that came to nothing after a checkpoint is not asked again after a kill', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tapeline-undecided-'));
  const map: JourneyMap = {
    entry: [{ event: 'Z' }],
    stages: [{ name: 's', steps: [{ name: 'a' }] }],
  };
  const play = await EnginePlay.open(directory, 1, map, { each: rule });
  play.start();
  await play.pass(1000);
  play.refused = 1;
  await play.store([{ customer: 'ann', type: 'A', data: {} }]);
  await play.rest();
  await play.written();
  const undecided = play.undecided('ann');
  assert.equal(undecided.length, 1);
  play.drop('ann', undecided);
  await play.written();
  await play.cut(false);
  play.start();
  await play.rest();
  assert.deepEqual(play.undecided('ann'), []);
  await play.close();
  rmSync(directory, { recursive: true });
});
