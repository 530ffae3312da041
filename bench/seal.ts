/**
 * seal: what indexing, sealing and merging cost for each event, how large segments are, and what it costs to read
 * them. In this process, without a server: CPU time of the one thread, files and their flush included.
 */
import { join } from 'node:path';
import { createMetricsMemory, openMetrics } from '../src/std/metrics.ts';
import { seededRandom } from '../src/std/random.ts';
import { indexLog } from '../src/tape/indexlog.ts';
import type { SegmentFacts } from '../src/tape/job.ts';
import { partIndexGeneration } from '../src/tape/layout.ts';
import { merge } from '../src/tape/merge.ts';
import { customerHashOf } from '../src/tape/route.ts';
import { seal } from '../src/tape/seal.ts';
import { Segment } from '../src/tape/segment.ts';
import { customerName, encodeFrames, hashFrames, patchFrame } from './frames.ts';
import { PartWriter } from './parts.ts';
import { count, print, type Quantiles, quantiles, type Row, rounded, spread } from './report.ts';
import { withData } from './server.ts';
import type { Settings } from './settings.ts';

const parts = 4;
const batch = 1000;
const hashSeed = 7;
const workspace = 1;
const pageLimit = 50;
const timeMs = 1_790_000_000_000;

interface Work {
  readonly directory: string;
  readonly events: number;
  readonly customers: number;
  readonly seed: number;
}

/** Nanoseconds of CPU for each of `events`. */
function cost(startedAt: NodeJS.CpuUsage, events: number): number {
  const { system, user } = process.cpuUsage(startedAt);
  return rounded(((system + user) * 1000) / events);
}

async function writeParts(work: Work): Promise<{ lasts: number[]; hash: string }> {
  const { customers, directory, events, seed } = work;
  const plan = { protocol: 'msgpack', shape: 'cart', batch, customers, frames: 64, seed } as const;
  const frames = encodeFrames(plan);
  const lasts: number[] = [];
  const framesPerPart = Math.ceil(events / batch / parts);
  let firstStamp = 1;
  for (let number = 1; number <= parts; number++) {
    const writer = new PartWriter({ directory, shard: 0, number, firstStamp, hashSeed });
    for (let n = 0; n < framesPerPart; n++) {
      const seq = (number - 1) * framesPerPart + n;
      const frame = frames[seq % frames.length]!;
      patchFrame(frame, 'msgpack', { number: seq, seq, timeMs: timeMs + seq });
      writer.received = timeMs + seq;
      let at = frame.seqAt + 7;
      while (at < frame.bytes.length) at = writer.add(frame.bytes, at, true, workspace);
      await writer.commit();
    }
    lasts.push(await writer.close());
    firstStamp = lasts.at(-1)! + 1;
  }
  return { lasts, hash: hashFrames(frames) };
}

interface Made {
  readonly indexed: readonly SegmentFacts[];
  readonly indexNanos: number;
  readonly sealed: readonly SegmentFacts[];
  readonly merged: SegmentFacts;
  readonly sealNanos: number;
  readonly mergeNanos: number;
}

function make({ directory, events }: Work, lasts: readonly number[]): Made {
  const job = { directory, shard: 0 };
  const eventsMax = events / parts;
  const ranges = lasts.map((last, i) => ({ first: (lasts[i - 1] ?? 0) + 1, last, part: i + 1 }));
  const indexStart = process.cpuUsage();
  const indexed = ranges.map(
    (range) => indexLog({ ...job, ...range, eventsMax, generation: partIndexGeneration })!,
  );
  const indexNanos = cost(indexStart, events);
  const sealStart = process.cpuUsage();
  const sealed = ranges.map(
    ({ first, last, part }) => seal({ ...job, parts: [part], first, last, generation: 1 })!,
  );
  const sealNanos = cost(sealStart, events);
  const mergeStart = process.cpuUsage();
  const segments = sealed.map(({ file }) => file);
  const merged = merge({ ...job, segments, first: 1, last: lasts.at(-1)!, generation: 2 })!;
  return { indexed, indexNanos, sealed, merged, sealNanos, mergeNanos: cost(mergeStart, events) };
}

interface Reads {
  readonly newestMs: Quantiles;
  readonly deepMs: Quantiles;
  readonly latestNanos: number;
  readonly filterNanos: number;
  readonly replayNanos: number;
  readonly openMs: number;
}

function readPage(segment: Segment, hash: number, until?: number): number {
  const run = segment.run(hash, undefined, until);
  let events = 0;
  while (events < pageLimit && run.next()) events += run.event() === undefined ? 0 : 1;
  return events;
}

function measure(run: () => void, times: number): Quantiles {
  const taken: number[] = [];
  for (let n = -Math.ceil(times / 4); n < times; n++) {
    const startMs = performance.now();
    run();
    if (n >= 0) taken.push(performance.now() - startMs);
  }
  return quantiles(taken);
}

async function read(work: Work, made: Made, times: number): Promise<Reads> {
  const metrics = openMetrics(createMetricsMemory(1), 0);
  const openedMs = performance.now();
  const segment = Segment.open(join(work.directory, 'shard-0', made.merged.file), metrics);
  const openMs = rounded(performance.now() - openedMs);
  const random = seededRandom(work.seed);
  const anyone = (): number => {
    const name = Buffer.from(customerName(random.below(work.customers)));
    return customerHashOf(hashSeed, workspace, name, 0, name.length);
  };
  const newestMs = measure(() => readPage(segment, anyone()), times);
  const span = made.merged.timeMax - made.merged.timeMin;
  const deepMs = measure(() => readPage(segment, anyone(), timeMs + random.next() * span), times);
  const latestStart = process.cpuUsage();
  for (let n = 0; n < times; n++) segment.latest(anyone());
  const latestNanos = cost(latestStart, times);
  segment.mayHoldId(0);
  const lookups = times * 1000;
  const filterStart = process.cpuUsage();
  for (let n = 0; n < lookups; n++) segment.mayHoldId(Math.imul(n, 0x9e3779b1) >>> 0);
  const filterNanos = cost(filterStart, lookups);
  const replayStart = process.cpuUsage();
  let replayed = 0;
  let stamp = segment.nextStamp(0);
  for (; stamp !== Number.POSITIVE_INFINITY; stamp = segment.nextStamp(stamp + 1)) {
    replayed += segment.block(stamp)!.records;
  }
  const replayNanos = cost(replayStart, replayed);
  await segment.close();
  if (replayed !== work.events) throw new Error(`${replayed} events replayed of ${work.events}`);
  return { newestMs, deepMs, latestNanos, filterNanos, replayNanos, openMs };
}

export async function sealBench(settings: Settings): Promise<void> {
  await withData(settings, async (directory) => {
    const { seed, smoke } = settings;
    const asked = settings.events ?? (smoke ? 20_000 : 1_000_000);
    const events = Math.ceil(asked / batch / parts) * batch * parts;
    const customers = settings.customers ?? (smoke ? 1000 : 100_000);
    const work: Work = { directory, events, customers, seed };
    const { hash, lasts } = await writeParts(work);
    const made = make(work, lasts);
    const reads = await read(work, made, smoke ? 100 : 5000);
    const sealedBytes = made.sealed.reduce((sum, { bytes }) => sum + bytes, 0);
    const ratio = rounded(sealedBytes / made.merged.sentBytes);
    const mergedRatio = rounded(made.merged.bytes / made.merged.sentBytes);
    const figures = {
      events,
      indexNanos: made.indexNanos,
      indexBytes: rounded(made.indexed.reduce((sum, { bytes }) => sum + bytes, 0) / events),
      sealNanos: made.sealNanos,
      mergeNanos: made.mergeNanos,
      sealedBytesPerSent: ratio,
      mergedBytesPerSent: mergedRatio,
      maxRssMiB: Math.round(process.resourceUsage().maxRSS / 1024),
      ...reads,
    };
    const rows: Row[] = [
      ['events', `${count(events)} in ${parts} parts, ${customers} customers`],
      [
        'to index',
        `${made.indexNanos} ns of CPU an event, ${figures.indexBytes} bytes until it is sealed`,
      ],
      ['to seal', `${made.sealNanos} ns of CPU an event`],
      ['to merge', `${made.mergeNanos} ns of CPU an event, ${parts} segments into one`],
      ['size', `${ratio} of what was sent, merged ${mergedRatio}`],
      ['newest 50 of one', spread(reads.newestMs)],
      ['50 from any time', spread(reads.deepMs)],
      ['newest time of one', `${reads.latestNanos} ns`],
      ['id filter', `${reads.filterNanos} ns`],
      ['replay', `${reads.replayNanos} ns of CPU an event`],
      ['to open', `${reads.openMs} ms`],
      ['memory at most', `${figures.maxRssMiB} MiB`],
    ];
    const shown = { seed, events, customers };
    print({ workload: 'seal', settings: shown, work: hash, rows, figures });
  });
}
