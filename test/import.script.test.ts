/** The import as its users run it: exit codes, reports, going on after an interruption. */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type Door, type Frame, openDoor } from './support/door.ts';
import { runScript, type ScriptEnd, type ScriptOptions } from './support/script.ts';

interface Scene {
  readonly door: Door;
  readonly folder: string;
  readonly stored: Map<string, unknown>;
  /** Decides when a frame is answered; at once, unless a test says otherwise. */
  schedule: (frame: Frame, answer: () => void) => void;
  run(args: readonly string[], more?: Partial<ScriptOptions>): Promise<ScriptEnd>;
}

const map = {
  name: 'm',
  format: 'delimited',
  unknown: ['?'],
  event: {
    customer: '{who}',
    type: '{what}',
    data: { fields: { n: { text: '{n}', as: 'number' } } },
  },
};

/** A door that stores by (customer, id), refuses the type `bad`, and a folder of its own. */
async function openScene(t: TestContext): Promise<Scene> {
  const folder = mkdtempSync(join(tmpdir(), 'tapeline-import-'));
  writeFileSync(join(folder, 'map.json'), JSON.stringify(map));
  const stored = new Map<string, unknown>();
  const door = await openDoor({
    onFrame: (frame) => scene.schedule(frame, () => answer(frame, stored)),
  });
  const scene: Scene = {
    door,
    folder,
    stored,
    schedule: (_, answer) => answer(),
    run: (args, more = {}) =>
      runScript('import', {
        args: ['--map', join(folder, 'map.json'), '--url', door.url, '--json', ...args],
        env: { TAPELINE_WRITE_KEY: 'k', XDG_STATE_HOME: folder },
        ...more,
      }),
  };
  t.after(async () => {
    await door.close();
    rmSync(folder, { recursive: true });
  });
  return scene;
}

function answer(frame: Frame, stored: Map<string, unknown>): void {
  let accepted = 0;
  let duplicates = 0;
  const rejected: object[] = [];
  for (const [index, event] of frame.events.entries()) {
    const { id, type } = event;
    const key = `${event.customer} ${id}`;
    if (type === 'bad') rejected.push({ index, id, code: 'invalid', message: 'no' });
    else if (stored.has(key)) duplicates += 1;
    else {
      stored.set(key, event);
      accepted += 1;
    }
  }
  frame.answer({ ack: frame.seq, accepted, duplicates, rejected });
}

/** Runs an import that is interrupted after 20 frames of 10 and has to leave the rest. */
async function interrupt(scene: Scene, text: string): Promise<ScriptEnd> {
  const held: (() => void)[] = [];
  let child: ChildProcess | undefined;
  let isStopping = false;
  scene.schedule = ({ seq }, answer) => {
    if (seq === 20) child!.kill('SIGINT');
    // Until the process has taken note nothing more is answered, so that it cannot finish first.
    if (seq <= 20 || isStopping) answer();
    else held.push(answer);
  };
  const end = await scene.run(['-', '--batch', '10'], {
    stdin: text,
    started(started) {
      child = started;
      child.stderr!.on('data', (said: string) => {
        if (!said.includes('stopping')) return;
        isStopping = true;
        for (const answer of held.splice(0)) answer();
      });
    },
  });
  assert.equal(end.code, 130, end.stderr);
  scene.schedule = (_, answer) => answer();
  return end;
}

function makeFile(rows: number): string {
  const lines = Array.from({ length: rows }, (_, i) => `c${i % 9},visit,${i}`);
  return `who,what,n\n${lines.join('\n')}\n`;
}

/** The last line of the output, without the figures that differ from run to run. */
function figuresOf({ stdout }: ScriptEnd): Record<string, number> {
  const { seconds, eventsPerSecond, ...rest } = JSON.parse(stdout.trim().split('\n').at(-1)!);
  assert.equal(typeof seconds, 'number');
  assert.equal(typeof eventsPerSecond, 'number');
  return rest as Record<string, number>;
}

const nothing = {
  read: 0,
  skipped: 0,
  stored: 0,
  known: 0,
  refusedByImport: 0,
  refusedByServer: 0,
};

test('a second import stores nothing new and says so', async (t) => {
  const scene = await openScene(t);
  const file = join(scene.folder, 'f.csv.gz');
  writeFileSync(file, gzipSync(makeFile(2_500)));
  const first = await scene.run([file]);
  assert.equal(first.code, 0, first.stderr);
  assert.deepEqual(figuresOf(first), { ...nothing, read: 2_500, stored: 2_500 });
  const second = await scene.run([file, '--encoding', 'json', '--batch', '300']);
  assert.equal(second.code, 0, second.stderr);
  assert.deepEqual(figuresOf(second), { ...nothing, read: 2_500, known: 2_500 });
  assert.match(second.stdout, /^0 new, 2,500 already stored$/m);
  assert.equal(scene.stored.size, 2_500);
});

test('the same content by another way has the same ids', async (t) => {
  const scene = await openScene(t);
  const text = makeFile(50);
  assert.equal((await scene.run(['-'], { stdin: gzipSync(text) })).code, 0);
  const again = await scene.run(['-'], { stdin: text });
  assert.deepEqual(figuresOf(again), { ...nothing, read: 50, known: 50 });
});

test('what is refused is reported by line, here and by the server, and written out', async (t) => {
  const scene = await openScene(t);
  const text = 'who,what,n\na,x,1\n?,x,2\nb,x,three\n\nc,bad,4\n"d\nd",x,5\ne,bad,6\n';
  const rejects = join(scene.folder, 'rejects.ndjson');
  const end = await scene.run(['-', '--rejects', rejects], { stdin: text });
  assert.equal(end.code, 0, end.stderr);
  assert.deepEqual(figuresOf(end), {
    ...nothing,
    read: 6,
    stored: 2,
    refusedByImport: 2,
    refusedByServer: 2,
  });
  assert.match(end.stdout, /^ {2}line 3: customer is unknown$/m);
  assert.match(end.stdout, /^ {2}line 4: data.n "three" is not a number$/m);
  assert.match(end.stdout, /^ {2}line 6: invalid: no \(the server\)$/m);
  assert.match(end.stdout, /^ {2}line 9: invalid: no \(the server\)$/m);
  const written = readFileSync(rejects, 'utf8').trim().split('\n');
  const rows = written.map((line) => JSON.parse(line) as { line: number; row: unknown });
  assert.deepEqual(rows.map(({ line }) => line).sort(), [3, 4, 6, 9]);
  assert.equal(rows.find(({ line }) => line === 3)?.row, '?,x,2');
});

test('an interrupted import goes on where it stopped', async (t) => {
  const scene = await openScene(t);
  const text = makeFile(5_000);
  await interrupt(scene, text);
  const before = scene.stored.size;
  assert.ok(before >= 200 && before < 5_000, `${before} stored before the interruption`);
  const second = await scene.run(['-', '--batch', '10'], { stdin: text });
  assert.equal(second.code, 0, second.stderr);
  const { skipped, stored, known } = figuresOf(second);
  assert.ok(skipped! > 0, 'nothing was skipped');
  assert.equal(skipped! + stored! + known!, 5_000);
  assert.equal(stored, 5_000 - before);
  assert.equal(scene.stored.size, 5_000);
  assert.deepEqual(readdirSync(join(scene.folder, 'tapeline')), []);
});

test('a server that lost what it had acknowledged is sent everything again', async (t) => {
  const scene = await openScene(t);
  const text = makeFile(5_000);
  await interrupt(scene, text);
  scene.stored.clear();
  const file = join(scene.folder, 'f.csv');
  writeFileSync(file, text);
  const second = await scene.run([file, '--batch', '10']);
  assert.equal(second.code, 0, second.stderr);
  assert.match(second.stderr, /no longer has what it acknowledged: starting over/);
  assert.equal(scene.stored.size, 5_000);
});

test('exit codes: 2 for usage and maps that do not fit, 1 for failures and nothing but refusals', async (t) => {
  const scene = await openScene(t);
  const url = scene.door.url;
  const stdin = makeFile(3);
  const env = { XDG_STATE_HOME: scene.folder };
  assert.equal((await runScript('import', { args: [] })).code, 2);
  assert.equal((await scene.run(['-', '--batch', '0'], { stdin })).code, 2);
  assert.equal((await scene.run(['-', '--map', 'none'], { stdin })).code, 2);
  const keyless = await scene.run(['-'], { stdin, env });
  assert.equal(keyless.code, 2);
  assert.match(keyless.stderr, /TAPELINE_WRITE_KEY/);
  const misfit = await scene.run(['-', '--map', 'cdnow'], { stdin });
  assert.equal(misfit.code, 2);
  assert.match(misfit.stderr, /no column "customer_id"/);
  assert.equal((await scene.run([join(scene.folder, 'missing')])).code, 1);
  const torn = gzipSync(makeFile(30_000)).subarray(0, -100);
  assert.equal((await scene.run(['-'], { stdin: torn })).code, 1);
  assert.equal((await scene.run(['-'], { stdin: 'who,what,n\n?,x,1\n' })).code, 1);
  assert.equal((await scene.run(['--help'])).code, 0);
  await scene.door.close();
  const alone = await scene.run(['-', '--url', url], { stdin });
  assert.equal(alone.code, 1);
  assert.match(alone.stderr, /npm start/);
});

test('a dry run sends nothing and shows what it would send', async (t) => {
  const scene = await openScene(t);
  const end = await scene.run(['-', '--dry-run'], { stdin: makeFile(5), env: {} });
  assert.equal(end.code, 0, end.stderr);
  assert.equal(scene.door.frames.length, 0);
  assert.deepEqual(JSON.parse(end.stdout.split('\n')[0]!).data, { n: 0 });
  assert.match(end.stdout, /5 events read, 0 refused, nothing sent/);
});
