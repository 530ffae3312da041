/**
 * The load generator for HTTP in C, a process of its own: wrk, one request at a time on every
 * connection, where it is installed. The same plan and figures as with autocannon; every request is
 * another customer, and in bodies another number in every id, so that ids are unique. That answers
 * are what they should be is told by their status, and by what the server counted.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CannonMessage, CannonPlan } from './cannon.ts';
import { cpuMicrosOf, leave, readPlan, tell } from './child.ts';
import { customerDigits, numberDigits } from './frames.ts';
import { rounded } from './report.ts';

/** What the script prints at the end of a round; latencies in microseconds. */
interface Round {
  readonly answered: number;
  readonly seconds: number;
  readonly failures: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

const plan = readPlan<CannonPlan>();
/** How often the generator's CPU time is looked at; the last look counts. */
const lookMs = 50;

/** The whole request with marks where something is written anew each time. */
function requestText({ body, key, url }: CannonPlan): string {
  const { host, pathname, search } = new URL(url);
  const head = [
    `${body === undefined ? 'GET' : 'POST'} ${pathname}${search} HTTP/1.1`,
    `Host: ${host}`,
    `Authorization: Bearer ${key}`,
    ...(body === undefined
      ? []
      : ['Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`]),
  ];
  return `${head.join('\r\n')}\r\n\r\n${body ?? ''}`;
}

const marks = new RegExp(
  `(?<=evt-)[0-9a-f]{${numberDigits}}|(?<=customer-)\\d{${customerDigits}}|(?<="time":)\\d{13}`,
  'g',
);

/** The pieces of a request in Lua: texts (JSON's escapes are its own) and what changes between them. */
function pieces(text: string, customers: number): string[] {
  const list: string[] = [];
  let from = 0;
  for (const match of text.matchAll(marks)) {
    list.push(JSON.stringify(text.slice(from, match.index)));
    const mark = text.slice(0, match.index);
    if (mark.endsWith('evt-')) list.push(`format("%0${numberDigits}x", number)`);
    else if (mark.endsWith('customer-')) {
      list.push(`format("%0${customerDigits}d", random(0, ${customers - 1}))`);
    } else list.push('time');
    from = match.index + match[0].length;
  }
  list.push(JSON.stringify(text.slice(from)));
  return list;
}

/** @param first the number of the first request. */
function script(first: number): string {
  const { customers, seed } = plan;
  return `
local format, random, number = string.format, math.random, ${first - 1}
local time = "${Date.now()}"
math.randomseed(${seed + first})
function request()
  number = number + 1
  return table.concat({${pieces(requestText(plan), customers).join(', ')}})
end
function done(summary, latency)
  local e = summary.errors
  print(format('figures {"answered":%d,"seconds":%f,"failures":%d,"p50":%f,"p99":%f,"p999":%f,"max":%f}',
    summary.requests, summary.duration / 1e6, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9), latency.max))
end
`;
}

async function fire(seconds: number, first: number): Promise<Round & { cpuMicros: number }> {
  const directory = mkdtempSync(join(tmpdir(), 'tapeline-wrk-'));
  try {
    const path = join(directory, 'load.lua');
    writeFileSync(path, script(first));
    const { origin } = new URL(plan.url);
    // It counts whole seconds only.
    const duration = `${Math.max(1, Math.round(seconds))}s`;
    const args = ['-t', '1', '-c', String(plan.connections), '-d', duration, '-s', path, origin];
    return await run(args);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function run(args: readonly string[]): Promise<Round & { cpuMicros: number }> {
  const wrk = spawn('wrk', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  let cpuMicros = 0;
  const look = setInterval(() => {
    const now = cpuMicrosOf(wrk.pid!);
    if (now > cpuMicros) cpuMicros = now;
  }, lookMs);
  wrk.stdout.on('data', (text) => {
    output += String(text);
  });
  process.once('exit', () => wrk.kill('SIGKILL'));
  return new Promise((resolve, reject) => {
    wrk.once('error', (cause) => {
      reject(new Error('wrk cannot be started: install the package wrk', { cause }));
    });
    wrk.once('close', (code) => {
      clearInterval(look);
      const found = /^figures (.*)$/m.exec(output);
      if (found === null) reject(new Error(`wrk ended with ${code}: ${output}`));
      else resolve({ ...(JSON.parse(found[1]!) as Round), cpuMicros });
    });
  });
}

/** Numbers of the measured round begin here: none is one of the warm-up's. */
const measuredFrom = 0x4000_0000;

const warmup = plan.warmupSeconds > 0 ? await fire(plan.warmupSeconds, 0) : undefined;
const say = (message: CannonMessage): void => tell(message);
say({ kind: 'measuring' });
const round = await fire(plan.seconds, measuredFrom);
say({ kind: 'measured' });
const answered = round.answered + (warmup?.answered ?? 0);
say({
  kind: 'done',
  figures: {
    requestsPerSecond: Math.round(round.answered / round.seconds),
    answerMs: {
      count: round.answered,
      p50: rounded(round.p50 / 1000),
      p99: rounded(round.p99 / 1000),
      p999: rounded(round.p999 / 1000),
      max: rounded(round.max / 1000),
    },
    // What is under way at the end of a round is cut off.
    requests: answered + 2 * plan.connections,
    answered,
    failures: round.failures + (warmup?.failures ?? 0),
    generatorMicrosPerRequest: rounded(round.cpuMicros / Math.max(1, round.answered)),
  },
});
leave();
