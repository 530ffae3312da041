/** What a front's `Ingest` is made of. */
import type { Clock } from '../std/clock.ts';
import type { Metrics } from '../std/metrics.ts';
import type { Random } from '../std/random.ts';
import type { ParcelData } from '../tape/parcel.ts';
import type { ByteBudget } from './budget.ts';
import type { Contention } from './contention.ts';
import type { Statements } from './statements.ts';
import type { Taxonomy } from './taxonomy.ts';

export interface IngestParts {
  readonly shards: number;
  readonly hashSeed: number;
  /** How many fronts there are: they share what a shard takes. */
  readonly fronts: number;
  readonly budget: ByteBudget;
  readonly contention: Contention;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
  /** Absent: every workspace takes what comes. */
  taxonomyOf?(workspace: number): Taxonomy | undefined;
  /** What events say of identities; absent: nothing is made of it. */
  readonly statements?: Statements;
  send(shard: number, parcel: ParcelData): void;
}
