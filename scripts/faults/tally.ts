/** What happened at the positions so far, as a table and as figures. */
import type { Findings } from '../torture/audit.ts';
import type { Outcome } from './injected.ts';

interface Line {
  readonly ends: Map<Outcome['end'], number>;
  toldMs: number;
  slowestMs: number;
}

export class Tally {
  readonly #lines = new Map<string, Line>();
  readonly #skipped = new Map<string, string>();
  readonly #findings = { lost: 0, duplicated: 0, disordered: 0, unknown: 0 };
  #acked = 0;

  add(name: string, { end, slowestMs, toldMs }: Outcome): void {
    const line = this.#lines.get(name) ?? { ends: new Map(), toldMs: 0, slowestMs: 0 };
    line.ends.set(end, (line.ends.get(end) ?? 0) + 1);
    line.toldMs = Math.max(line.toldMs, toldMs);
    line.slowestMs = Math.max(line.slowestMs, slowestMs);
    this.#lines.set(name, line);
  }

  addEvents(acked: number, { disordered, duplicated, lost, unknown }: Findings): void {
    this.#acked += acked;
    this.#findings.lost += lost;
    this.#findings.duplicated += duplicated;
    this.#findings.disordered += disordered;
    this.#findings.unknown += unknown;
  }

  skip(name: string, reason: string): void {
    this.#skipped.set(name, reason);
  }

  table(): string {
    const rows = [...this.#lines].sort().map(([name, { ends, slowestMs, toldMs }]) => {
      const shown = [...ends].map(([end, times]) => `${times} ${end}`).join(', ');
      const times = `told in ≤ ${Math.round(toldMs)} ms, answers ≤ ${Math.round(slowestMs)} ms`;
      return `${name.padEnd(24)} ${shown}; ${times}`;
    });
    for (const [name, reason] of this.#skipped) rows.push(`${name.padEnd(24)} skipped: ${reason}`);
    return `${rows.join('\n')}\n`;
  }

  figures(): Record<string, unknown> {
    const lines = [...this.#lines.values()];
    const positions = lines
      .flatMap(({ ends }) => [...ends])
      .reduce((sum, [end, times]) => sum + (end === 'not reached' ? 0 : times), 0);
    return {
      positions,
      acked: this.#acked,
      ...this.#findings,
      toldMs: Math.round(Math.max(0, ...lines.map(({ toldMs }) => toldMs))),
      answerMs: Math.round(Math.max(0, ...lines.map(({ slowestMs }) => slowestMs))),
      skipped: Object.fromEntries(this.#skipped),
    };
  }
}
