/**
 * The engine: reads the tape in commit order and keeps, of every customer that maps or rules are about,
 * what follows from it. Enter the room here.
 */
import { AppError } from '../../std/errors.ts';
import type { RouteAsks } from '../route/asks.ts';
import { openRouting } from '../route/route.ts';
import type { Answerer, AskKind, EngineAnswer, EngineAsk, InstanceAsks } from './asks.ts';
import { JourneyStore } from './store.ts';
import type { Definitions, EngineContext, Worker } from './work.ts';

const nothingInForce: Definitions = {
  map: () => undefined,
  rule: () => undefined,
  maps: () => [],
  rules: () => [],
};

export interface EngineParts
  extends Omit<EngineContext, 'definitions' | 'person' | 'rows' | 'passedUpTo'> {
  /** Path of `journeys.mdb`. */
  readonly path: string;
  /** Where webhooks may go although it is not public. */
  readonly webhookAllow: readonly string[];
  /** Asks the shards to ring (or not to) when something is published. */
  readonly listen: (on: boolean) => void;
}

export class Engine {
  readonly #store: JourneyStore;
  readonly #workers: readonly Worker[];
  readonly #answerer: Answerer<keyof InstanceAsks | keyof RouteAsks>;

  constructor(parts: EngineParts) {
    this.#store = new JourneyStore(parts.path);
    const context: EngineContext = {
      ...parts,
      definitions: nothingInForce,
      person: () => undefined,
      rows: (room) => this.#store.rows(room),
      passedUpTo: 0,
    };
    const routing = openRouting(context);
    this.#workers = [routing];
    this.#answerer = {
      passed: () => ({ passedUpTo: 0 }),
      inForce: () => ({}),
      instances: ({ customer }) => ({ customer, instances: [] }),
      ...routing.answerer,
    };
  }

  /** Something was published. */
  wake(): void {
    // Nothing is in force, so nothing is read.
  }

  /** The directory has changed: what was published is said on the tape, and in force when it is read there. */
  followDirectory(): void {
    // No map or rule can be published yet.
  }

  /** @throws AppError as the room that answers does; unavailable when `after` is not reached in time. */
  async answer<Kind extends AskKind>(ask: EngineAsk<Kind>): Promise<EngineAnswer<Kind>> {
    const answerer = (this.#answerer as Partial<Answerer<AskKind>>)[ask.kind as Kind];
    if (answerer === undefined) throw new AppError('invalid', 'the engine knows no such question');
    return (await answerer(ask)) as EngineAnswer<Kind>;
  }

  /** Loses what is known of a customer under an identity; durable when it resolves. @throws AppError unavailable. */
  async forget(workspace: number, identity: string): Promise<void> {
    for (const worker of this.#workers) worker.forget?.(workspace, identity);
    await this.#store.commit();
  }

  /** Writes the file anew if anything in it is gone. @throws AppError unavailable. */
  async purge(_living: readonly number[]): Promise<void> {
    await this.#store.rewrite(() => true);
  }

  async close(): Promise<void> {
    for (const worker of this.#workers) await worker.close?.();
    await this.#store.close();
  }
}
