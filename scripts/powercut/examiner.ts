/**
 * Entry of a process that makes images of one recording and opens each. Images can crash it: the one
 * that starts it counts that as found, and goes on with the next.
 */
import { join } from 'node:path';
import { Cutter } from './cutter.ts';
import type { Chances, Lie } from './disk.ts';
import { Examination, type Problem } from './examine.ts';
import { openImage } from './image.ts';
import { loadRecorded, placesOf } from './recording.ts';
import { examineServed } from './served.ts';

export interface ExaminerStart {
  readonly recording: string;
  readonly seed: number;
  /** Numbers of the images to make, each of which stands for one cut. */
  readonly images: readonly number[];
  /** Where images are built. */
  readonly scratch: string;
  /** One in so many images is also served by a real server. */
  readonly serveEvery: number;
  readonly lie: Lie;
}

export type FromExaminer =
  | { readonly kind: 'begun'; readonly image: number }
  | {
      readonly kind: 'examined';
      readonly image: number;
      readonly events: number;
      /** Events that had to be there. */
      readonly promised: number;
      readonly chances: Chances;
      readonly served: boolean;
      readonly problems: readonly Problem[];
    };

async function examineAll(start: ExaminerStart, tell: (message: FromExaminer) => void) {
  const { reference, shards } = loadRecorded(start.recording);
  const cutter = new Cutter(start.recording, start.lie);
  for (const cut of cutter.cuts(start.seed, start.images)) {
    const { image, time } = cut;
    tell({ kind: 'begun', image });
    const path = join(start.scratch, 'image');
    const chances = cutter.build(path, cut);
    const data = join(path, placesOf('').data);
    const promised = Object.values(reference.promised.events).filter((from) => from <= time).length;
    const served = image % start.serveEvery === start.serveEvery - 1;
    const problems: Problem[] = [];
    let events = 0;
    try {
      const opened = await openImage(data, shards);
      events = opened.events.length;
      const examination = new Examination(reference, opened);
      examination.read(time);
      if (!served) await examination.write('written');
      await opened.close();
      problems.push(...examination.problems);
      const texts = served ? await examineServed(data, shards, opened) : [];
      for (const text of texts) problems.push({ kind: 'unusable', text });
    } catch (error) {
      problems.push({ kind: 'unopened', text: (error as Error).stack ?? String(error) });
    }
    tell({ kind: 'examined', image, events, promised, chances, served, problems });
  }
}

process.once('disconnect', () => process.exit(0));
const start = JSON.parse(process.argv[2]!) as ExaminerStart;
await examineAll(start, (message) => process.send!(message));
process.disconnect();
