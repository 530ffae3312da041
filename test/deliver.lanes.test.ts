/** Whose turn it is to be posted to: bounded, fair, and nobody who hangs holds up another. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Health, Lanes } from '../src/journeys/deliver/lanes.ts';
import { HeldClock } from './support/heldclock.ts';
import { count } from './support/session.ts';

interface Job {
  readonly workspace: number;
  readonly name: string;
  readonly done: (health?: Partial<Health>) => Promise<void>;
}

class Play {
  readonly clock = new HeldClock();
  readonly running: Job[] = [];
  readonly begun: string[] = [];
  readonly lanes: Lanes<{ readonly workspace: number; readonly name: string }>;

  constructor(jobsMax: number, workspaceJobsMax: number, laneJobsMax: number) {
    this.lanes = new Lanes({
      clock: this.clock,
      limits: { jobsMax, workspaceJobsMax, laneJobsMax },
      run: ({ name, workspace }) => {
        this.begun.push(`${workspace}/${name}`);
        return new Promise((resolve) => {
          const job: Job = {
            workspace,
            name,
            done: async (health = {}) => {
              this.running.splice(this.running.indexOf(job), 1);
              resolve({ well: true, restMs: 0, ...health });
              await new Promise((turn) => setImmediate(turn));
            },
          };
          this.running.push(job);
        });
      },
    });
  }

  add(workspace: number, name: string, jobs = 1): void {
    for (const _ of count(jobs)) this.lanes.add(workspace, name, { workspace, name });
  }

  of(name: string): Job[] {
    return this.running.filter((each) => each.name === name);
  }
}

test('the jobs of a lane, of a workspace and of all are bounded', () => {
  const play = new Play(10, 6, 4);
  play.add(1, 'a', 20);
  assert.equal(play.running.length, 4);
  play.add(1, 'b', 20);
  assert.equal(play.running.length, 6);
  play.add(2, 'c', 20);
  assert.equal(play.running.length, 10);
  play.add(3, 'd', 20);
  assert.equal(play.running.length, 10);
});

test('workspaces take turns, and so do their endpoints', async () => {
  const play = new Play(1, 1, 1);
  play.add(1, 'a', 5);
  play.add(1, 'b', 2);
  play.add(2, 'c', 2);
  for (const _ of count(9)) await play.running[0]!.done();
  const [first, ...rest] = play.begun;
  assert.equal(first, '1/a');
  assert.deepEqual(rest, ['1/a', '2/c', '1/b', '2/c', '1/a', '1/b', '1/a', '1/a']);
});

test('endpoints that hang take one place each, and others go on', async () => {
  const play = new Play(16, 12, 4);
  const names = count(5).map((n) => `hangs${n}`);
  for (const name of names) {
    play.add(1, name);
    await play.of(name)[0]!.done({ well: false });
    play.add(1, name, 50);
  }
  assert.equal(play.running.length, names.length);
  play.add(1, 'well', 200);
  play.add(2, 'other', 200);
  for (const _ of count(200)) {
    await play.of('well')[0]!.done();
    await play.of('other')[0]!.done();
  }
  assert.equal(play.running.length, names.length);
  // One that gets well is given all its places again.
  await play.of('hangs0')[0]!.done();
  assert.equal(play.of('hangs0').length, 4);
});

test('a rest is kept to, the longest of several, and ends by itself', async () => {
  const play = new Play(4, 4, 2);
  play.add(1, 'a', 6);
  const [one, two] = play.of('a');
  await one!.done({ well: false, restMs: 5000 });
  await two!.done({ well: true, restMs: 1000 });
  play.clock.advance(4999);
  assert.equal(play.running.length, 0);
  play.clock.advance(1);
  assert.equal(play.of('a').length, 2);
});

test('every job is run once, in the order of its lane', async () => {
  const play = new Play(3, 2, 1);
  const ran: number[] = [];
  const lanes = new Lanes<number>({
    clock: play.clock,
    limits: { jobsMax: 3, workspaceJobsMax: 2, laneJobsMax: 1 },
    run: async (job) => {
      ran.push(job);
      await undefined;
      return { well: true, restMs: 0 };
    },
  });
  for (const job of count(2500)) lanes.add(1, 'a', job);
  while (ran.length < 2500) await new Promise((turn) => setImmediate(turn));
  assert.deepEqual(ran, count(2500));
  assert.equal(lanes.running, 0);
});

test('what is forgotten of an endpoint that is gone is how it was; nothing begins after the end', async () => {
  const play = new Play(4, 4, 2);
  play.add(1, 'a');
  await play.of('a')[0]!.done({ well: false });
  play.lanes.follow(() => false);
  play.add(1, 'a', 5);
  assert.equal(play.of('a').length, 2);
  play.lanes.close();
  await play.of('a')[0]!.done();
  assert.equal(play.running.length, 1);
});
