/** Hands images to processes that open them, and counts what they find. */
import { fork } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../src/std/clock.ts';
import type { Lie } from './disk.ts';
import { type Problem, type ProblemKind, problemKinds } from './examine.ts';
import type { ExaminerStart, FromExaminer } from './examiner.ts';

/** A process opens this many images and ends: what the library forgets to free goes with it. */
const imagesPerProcess = 100;
/** An image that takes longer hangs, however busy the machine is. */
const imageMsMax = 180_000;
const progressEvery = 100;
/** Problems told in full. */
const problemsMax = 20;

const entry = fileURLToPath(new URL('./examiner.js', import.meta.url));

/** Where to write what need not outlive the machine: images are made by the thousand. */
export function memory(): string {
  return existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
}

export interface AuditOptions {
  readonly seed: number;
  readonly serveEvery: number;
  readonly lie?: Lie;
}

export class Audit {
  images = 0;
  badImages = 0;
  readonly #options: AuditOptions;
  readonly #scratch = mkdtempSync(join(memory(), 'tapeline-image-'));
  readonly #found = new Map<ProblemKind, number>();
  #told = 0;
  #promised = 0;
  #served = 0;
  #openSectors = 0;
  /** Images that caught writes between flushes. */
  #torn = 0;

  constructor(options: AuditOptions) {
    this.#options = options;
    process.once('exit', () => rmSync(this.#scratch, { recursive: true, force: true }));
  }

  /** Opens these images of a recording, each process some of them. */
  async examine(recording: string, images: readonly number[]): Promise<void> {
    let left = [...images];
    while (left.length > 0) {
      const some = left.slice(0, imagesPerProcess);
      const done = await this.#examineSome(recording, some);
      left = left.filter((image) => !done.has(image));
    }
  }

  /** Resolves when the process has ended; the images it has begun count as done. */
  #examineSome(recording: string, images: readonly number[]): Promise<Set<number>> {
    const { lie, seed, serveEvery } = this.#options;
    const start: ExaminerStart = {
      recording,
      seed,
      images,
      scratch: this.#scratch,
      serveEvery,
      lie,
    };
    const env = { ...process.env, LMDB_RESTORE: 'safe' };
    const child = fork(entry, [JSON.stringify(start)], { env, execArgv: ['--single-threaded-gc'] });
    const done = new Set<number>();
    let running: number | undefined;
    let cancel: (() => void) | undefined;
    let ending = '';
    child.on('message', (message: FromExaminer) => {
      cancel?.();
      if (message.kind === 'begun') {
        running = message.image;
        done.add(running);
        cancel = systemClock.after(imageMsMax, () => {
          ending = `did not end within ${imageMsMax} ms`;
          child.kill('SIGKILL');
        });
      } else {
        running = undefined;
        this.#note(recording, message);
      }
    });
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => {
        cancel?.();
        if (running !== undefined) {
          const text = `the process that opened it ${ending || `ended with ${code ?? signal}`}`;
          this.#noteProblems(recording, running, [{ kind: 'unopened', text }]);
          this.#noteImage();
        } else if (code !== 0) reject(new Error(`an examiner ended with ${code ?? signal}`));
        resolve(done);
      });
    });
  }

  #note(recording: string, message: Extract<FromExaminer, { kind: 'examined' }>): void {
    const { chances, image, problems, promised, served } = message;
    this.#promised += promised;
    this.#openSectors += chances.openSectors;
    if (chances.openSectors > 0) this.#torn += 1;
    if (served) this.#served += 1;
    if (problems.length > 0) this.#noteProblems(recording, image, problems);
    this.#noteImage();
  }

  #noteProblems(recording: string, image: number, problems: readonly Problem[]): void {
    this.badImages += 1;
    for (const { kind, text } of problems) {
      this.#found.set(kind, (this.#found.get(kind) ?? 0) + 1);
      if (++this.#told > problemsMax) continue;
      process.stdout.write(`\nimage ${image}: ${kind}: ${text.slice(0, 1000)}\n`);
    }
    if (this.#told > problemsMax) return;
    const { lie, seed } = this.#options;
    const more = lie === undefined ? '' : ` --lie ${lie}`;
    const replay = `npm run powercut -- --replay ${recording} --image ${image} --seed ${seed}${more}`;
    process.stdout.write(`again: ${replay}\n`);
  }

  #noteImage(): void {
    this.images += 1;
    const text = `${this.images} images, ${this.badImages} with problems`;
    if (process.stdout.isTTY) process.stdout.write(`\r${text}`);
    else if (this.images % progressEvery === 0) process.stdout.write(`${text}\n`);
  }

  figures(): Record<string, number> {
    const found = problemKinds.map((kind) => [kind, this.#found.get(kind) ?? 0]);
    return {
      images: this.images,
      bad: this.badImages,
      torn: this.#torn,
      openSectors: this.#openSectors,
      served: this.#served,
      promised: this.#promised,
      ...(Object.fromEntries(found) as Record<string, number>),
    };
  }

  summary(): string {
    const found = problemKinds.map((kind) => `${this.#found.get(kind) ?? 0} ${kind}`);
    return (
      `${this.images} images (${this.#torn} torn, ${this.#served} served), ` +
      `${this.#promised} promises held to them: ${found.join(', ')},`
    );
  }
}
