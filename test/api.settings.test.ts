/** The settings: flags, variables, defaults, keys of a new data directory, and calls that are wrong. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { settings } from '../src/config.ts';
import { runServer, temporaryDirectory } from './support/server.ts';
import { ask, post, startTwo, store } from './support/session.ts';

const isLinux = process.platform === 'linux';

function directory(t: TestContext): string {
  const path = temporaryDirectory();
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test('a wrong call ends with 64 and says what is wrong', async () => {
  const calls: [args: string[], env: Record<string, string>, message: RegExp][] = [
    [['--port', 'abc'], {}, /--port must be a whole number from 0 to 65535/],
    [['--port', '70000'], {}, /--port/],
    [['--shards', '0'], {}, /--shards/],
    [['--shards', '1.5'], {}, /--shards/],
    [['--fronts', '1000'], {}, /--fronts/],
    [[], { TAPELINE_PORT: 'abc' }, /--port/],
    [[], { TAPELINE_SHARDS: '' }, /--shards/],
    [[], { TAPELINE_FRONTS: '0' }, /--fronts must be a whole number from 1 to 64/],
    [['--nothing'], {}, /--nothing/],
    [['--port'], {}, /--port/],
    [['word'], {}, /argument/],
  ];
  const ends = await Promise.all(calls.map(([args, env]) => runServer(args, env)));
  for (const [index, [args, , message]] of calls.entries()) {
    const { code, errors } = ends[index]!;
    assert.match(errors, message);
    assert.equal(code, 64, `${args.join(' ')}: ${errors}`);
  }
});

test('help names every flag with its variable and default', async () => {
  const { code, output } = await runServer(['--help']);
  assert.equal(code, 0);
  const words = output.replace(/\s+/g, ' ');
  for (const { fallback, flag, meaning, value, variable } of settings) {
    assert.equal(variable, `TAPELINE_${flag.slice(2).toUpperCase().replaceAll('-', '_')}`);
    const shown = fallback === '' ? variable : `${variable}, default ${fallback}`;
    assert.ok(words.includes(` ${flag} ${value} ${meaning} (${shown}) `), flag);
  }
  const names = ['PORT', 'HOST', 'DATA', 'SHARDS', 'FRONTS', 'ADMIN_KEY', 'WRITE_KEY', 'READ_KEY'];
  const variables = settings.map(({ variable }) => variable);
  for (const name of names) assert.ok(variables.includes(`TAPELINE_${name}`), name);
  assert.match(output, /127\.0\.0\.1/);
  assert.match(output, /8787/);
});

test('a new data directory gets keys of its own, printed once', async (t) => {
  const data = directory(t);
  const env = { TAPELINE_PORT: '1', TAPELINE_DATA: '/nowhere' };
  // A flag wins over its variable.
  const first = await runServer(
    ['--port', '0', '--data', data, '--fronts', '1', '--shards', '1'],
    env,
  );
  assert.equal(first.code, 0, first.errors);
  assert.match(first.output, /ready on http:\/\/127\.0\.0\.1:\d+/);
  const keys = [...first.output.matchAll(/export TAPELINE_(\w+)_KEY=(\S+)/g)];
  assert.deepEqual(keys.map(([, name]) => name).sort(), ['ADMIN', 'READ', 'WRITE']);
  const second = await runServer(['--port', '0', '--data', data]);
  assert.equal(second.code, 0, second.errors);
  assert.doesNotMatch(second.output, /_KEY=/);
  const server = await startTwo({ data, shards: 1 });
  const [admin, read, write] = ['ADMIN', 'READ', 'WRITE'].map(
    (wanted) => keys.find(([, name]) => name === wanted)![2],
  );
  const event = { customer: 'c', type: 'T' };
  assert.equal((await post(server, event, { key: write })).status, 200);
  assert.equal((await ask(server, '/v1/views', { key: read })).status, 200);
  assert.equal((await ask(server, '/v1/workspaces', { key: admin })).status, 200);
  // The directory was not new, so the keys of the environment mean nothing.
  assert.equal((await post(server, event)).status, 401);
  assert.equal(await server.stop(), 0);
});

test('a port, a data directory or a number of shards that is taken ends with 73', async (t) => {
  const server = await startTwo();
  t.after(() => server.stop());
  const port = String(server.port);
  const calls: [args: string[], message: RegExp][] = [
    [['--port', port, '--data', directory(t)], /cannot listen/],
    [['--port', '0', '--data', server.data], /in use/],
  ];
  for (const [args, message] of calls) {
    const { code, errors } = await runServer(args);
    assert.equal(code, 73, errors);
    assert.match(errors, message);
  }
  assert.equal((await ask(server, '/healthz')).status, 200, 'the first one is unharmed');
  await store(server, [{ customer: 'c', type: 'T' }]);
  const data = directory(t);
  assert.equal((await runServer(['--port', '0', '--data', data, '--shards', '2'])).code, 0);
  const other = await runServer(['--port', '0', '--data', data, '--shards', '3']);
  assert.equal(other.code, 73);
  assert.match(other.errors, /2 shards/);
});

test('without settings it serves on 127.0.0.1:8787, data in ./data', async (t) => {
  const cwd = directory(t);
  const { code, errors, output } = await runServer([], {}, cwd);
  // Somebody may have the port; then that is what it says.
  if (code === 73) assert.match(errors, /cannot listen on 127\.0\.0\.1:8787/);
  else assert.match(`${code} ${output}`, /^0 .*ready on http:\/\/127\.0\.0\.1:8787 /);
  assert.deepEqual(readdirSync(cwd), ['data']);
  assert.ok(existsSync(join(cwd, 'data', 'workspaces.mdb')));
});

test('TAPELINE_HOST is the address to listen on, and the only one', {
  skip: !isLinux,
}, async (t) => {
  const there = await startTwo({ env: { TAPELINE_HOST: '127.0.0.2' } });
  t.after(() => there.stop());
  assert.equal(there.url, `http://127.0.0.2:${there.port}`);
  assert.equal((await fetch(`${there.url}/healthz`)).status, 200);
  await assert.rejects(ask(there, '/healthz'), { code: 'ECONNREFUSED' });
  const { code, errors } = await runServer(['--host', '192.0.2.1', '--data', directory(t)]);
  assert.equal(code, 73);
  assert.match(errors, /cannot listen on 192\.0\.2\.1/);
});

/** Sockets that listen on a port: one for each front. */
function listening(port: number): number {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const lines = readFileSync('/proc/net/tcp', 'utf8').split('\n');
  const sockets = lines.map((line) => line.trim().split(/ +/));
  return sockets.filter(([, from, , state]) => from?.endsWith(local) && state === '0A').length;
}

test('the variables set data, shards, fronts and keys', { skip: !isLinux }, async (t) => {
  const server = await startTwo({ data: directory(t), shards: 3, fronts: 4 });
  t.after(() => server.stop());
  const shards = readdirSync(server.data).filter((name) => name.startsWith('shard-'));
  assert.deepEqual(shards.sort(), ['shard-0', 'shard-1', 'shard-2']);
  assert.equal(listening(server.port), 4);
  const { json } = await ask(server, '/v1/keys', { key: server.keys.admin });
  const { keys } = json as { keys: { name: string; scopes: string[] }[] };
  assert.deepEqual(Object.fromEntries(keys.map(({ name, scopes }) => [name, scopes])), {
    admin: ['admin', 'server'],
    write: ['write'],
    read: ['read'],
  });
});

test('keys that are not chosen are made; keys that cannot be are refused, and nothing is made', async (t) => {
  const data = directory(t);
  const args = ['--port', '0', '--data', data, '--shards', '1'];
  const wrong: [env: Record<string, string>, message: RegExp][] = [
    [{ TAPELINE_ADMIN_KEY: 'with space' }, /admin key must be 1 to 256 printable/],
    [{ TAPELINE_WRITE_KEY: 'x'.repeat(257) }, /write key must be 1 to 256 printable/],
    [{ TAPELINE_READ_KEY: 'tk_chosen' }, /read key must not begin with tk_/],
    [{ TAPELINE_READ_KEY: 'same', TAPELINE_WRITE_KEY: 'same' }, /must differ/],
  ];
  for (const [env, message] of wrong) {
    const { code, errors, output } = await runServer(args, env);
    assert.match(errors, message);
    assert.equal(`${code} ${output}`, '64 ');
  }
  const write = 'w'.repeat(256);
  const { code, output } = await runServer(args, { TAPELINE_WRITE_KEY: write });
  assert.equal(code, 0);
  const made = [...output.matchAll(/TAPELINE_(\w+)_KEY=(\S+)/g)];
  assert.deepEqual(made.map(([, name]) => name).sort(), ['ADMIN', 'READ']);
  const server = await startTwo({ data, shards: 1 });
  t.after(() => server.stop());
  assert.equal((await post(server, { customer: 'c', type: 'T' }, { key: write })).status, 200);
});

test('npm start takes further flags, serves, and ends with 0', async (t) => {
  const data = join(directory(t), 'made');
  const cwd = fileURLToPath(new URL('../../', import.meta.url));
  const args = ['start', '--silent', '--', '--port', '0', '--data', data];
  const npm = spawn('npm', args, { cwd, env: { ...process.env, TAPELINE_PORT: '1' } });
  const ended = once(npm, 'close');
  let output = '';
  npm.stdout.on('data', (text) => {
    output += String(text);
  });
  while (!output.includes('ready on')) await Promise.race([once(npm.stdout, 'data'), ended]);
  const [, url] = /ready on (http:\S+)/.exec(output)!;
  assert.equal((await fetch(`${url}/healthz`)).status, 200);
  npm.kill('SIGTERM');
  assert.equal((await ended)[0], 0);
  assert.ok(existsSync(data));
});
