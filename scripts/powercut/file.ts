/**
 * One file on a disk that may lose power: what is surely on it, and what was written since. Sectors are
 * atomic and independent of each other; of one sector any state since the last flush may be found.
 */
import type { Random } from '../../src/std/random.ts';

export const sectorBytes = 512;

/** A change of content or size that is not flushed. */
export interface Change {
  readonly start: number;
  readonly end: number;
  readonly offset: number;
  /** Undefined: the file's size was set to `offset`. */
  readonly data: Buffer | undefined;
}

/** How the disk treats what it need not keep, drawn anew for each file of an image. */
export interface Mood {
  /** The chance of each sector, or each write, to have reached the disk. */
  readonly kept: number;
  /** Whole writes survive or are lost, instead of each sector by itself. */
  readonly isWhole: boolean;
}

/** What a power cut left of one file. */
export interface Remains {
  readonly bytes: Buffer;
  /** Sectors that could have been found in more than one state, if it is a file that is ever flushed. */
  readonly openSectors: number;
}

/** The part of a change that lies in one sector. */
interface Piece {
  readonly number: number;
  /** The number of the change among those that are not flushed, from 1. */
  readonly step: number;
  readonly at: number;
  readonly data: Buffer;
}

export class FileState {
  inode: number | undefined;
  /** Written through a mapping: nothing is known of its content. */
  isMapped = false;
  #bytes: Buffer;
  #size: number;
  #pending: { readonly number: number; readonly change: Change }[] = [];
  /** Sectors that a synchronous write has put on the disk: the number of the newest change in them. */
  readonly #settled = new Map<number, number>();
  #number = 0;
  #isKept = false;

  constructor(bytes: Buffer = Buffer.alloc(0)) {
    this.#bytes = bytes;
    this.#size = bytes.length;
  }

  change(change: Change): void {
    this.#pending.push({ number: ++this.#number, change });
  }

  /** Everything that had ended when a flush began at `before` is on the disk. */
  flush(before: number): void {
    this.#isKept = true;
    const isCovered = ({ change }: { change: Change }): boolean => change.end <= before;
    for (const { change, number } of this.#pending.filter(isCovered)) {
      if (change.data === undefined) this.#resize(change.offset);
      else {
        this.#reach(change.offset + change.data.length);
        for (const [sector, piece] of piecesOf(number, change)) {
          if (number > (this.#settled.get(sector) ?? 0)) piece.data.copy(this.#bytes, piece.at);
        }
      }
    }
    this.#pending = this.#pending.filter((each) => !isCovered(each));
    if (this.#pending.length === 0) this.#settled.clear();
  }

  /** The change made last was synchronous: its sectors are on the disk, and the size they need. */
  settleLast(): void {
    const { change, number } = this.#pending.at(-1)!;
    const bySector = this.#piecesBySector();
    this.#reach(change.offset + (change.data?.length ?? 0));
    for (const sector of piecesOf(number, change).keys()) {
      for (const piece of bySector.get(sector) ?? []) piece.data.copy(this.#bytes, piece.at);
      this.#settled.set(sector, number);
    }
    this.#pending.pop();
  }

  #resize(size: number): void {
    this.#reach(size);
    if (size < this.#size) this.#bytes.fill(0, size, this.#size);
    this.#size = size;
  }

  #reach(size: number): void {
    if (size > this.#bytes.length) {
      const grown = Buffer.alloc(Math.max(size, 2 * this.#bytes.length));
      this.#bytes.copy(grown);
      this.#bytes = grown;
    }
    this.#size = Math.max(this.#size, size);
  }

  /** By sector, in order: what was written since it was last flushed. */
  #piecesBySector(more: readonly Change[] = []): Map<number, Piece[]> {
    const bySector = new Map<number, Piece[]>();
    const changes = [...this.#pending];
    for (const change of more) changes.push({ number: this.#number + changes.length + 1, change });
    for (const [index, { change, number }] of changes.entries()) {
      for (const [sector, piece] of piecesOf(number, change, index + 1)) {
        if (number <= (this.#settled.get(sector) ?? 0)) continue;
        const pieces = bySector.get(sector);
        if (pieces === undefined) bySector.set(sector, [piece]);
        else pieces.push(piece);
      }
    }
    return bySector;
  }

  /** What may be found after a power cut; `running` are changes that the cut interrupts. */
  cut(random: Random, mood: Mood, running: readonly Change[] = []): Remains {
    const changes = [...this.#pending.map(({ change }) => change), ...running];
    const sizes = this.#sizes(changes);
    const steps = keptOf(random, mood, sizes.length);
    const bytes = Buffer.alloc(sizes[steps]!);
    // What was once cut off does not come back when the file grows again.
    const shrunk = sizes.findLastIndex((size, step) => step <= steps && size < sizes[step - 1]!);
    const old = Math.min(...sizes.slice(0, steps + 1));
    this.#bytes.copy(bytes, 0, 0, old);
    const bySector = this.#piecesBySector(running);
    const survivors = new Map<number, boolean>();
    const survives = (piece: Piece): boolean => {
      if (!mood.isWhole) return random.next() < mood.kept;
      const known = survivors.get(piece.number) ?? random.next() < mood.kept;
      survivors.set(piece.number, known);
      return known;
    };
    for (const pieces of bySector.values()) {
      // A sector shows the state after one of its changes, with all that came before.
      const last = pieces.findLastIndex(survives);
      for (const { at, data, step } of pieces.slice(0, last + 1)) {
        if (step > shrunk || at < old) data.copy(bytes, at);
      }
    }
    if (this.isMapped) scribble(bytes, random);
    return { bytes, openSectors: this.#isKept ? bySector.size : 0 };
  }

  /** The sizes the file has had since the last flush, in order: the first is on the disk. */
  #sizes(changes: readonly Change[]): number[] {
    const sizes = [this.#size];
    for (const { data, offset } of changes) {
      const size = sizes.at(-1)!;
      sizes.push(data === undefined ? offset : Math.max(size, offset + data.length));
    }
    return sizes;
  }

  /** The content when nothing is lost. */
  whole(): Buffer {
    const all: Random = { next: () => 0, below: () => 0, bytes: (count) => new Uint8Array(count) };
    return this.cut(all, { kept: 1, isWhole: true }).bytes;
  }
}

/** How many of `length - 1` steps in order survive. */
function keptOf(random: Random, { kept }: Mood, length: number): number {
  if (kept === 0) return 0;
  return kept === 1 ? length - 1 : random.below(length);
}

/** Memory that was mapped may reach the disk at any time, in any state. */
function scribble(bytes: Buffer, random: Random): void {
  const state = random.below(3);
  if (state === 0) bytes.fill(0);
  if (state === 1) bytes.fill(Buffer.from(random.bytes(61)));
}

function piecesOf(number: number, { data, offset }: Change, step = 0): Map<number, Piece> {
  const pieces = new Map<number, Piece>();
  const end = offset + (data?.length ?? 0);
  for (let at = offset; at < end; ) {
    const sector = Math.floor(at / sectorBytes);
    const next = Math.min(end, (sector + 1) * sectorBytes);
    pieces.set(sector, { number, step, at, data: data!.subarray(at - offset, next - offset) });
    at = next;
  }
  return pieces;
}
