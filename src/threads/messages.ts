/**
 * Every message that crosses a thread, as one closed union per direction. Buffers move, they are not
 * copied; shared memory is handed over once, at the start.
 *
 *     main ⇄ shard     main ⇄ front     front ⇄ shard (a port for each pair)     main → readers (piscina)
 *     main ⇄ engine    front ⇄ engine   engine ⇄ shard (as a front: the one after the last)
 */
import type { MessagePort } from 'node:worker_threads';
import type { PartLimits } from '../config.ts';
import type { LinkAnswer, LinkAsk, Outbox } from '../identity/ask.ts';
import type { LinkMemory } from '../identity/memory.ts';
import type { DryRunAnswer, DryRunAsk } from '../journeys/aids/dryrun.ts';
import type { TraceAnswer, TraceAsk } from '../journeys/aids/trace.ts';
import type { EngineAnswer, EngineAsk, EnginePush } from '../journeys/engine/asks.ts';
import type { ErrorCode } from '../std/errors.ts';
import type { MailboxAsk, MailboxChange, MailboxReply } from '../streams/mailbox.ts';
import type { BornAsk } from '../tape/born.ts';
import type { ErasureAsk, ErasureState } from '../tape/erasure.ts';
import type { SegmentFacts } from '../tape/job.ts';
import type { PageQuery } from '../tape/page.ts';
import type { ParcelData } from '../tape/parcel.ts';
import type { QuarantineQuery } from '../tape/quarantine.ts';
import type { ParcelReceipt } from '../tape/receipt.ts';
import type { TapeMemory } from '../tape/tape.ts';
import type { UpkeepJob } from '../tape/upkeep.ts';
import type { ViewFound, ViewsAsk } from '../views/answer.ts';
import type { DirectorySnapshot, WorkspaceCommand, WorkspaceReply } from '../workspaces/types.ts';

/** What every thread of ours is started with. */
export interface ThreadStart {
  readonly tape: TapeMemory;
  readonly links: LinkMemory;
  readonly metrics: SharedArrayBuffer;
  /** The thread's row in the metrics. */
  readonly row: number;
  /** One Int32 per front, and one for the engine: see `bells.ts`. */
  readonly bells: SharedArrayBuffer;
  /** Up to when views with snapshots were shown: see `views/shown.ts`. */
  readonly shown: SharedArrayBuffer;
}

export interface ShardStart extends ThreadStart {
  readonly kind: 'shard';
  readonly number: number;
  readonly limits: PartLimits;
}

export interface FrontStart extends ThreadStart {
  readonly kind: 'front';
  readonly number: number;
  readonly fronts: number;
  readonly shards: number;
  readonly host: string;
  readonly inflightBytesMax: number;
  /** What it keeps of inflated blocks. */
  readonly cacheBytes: number;
  readonly corsOrigins: readonly string[];
  /** The demo page is served. */
  readonly demo: boolean;
  readonly directory: DirectorySnapshot;
  /** The buckets of all quotas: see `workspaces/slots.ts`. */
  readonly quotas: SharedArrayBuffer;
  /** See `ingest/contention.ts`. */
  readonly contention: SharedArrayBuffer;
}

export interface EngineStart extends ThreadStart {
  readonly kind: 'engine';
  /** There is one. */
  readonly number: 0;
  /** Its number among the fronts, as shards and bells know it. */
  readonly front: number;
  readonly shards: number;
  readonly inflightBytesMax: number;
  readonly cacheBytes: number;
  /** Where webhooks may go although it is not public. */
  readonly webhookAllow: readonly string[];
  readonly directory: DirectorySnapshot;
  /** See `ingest/contention.ts`. */
  readonly contention: SharedArrayBuffer;
}

export interface ReaderStart extends ThreadStart {
  readonly kind: 'reader';
}

/** Why the process does not serve, as `/healthz` tells it. */
export type HealthState =
  | { readonly status: 'ready' }
  | { readonly status: 'starting' | 'draining' | 'unavailable'; readonly reason: string };

export interface ThreadError {
  readonly code: ErrorCode;
  readonly message: string;
}

export type MainToShard =
  | { readonly kind: 'connect'; readonly front: number; readonly port: MessagePort }
  /** Absent facts: nothing was left to keep. An error: the job failed. */
  | {
      readonly kind: 'upkept';
      readonly request: number;
      readonly facts: SegmentFacts | undefined;
      readonly error: string | undefined;
    }
  /** Remove from the files what is gone; answered by `swept`. */
  | { readonly kind: 'sweep' }
  | { readonly kind: 'close' };

export type ShardToMain =
  | { readonly kind: 'indexed'; readonly events: number; readonly partsLeft: number }
  | { readonly kind: 'opened'; readonly events: number }
  | { readonly kind: 'upkeep'; readonly request: number; readonly job: UpkeepJob }
  | { readonly kind: 'sweeping'; readonly filesLeft: number }
  | { readonly kind: 'swept'; readonly version: number }
  | { readonly kind: 'writable'; readonly writable: boolean; readonly reason: string }
  | { readonly kind: 'closed' };

export type MainToFront =
  | { readonly kind: 'listen'; readonly port: number }
  | { readonly kind: 'connect'; readonly shard: number; readonly port: MessagePort }
  | { readonly kind: 'engine'; readonly port: MessagePort }
  | { readonly kind: 'health'; readonly health: HealthState }
  | { readonly kind: 'directory'; readonly snapshot: DirectorySnapshot }
  | { readonly kind: 'changed'; readonly request: number; readonly reply: WorkspaceReply }
  | {
      readonly kind: 'erasures';
      readonly request: number;
      readonly reply: readonly ErasureState[];
    }
  | { readonly kind: 'mailbox'; readonly request: number; readonly reply: MailboxReply }
  | { readonly kind: 'visitor'; readonly change: MailboxChange }
  | { readonly kind: 'linked'; readonly request: number; readonly reply: LinkAnswer }
  /** These may belong to others from now on; answered by `relinked`. */
  | {
      readonly kind: 'relink';
      readonly change: number;
      readonly changed: readonly { readonly workspace: number; readonly identity: string }[];
    }
  /** Put these on the tape; answered by `recorded`. */
  | { readonly kind: 'record'; readonly outboxes: readonly Outbox[] }
  | { readonly kind: 'refused'; readonly request: number; readonly error: ThreadError }
  | { readonly kind: 'read'; readonly request: number; readonly reply: HeavyAnswer }
  | { readonly kind: 'drain' }
  | { readonly kind: 'close' };

export type FrontToMain =
  | { readonly kind: 'listening' }
  | { readonly kind: 'busy'; readonly message: string }
  | { readonly kind: 'change'; readonly request: number; readonly command: WorkspaceCommand }
  | { readonly kind: 'erasures'; readonly request: number; readonly ask: ErasureAsk }
  | { readonly kind: 'mailbox'; readonly request: number; readonly ask: MailboxAsk }
  | { readonly kind: 'inForce'; readonly version: number }
  | { readonly kind: 'links'; readonly request: number; readonly ask: LinkAsk }
  | { readonly kind: 'relinked'; readonly change: number }
  | { readonly kind: 'recorded'; readonly number: number }
  | { readonly kind: 'heavy'; readonly request: number; readonly ask: HeavyRead }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'drained' };

export type MainToEngine =
  | { readonly kind: 'connect'; readonly shard: number; readonly port: MessagePort }
  | { readonly kind: 'front'; readonly port: MessagePort }
  /** Every shard is open, and every front is connected; answered by `opened`. */
  | { readonly kind: 'open' }
  /** Answered by `inForce`. */
  | { readonly kind: 'directory'; readonly snapshot: DirectorySnapshot }
  /** Lose what is known of a customer under this identity; answered by `done`. */
  | {
      readonly kind: 'forget';
      readonly request: number;
      readonly workspace: number;
      readonly identity: string;
    }
  /** Write the file anew without what is gone; answered by `done`. */
  | { readonly kind: 'purge'; readonly request: number; readonly living: readonly number[] }
  | { readonly kind: 'mailbox'; readonly request: number; readonly reply: MailboxReply }
  | { readonly kind: 'changed'; readonly request: number; readonly reply: WorkspaceReply }
  | { readonly kind: 'read'; readonly request: number; readonly reply: HeavyAnswer }
  | { readonly kind: 'refused'; readonly request: number; readonly error: ThreadError }
  | { readonly kind: 'close' };

export type EngineToMain =
  | { readonly kind: 'opened' }
  | { readonly kind: 'inForce'; readonly version: number }
  | { readonly kind: 'mailbox'; readonly request: number; readonly ask: MailboxAsk }
  | { readonly kind: 'heavy'; readonly request: number; readonly ask: HeavyRead }
  | { readonly kind: 'change'; readonly request: number; readonly command: WorkspaceCommand }
  /** What main asked for is durable, or refused. */
  | { readonly kind: 'done'; readonly request: number; readonly error: ThreadError | undefined }
  | { readonly kind: 'closed' };

/** What is asked in one turn of the thread goes in one message, and so do answers. */
export type FrontToEngine = {
  readonly kind: 'ask';
  readonly asks: readonly { readonly request: number; readonly ask: EngineAsk }[];
};

export type EngineToFront =
  | { readonly kind: 'answers'; readonly answers: readonly EngineReply[] }
  | { readonly kind: 'push'; readonly push: EnginePush };

export type EngineReply =
  | { readonly request: number; readonly answer: EngineAnswer }
  | { readonly request: number; readonly error: ThreadError };

export type FrontToShard = { readonly kind: 'parcel'; readonly parcel: ParcelData };

export type ShardToFront =
  | { readonly kind: 'receipts'; readonly receipts: readonly ParcelReceipt[] }
  | { readonly kind: 'published' };

/** A read that outgrew a front's budget, or is nothing for a front in the first place. */
export type HeavyRead =
  | { readonly kind: 'page'; readonly query: PageQuery }
  | { readonly kind: 'quarantine'; readonly query: QuarantineQuery }
  | { readonly kind: 'views'; readonly ask: ViewsAsk }
  | { readonly kind: 'born'; readonly ask: BornAsk }
  | { readonly kind: 'trace'; readonly ask: TraceAsk }
  | { readonly kind: 'dryRun'; readonly ask: DryRunAsk };

/** A page's bytes, its JSON text, what was found for each view, when customers came to be, … */
export type HeavyAnswer =
  | Uint8Array
  | string
  | readonly ViewFound[]
  | readonly (number | null)[]
  | TraceAnswer
  | DryRunAnswer;
