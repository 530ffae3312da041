/** Rules that wait for silence and come into force when customers stand where they look already. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Rule } from '../src/journeys/definition.ts';
import type { InForce } from '../src/journeys/engine/inforce.ts';
import { Persons } from '../src/journeys/engine/persons.ts';
import { lookMax, type Noted, Rounds } from '../src/journeys/engine/rounds.ts';
import { JourneyStore } from '../src/journeys/engine/store.ts';
import { AppError } from '../src/std/errors.ts';
import { forceOf, Play } from './support/journeykit.ts';
import { quote, reach, walkIn } from './support/journeymaps.ts';

const directory = mkdtempSync(join(tmpdir(), 'tapeline-rounds-'));
after(() => rmSync(directory, { recursive: true, force: true }));

function standing(step: number, rules: Readonly<Record<string, Rule>> = {}): Play {
  const play = new Play({ maps: { quote }, rules });
  reach(play, step);
  return play;
}

test('it waits from then on: silence counts from the last activity, once', () => {
  const play = standing(4);
  play.until(10_000);
  play.comeIntoForce({ maps: { quote }, rules: { walkIn } });
  play.stand('walkIn');
  play.stand('walkIn');
  play.until(200_000);
  assert.deepEqual(
    play.asked.map(({ at }) => at),
    [30_005],
  );
  play.event(300_000, 'Step 4');
  play.until(400_000);
  assert.equal(play.asked.length, 2);
});

test('who has been silent for long enough is asked about at once; who is not there, has paused, or is there by history, is not', () => {
  const play = standing(4);
  play.until(100_000);
  play.comeIntoForce({ maps: { quote }, rules: { walkIn } });
  play.stand('walkIn');
  play.until(100_001);
  assert.equal(play.asked.length, 1);
  const near = standing(3);
  const past = new Play({ maps: { quote } });
  for (const n of [1, 2, 3, 4]) past.event(n, `Step ${n}`, {}, 24 * 3_600_000);
  const paused = standing(4);
  paused.command(10, { command: 'pause', instance: paused.instance.id });
  for (const each of [near, past, paused]) {
    each.comeIntoForce({ maps: { quote }, rules: { walkIn } });
    each.stand('walkIn');
    each.until(200_000);
    assert.deepEqual(each.asked, []);
  }
});

test('a shorter silence takes the place of a longer one, but what was asked for is not asked for again', () => {
  const shorter: Rule = { ...walkIn, when: { beyondStep: 3, silentFor: '10s' } };
  const play = standing(4, { walkIn });
  play.comeIntoForce({ maps: { quote }, rules: { walkIn: shorter } });
  play.stand('walkIn');
  play.until(20_000);
  assert.deepEqual(
    play.asked.map(({ at }) => at),
    [10_005],
  );
  play.comeIntoForce({ maps: { quote }, rules: { walkIn } });
  play.stand('walkIn');
  play.until(200_000);
  assert.equal(play.asked.length, 1);
});

test('of a channel nothing is known before: its silence counts from then on', () => {
  const onWeb: Rule = { ...walkIn, when: { beyondStep: 3, silentFor: '10s', channel: 'web' } };
  const play = standing(4);
  play.until(100_000);
  play.comeIntoForce({ maps: { quote }, rules: { walkIn: onWeb } });
  play.stand('walkIn');
  play.until(200_000);
  assert.deepEqual(
    play.asked.map(({ at }) => at),
    [110_001],
  );
});

test('everybody in the file is looked at, and again when it cannot be said', async () => {
  const store = new JourneyStore(join(directory, 'journeys.mdb'));
  const persons = new Persons(store);
  const count = 2 * lookMax + 10;
  for (let n = 0; n < count; n++) {
    const { person } = standing(n % 2 === 0 ? 4 : 3);
    persons.add({ workspace: 1 + (n % 4 === 0 ? 1 : 0), customer: `c${n}` }, person);
  }
  const force = forceOf({ maps: { quote }, rules: { walkIn } });
  const inForce = { of: () => force, rule: () => force.rule('walkIn') } as unknown as InForce;
  const said: { customer: string; id: string }[] = [];
  let refusals = 1;
  const say = async (_workspace: number, events: readonly object[]): Promise<void> => {
    if (refusals-- > 0) throw new AppError('unavailable', 'the disk is full');
    said.push(...(events as typeof said));
  };
  const log = { info() {}, warn() {}, error: assert.fail };
  const rows = store.rows('rounds');
  const rounds = new Rounds({ log, store, persons, inForce, rows, say });
  rounds.note(1, { kind: 'rule', name: 'walkIn', version: 1 }, 'place');
  persons.cut(0);
  store.cut();
  persons.writeCut(
    () => false,
    () => undefined,
  );
  await store.checkpoint();
  const go = async (noted: readonly Noted[]): Promise<void> => {
    rounds.begin(noted);
    while (rounds.isUnderWay) await new Promise((resolve) => setImmediate(resolve));
  };
  await go(rounds.noted());
  assert.deepEqual([said.length, rounds.noted()], [0, [{ workspace: 1, mark: 'place' }]]);
  await go(rounds.noted());
  assert.deepEqual(rounds.noted(), []);
  const wanted = Array.from({ length: count }, (_, n) => n).filter((n) => n % 4 === 2);
  assert.deepEqual(said.map(({ customer }) => customer).sort(), wanted.map((n) => `c${n}`).sort());
  rounds.end();
  await store.close();
});

test('a workspace whose tape takes nothing holds up none of the others', async () => {
  const store = new JourneyStore(join(directory, 'refused.mdb'));
  const persons = new Persons(store);
  for (const workspace of [1, 2, 3]) {
    persons.add({ workspace, customer: 'one' }, standing(4).person);
  }
  const force = forceOf({ maps: { quote }, rules: { walkIn } });
  const inForce = { of: () => force, rule: () => force.rule('walkIn') } as unknown as InForce;
  const said: number[] = [];
  const say = async (workspace: number): Promise<void> => {
    if (workspace === 1) throw new AppError('unavailable', 'not this one');
    said.push(workspace);
  };
  const log = { info() {}, warn() {}, error: assert.fail };
  const rounds = new Rounds({ log, store, persons, inForce, rows: store.rows('rounds'), say });
  for (const workspace of [1, 2, 3]) {
    rounds.note(workspace, { kind: 'rule', name: 'walkIn', version: 1 }, 'place');
  }
  persons.cut(0);
  store.cut();
  persons.writeCut(
    () => false,
    () => undefined,
  );
  await store.checkpoint();
  for (let turn = 0; turn < 4; turn++) {
    rounds.begin(rounds.noted());
    while (rounds.isUnderWay) await new Promise((resolve) => setImmediate(resolve));
  }
  assert.deepEqual(said, [2, 3]);
  assert.deepEqual(rounds.noted(), [{ workspace: 1, mark: 'place' }]);
  rounds.end();
  await store.close();
});
