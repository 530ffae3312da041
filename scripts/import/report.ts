/** What an import has to say: refusals by line, the counts, and the last line for programs. */
import { createWriteStream, type WriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';

/** A row or event that was not stored. */
export interface RefusedRow {
  readonly line: number;
  readonly item?: number;
  /** `import`: no event could be made of it; `server`: the event was refused. */
  readonly by: 'import' | 'server';
  readonly reason: string;
  readonly id?: string;
  /** The row as it stands in the file, or the event as it was sent. */
  readonly row: unknown;
}

export interface Counts {
  /** Events (rows, items of rows) seen in the file. */
  read: number;
  /** Acknowledged in an earlier run, and not sent again. */
  skipped: number;
  stored: number;
  known: number;
  refusedByImport: number;
  refusedByServer: number;
}

export interface Report {
  readonly counts: Counts;
  refuse(row: RefusedRow): void;
  /** Prints the report; `json` adds one line for programs. */
  print(options: { seconds: number; json: boolean; isDryRun: boolean }): void;
  /** Writes the rejects file out. */
  close(): Promise<void>;
}

const listedMax = 50;

/** Opens a report; all refused rows go to `rejectsPath`, if given, as JSON lines. */
export function openReport(
  print: (line: string) => void,
  rejects: { readonly path: string | undefined; readonly isContinued: boolean },
): Report {
  const counts: Counts = {
    read: 0,
    skipped: 0,
    stored: 0,
    known: 0,
    refusedByImport: 0,
    refusedByServer: 0,
  };
  const listed: RefusedRow[] = [];
  let file: WriteStream | undefined;
  if (rejects.path !== undefined) {
    file = createWriteStream(rejects.path, { flags: rejects.isContinued ? 'a' : 'w' });
  }
  // A file that cannot be written shows when it is closed.
  file?.on('error', () => undefined);
  return {
    counts,
    refuse(row) {
      if (row.by === 'import') counts.refusedByImport += 1;
      else counts.refusedByServer += 1;
      if (listed.length < listedMax) listed.push(row);
      file?.write(`${JSON.stringify(row)}\n`);
    },
    print({ seconds, json, isDryRun }) {
      printRefusals(print, counts, listed, rejects.path);
      printCounts(print, counts, seconds, isDryRun);
      if (json) print(JSON.stringify(figures(counts, seconds)));
    },
    async close() {
      if (file === undefined) return;
      file.end();
      await finished(file);
    },
  };
}

/** The counts under the names of the `--json` line. */
export function figures(counts: Counts, seconds: number): Record<string, number> {
  const { read, skipped, stored, known, refusedByImport, refusedByServer } = counts;
  return {
    read,
    skipped,
    stored,
    known,
    refusedByImport,
    refusedByServer,
    seconds: Number(seconds.toFixed(3)),
    eventsPerSecond: perSecond(read - skipped, seconds),
  };
}

function printRefusals(
  print: (line: string) => void,
  counts: Counts,
  listed: readonly RefusedRow[],
  path: string | undefined,
): void {
  const total = counts.refusedByImport + counts.refusedByServer;
  if (total === 0) return;
  print(`${grouped(total)} refused:`);
  for (const { line, item, by, reason } of listed) {
    const place = item === undefined ? `line ${line}` : `line ${line}, item ${item}`;
    print(`  ${place}: ${reason}${by === 'server' ? ' (the server)' : ''}`);
  }
  const more = total - listed.length;
  if (more > 0 && path === undefined)
    print(`  and ${grouped(more)} more: --rejects FILE lists all`);
  else if (more > 0) print(`  and ${grouped(more)} more`);
  if (path !== undefined) print(`  all of them are in ${path}`);
}

function printCounts(
  print: (line: string) => void,
  counts: Counts,
  seconds: number,
  isDryRun: boolean,
): void {
  const { read, skipped, stored, known, refusedByImport, refusedByServer } = counts;
  const rate = `${seconds.toFixed(1)} s, ${grouped(perSecond(read - skipped, seconds))} events/s`;
  if (isDryRun) {
    print(
      `${grouped(read)} events read, ${grouped(refusedByImport)} refused, nothing sent (${rate})`,
    );
    return;
  }
  print(`${grouped(stored)} new, ${grouped(known)} already stored`);
  if (skipped > 0) print(`${grouped(skipped)} acknowledged in an earlier run`);
  print(
    `${grouped(read)} events read, ${grouped(refusedByImport)} refused here, ` +
      `${grouped(refusedByServer)} refused by the server (${rate})`,
  );
}

function perSecond(events: number, seconds: number): number {
  return seconds > 0 ? Math.round(events / seconds) : 0;
}

/** 69659 → 69,659 */
export function grouped(count: number): string {
  return count.toLocaleString('en-US');
}
