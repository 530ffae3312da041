/** Cuts a stream of bytes into numbered lines, without ever holding more than one line too many. */
import { isUtf8 } from 'node:buffer';

/** A line without its line feed; `problem` says why its text cannot be used. */
export interface Line {
  /** From 1, as editors count. */
  readonly number: number;
  readonly text: string;
  readonly problem?: string;
}

/** Longer lines are refused. */
export const lineBytesMax = 16 * 1024 * 1024;

const lineFeed = 10;

/** Yields the lines of each chunk together. A byte order mark is dropped. */
export async function* splitLines(
  chunks: AsyncIterable<Buffer>,
  encoding: 'utf-8' | 'latin1',
): AsyncGenerator<readonly Line[]> {
  const splitter = openSplitter(encoding);
  for await (const chunk of chunks) {
    const lines = splitter.push(chunk);
    if (lines.length > 0) yield lines;
  }
  const last = splitter.end();
  if (last !== undefined) yield [last];
}

interface Splitter {
  push(chunk: Buffer): Line[];
  end(): Line | undefined;
}

function openSplitter(encoding: 'utf-8' | 'latin1'): Splitter {
  let number = 0;
  let parts: Buffer[] = [];
  let partsBytes = 0;
  const read = (bytes: Buffer): Line => {
    number += 1;
    if (bytes.length > lineBytesMax) {
      return { number, text: '', problem: `the line is longer than ${lineBytesMax} bytes` };
    }
    if (encoding === 'latin1') return { number, text: bytes.toString('latin1') };
    const text = bytes.toString('utf8');
    if (!isUtf8(bytes)) return { number, text, problem: 'the line is not UTF-8' };
    return { number, text: number === 1 && text.startsWith('\ufeff') ? text.slice(1) : text };
  };
  const keep = (bytes: Buffer): void => {
    // Past the limit only the length matters, so one byte stands for what follows.
    const kept = partsBytes > lineBytesMax ? bytes.subarray(0, 1) : bytes;
    if (kept.length > 0) parts.push(kept);
    partsBytes += kept.length;
  };
  const take = (bytes: Buffer): Buffer => {
    if (parts.length === 0) return bytes;
    keep(bytes);
    const whole = Buffer.concat(parts);
    parts = [];
    partsBytes = 0;
    return whole;
  };
  return {
    push(chunk) {
      const lines: Line[] = [];
      let at = 0;
      for (let end = chunk.indexOf(lineFeed); end >= 0; end = chunk.indexOf(lineFeed, at)) {
        lines.push(read(take(chunk.subarray(at, end))));
        at = end + 1;
      }
      keep(chunk.subarray(at));
      return lines;
    },
    end: () => (parts.length === 0 ? undefined : read(take(Buffer.alloc(0)))),
  };
}
