/**
 * The import itself: lines → rows → events → batches → receipts → what is known to be durable.
 *
 *     file ──▶ rows ──▶ batch of N ──send──▶ window ──receipt──▶ progress (lines in order)
 *
 * Receipts may come out of order after a refusal for load; progress counts only batches without a
 * gap before them.
 */

import type { IngestClient } from '../../src/client/ingest.ts';
import type { Event, Receipt } from '../../src/client/types.ts';
import { Refused } from '../../src/event/mapping.ts';
import { splitLines } from './lines.ts';
import type { ImportMap } from './map.ts';
import type { Report } from './report.ts';
import type { Row } from './row.ts';
import { openRows } from './rows.ts';
import type { Source } from './source.ts';
import type { Progress } from './state.ts';
import { compile, type Transform } from './transform.ts';

export interface RunOptions {
  readonly map: ImportMap;
  readonly source: Source;
  readonly report: Report;
  readonly batchEvents: number;
  /** Absent: a dry run, nothing is sent. */
  readonly client: IngestClient | undefined;
  /** Where an earlier run came to. */
  readonly from: Progress | undefined;
  /** Called when more is durable than before. */
  readonly progressed: (progress: Progress) => void;
  /** Called after every batch. */
  readonly shown: () => void;
  /** Called with each event made; for the dry run's samples. */
  readonly made?: (event: Event) => void;
  /** True once the import should stop after what is under way. */
  readonly isStopping: () => boolean;
}

/** How a run ended: `stale` means that the server lost what it had acknowledged: start over. */
export type RunEnd = 'complete' | 'stopped' | 'stale';

interface Item {
  readonly row: Row;
  readonly event: Event;
}

/** Imports everything the source holds. @throws ClientError, MapError, or the source's own error */
export async function run(options: RunOptions): Promise<RunEnd> {
  const { map, source, report, batchEvents, from, isStopping } = options;
  const reader = openRows(map);
  const sender = openSender(options);
  const idOf = ({ line, item }: Row): string =>
    `${map.name}-${source.fingerprint}-${line}${item === undefined ? '' : `-${item}`}`;
  let transform: Transform | undefined;
  let items: Item[] = [];
  let isProbing = from !== undefined;
  const flush = async (): Promise<boolean> => {
    const batch = items;
    items = [];
    if (batch.length > 0) await sender.send(batch);
    options.shown();
    if (!isProbing) return true;
    isProbing = false;
    return batch.length === 0 || (await sender.settle()).stored === 0;
  };
  const take = async (row: Row): Promise<RunEnd | undefined> => {
    transform ??= compile(map, reader);
    // The last acknowledged batch goes alone: if the server takes it for new, its data is gone.
    if (isProbing && row.line > from!.line && !(await flush())) return 'stale';
    report.counts.read += 1;
    if (from !== undefined && row.line < from.probeLine) {
      report.counts.skipped += 1;
      return undefined;
    }
    const event = transform(row, idOf);
    if (event instanceof Refused) {
      report.refuse({ ...placeOf(row), by: 'import', reason: event.reason, row: row.text });
      return undefined;
    }
    options.made?.(event);
    items.push({ row, event });
    if (items.length < batchEvents) return undefined;
    if (!(await flush())) return 'stale';
    return isStopping() ? 'stopped' : undefined;
  };
  const consume = async (): Promise<RunEnd> => {
    for await (const lines of splitLines(source.chunks, map.encoding ?? 'utf-8')) {
      for (const line of lines) {
        for (const row of reader.push(line)) {
          const end = await take(row);
          if (end !== undefined) return end;
        }
      }
      if (isStopping()) return 'stopped';
    }
    for (const row of reader.end()) {
      const end = await take(row);
      if (end !== undefined) return end;
    }
    return (await flush()) ? 'complete' : 'stale';
  };
  const end = await consume();
  await sender.settle();
  return end;
}

interface Sender {
  send(items: readonly Item[]): Promise<void>;
  /** Waits for every receipt. @throws ClientError the first failure */
  settle(): Promise<{ readonly stored: number }>;
}

/** A batch on its way, in the order of the file. */
interface Step {
  readonly progress: Progress;
  isDone: boolean;
}

function openSender({ client, report, map, progressed }: RunOptions): Sender {
  const { counts } = report;
  const steps: Step[] = [];
  const pending = new Set<Promise<void>>();
  let failure: unknown;
  const advance = (): void => {
    let done: Progress | undefined;
    while (steps[0]?.isDone) done = steps.shift()!.progress;
    if (done !== undefined && done.line >= done.probeLine) progressed(done);
  };
  const learn = (items: readonly Item[], receipt: Receipt): void => {
    counts.stored += receipt.accepted;
    counts.known += receipt.duplicates;
    for (const { index, id, code, message } of receipt.rejected) {
      const { row, event } = items[index]!;
      const reason = `${code}: ${message}`;
      report.refuse({ ...placeOf(row), by: 'server', reason, ...(id && { id }), row: event });
    }
  };
  return {
    async send(items) {
      if (client === undefined) return;
      if (failure !== undefined) throw failure;
      const last = items.at(-1)!.row.line;
      // Where a line holds several events its last ones may be in the next batch.
      const line = map.each === undefined ? last : last - 1;
      const step: Step = { progress: { line, probeLine: items[0]!.row.line }, isDone: false };
      steps.push(step);
      const { receipt } = await client.send(items.map(({ event }) => event));
      const told = receipt.then(
        (answer) => {
          learn(items, answer);
          step.isDone = true;
          advance();
        },
        (error: unknown) => {
          failure ??= error;
        },
      );
      pending.add(told);
      void told.then(() => pending.delete(told));
    },
    async settle() {
      await Promise.all(pending);
      if (failure !== undefined) throw failure;
      return { stored: counts.stored };
    },
  };
}

function placeOf({ line, item }: Row): { line: number; item?: number } {
  return item === undefined ? { line } : { line, item };
}
