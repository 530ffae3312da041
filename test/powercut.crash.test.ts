/** A short run of the power cut; and the same disks when they lie, which must be noticed. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { whyNoShim } from '../scripts/powercut/record.ts';
import { runScript, type ScriptEnd } from './support/script.ts';

function figuresOf({ stdout }: ScriptEnd): Record<string, number> {
  return JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as Record<string, number>;
}

test('no receipt is broken by a power cut, and a disk that lies is found out', {
  skip: whyNoShim(),
}, async (t) => {
  const some = ['--images', '32', '--images-each', '16', '--events', '300'];
  const honest = await runScript('powercut', { args: [...some, '--serve-every', '32', '--keep'] });
  const shown = `${honest.stdout}\n${honest.stderr}`;
  const directory = /images, in (\S+)/.exec(honest.stdout)?.[1];
  assert.ok(directory !== undefined, shown);
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  assert.equal(honest.code, 0, shown);
  const figures = figuresOf(honest);
  assert.equal(figures['images'], 32);
  assert.equal(figures['served'], 1);
  assert.ok(figures['promised']! > 0 && figures['openSectors']! > 0, shown);
  const recording = join(directory, 'recording-0');
  // One image in eight shows a name that was not flushed: of so many some do.
  const replay = ['--replay', recording, '--images', '64', '--seed', String(figures['seed'])];
  for (const lie of ['late', 'names']) {
    const lied = await runScript('powercut', { args: [...replay, '--lie', lie] });
    assert.equal(lied.code, 1, `${lied.stdout}\n${lied.stderr}`);
    assert.ok(figuresOf(lied)['bad']! > 0, lied.stdout);
  }
});
