/** The script behind every command, on a small project of its own that has the real packages. */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** The script and what it consists of. */
const script = ['scripts/run.cjs', 'scripts/run'];

/** Set by the script when nobody else did; so nobody else may have. */
const variables = [
  'UV_THREADPOOL_SIZE',
  'MSGPACKR_NATIVE_ACCELERATION_DISABLED',
  'UWS_HTTP_MAX_HEADERS_SIZE',
  'LMDB_RESTORE',
];

interface Ended {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

function makeProject(t: TestContext, main: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'tapeline-run-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  for (const name of ['package.json', 'package-lock.json', 'tsconfig.json', ...script]) {
    cpSync(join(root, name), join(directory, name), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
  mkdirSync(join(directory, 'src'));
  writeFileSync(join(directory, 'src/main.ts'), main);
  return directory;
}

/** As a newcomer's shell has it, not as the tests run in it. */
function environment(): NodeJS.ProcessEnv {
  const env = { ...process.env };
  for (const name of [...variables, 'NODE_OPTIONS', 'NODE_TEST_CONTEXT']) delete env[name];
  return env;
}

function start(directory: string, ...args: string[]): ChildProcess {
  const command = [join(directory, 'scripts/run.cjs'), ...args];
  return spawn(process.execPath, command, { env: environment() });
}

async function end(child: ChildProcess): Promise<Ended> {
  const texts = { output: '', errors: '' };
  child.stdout?.on('data', (chunk) => {
    texts.output += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    texts.errors += chunk;
  });
  const [code] = await once(child, 'close');
  return { code, ...texts };
}

test('a command is built once, gets its arguments and gives its exit code', async (t) => {
  const directory = makeProject(
    t,
    'console.log(process.argv.slice(2).join());\nprocess.exitCode = 7;\nexport {};\n',
  );
  const first = await end(start(directory, 'start', '--port', '1'));
  assert.equal(first.output, '--port,1\n');
  assert.equal(first.code, 7);
  assert.match(first.errors, /^tapeline: building\ntapeline: built in [\d.]+ s\n$/);
  const second = await end(start(directory, 'start'));
  assert.deepEqual(second, { code: 7, output: '\n', errors: '' });
});

test('outputs follow their sources: changed, removed, and missing ones', async (t) => {
  const directory = makeProject(t, `import { a } from './a.ts';\nconsole.log(a);\n`);
  const file = (name: string): string => join(directory, name);
  writeFileSync(file('src/a.ts'), 'export const a = 1;\n');
  writeFileSync(file('src/b.ts'), 'export const b = 1;\n');
  assert.equal((await end(start(directory, 'start'))).output, '1\n');
  assert.ok(existsSync(file('build/src/b.js')));

  writeFileSync(file('src/a.ts'), 'export const a = 22;\n');
  rmSync(file('src/b.ts'));
  assert.equal((await end(start(directory, 'start'))).output, '22\n');
  assert.ok(!existsSync(file('build/src/b.js')));
  assert.ok(!existsSync(file('build/src/b.js.map')));

  rmSync(file('build/src/a.js'));
  assert.equal((await end(start(directory, 'start'))).output, '22\n');
});

test('what does not compile does not run, until it is mended', async (t) => {
  const directory = makeProject(t, `const a: number = 'one';\nconsole.log(a);\nexport {};\n`);
  for (const _ of [1, 2]) {
    const { code, output, errors } = await end(start(directory, 'start'));
    assert.notEqual(code, 0);
    assert.equal(output, '');
    assert.match(errors, /src\/main\.ts\(1,7\): error TS2322/);
  }
  writeFileSync(join(directory, 'src/main.ts'), 'console.log(1);\nexport {};\n');
  assert.equal((await end(start(directory, 'start'))).output, '1\n');
});

test('of several commands at once one builds, and the others wait for it', async (t) => {
  const directory = makeProject(t, 'console.log(1);\nexport {};\n');
  const runs = [1, 2, 3, 4].map(() => end(start(directory, 'start')));
  const ended = await Promise.all(runs);
  assert.deepEqual(
    ended.map(({ code, output }) => ({ code, output })),
    ended.map(() => ({ code: 0, output: '1\n' })),
  );
  assert.equal(ended.filter(({ errors }) => errors.includes('built in')).length, 1);
  assert.ok(!existsSync(join(directory, 'build/.lock')));
});

test('a lock whose holder is gone is taken over', async (t) => {
  const directory = makeProject(t, 'console.log(1);\nexport {};\n');
  const gone = spawn(process.execPath, ['-e', '']);
  await once(gone, 'exit');
  mkdirSync(join(directory, 'build'));
  // A process id in use again by another process, and one not in use.
  writeFileSync(join(directory, 'build/.lock'), `${process.pid} 1\n${gone.pid} 1\n`);
  assert.equal((await end(start(directory, 'start'))).output, '1\n');
});

test('native code finds its settings, and the thread pool has its size', async (t) => {
  const directory = makeProject(
    t,
    `import { readdirSync } from 'node:fs';
import { stat } from 'node:fs/promises';
await Promise.all(Array.from({ length: 100 }, () => stat('.')));
const names = ${JSON.stringify(variables)};
const threads = process.platform === 'linux' ? readdirSync('/proc/self/task').length : 99;
console.log(JSON.stringify({ values: names.map((name) => process.env[name]), threads }));
`,
  );
  const { output } = await end(start(directory, 'start'));
  const { values, threads } = JSON.parse(output);
  assert.ok(Number(values[0]) >= 16);
  assert.deepEqual(values.slice(1), ['true', '16384', 'safe']);
  assert.ok(threads > Number(values[0]), `${threads} threads`);
});

test('a command whose output nobody reads any more ends quietly', async (t) => {
  const directory = makeProject(t, "setInterval(() => console.log('line'), 1);");
  const child = start(directory, 'start');
  child.stdout!.once('data', () => child.stdout!.destroy());
  let errors = '';
  child.stderr!.on('data', (chunk) => {
    errors += chunk;
  });
  const [code] = await once(child, 'close');
  assert.equal(code, 128 + 13);
  assert.doesNotMatch(errors, /EPIPE/);
});

test('a signal reaches the command, which decides how it ends', async (t) => {
  const directory = makeProject(
    t,
    `process.on('SIGTERM', () => process.exit(3));
setInterval(() => {}, 1000);
console.log('ready');
export {};
`,
  );
  const child = start(directory, 'start');
  const ended = end(child);
  assert.ok(child.stdout);
  await once(child.stdout, 'data');
  child.kill('SIGTERM');
  assert.equal((await ended).code, 3);
});

/** Starts `npm start` on a command that waits; resolves when it runs. */
async function startByNpm(t: TestContext): Promise<{ npm: ChildProcess; ended: Promise<Ended> }> {
  const directory = makeProject(
    t,
    `process.on('SIGTERM', () => {
  console.log('asked to stop');
  process.exit(3);
});
setInterval(() => {}, 1000);
console.log('ready');
export {};
`,
  );
  const npm = spawn('npm', ['start', '--silent'], { cwd: directory, env: environment() });
  const ended = end(npm);
  assert.ok(npm.stdout);
  await once(npm.stdout, 'data');
  return { npm, ended };
}

test('npm passes a signal on, waits, and ends with the exit code of the command', async (t) => {
  const { npm, ended } = await startByNpm(t);
  npm.kill('SIGTERM');
  const { code, output } = await ended;
  assert.equal(output, 'ready\nasked to stop\n');
  assert.equal(code, 3);
});

test('when npm is killed the command stops in good order', async (t) => {
  const { npm, ended } = await startByNpm(t);
  npm.kill('SIGKILL');
  // The pipes close when the command, which has them from npm, has ended too.
  const { output, errors } = await ended;
  assert.equal(output, 'ready\nasked to stop\n');
  assert.match(errors, /npm is gone: stopping/);
});

test('without a command, or with a wrong one, the commands are listed', async () => {
  for (const args of [[], ['serve'], ['constructor']]) {
    const { code, errors } = await end(start(root, ...args));
    assert.equal(code, 2);
    assert.match(errors, /commands:\n {2}start /);
  }
});

test('the script is of the syntax and modules that it says', () => {
  const parts = readdirSync(join(root, 'scripts/run')).map((name) => `scripts/run/${name}`);
  for (const name of ['scripts/run.cjs', ...parts]) {
    const text = readFileSync(join(root, name), 'utf8');
    assert.doesNotMatch(text, /\?\.|\?\?|fs\/promises|fs\.promises/, name);
    // It runs before there are packages; the bundler is asked for when it is needed.
    for (const [, asked] of text.matchAll(/^[^ ].*require\('([^']+)'\)/gm)) {
      assert.match(asked!, /^(node:|\.\/)/, name);
    }
  }
});
