/** A thread that writes segments gives up when it is told to; then it can be ended, and the process ends when it wants to. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const play = fileURLToPath(new URL('./support/haltplay.js', import.meta.url));

test('a thread that is told to gives up what it writes, leaves nothing behind, and can be ended', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'tapeline-halt-'));
  const child = spawn(process.execPath, [play, directory, '12'], { stdio: 'inherit' });
  t.after(() => {
    child.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  });
  assert.deepEqual(await once(child, 'exit'), [0, null]);
  assert.deepEqual(readdirSync(directory), []);
});
