/** The demo and the import find the server where the settings of `npm start` put it. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { addressOf } from '../scripts/address.ts';
import { openDoor } from './support/door.ts';
import { runScript } from './support/script.ts';

test('the address is --url, else TAPELINE_URL, else that of the server’s own settings', () => {
  const variables = { TAPELINE_URL: 'https://a.example', TAPELINE_PORT: '8799' };
  assert.equal(addressOf('http://b.example', variables), 'http://b.example');
  assert.equal(addressOf(undefined, variables), 'https://a.example');
  assert.equal(addressOf(undefined, { TAPELINE_PORT: '8799' }), 'http://127.0.0.1:8799');
  assert.equal(addressOf(undefined, { TAPELINE_HOST: 'box' }), 'http://box:8787');
  assert.equal(addressOf(undefined, { TAPELINE_HOST: '0.0.0.0' }), 'http://127.0.0.1:8787');
  assert.equal(addressOf(undefined, { TAPELINE_HOST: '::' }), 'http://[::1]:8787');
  assert.equal(addressOf(undefined, {}), 'http://127.0.0.1:8787');
});

test('a port that no server can be found at is refused, unless the address is said', async () => {
  for (const port of ['0', '', 'abc', '65536', '1.5']) {
    assert.throws(() => addressOf(undefined, { TAPELINE_PORT: port }), /TAPELINE_PORT.*--url/);
    assert.equal(addressOf('http://b.example', { TAPELINE_PORT: port }), 'http://b.example');
  }
  for (const name of ['demo', 'import']) {
    const args = name === 'import' ? ['-', '--map', 'otto'] : [];
    const end = await runScript(name, { args, env: { TAPELINE_PORT: '0' } });
    assert.equal(end.code, 2, end.stderr);
    assert.match(end.stderr, /^at port 0 \(TAPELINE_PORT\) no server can be found: say --url/);
  }
});

test('the demo and the import go where TAPELINE_PORT says, and their help says so', async (t) => {
  const door = await openDoor();
  const folder = mkdtempSync(join(tmpdir(), 'tapeline-address-'));
  t.after(async () => {
    await door.close();
    rmSync(folder, { recursive: true });
  });
  const env = {
    TAPELINE_PORT: new URL(door.url).port,
    TAPELINE_WRITE_KEY: 'k',
    XDG_STATE_HOME: folder,
  };
  const demo = await runScript('demo', { args: ['--customers', '1', '--seconds', '0.1'], env });
  assert.equal(demo.code, 0, demo.stderr);
  assert.ok(demo.stdout.includes(`${door.url}/v1/customers/c1001/tape`), demo.stdout);
  const played = door.frames.length;
  assert.ok(played > 0);
  const click = '{"session":1,"events":[{"aid":2,"ts":1661684983707,"type":"clicks"}]}\n';
  const args = ['-', '--map', 'otto'];
  const imported = await runScript('import', { args, env, stdin: click });
  assert.equal(imported.code, 0, imported.stderr);
  assert.equal(door.frames.length, played + 1);
  for (const name of ['demo', 'import']) {
    const help = await runScript(name, { args: ['--help'] });
    const text = help.stdout.replace(/\s+/g, ' ');
    assert.match(text, /TAPELINE_URL, else http at TAPELINE_HOST and TAPELINE_PORT/);
  }
});
