/** A short run of the faults: some system calls fail, and rooms run out once. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { runScript } from './support/script.ts';

interface Figures {
  readonly positions: number;
  readonly acked: number;
  readonly skipped: Readonly<Record<string, string>>;
}

/** Nothing here depends on how long a refusal takes on a busy machine: the long run looks at that. */
const patient = ['--told-ms-max', '60000'];

async function run(args: readonly string[]): Promise<Figures> {
  const { code, stderr, stdout } = await runScript('faults', { args: [...args, ...patient] });
  assert.equal(code, 0, `${stdout}\n${stderr}`);
  return JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as Figures;
}

test('a failed system call costs no receipt, and is told', async (t) => {
  const { acked, positions, skipped } = await run(['--positions', '3', '--fills', '0']);
  const why = skipped['system calls'];
  if (why !== undefined) {
    t.skip(why);
    return;
  }
  assert.equal(positions, 3);
  assert.ok(acked > 0);
});

for (const kind of ['ext4', 'ulimit']) {
  test(`when a ${kind} runs out of room, senders are told and it goes on by itself`, async (t) => {
    const { acked, skipped } = await run(['--positions', '0', '--fills', '1', '--room', kind]);
    const why = skipped[kind];
    if (why !== undefined) {
      t.skip(why);
      return;
    }
    assert.ok(acked > 0);
  });
}
