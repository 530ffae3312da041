/** Every bench runs and counts right; how fast it says the server is does not matter here. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { BesideFigures } from '../bench/beside.ts';
import { noBrowser } from './support/browser.ts';

const main = fileURLToPath(new URL('../bench/main.js', import.meta.url));
const data = mkdtempSync(join(tmpdir(), 'tapeline-bench-'));
after(() => rmSync(data, { recursive: true }));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function bench(...args: string[]): Promise<Ended> {
  return benchWith({}, ...args);
}

function benchWith(more: Readonly<Record<string, string>>, ...args: string[]): Promise<Ended> {
  const inherited = Object.entries(process.env).filter(([key]) => !key.startsWith('TAPELINE_'));
  const env = { ...Object.fromEntries(inherited), NODE_OPTIONS: '', ...more };
  const child = spawn(process.execPath, [main, ...args], { env });
  const texts = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    texts.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    texts.stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, ...texts }));
  });
}

/** Those that start quickly; where they are not installed, Tapeline alone. */
const peersHere = 'tapeline,redis,postgres';

/** Figures by name; those of a phase or a quantile by path. */
type Figures = (path: string) => number;

/** Runs a bench and gives what its last line says. */
async function figuresOf(name: string): Promise<Figures> {
  const more = name === 'peers' ? ['--only', peersHere] : [];
  const { code, stderr, stdout } = await bench(name, '--smoke', '--data', data, ...more);
  assert.equal(code, 0, stderr);
  const lines = stdout.trimEnd().split('\n');
  const last = JSON.parse(lines.at(-1)!) as Record<string, unknown>;
  assert.ok(lines.length > 5, 'a table comes first');
  if (name !== 'walk') {
    assert.equal(last['workload'], name);
    assert.match(String(last['work']), /^[0-9a-f]{12}$/);
    assert.equal((last['settings'] as Record<string, unknown>)['seed'], 1);
  }
  return (path) => {
    const value = path.split('.').reduce<unknown>((from, key) => {
      return (from as Record<string, unknown> | undefined)?.[key];
    }, last);
    assert.equal(typeof value, 'number', `${path} is missing`);
    return value as number;
  };
}

function assertPositive(figures: Figures, ...paths: string[]): void {
  for (const path of paths) assert.ok(figures(path) > 0, `${path} is ${figures(path)}`);
}

/** In order, as quantiles of times are. */
function assertQuantiles(figures: Figures, path: string): void {
  assertPositive(figures, `${path}.count`, `${path}.p50`);
  const values = ['p50', 'p99', 'p999', 'max'].map((name) => figures(`${path}.${name}`));
  assert.deepEqual(
    values,
    values.toSorted((a, b) => a - b),
  );
}

test('links are in force before they are measured, and what a new one costs is told', async () => {
  const args = ['--smoke', '--links', '0.3', '--data', data];
  const { code, stderr, stdout } = await bench('ingest-ws', ...args);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /new links +300, each .* all in force before the warm-up/);
});

const expectations: Readonly<Record<string, (figures: Figures) => void>> = {
  'ingest-ws': checkFrames,
  'ingest-ws-json': checkFrames,
  'ingest-http': (figures) => checkRequests(figures, 500),
  'ingest-http-single': (figures) => checkRequests(figures, 1),
  scan: checkReads,
  view: checkReads,
  live(figures) {
    for (const phase of ['one', 'fanOut', 'burst', 'filtered']) {
      assertPositive(figures, `${phase}.messagesPerSecond`);
      assertQuantiles(figures, `${phase}.latencyMs`);
    }
    assert.equal(figures('one.messages'), figures('one.events'));
    assert.equal(figures('fanOut.messages'), 10 * figures('fanOut.events'));
    assert.equal(figures('burst.messages'), 10 * figures('burst.events'));
    assert.equal(figures('filtered.messages'), figures('filtered.events') / 10);
    assert.equal(figures('repeated'), 0);
  },
  decide(figures) {
    assertQuantiles(figures, 'ownMs');
    assertQuantiles(figures, 'soonMs');
    assert.equal(figures('ownRecorded'), 1, 'who waits long enough is told what is on the tape');
    assert.ok(figures('soonRecorded') <= 1);
    assertQuantiles(figures, 'viewMs');
    assertPositive(figures, 'ownServerMicros', 'viewServerMicros');
    assert.ok(figures('recorded') >= figures('answered'));
    assert.equal(figures('failures'), 0);
  },
  journeys(figures) {
    assertPositive(figures, 'without', 'withMaps', 'share', 'relevant');
    assertQuantiles(figures, 'lagMs');
  },
  'journeys-engine'(figures) {
    assertPositive(figures, 'relevant.eventsPerSecond', 'passed.eventsPerSecond');
    assertPositive(figures, 'relevant.cpuNsPerEvent', 'passed.cpuNsPerEvent');
  },
  timers(figures) {
    assert.equal(figures('lateMs.count'), figures('due'));
    assertQuantiles(figures, 'lateMs');
    assertPositive(figures, 'pending', 'duePerSecond');
    assert.equal(figures('early'), 0);
  },
  linked(figures) {
    assertPositive(figures, 'ratio', 'ratioHeld', 'ratioOfBytes', 'eventsPerSecond');
    assertPositive(figures, 'eventsPerSecondLinked');
    const links = Array.from({ length: 8 }, (_, at) => figures(`phases.${at}.links`));
    assert.deepEqual(links, [0, 300, 0, 300, 300, 0, 300, 0]);
    const [plain, held, bytes, linked] = [0, 1, 2, 3].map((at) => {
      return figures(`phases.${at}.bytesPerEvent`);
    });
    assert.equal(held, plain);
    assert.ok(bytes! > plain!);
    assert.equal(linked, bytes, 'what is said in data takes as many bytes');
  },
  stalled(figures) {
    assertPositive(figures, 'ratio', 'eventsPerSecond', 'eventsPerSecondStalled');
    assert.deepEqual(
      [0, 1, 2].map((at) => figures(`held.${at}.subscribers`)),
      [0, 2, 4],
    );
  },
  fair(figures) {
    assertPositive(figures, 'rateRatio', 'p99Ratio', 'rateRatioWithQuota', 'p99RatioWithQuota');
    for (const phase of [0, 1, 2, 3]) {
      assertPositive(figures, `phases.${phase}.neighbour.accepted`);
      assert.equal(figures(`phases.${phase}.neighbour.nacks`), 0);
    }
    assertPositive(figures, 'phases.1.flood.accepted', 'phases.2.flood.nacks');
  },
  restart(figures) {
    assert.equal(figures('events'), 20_000);
    assertPositive(
      figures,
      'readyAfterBurstSeconds',
      'stopSeconds',
      'readySeconds',
      'readyAfterKillSeconds',
    );
  },
  offer(figures) {
    assert.equal(figures('visibleMs.count'), 2);
    assertQuantiles(figures, 'visibleMs');
    assert.equal(figures('early'), 0);
  },
  seal(figures) {
    assert.equal(figures('events'), 20_000);
    assertPositive(
      figures,
      'indexNanos',
      'sealNanos',
      'mergeNanos',
      'sealedBytesPerSent',
      'replayNanos',
    );
    assertQuantiles(figures, 'newestMs');
    assertQuantiles(figures, 'deepMs');
  },
  walk(figures) {
    assertPositive(figures, 'walkMsgpack', 'walkJson');
  },
  peers(figures) {
    const paths = ['eventsPerSecond', 'bytesPerEvent', 'readsPerSecond', 'restartSeconds'];
    assertPositive(figures, ...paths.map((path) => `peers.tapeline.${path}`));
    assertQuantiles(figures, 'peers.tapeline.readMs');
    assert.equal(figures('peers.tapeline.events'), 4000);
    assert.equal(figures('peers.tapeline.eventsPerRead'), 50);
  },
};

function checkFrames(figures: Figures): void {
  assertPositive(figures, 'eventsPerSecond', 'sent', 'generatorMicrosPerEvent');
  assert.equal(figures('accepted'), figures('sent'));
  for (const name of ['duplicates', 'rejected', 'nacks']) assert.equal(figures(name), 0);
  assertQuantiles(figures, 'receiptMs');
}

function checkRequests(figures: Figures, batch: number): void {
  assertPositive(figures, 'requestsPerSecond', 'answered');
  assert.equal(figures('eventsPerSecond'), batch * figures('requestsPerSecond'));
  assert.equal(figures('failures'), 0);
  assertQuantiles(figures, 'answerMs');
}

function checkReads(figures: Figures): void {
  assert.equal(figures('events'), 20_000);
  assert.equal(figures('failures'), 0);
  assertPositive(figures, 'answerBytes', 'stepsPerRead', 'readsPerSecond');
  for (const name of ['serverMs', 'httpMs', 'httpManyMs']) assertQuantiles(figures, name);
}

for (const [name, check] of Object.entries(expectations)) {
  const skip = name === 'offer' ? noBrowser : false;
  test(`the bench ${name} runs, and its figures hold together`, { skip }, async () => {
    check(await figuresOf(name));
    assert.deepEqual(readdirSync(data), [], 'its data is gone');
  });
}

test('without a name the benches are listed, each with a line about it', async () => {
  const { code, stdout } = await bench();
  assert.equal(code, 0);
  const listed = [...stdout.matchAll(/^ {2}([a-z]\S*) +\S.{20,}$/gm)].map((match) => match[1]);
  assert.deepEqual(listed.sort(), Object.keys(expectations).sort());
});

test('peers that are not here are left out, with what to do', async () => {
  const empty = mkdtempSync(join(tmpdir(), 'tapeline-none-'));
  const nowhere = { PATH: empty, XDG_CACHE_HOME: empty };
  const args = ['--smoke', '--data', data, '--only', 'redis,nats,kafka'];
  const { code, stderr, stdout } = await benchWith(nowhere, 'peers', ...args);
  rmSync(empty, { recursive: true });
  assert.equal(code, 0, stderr);
  const { peers } = JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as {
    peers: Record<string, { reason: string }>;
  };
  assert.deepEqual(Object.keys(peers), ['redis', 'nats', 'kafka']);
  for (const { reason } of Object.values(peers)) assert.match(reason, /--install/);
  assert.deepEqual(readdirSync(data), []);
});

test('a wrong name or flag is said so', async () => {
  const wrongName = await bench('ingest');
  assert.equal(wrongName.code, 64);
  assert.match(wrongName.stderr, /there is no bench 'ingest'/);
  const wrongFlag = await bench('walk', '--fast');
  assert.equal(wrongFlag.code, 64);
  assert.match(wrongFlag.stderr, /--fast/);
  const wrongValue = await bench('ingest-ws', '--seconds', 'ten');
  assert.equal(wrongValue.code, 64);
  assert.match(wrongValue.stderr, /--seconds must be a number/);
  const wrongPeer = await bench('peers', '--only', 'tapeline,mongo');
  assert.equal(wrongPeer.code, 1);
  assert.match(wrongPeer.stderr, /there is no peer 'mongo'/);
});

test('view --live times every event to the answer that shows it', async () => {
  const { code, stderr, stdout } = await bench('view', '--smoke', '--live', '--data', data);
  assert.equal(code, 0, stderr);
  const last = JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as {
    events: number;
    answers: number;
    latencyMs: { count: number; p50: number };
  };
  assert.ok(last.events >= 10 && last.answers > 0 && last.answers <= last.events);
  assert.ok(last.latencyMs.count > 0 && last.latencyMs.p50 > 0);
});

test('scan --beside times reads in the server while events come in', async () => {
  const flags = ['--smoke', '--beside', '20000', '--data', data];
  const { code, stderr, stdout } = await bench('scan', ...flags);
  assert.equal(code, 0, stderr);
  const { beside } = JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as { beside: BesideFigures };
  assert.ok(beside.events > 0 && beside.eventsPerSecond > 0 && beside.reads > 0);
  assert.ok(beside.p50MsMax > 0 && beside.p50MsMax <= beside.p99MsMax);
  const shares = beside.upTo.map(([, share]) => share);
  assert.deepEqual(
    shares,
    shares.toSorted((a, b) => a - b),
  );
  assert.equal(shares.at(-1), 1);
});
