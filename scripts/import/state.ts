/**
 * How far an import has come, kept in a small file so that the next run goes on from there. It is a
 * convenience, not a promise: the ids of the events make sending anything again harmless.
 */

import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

export interface Progress {
  /** Every event up to this line has its receipt. */
  readonly line: number;
  /** The batch that was acknowledged last began on this line; sent again, it shows whether the server still has it. */
  readonly probeLine: number;
}

export interface State {
  readonly path: string;
  /** Undefined when nothing is known, or nothing readable. */
  load(): Progress | undefined;
  save(progress: Progress): void;
  clear(): void;
}

/** The state of one import; `parts` are all that makes it another import when it differs. */
export function openState(parts: readonly string[]): State {
  const base = process.env['XDG_STATE_HOME'] || join(homedir(), '.local', 'state');
  const folder = join(base, 'tapeline');
  const hash = createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16);
  const path = join(folder, `import-${hash}.json`);
  return {
    path,
    load() {
      try {
        const { line, probeLine } = JSON.parse(readFileSync(path, 'utf8')) as Progress;
        return line > 0 && probeLine > 0 && probeLine <= line ? { line, probeLine } : undefined;
      } catch {
        // Absent or damaged: the import starts from the beginning, which is always right.
        return undefined;
      }
    },
    save(progress) {
      mkdirSync(folder, { recursive: true });
      writeFileSync(`${path}.new`, JSON.stringify(progress));
      renameSync(`${path}.new`, path);
    },
    clear: () => rmSync(path, { force: true }),
  };
}
