/**
 * What a handler may use: everything else of the process is out of its reach. The front thread's
 * entry builds one `Front`; tests build one with members of their own.
 */
import type { LinkAnswer, LinkAsk } from '../identity/ask.ts';
import type { IdentitySettings } from '../identity/settings.ts';
import type { ShownCustomer } from '../identity/shown.ts';
import type { Ingest } from '../ingest/ingest.ts';
import type { Quotas } from '../ingest/quotas.ts';
import type { Taxonomies } from '../ingest/taxonomy.ts';
import type { DryRunAnswer, DryRunAsk } from '../journeys/aids/dryrun.ts';
import type { TraceAnswer, TraceAsk } from '../journeys/aids/trace.ts';
import type { AskKind, EngineAnswer, EngineAsk, EnginePush } from '../journeys/engine/asks.ts';
import type { Clock } from '../std/clock.ts';
import type { Log } from '../std/log.ts';
import type { Metrics } from '../std/metrics.ts';
import type { Random } from '../std/random.ts';
import type { MailboxAsk, MailboxReply } from '../streams/mailbox.ts';
import type { BornAsk } from '../tape/born.ts';
import type { EraseWish, ErasureState } from '../tape/erasure.ts';
import type { PageForm } from '../tape/page.ts';
import type { QuarantineQuery } from '../tape/quarantine.ts';
import type { HealthState } from '../threads/messages.ts';
import type { ViewFound } from '../views/answer.ts';
import type { ViewReading } from '../views/reader.ts';
import type { Directory } from '../workspaces/directory.ts';
import type { WorkspaceCommand, WorkspaceReply } from '../workspaces/types.ts';

/** One page of a tape, newest first. Times are epoch milliseconds, inclusive; empty lists mean all. */
export interface TapeQuery {
  readonly workspace: number;
  readonly customer: string;
  /** 1–1000. */
  readonly limit: number;
  readonly before: string | undefined;
  readonly since: number | undefined;
  readonly until: number | undefined;
  readonly types: readonly string[];
  readonly channels: readonly string[];
  readonly form: PageForm;
}

export type Health = HealthState;

export interface Front {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly metricsMemory: SharedArrayBuffer;
  readonly directory: Directory;
  readonly quotas: Quotas;
  readonly taxonomies: Taxonomies;
  /** Origins of web pages that may call routes other than ingest; compared exactly. */
  readonly corsOrigins: readonly string[];
  /** The system's: identities of new visitors come from it. */
  readonly random: Random;
  /**
   * Carried out by the main thread; in force on all fronts when it resolves.
   * @throws AppError conflict, not_found, invalid, unavailable.
   */
  change(command: WorkspaceCommand): Promise<WorkspaceReply>;
  /** Resolves when nobody can read the customer's events any more. @throws AppError overloaded, unavailable. */
  erase(wish: EraseWish): Promise<ErasureState>;
  /** The erasures of a workspace, newest first. */
  erasures(workspace: number): Promise<readonly ErasureState[]>;
  /** Whose an identity is, as of now. */
  identity(workspace: number, identity: string, settings: IdentitySettings): ShownCustomer;
  /**
   * Changes who belongs to whom; in force everywhere, and on the tape, when it resolves.
   * @throws AppError conflict, invalid, not_found, overloaded, unavailable.
   */
  link(ask: LinkAsk): Promise<LinkAnswer>;
  /** Puts an event of the server's own on a tape; durable when it resolves. @throws AppError too_large, invalid, unavailable. */
  say(workspace: number, event: object): Promise<void>;
  /** Answered by the engine's thread. @throws AppError as it refuses it; unavailable. */
  engine<Kind extends AskKind>(ask: EngineAsk<Kind>): Promise<EngineAnswer<Kind>>;
  /** Calls `hearer` with whatever the engine tells fronts unasked. */
  hear(hearer: (push: EnginePush) => void): void;
  /**
   * Whatever anybody was told of so far has at most this stamp: asked with `after: front.issued()`, the
   * engine answers as of then or later. @throws AppError unavailable.
   */
  issued(): number;
  /** When customers came to be: the time of each one's oldest event, null without any. */
  born(ask: BornAsk): Promise<readonly (number | null)[]>;
  /** Why an instance is as it is. @throws AppError overloaded. */
  trace(ask: TraceAsk): Promise<TraceAnswer>;
  /** What maps and rules would have done; takes seconds. @throws AppError overloaded. */
  dryRun(ask: DryRunAsk): Promise<DryRunAnswer>;
  /** Messages to visitors; a change is durable when it resolves. @throws AppError conflict, not_found, overloaded, unavailable. */
  mailbox(ask: MailboxAsk): Promise<MailboxReply>;
  /** Resolves to the whole answer in the form that was asked for. @throws AppError invalid, cursor_expired. */
  readTape(query: TapeQuery): Promise<Uint8Array>;
  /** What is found for each view; at once, when it need not go to the pool. @throws AppError unavailable. */
  readViews(reading: ViewReading): readonly ViewFound[] | Promise<readonly ViewFound[]>;
  /** Resolves to the JSON text of the whole answer. @throws AppError invalid. */
  readQuarantine(query: QuarantineQuery): Promise<string>;
  /** Undefined while the front is not ready. */
  ingest(): Ingest | undefined;
  health(): Health;
  /** True once shutdown has begun: replies then ask clients to close the connection. */
  draining(): boolean;
  /** Brings this front's gauges that are not kept with every change up to this moment. */
  lookAtGauges(): void;
}
