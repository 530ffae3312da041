/** The engine's thread as the main thread has it: started, connected, asked, answered and closed. */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { unreachable } from '../std/assert.ts';
import { AppError } from '../std/errors.ts';
import type { Log } from '../std/log.ts';
import type { MailboxAsk, MailboxReply } from '../streams/mailbox.ts';
import type { DirectorySnapshot, WorkspaceCommand, WorkspaceReply } from '../workspaces/types.ts';
import { Asked } from './asked.ts';
import type {
  EngineStart,
  EngineToMain,
  HeavyAnswer,
  HeavyRead,
  MainToEngine,
  MainToFront,
  MainToShard,
} from './messages.ts';
import { type OnDeath, Thread } from './pool.ts';
import { threadErrorOf } from './refusal.ts';
import { Signal } from './signal.ts';

export interface EngineThreadParts {
  readonly entry: URL;
  readonly start: Omit<EngineStart, 'kind' | 'number' | 'directory'>;
  readonly log: Log;
  readonly directory: () => DirectorySnapshot;
  readonly mailbox: (ask: MailboxAsk) => Promise<MailboxReply>;
  readonly change: (command: WorkspaceCommand) => Promise<WorkspaceReply>;
  readonly read: (heavy: HeavyRead) => Promise<HeavyAnswer>;
  readonly onInForce: (version: number) => void;
  readonly onDeath: OnDeath;
}

/** What can be handed a port. */
interface Connected<Message> {
  post(message: Message, transfer: readonly MessagePort[]): void;
}

export class EngineThread {
  readonly #parts: EngineThreadParts;
  #thread: Thread<MainToEngine, EngineToMain> | undefined;
  readonly #opened = new Signal();
  readonly #closed = new Signal();
  readonly #asked = new Asked();

  constructor(parts: EngineThreadParts) {
    this.#parts = parts;
  }

  start(): void {
    const { directory, entry, onDeath, onInForce, start } = this.#parts;
    const snapshot = directory();
    this.#thread = new Thread(
      entry,
      { kind: 'engine', number: 0, ...start, directory: snapshot },
      { onMessage: (message) => this.#hear(message), onDeath },
    );
    // Fronts listen before: who changed something meanwhile waits for the engine to know it.
    onInForce(snapshot.version);
  }

  connectShard(shard: number, thread: Connected<MainToShard>): void {
    const { port1, port2 } = new MessageChannel();
    thread.post({ kind: 'connect', front: this.#parts.start.front, port: port1 }, [port1]);
    this.#post({ kind: 'connect', shard, port: port2 }, [port2]);
  }

  connectFront(thread: Connected<MainToFront>): void {
    const { port1, port2 } = new MessageChannel();
    this.#post({ kind: 'front', port: port1 }, [port1]);
    thread.post({ kind: 'engine', port: port2 }, [port2]);
  }

  /** Every shard is open and connected, and so is every front. Resolves when its store is open too. */
  open(): Promise<void> {
    this.#post({ kind: 'open' });
    return this.#opened.promise;
  }

  follow(snapshot: DirectorySnapshot): void {
    this.#post({ kind: 'directory', snapshot });
  }

  /** Nothing is kept of an identity when it resolves. @throws AppError unavailable. */
  forget(workspace: number, identity: string): Promise<void> {
    return this.#asked.ask((request) => {
      this.#post({ kind: 'forget', request, workspace, identity });
    });
  }

  /** @throws AppError unavailable. */
  purge(living: readonly number[]): Promise<void> {
    return this.#asked.ask((request) => this.#post({ kind: 'purge', request, living }));
  }

  #post(message: MainToEngine, transfer: readonly MessagePort[] = []): void {
    if (this.#thread?.hasEnded === false) this.#thread.post(message, transfer);
  }

  #hear(message: EngineToMain): void {
    const { change, mailbox, onDeath, onInForce, read } = this.#parts;
    // Of what main writes: the device or the library failed, and what is on disk is not what is in memory.
    const dieUnlessRefused = (error: unknown): never => {
      if (!(error instanceof AppError)) onDeath('main', (error as Error).stack ?? String(error));
      throw error;
    };
    switch (message.kind) {
      case 'opened':
        this.#opened.fulfil();
        break;
      case 'inForce':
        onInForce(message.version);
        break;
      case 'mailbox':
        this.#answer(
          message.request,
          mailbox(message.ask).catch(dieUnlessRefused),
          (reply, request) => {
            return { kind: 'mailbox', request, reply };
          },
        );
        break;
      case 'change':
        this.#answer(
          message.request,
          change(message.command).catch(dieUnlessRefused),
          (reply, request) => {
            return { kind: 'changed', request, reply };
          },
        );
        break;
      case 'heavy':
        this.#answer(message.request, read(message.ask), (reply, request) => {
          return { kind: 'read', request, reply };
        });
        break;
      case 'done':
        if (message.error === undefined) this.#asked.settle(message.request, undefined);
        else this.#asked.refuse(message.request, message.error);
        break;
      case 'closed':
        this.#closed.fulfil();
        break;
      default:
        unreachable(message);
    }
  }

  #answer<Value>(
    request: number,
    work: Promise<Value>,
    messageOf: (value: Value, request: number) => MainToEngine,
  ): void {
    work.then(
      (value) => this.#post(messageOf(value, request)),
      (error: unknown) => {
        this.#post({ kind: 'refused', request, error: threadErrorOf(error, this.#parts.log) });
      },
    );
  }

  /** What is under way is brought to its end; no front asks any more, the shards still answer. */
  async close(): Promise<void> {
    if (this.#thread === undefined) return;
    this.#thread.expectEnd();
    this.#post({ kind: 'close' });
    await this.#closed.promise;
  }

  /** Ends it wherever it is. */
  async end(): Promise<void> {
    await this.#thread?.end();
  }
}
