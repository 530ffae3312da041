/** A short run of the clients' script: a bad network costs nothing but time. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { runScript } from './support/script.ts';

test('through a proxy that cuts, swallows and stalls everything is stored once and heard once', async () => {
  const { code, stderr, stdout } = await runScript('clients', {
    args: ['--rounds', '2', '--seconds', '3'],
  });
  assert.equal(code, 0, `${stdout}\n${stderr}`);
  const figures = JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as Record<string, unknown>;
  assert.equal(figures['rounds'], 2);
  assert.ok((figures['acked'] as number) > 0);
  const { cut, reset } = figures['mishaps'] as Record<string, number>;
  assert.ok(cut! + reset! > 0, 'the proxy cut nothing');
});
