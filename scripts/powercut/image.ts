/**
 * Opens a data directory with the product's own code, in this process, and reads everything in it.
 * The only file of the power cut that knows what a data directory is made of.
 */
import { join } from 'node:path';
import { systemRandom } from '../../src/std/random.ts';
import { openDataDirectory } from '../../src/store/directory.ts';
import { LmdbDocuments } from '../../src/store/documents.ts';
import { parsePosition } from '../../src/tape/cursor.ts';
import { directoryVersion, workspacesFile } from '../../src/tape/layout.ts';
import { Tail } from '../../src/tape/tail.ts';
import { openWorkspaces } from '../../src/workspaces/workspaces.ts';
import { testKeys } from '../../test/support/server.ts';
import { ManualClock, ShardKit } from '../../test/support/shardkit.ts';
import type { Definition, SentEvent } from './promises.ts';

/** Later than any event of a recording. */
const nowMs = 4_000_000_000_000;

export interface FoundEvent {
  readonly id: string;
  readonly customer: string;
  readonly time: number;
  /** The whole event as readers get it, with its cursor. */
  readonly text: string;
}

export interface OpenedImage {
  /** Every event, in commit order. */
  readonly events: readonly FoundEvent[];
  readonly definitions: readonly Definition[];
  /** Blocks that could not be read. */
  readonly damagedBlocks: number;
  /** The ids on one customer's tape, newest first. */
  tape(customer: string): string[];
  /** Sends events; how many were new, and how many known. */
  store(events: readonly SentEvent[]): Promise<{ accepted: number; duplicates: number }>;
  close(): Promise<void>;
}

/** @throws whatever the server would die of. */
export async function openImage(path: string, shards: number): Promise<OpenedImage> {
  const directory = openDataDirectory(path, {
    format: directoryVersion,
    shards,
    shardsDefault: shards,
    random: systemRandom,
  });
  const documents = new LmdbDocuments(join(directory.path, workspacesFile));
  const clock = new ManualClock(nowMs);
  const workspaces = await openWorkspaces(documents, {
    clock,
    random: systemRandom,
    initialKeys: testKeys,
  });
  const { hashSeed } = directory;
  const kit = new ShardKit({ directory: directory.path, shards, hashSeed, clock });
  const { keys, views } = workspaces.snapshot();
  return {
    events: readEvents(kit, shards),
    damagedBlocks: kit.metric('blocks_damaged_total'),
    definitions: [
      ...keys.map(({ id }) => ({ name: `/v1/keys/${id}`, value: 'present' })),
      ...views.map(({ name, template }) => ({
        name: `/v1/views/${name}`,
        value: template.fields[0]?.lookback ?? '',
      })),
    ],
    tape: (customer) => kit.scan({ customer }).map(({ id }) => String(id)),
    store: (events) => kit.store(events),
    async close() {
      await kit.close();
      await documents.close();
      directory.release();
    },
  };
}

function readEvents(kit: ShardKit, shards: number): FoundEvent[] {
  const events: FoundEvent[] = [];
  const numbers = Array.from({ length: shards }, (_, number) => number);
  const tail = new Tail(kit.tape, numbers, parsePosition('0.0'));
  const horizon = kit.tape.horizon();
  const visit = (event: { json(): string }): boolean => {
    const text = event.json();
    const { customer, id, time } = JSON.parse(text) as FoundEvent;
    events.push({ id, customer, time, text });
    return true;
  };
  while (tail.visitBlock(horizon, visit));
  return events;
}
