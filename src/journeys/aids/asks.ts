/** What fronts ask of the design aids on the engine's thread; plain data, since it crosses threads. */
import type { AskTally, MapTally } from './tally.ts';

export type CountsKind = 'journey' | 'rule';

export interface CountsAnswer {
  /** The newest first; of a map `MapTally`. */
  readonly versions: readonly { readonly version: number; readonly tally: MapTally | AskTally }[];
  /** Of a rule: what customers answered, by answer. */
  readonly responses: Readonly<Record<string, number>>;
}

export interface CountsAsks {
  readonly counts: {
    readonly ask: {
      readonly workspace: number;
      readonly definition: CountsKind;
      readonly name: string;
    };
    readonly answer: CountsAnswer;
  };
}
