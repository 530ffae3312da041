/** A short run of the torture of actions: kills while rules decide, timers run and webhooks are under way. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { runScript } from './support/script.ts';

test('what rules decide arrives at least once under one id, decided once, whatever is killed', async () => {
  const args = ['--webhooks', '--cycles', '2', '--seconds-min', '1', '--seconds-max', '2'];
  const { code, stderr, stdout } = await runScript('torture', { args });
  assert.equal(code, 0, `${stdout}\n${stderr}`);
  const figures = JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as Record<string, number>;
  assert.equal(figures['kills'], 2);
  assert.ok(figures['actions']! > 0);
});
