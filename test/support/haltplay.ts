/**
 * A process of its own for `store.halt.test.ts`: a thread writes segments without end, and is told to give up and
 * ended in the midst of that, `laps` times. Ends with 0 when nothing has hung.
 */
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { createHaltMemory, halt, heed } from '../../src/store/halt.ts';
import { SegmentWriter } from '../../src/store/segment.ts';
import { extentBytes } from '../../src/tape/layout.ts';

interface Start {
  readonly directory: string;
  readonly memory: SharedArrayBuffer;
}

function writeOn({ directory, memory }: Start): void {
  heed(memory);
  const bytes = new Uint8Array(extentBytes);
  let isTold = false;
  for (let number = 0; !isTold; number++) {
    const writer = new SegmentWriter(join(directory, `${number % 2}.mdb`), extentBytes);
    try {
      for (let n = 0; n < 1024; n++) writer.append(1, bytes);
    } catch {
      isTold = true;
    } finally {
      writer.abandon();
    }
    parentPort!.postMessage(isTold ? 'given up' : 'written');
  }
}

async function play(directory: string, laps: number): Promise<void> {
  for (let lap = 0; lap < laps; lap++) {
    const memory = createHaltMemory();
    const start: Start = { directory, memory };
    const thread = new Worker(fileURLToPath(import.meta.url), { workerData: start });
    await once(thread, 'message');
    halt(memory);
    for (let said = ''; said !== 'given up'; ) [said] = (await once(thread, 'message')) as [string];
    await thread.terminate();
  }
  process.exit(0);
}

if (isMainThread) await play(process.argv[2]!, Number(process.argv[3]));
else writeOn(workerData as Start);
