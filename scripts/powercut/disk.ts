/**
 * A disk that may lose power: what was below one directory when a journal began, and the calls of the
 * journal up to a moment. From it come images: everything that was flushed, and of the rest what chance
 * left. As hostile as POSIX allows:
 *
 *     content   a sector (512 bytes) shows any of its states since the last flush of its file, whatever
 *               became of its neighbours; a file's size any of its sizes
 *     names     a new, renamed or removed name that no flush of its directory covers is there or not,
 *               whatever became of the others; flushing a file does nothing for its name. Only one thing
 *               is taken for granted, that a rename is one step
 *     mappings  a file mapped for writing holds anything
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { Random } from '../../src/std/random.ts';
import { type Change, FileState, type Mood } from './file.ts';
import type { Call } from './journal.ts';

class DirectoryState {
  /** Names that are surely on the disk. */
  readonly durable = new Map<string, Entry>();
  /** Names as the running server saw them. */
  readonly live = new Map<string, Entry>();
}

type Entry = FileState | DirectoryState;

/** One step of names: a rename has two edits. */
interface NameChange {
  readonly end: number;
  readonly edits: readonly {
    readonly directory: DirectoryState;
    readonly name: string;
    readonly entry: Entry | undefined;
  }[];
}

/** What a call does to the disk, with its files and directories found. */
type Step =
  | { readonly kind: 'name'; readonly change: NameChange }
  | {
      readonly kind: 'change';
      readonly file: FileState;
      readonly change: Change;
      readonly isSynchronous: boolean;
    }
  | { readonly kind: 'flushFile'; readonly file: FileState }
  | { readonly kind: 'flushDirectory'; readonly directory: DirectoryState }
  | { readonly kind: 'map'; readonly file: FileState };

interface TimedStep {
  readonly start: number;
  readonly end: number;
  readonly step: Step;
}

/**
 * A device that breaks its word, to show that this is noticed. `late`: what is flushed is on the disk
 * only after the file's next flush; `names`: flushing a directory does nothing.
 */
export const lies = ['late', 'names'] as const;
export type Lie = (typeof lies)[number] | undefined;

/** How much of an image was left to chance. */
export interface Chances {
  openSectors: number;
  openNames: number;
}

const keptChances = [0, 0.03, 0.5, 0.97, 1];

/** Mostly one mood for the whole disk; else each file has its own. */
function drawMood(random: Random): Mood {
  return { kept: keptChances[random.below(keptChances.length)]!, isWhole: random.below(2) === 0 };
}

export class Disk {
  readonly #root = new DirectoryState();
  readonly #rootPath: string;
  readonly #files = new Map<number, FileState>();
  readonly #steps: TimedStep[] = [];
  readonly #lie: Lie;
  #names: NameChange[] = [];
  /** When a file was flushed last, for a disk that is late. */
  readonly #flushed = new Map<FileState, number>();
  #done = 0;

  /**
   * @param base a copy of the directory as it was when the journal began; all of it is on the disk.
   * @param rootPath where the directory itself was then.
   */
  constructor(base: string, rootPath: string, calls: readonly Call[], lie?: Lie) {
    this.#rootPath = rootPath;
    this.#lie = lie;
    load(base, this.#root);
    for (const call of calls) this.#prepare(call);
  }

  /** Finds what each call is about, by the names as they were then. */
  #prepare(call: Call): void {
    const { end, start } = call;
    for (const step of this.#stepsOf(call)) {
      this.#steps.push({ start, end, step });
      if (step.kind !== 'name') continue;
      for (const { directory, entry, name } of step.change.edits) edit(directory.live, name, entry);
    }
  }

  #stepsOf(call: Call): Step[] {
    const { end, kind, path, start } = call;
    switch (kind) {
      case 'open':
        return this.#open(call);
      case 'write':
      case 'truncate': {
        const data = kind === 'write' ? call.data : undefined;
        const change = { start, end, offset: call.offset, data };
        const file = this.#fileOf(call);
        return [{ kind: 'change', file, change, isSynchronous: call.isSynchronous }];
      }
      case 'map':
        return [{ kind: 'map', file: this.#fileOf(call) }];
      case 'flush':
        if (!call.isDirectory) return [{ kind: 'flushFile', file: this.#fileOf(call) }];
        return [{ kind: 'flushDirectory', directory: this.#directoryAt(path) }];
      case 'mkdir':
        return [this.#rename(end, [path, new DirectoryState()])];
      case 'unlink':
      case 'rmdir':
        return [this.#rename(end, [path, undefined])];
      case 'rename':
        return [this.#rename(end, [path, undefined], [call.other, this.#entryAt(path)])];
      default:
        return [];
    }
  }

  #rename(end: number, ...entries: readonly [string, Entry | undefined][]): Step {
    const edits = entries.map(([path, entry]) => {
      const name = path.slice(path.lastIndexOf('/') + 1);
      return { directory: this.#directoryAt(dirname(path)), name, entry };
    });
    return { kind: 'name', change: { end, edits } };
  }

  /** Opening to write makes the file if it is not there, and may empty it. */
  #open({ end, inode, isEmptied, path, start }: Call): Step[] {
    const found = this.#entryAt(path);
    const file = found instanceof FileState ? found : new FileState();
    if (file.inode !== undefined && file.inode !== inode) {
      throw new Error(`${path} is another file than the journal says`);
    }
    file.inode = inode;
    this.#files.set(inode, file);
    if (found === undefined) return [this.#rename(end, [path, file])];
    if (!isEmptied) return [];
    const change = { start, end, offset: 0, data: undefined };
    return [{ kind: 'change', file, change, isSynchronous: false }];
  }

  #fileOf({ inode, kind, path }: Call): FileState {
    const file = this.#files.get(inode) ?? this.#entryAt(path);
    if (!(file instanceof FileState))
      throw new Error(`a ${kind} of a file that was never opened to write`);
    return file;
  }

  #entryAt(path: string): Entry | undefined {
    let entry: Entry | undefined = this.#root;
    for (const name of relative(this.#rootPath, path).split('/')) {
      if (name === '') continue;
      entry = entry instanceof DirectoryState ? entry.live.get(name) : undefined;
    }
    return entry;
  }

  #directoryAt(path: string): DirectoryState {
    const entry = this.#entryAt(path);
    if (!(entry instanceof DirectoryState)) throw new Error(`${path} is not a known directory`);
    return entry;
  }

  /** Lets the time pass, never back: carries out every call that had ended by then. */
  advance(time: number): void {
    for (; this.#done < this.#steps.length; this.#done++) {
      const { end, start, step } = this.#steps[this.#done]!;
      if (end > time) return;
      this.#carryOut(step, start);
    }
  }

  #carryOut(step: Step, start: number): void {
    switch (step.kind) {
      case 'name':
        this.#names.push(step.change);
        break;
      case 'change':
        step.file.change(step.change);
        if (step.isSynchronous && this.#lie !== 'late') step.file.settleLast();
        break;
      case 'flushFile':
        this.#flushFile(step.file, start);
        break;
      case 'flushDirectory':
        if (this.#lie !== 'names') this.#flushNames(step.directory, start);
        break;
      case 'map':
        step.file.isMapped = true;
        break;
    }
  }

  #flushFile(file: FileState, before: number): void {
    if (this.#lie !== 'late') file.flush(before);
    else {
      file.flush(this.#flushed.get(file) ?? 0);
      this.#flushed.set(file, before);
    }
  }

  #flushNames(flushed: DirectoryState, before: number): void {
    this.#names = this.#names.filter((change) => {
      const isHere = change.edits.some(({ directory }) => directory === flushed);
      if (!isHere || change.end > before) return true;
      for (const { directory, entry, name } of change.edits) edit(directory.durable, name, entry);
      return false;
    });
  }

  /** Writes an image of the disk as a power cut at `time` may have left it. Call `advance` first. */
  write(path: string, time: number, random: Random): Chances {
    const running = this.#steps.slice(this.#done).filter(({ start }) => start < time);
    const names = [...this.#names];
    const changes = new Map<FileState, Change[]>();
    for (const { step } of running) {
      if (step.kind === 'name') names.push(step.change);
      if (step.kind !== 'change') continue;
      changes.set(step.file, [...(changes.get(step.file) ?? []), step.change]);
    }
    const mood = drawMood(random);
    const kept = new Map<DirectoryState, Map<string, Entry>>();
    const namesOf = (directory: DirectoryState): Map<string, Entry> => {
      const known = kept.get(directory) ?? new Map(directory.durable);
      kept.set(directory, known);
      return known;
    };
    for (const { edits } of names) {
      if (random.next() >= mood.kept) continue;
      for (const { directory, entry, name } of edits) edit(namesOf(directory), name, entry);
    }
    const chances = { openSectors: 0, openNames: names.length };
    const isUniform = random.below(2) === 0;
    this.#writeDirectory(path, this.#root, namesOf, (file) => {
      const own = isUniform ? mood : drawMood(random);
      const { bytes, openSectors } = file.cut(random, own, changes.get(file));
      chances.openSectors += openSectors;
      return bytes;
    });
    return chances;
  }

  #writeDirectory(
    path: string,
    directory: DirectoryState,
    namesOf: (directory: DirectoryState) => ReadonlyMap<string, Entry>,
    contentOf: (file: FileState) => Buffer,
  ): void {
    mkdirSync(path, { mode: 0o700 });
    for (const [name, entry] of namesOf(directory)) {
      const inside = join(path, name);
      if (entry instanceof DirectoryState) this.#writeDirectory(inside, entry, namesOf, contentOf);
      else writeFileSync(inside, contentOf(entry), { mode: 0o600 });
    }
  }

  /**
   * Compares everything, nothing lost, with the directory as the server left it: where they differ,
   * the shim has missed a call. Returns the differences; call `advance` to the end first.
   */
  differences(path: string, directory: DirectoryState = this.#root): string[] {
    const found = new Set(readdirSync(path));
    const problems: string[] = [];
    for (const [name, entry] of directory.live) {
      const inside = join(path, name);
      if (!found.delete(name)) problems.push(`${inside} is missing`);
      else if (entry instanceof DirectoryState) problems.push(...this.differences(inside, entry));
      else if (!entry.isMapped && !readFileSync(inside).equals(entry.whole())) {
        problems.push(`${inside} has another content`);
      }
    }
    return [...problems, ...[...found].map((name) => `${join(path, name)} is not in the journal`)];
  }
}

function edit(names: Map<string, Entry>, name: string, entry: Entry | undefined): void {
  if (entry === undefined) names.delete(name);
  else names.set(name, entry);
}

function load(path: string, directory: DirectoryState): void {
  for (const found of readdirSync(path, { withFileTypes: true })) {
    const inside = join(path, found.name);
    const entry = found.isDirectory() ? new DirectoryState() : new FileState(readFileSync(inside));
    if (entry instanceof DirectoryState) load(inside, entry);
    directory.durable.set(found.name, entry);
    directory.live.set(found.name, entry);
  }
}
