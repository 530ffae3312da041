/** What every bench prints: a table for people, then one line of JSON with the same figures. */
import { cpus, release, totalmem, type } from 'node:os';

export interface Quantiles {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** Of a sample in any order; zeros when it is empty. */
export function quantiles(sample: readonly number[]): Quantiles {
  const sorted = Float64Array.from(sample).sort();
  const at = (share: number): number => {
    if (sorted.length === 0) return 0;
    return rounded(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!);
  };
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1) };
}

/** To four significant digits. */
export function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

/** A row of the table. */
export type Row = readonly [label: string, value: string];

export function count(value: number): string {
  return Math.round(value).toLocaleString('en');
}

/** `p50 1.2 ms   p99 3 ms   p99.9 4 ms   max 5 ms`. */
export function spread({ max, p50, p99, p999 }: Quantiles): string {
  return `p50 ${p50} ms   p99 ${p99} ms   p99.9 ${p999} ms   max ${max} ms`;
}

export function machine(): string {
  const [first] = cpus();
  const gibibytes = Math.round(totalmem() / 2 ** 30);
  return `${cpus().length} × ${first?.model.trim() ?? 'unknown'}, ${gibibytes} GiB, ${type()} ${release()}, Node ${process.version}`;
}

export interface Report {
  readonly workload: string;
  /** The settings as the run used them. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Names the exact work: see `hashFrames`. */
  readonly work: string;
  readonly rows: readonly Row[];
  readonly figures: Readonly<Record<string, unknown>>;
}

/** Prints a report; its last line is the JSON object. */
export function print({ figures, rows, settings, work, workload }: Report): void {
  const shown = Object.entries(settings).map(([name, value]) => `${name} ${String(value)}`);
  const all: Row[] = [
    ['machine', machine()],
    ['settings', shown.join(', ')],
    ['work', work],
    ...rows,
  ];
  const width = Math.max(...all.map(([label]) => label.length)) + 3;
  const lines = all.map(([label, value]) => `  ${label.padEnd(width)}${value}`);
  process.stdout.write(`${workload}\n${lines.join('\n')}\n`);
  const object = { workload, machine: machine(), settings, work, ...figures };
  process.stdout.write(`${JSON.stringify(object)}\n`);
}
