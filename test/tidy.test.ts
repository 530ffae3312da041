/** The rules of style hold, and each of them would notice if it did not. */

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { listFiles, Parser, type Source } from './support/sources.ts';
import * as style from './support/style.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const parser = new Parser();
after(() => parser.close());
const sources = [...parser.parse(root), ...parser.parse(root, 'src/web/tsconfig.json')];

type Files = Readonly<Record<string, string>>;

/** Parses a small project of the given files, as the real one is parsed. */
function parse(files: Files): Source[] {
  return inProject(files, (directory) => {
    const compilerOptions = { module: 'nodenext', noLib: true, types: [] };
    writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify({ compilerOptions }));
    return parser.parse(directory);
  });
}

/** What `read` makes of a directory with the given files. */
function inProject<Read>(files: Files, read: (directory: string) => Read): Read {
  const directory = mkdtempSync(join(tmpdir(), 'tapeline-tidy-'));
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(join(directory, dirname(path)), { recursive: true });
      writeFileSync(join(directory, path), text);
    }
    return read(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** The rule is kept by the project, and finds exactly `found` in the bad example. */
function check(title: string, rule: style.Rule, bad: Files, found: readonly string[]): void {
  test(title, () => {
    assert.deepEqual(rule(parse(bad)), found);
    assert.deepEqual(rule(sources), []);
  });
}

test('every source file is compiled, and so is looked at here', () => {
  const compiled = new Set(sources.map(({ path }) => path));
  for (const { path } of listFiles(root)) {
    if (path.endsWith('.ts')) assert.ok(compiled.has(path), `${path} is not compiled`);
  }
});

check(
  'every file of src is in a known room',
  style.roomsAreKnown,
  { 'src/attic/box.ts': '', 'src/std/log.ts': '', 'src/other.ts': '' },
  ['src/attic/box.ts is in no known room', 'src/other.ts is in no known room'],
);

check(
  'rooms import only from their left',
  style.roomsKeepTheirOrder,
  {
    'src/event/a.ts': `import type { B } from '../tape/b.ts';\nimport { c } from '../std/c.ts';`,
    'src/store/d.ts': `export { e } from '../http/e.ts';\nconst f = await import('../main.ts');`,
    'src/tape/b.ts': `type G = import('../views/g.ts').G;\nimport h from '../../test/h.ts';`,
    'src/threads/pool.ts': `const worker = new URL('../http/e.js', import.meta.url);`,
    'src/http/e.ts': `import { pool } from '../threads/pool.ts';\nimport '../client/i.ts';`,
    'src/http/t.ts': `const tag = new URL('../web/cj.js', import.meta.url);\nimport '../web/cj.ts';`,
    'src/client/i.ts': `import type { e } from '../http/e.ts';\nimport { c } from '../std/c.ts';`,
    'src/server.ts': `import { c } from './std/c.ts';\nimport { m } from './main.ts';`,
  },
  [
    'src/client/i.ts:2 room client may import only types from room std',
    'src/event/a.ts:1 room event may not import from room tape',
    'src/http/e.ts:2 room http may not import from room client',
    'src/http/t.ts:2 room http may not import from room web',
    'src/server.ts:2 room server may not import from room main',
    'src/store/d.ts:1 room store may not import from room http',
    'src/store/d.ts:2 room store may not import from room main',
    'src/tape/b.ts:1 room tape may not import from room views',
    'src/tape/b.ts:2 imports test/h.ts, which is outside src',
    'src/threads/pool.ts:1 room threads may not import from room http',
  ],
);

check(
  'no files import each other in a circle',
  style.importsHaveNoCircles,
  {
    'src/tape/a.ts': `import { b } from './b.ts';`,
    'src/tape/b.ts': `export * from './c.ts';`,
    'src/tape/c.ts': `import { a } from './a.ts';`,
    'src/tape/d.ts': `import type { e } from './e.ts';`,
    'src/tape/e.ts': `import { d } from './d.ts';`,
    'src/tape/f.ts': `const f = import('./f.ts');`,
  },
  [
    'src/tape/a.ts → src/tape/b.ts → src/tape/c.ts → src/tape/a.ts is a circle',
    'src/tape/f.ts → src/tape/f.ts is a circle',
  ],
);

check(
  'packages are imported only where they belong',
  style.packagesStayAtHome,
  {
    'src/store/a.ts': `import { open } from 'lmdb';`,
    'src/tape/b.ts': `import type { open } from 'lmdb';\nimport { pack } from 'msgpackr/pack';`,
    'src/server.ts': `import { App } from 'uWebSockets.js';\nimport { readFile } from 'node:fs';`,
    'src/http/c.ts': `import { App } from 'uWebSockets.js';\nimport { Piscina } from 'piscina';`,
    'scripts/d.ts': `export * from 'autocannon';\nconst a = "import x from 'lmdb'";`,
    'src/client/e.ts': `import 'msgpackr'; // import 'lmdb'`,
  },
  [
    'scripts/d.ts:1 may not import autocannon',
    'src/http/c.ts:2 may not import piscina',
    'src/server.ts:1 may not import uWebSockets.js',
    'src/tape/b.ts:1 may not import lmdb',
    'src/tape/b.ts:2 may not import msgpackr',
  ],
);

check(
  'relative imports name the file',
  style.importsAreSpelledOut,
  { 'src/std/a.ts': `import './b';\nimport './b.js';\nimport './b.ts';\nimport 'node:fs';` },
  ['src/std/a.ts:1 imports ./b without .ts', 'src/std/a.ts:2 imports ./b.js without .ts'],
);

check(
  'exports have names',
  style.onlyNamedExports,
  {
    'src/std/a.ts': 'export default function a() {\n  switch (1) { default: }\n}',
    'src/std/b.ts': 'const b = 1;\nexport default b;',
    'src/std/c.ts': '\nexport default class {}',
  },
  [
    'src/std/a.ts:1 has a default export',
    'src/std/b.ts:2 has a default export',
    'src/std/c.ts:2 has a default export',
  ],
);

check(
  'only std reads the clock and draws at random',
  style.onlyStdReadsTheClock,
  {
    'src/std/clock.ts': 'Date.now();',
    'src/tape/a.ts': 'Date.now();\nconst now = Date.now;\nnew Date(1);\nnew Date();\nclock.now();',
    'src/tape/b.ts': 'setTimeout(run, 1);\nclock.setTimeout(run, 1);\nf({ setInterval });',
    'src/views/c.ts': `import { setTimeout as sleep } from 'node:timers/promises';\n// Date.now()`,
    'src/views/d.ts': `const t = 'Math.random()';\nMath.random();\nsetImmediate(t);`,
    'src/views/g.ts': `import { randomUUID } from 'node:crypto';\nconst id = randomUUID();`,
    'src/views/h.ts': `import { randomBytes as draw } from 'node:crypto';\ndraw(1);`,
    'src/views/i.ts':
      'crypto.getRandomValues(bytes);\nrandom.bytes(1);\nglobalThis.crypto.randomUUID();',
    'src/client/j.ts': 'globalThis.crypto.randomUUID();\nMath.random();',
    'bench/e.ts': 'Date.now();',
    'src/web/f.ts': 'Date.now();\nsetTimeout(run, 1);\ncrypto.randomUUID();',
  },
  [
    'src/client/j.ts:2 uses Math.random: take a Clock or Random',
    'src/tape/a.ts:1 uses Date.now: take a Clock or Random',
    'src/tape/a.ts:2 uses Date.now: take a Clock or Random',
    'src/tape/a.ts:4 uses new Date(): take a Clock',
    'src/tape/b.ts:1 uses setTimeout: take a Clock or Random',
    'src/tape/b.ts:3 uses setInterval: take a Clock or Random',
    'src/views/c.ts:1 uses setTimeout: take a Clock or Random',
    'src/views/c.ts:1 imports node:timers/promises: take a Clock',
    'src/views/d.ts:2 uses Math.random: take a Clock or Random',
    'src/views/g.ts:2 uses randomUUID: take a Clock or Random',
    'src/views/h.ts:1 uses randomBytes: take a Clock or Random',
    'src/views/i.ts:1 uses crypto.getRandomValues: take a Clock or Random',
    'src/views/i.ts:3 uses globalThis.crypto.randomUUID: take a Clock or Random',
  ],
);

test('no file is over 400 lines, in whatever language', () => {
  const long = `${'//\n'.repeat(400)}//`;
  const files: Files = {
    'bench/a.go': long,
    'scripts/b.cjs': long,
    'scripts/c/d.c': long,
    'scripts/c/e.json': long,
    'src/std/a.ts': '//\n'.repeat(400),
    'src/std/b.ts': long,
    'test/README.md': long,
  };
  assert.deepEqual(style.filesAreShort(inProject(files, listFiles)), [
    'bench/a.go has 401 lines, over 400',
    'scripts/b.cjs has 401 lines, over 400',
    'scripts/c/d.c has 401 lines, over 400',
    'src/std/b.ts has 401 lines, over 400',
  ]);
  assert.deepEqual(style.filesAreShort(listFiles(root)), []);
});

check(
  'no function is over 60 lines',
  style.functionsAreShort,
  {
    'src/std/a.ts': `// a\nfunction most() {${'\n'.repeat(59)}}\nfunction more() {${'\n'.repeat(60)}}`,
    'src/std/b.ts': `const arrow = () => {${'\n'.repeat(60)}};`,
    'src/std/c.ts': `class C {\n  method(a = '{') {${'\n'.repeat(60)}}\n}`,
    'test/d.test.ts': `test('long', () => {${'\n'.repeat(60)}});`,
  },
  [
    'src/std/a.ts:62 more has 61 lines, over 60',
    'src/std/b.ts:1 arrow has 61 lines, over 60',
    'src/std/c.ts:2 method has 61 lines, over 60',
    'test/d.test.ts:1 test(long) has 61 lines, over 60',
  ],
);

check(
  'files and folders have one plain name',
  style.filesAreNamedWell,
  {
    'src/std/hash.ts': '',
    'src/std/utils.ts': '',
    'src/common/log.ts': '',
    'src/tape/hotLog.ts': '',
    'src/tape/hot-log.ts': '',
    'bench/ingest-ws.ts': '',
    'test/tape.index.model.test.ts': '',
    'test/job-manager.test.ts': '',
  },
  [
    'src/common/log.ts has the forbidden name common',
    'src/std/utils.ts has the forbidden name utils',
    'src/tape/hot-log.ts is not named by one lower-case word',
    'src/tape/hotLog.ts is not named by one lower-case word',
    'test/job-manager.test.ts has the forbidden name manager',
  ],
);

check(
  'every file opens by saying what it is',
  style.filesSayWhatTheyAre,
  { 'src/std/a.ts': 'const a = 1; // a', 'src/std/b.ts': '/** B. */', 'src/std/c.ts': '// C.' },
  ['src/std/a.ts does not open with a comment'],
);

check(
  'nothing is left to do',
  style.nothingIsLeftToDo,
  { 'src/std/a.ts': `//\n// ${'TO'}${'DO'}: later`, 'src/std/b.ts': '// methods to do' },
  [`src/std/a.ts:2 says ${'TO'}${'DO'}`],
);

check(
  'no test is switched off without a reason',
  style.noTestIsSwitchedOff,
  {
    'test/a.test.ts': `test.only('a', () => {});\ntest('b', { skip: true }, () => {});`,
    'test/b.test.ts': `test('c', (t) => t.skip());\ntest('d', (t) => t.skip('no device'));`,
    'test/c.test.ts': `test('e', { skip: 'no device' }, () => {});\nconst text = 'test.only(';`,
  },
  [
    'test/a.test.ts:1 uses test.only',
    'test/a.test.ts:2 sets skip without a reason',
    'test/b.test.ts:1 uses t.skip without a reason',
  ],
);

check(
  'every file of src is reached from somewhere',
  style.everythingIsReached,
  {
    'src/main.ts': `import { a } from './std/a.ts';`,
    'src/std/a.ts': `const worker = new URL('./b.js', import.meta.url);`,
    'src/std/b.ts': '',
    'src/std/c.ts': `import { a } from './a.ts';`,
    'src/std/d.ts': '',
    'src/client/e.ts': '',
    'test/d.test.ts': `import { d } from '../src/std/d.ts';`,
  },
  ['src/std/c.ts is reached from nowhere'],
);

check(
  'files are looked for where their thread is',
  style.placesAreThoseOfThreads,
  {
    'src/main.ts': `import { a } from './std/a.ts';\nconst front = new URL('./http/e.js', import.meta.url);`,
    'src/std/a.ts': `const worker = new URL('./b.js', import.meta.url);`,
    'src/std/b.ts': '',
    'src/http/e.ts': `import { t } from './t.ts';\nimport { u } from './u/u.ts';`,
    'src/http/t.ts': `const tag = new URL('../web/cj.js', import.meta.url);`,
    'src/http/u/u.ts': `const tag = new URL('../../web/cj.js', import.meta.url);`,
  },
  [
    'src/std/a.ts:1 looks for ./b.js beside src/main.ts',
    'src/http/u/u.ts:1 looks for ../../web/cj.js beside src/http/e.ts',
  ],
);
