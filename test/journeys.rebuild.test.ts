/** Starts that find no checkpoint, or one of a rebuild: nothing that was asked for is lost without a word. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, beforeEach, test } from 'node:test';
import type { JourneyMap, Rule } from '../src/journeys/definition.ts';
import { typeOfDecision, typeOfDefinition } from '../src/journeys/words.ts';
import { EnginePlay } from './support/engineplay.ts';

const root = mkdtempSync(join(tmpdir(), 'tapeline-rebuild-'));
after(() => rmSync(root, { recursive: true }));

const map: JourneyMap = {
  entry: [{ event: 'Z' }],
  stages: [{ name: 's', steps: [{ name: 'a' }] }],
};
const each: Rule = { when: { event: 'A' }, then: [{ do: 'event', type: 'B' }] };
/** What it refuses is not said. */
const asking: Rule = {
  when: { event: 'D' },
  if: 'event.data.n > 1',
  then: [{ do: 'event', type: 'B' }],
};

let play: EnginePlay;
beforeEach(async () => {
  play = await EnginePlay.open(mkdtempSync(join(root, 'life-')), 1, map, { each, asking });
});
afterEach(() => play.close());

/** Decisions about a customer: `<rule> <verdict>`. */
function decided(customer: string): string[] {
  const said = play.tape.filter((event) => event.type === typeOfDecision);
  return said
    .filter((event) => event.customer === customer)
    .map(({ data }) => `${data['rule']} ${data['verdict']}`);
}

async function happens(customer: string, type: string, n = 0): Promise<void> {
  await play.store([{ customer, type, data: { n } }]);
  await play.rest();
}

/** Whatever is decided is refused by the tape. */
async function whileNothingIsSaid(work: () => Promise<void>): Promise<void> {
  play.refused = 1;
  await work();
  play.refused = 0;
}

test('what was asked for in a life that was killed early is decided by the next, however late', async () => {
  let isKept = false;
  play.saying = () => {
    // The first thing that is ever said: a kill may come right after it.
    if (!isKept) play.keep();
    isKept = true;
  };
  play.start();
  await play.rest();
  assert.ok(isKept);
  await whileNothingIsSaid(async () => {
    await happens('ann', 'A');
    play.clock.advance(120_000);
    await play.cut(false);
  });
  play.start();
  await play.pass(1000);
  assert.deepEqual(decided('ann'), ['each act']);
});

test('nothing comes into force before the file tells that somebody was there', async () => {
  const said: string[] = [];
  play.saying = (events) => said.push(...events.map((event) => (event as { type: string }).type));
  play.start();
  assert.deepEqual(said, []);
  await play.rest();
  assert.equal(said.filter((type) => type === typeOfDefinition).length, 3);
});

test('what nobody decided before the file was lost has lapsed, and it is said', async () => {
  play.start();
  await play.rest();
  await whileNothingIsSaid(async () => {
    await happens('ann', 'A');
    play.clock.advance(120_000);
    await happens('bob', 'A');
    await play.cut(true);
  });
  play.start();
  await play.pass(1000);
  assert.deepEqual(decided('ann'), ['each lapsed']);
  assert.deepEqual(play.undecided('ann'), []);
  assert.deepEqual(decided('bob'), ['each act']);
});

test('what a condition refused before something was decided is not taken for undecided', async () => {
  play.start();
  await play.rest();
  await happens('ann', 'D', 1);
  play.clock.advance(120_000);
  await happens('bob', 'A');
  play.clock.advance(120_000);
  await play.cut(true);
  play.start();
  await play.pass(1000);
  assert.deepEqual(decided('ann'), []);
  assert.deepEqual(decided('bob'), ['each act']);
});

test('what could only have been refused aloud is not taken for refused', async () => {
  play.start();
  await play.rest();
  await whileNothingIsSaid(() => happens('ann', 'A'));
  // Of that life only what it decided later is on the tape.
  play.clock.forget();
  await happens('bob', 'A');
  play.clock.advance(120_000);
  await happens('cid', 'A');
  await play.cut(true);
  play.start();
  await play.pass(1000);
  assert.deepEqual(
    ['ann', 'bob', 'cid'].map((customer) => decided(customer)),
    [['each lapsed'], ['each act'], ['each act']],
  );
});

test('a rebuild that is killed is the same one afterwards: it decides what was asked since it began', async () => {
  play.start();
  await play.rest();
  await whileNothingIsSaid(async () => {
    await happens('old', 'A');
    play.clock.advance(120_000);
    await happens('ann', 'A');
    await play.cut(true);
    let isKept = false;
    play.saying = () => {
      if (!isKept) play.keep();
      isKept = true;
    };
    play.start();
    await play.rest();
    assert.ok(isKept, 'what has lapsed was about to be said');
    play.saying = () => undefined;
    play.clock.advance(120_000);
    await play.cut(false);
  });
  play.start();
  await play.pass(1000);
  assert.deepEqual([decided('old'), decided('ann')], [['each lapsed'], ['each act']]);
});

test('what lapses after a day without a server is said, although something new came first', async () => {
  play.start();
  await play.rest();
  await whileNothingIsSaid(async () => {
    await happens('ann', 'A');
    await play.written();
    await play.cut(false);
  });
  play.clock.advance(25 * 3_600_000);
  await play.store([{ customer: 'ann', type: 'Z', data: {} }]);
  play.start();
  await play.pass(1000);
  assert.deepEqual(decided('ann'), ['each lapsed']);
  assert.deepEqual(play.undecided('ann'), []);
});
