/**
 * What the engine gives to those who carry out what it asks for (decisions, deliveries, routing), and what
 * it wants of them. They run on the engine's thread; whatever they find out takes effect by being said on
 * the tape and read back from there.
 */
import type { LinkReader } from '../../identity/reader.ts';
import type { Clock } from '../../std/clock.ts';
import type { Log } from '../../std/log.ts';
import type { Metrics } from '../../std/metrics.ts';
import type { Random } from '../../std/random.ts';
import type { MailboxAsk, MailboxReply } from '../../streams/mailbox.ts';
import type { Tape } from '../../tape/tape.ts';
import type { ViewFound } from '../../views/answer.ts';
import type { ViewReading } from '../../views/reader.ts';
import type { Directory } from '../../workspaces/directory.ts';
import type { WorkspaceCommand, WorkspaceReply } from '../../workspaces/types.ts';
import type { CompiledMap, CompiledRule } from '../compile/compiled.ts';
import type { Delivery, PersonState, Request } from '../state.ts';
import type { EnginePush } from './asks.ts';

/** Something of one customer that is to be carried out. */
export interface Work {
  readonly workspace: number;
  /** As of the reader's position; not to be changed, nor kept past the call: ask for it anew. */
  readonly person: PersonState;
  readonly requests: readonly Request[];
  readonly deliveries: readonly Delivery[];
}

export interface Worker {
  /**
   * Called only when the reader has reached the horizon. Each request and delivery comes once in a
   * process's life, and again after a restart while it is still in the state. Takes what is its own and
   * leaves the rest; must not throw, and must not wait.
   */
  take(work: Work): void;
  /**
   * Called after the reader has reached the horizon, at the end of a turn, for each customer that has, or
   * had before the turn, requests or deliveries and to whom something was applied in it.
   */
  changed?(workspace: number, person: PersonState): void;
  /** Nothing is carried out any more; what is under way comes again after the next start. */
  close?(): Promise<void>;
  /** A customer is erased, under this identity: whatever is kept of it goes. Its rows are committed after. */
  forget?(workspace: number, identity: string): void;
}

/** Maps and rules that are in force at the reader's position, compiled. */
export interface Definitions {
  /** The version in force, or a given one for instances that are on it. */
  map(workspace: number, name: string, version?: number): CompiledMap | undefined;
  rule(workspace: number, name: string): CompiledRule | undefined;
  /** Those in force, by name. */
  maps(workspace: number): readonly CompiledMap[];
  rules(workspace: number): readonly CompiledRule[];
  /** Who of its audiences a customer is in, by their names: what conditions of that map or rule may ask for. */
  memberships(
    workspace: number,
    person: PersonState,
    owner: CompiledMap | CompiledRule,
    now: number,
  ): Record<string, boolean>;
}

/**
 * JSON values under text keys (≤ 400 bytes), of one room. In `journeys.mdb` what is a function of the tape:
 * durable with the checkpoint. A read sees what was put before it.
 */
export interface StateRows {
  get(key: string): unknown;
  /** In the order of their keys' bytes. */
  range(prefix: string): Iterable<readonly [key: string, value: unknown]>;
  /** Durable within a second or so; `undefined` removes. */
  put(key: string, value: unknown): void;
}

/** In `rooms.mdb`: what follows from no tape. It is older or newer than the state, by a checkpoint at most. */
export interface Rows extends StateRows {
  /** Everything that was put so far is durable when it resolves. @throws AppError unavailable. */
  flush(): Promise<void>;
}

export interface EngineContext {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly random: Random;
  readonly tape: Tape;
  readonly directory: Directory;
  readonly definitions: Definitions;
  /**
   * Puts events on customers' tapes: reserved types and others. Durable when it resolves.
   * @throws AppError too_large, invalid, unavailable; whoever says it tries again later.
   */
  say(workspace: number, events: readonly object[]): Promise<void>;
  /** The person that an identity belongs to, as of the reader's position; undefined: nothing is known of it. */
  person(workspace: number, customer: string): PersonState | undefined;
  /**
   * From now on what the server says of a workspace's customers is read, whether or not anything is in force
   * there; resolves when it is. @throws AppError unavailable.
   */
  follow(workspace: number): Promise<void>;
  /** Requests that came to nothing which has to be said: they go, as they would by themselves after a while. */
  drop(workspace: number, customer: string, requests: ReadonlySet<string>): void;
  /** @throws AppError unavailable, overloaded. */
  readViews(reading: ViewReading): readonly ViewFound[] | Promise<readonly ViewFound[]>;
  /** Whose an identity is, and which identities a customer has. */
  readonly links: LinkReader;
  /** Changes a definition, as `Front.change` does. @throws AppError conflict, not_found, invalid, unavailable. */
  change(command: WorkspaceCommand): Promise<WorkspaceReply>;
  /** To every front, for whoever listens there; nothing is kept. */
  tell(push: EnginePush): void;
  /** Messages to visitors. @throws AppError as `Front.mailbox` does. */
  mailbox(ask: MailboxAsk): Promise<MailboxReply>;
  /** @param room such as `deliver`: nobody else sees its rows. */
  rows(room: string): Rows;
  /** Everything up to this stamp has been read and applied. */
  readonly passedUpTo: number;
}
