/** A short run of the torture: what it finds in a hundred cycles it mostly finds in three. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { runScript } from './support/script.ts';

test('no acknowledged event is lost, doubled or moved by three kills under load', async () => {
  const args = ['--cycles', '3', '--audit-every', '2', '--seconds-max', '0.6'];
  const { code, stderr, stdout } = await runScript('torture', { args });
  assert.equal(code, 0, `${stdout}\n${stderr}`);
  const figures = JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as Record<string, number>;
  assert.equal(figures['cycles'], 3);
  assert.ok(figures['acked']! > 0);
});
