/** Opens the erasures as the main thread has them. */
import type { Config } from '../config.ts';
import type { Clock } from '../std/clock.ts';
import type { Log } from '../std/log.ts';
import type { Random } from '../std/random.ts';
import type { DocumentStore } from '../store/documents.ts';
import { Erasures } from '../tape/erasures.ts';
import type { TapeMemory } from '../tape/tape.ts';

/** How long an answer to `now=1` waits. */
export const eraseNowMsMax = 25_000;

export interface ErasingParts {
  readonly clock: Clock;
  readonly config: Config;
  readonly log: Log;
  readonly random: Random;
}

/** Call before any shard is opened: what is gone must not be served. */
export function openErasures(
  { clock, config, log, random }: ErasingParts,
  documents: DocumentStore,
  memory: TapeMemory,
  removal: {
    /** Has a shard remove what is gone from its files. */
    readonly sweep: (shard: number) => Promise<number>;
    /** Has everything else that names customers written anew. */
    readonly purge: () => Promise<void>;
  },
): Erasures {
  const waits = { waitMs: config.erasureWaitMs, answerMs: eraseNowMsMax };
  return new Erasures({ documents, memory, clock, random, log, ...waits, ...removal });
}
