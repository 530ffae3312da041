/** What versions of maps and rules say, as it was read from the tape: rows that are a function of it. */
import type { DefinitionSaid } from '../words.ts';
import { type DefinitionPlace, textKey, textPrefix } from './layout.ts';
import type { JourneyStore } from './store.ts';

export class Texts {
  readonly #store: Pick<JourneyStore, 'put' | 'range'>;

  constructor(store: Pick<JourneyStore, 'put' | 'range'>) {
    this.#store = store;
  }

  /**
   * Keeps what an event has of a version's text. @returns whether all parts of it are there now: retention
   * may have taken the first ones from the tape.
   */
  take(workspace: number, said: DefinitionSaid): boolean {
    const { kind, name, part = 1, parts = 1, text, version } = said;
    if (text === undefined) return part === parts;
    const place = { workspace, kind, name, version };
    this.put(place, text, part);
    return [...this.#store.range(textPrefix(place))].length === parts;
  }

  put(place: DefinitionPlace, text: string, part = 1): void {
    this.#store.put(textKey(place, part), Buffer.from(text, 'utf8'));
  }

  /** Undefined: the tape did not say. */
  get(place: DefinitionPlace): string | undefined {
    const parts = [...this.#store.range(textPrefix(place))].map(([, part]) => part);
    return parts.length === 0 ? undefined : Buffer.concat(parts).toString('utf8');
  }

  /** Nobody will ask for it any more. */
  drop(place: DefinitionPlace): void {
    for (const [key] of this.#store.range(textPrefix(place))) this.#store.put(key, undefined);
  }
}
