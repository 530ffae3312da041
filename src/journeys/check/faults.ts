/** What is wrong with a definition: every fault with its place, why, and what to do about it. */
import { AppError } from '../../std/errors.ts';

/** Of one definition; what is beyond is not looked for. */
export const faultsMax = 50;

export interface Fault {
  /** `stages[1].steps[0].waits[0].for`; empty for the whole. */
  readonly place: string;
  readonly message: string;
  readonly hint?: string;
}

export class Faults {
  readonly found: Fault[] = [];
  #count = 0;

  /** How many there are, those that were not kept among them. */
  get count(): number {
    return this.#count;
  }

  add(place: string, message: string, hint?: string): void {
    this.#count += 1;
    if (this.found.length >= faultsMax) return;
    this.found.push({ place, message, ...(hint !== undefined && { hint }) });
  }

  /** Takes what another check refuses; its message begins with the place. */
  attempt<Value>(run: () => Value, place: string): Value | undefined {
    try {
      return run();
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      this.#addRefusal(error.message, place);
      return undefined;
    }
  }

  #addRefusal(text: string, place: string): void {
    const split = /^([A-Za-z_][^\s:]*(?:\["[^"]*"\][^\s:]*)?):? (.*)$/s.exec(text);
    const [at, reason] = split === null ? [place, text] : [split[1]!, split[2]!];
    const [message, hint] = splitOnce(reason, '; ');
    this.add(at, message, hint);
  }
}

function splitOnce(text: string, by: string): [first: string, rest: string | undefined] {
  const at = text.indexOf(by);
  return at === -1 ? [text, undefined] : [text.slice(0, at), text.slice(at + by.length)];
}

/** @throws AppError invalid when there is a fault: the first, and how many more there are. */
export function refuseFaults(found: readonly Fault[]): void {
  const [first, ...rest] = found;
  if (first === undefined) return;
  const all = 'POST /v1/journeys/check names them all';
  const more = rest.length === 0 ? '' : ` (and ${rest.length} more; ${all})`;
  throw new AppError('invalid', `${sentence(first)}${more}`);
}

export function sentence({ hint, message, place }: Fault): string {
  const start = place === '' ? '' : `${place}: `;
  return `${start}${message}${hint === undefined ? '' : `; ${hint}`}`;
}

/** The one of `known` that somebody may have meant; undefined when none is near. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  // A third of the letters may be wrong; texts that are too long are nobody's slip.
  let least = Math.min(4, Math.floor(word.length / 3) + 2);
  if (word.length > 64) return undefined;
  for (const each of known) {
    const distance = distanceBetween(word.toLowerCase(), each.toLowerCase().slice(0, 80));
    if (distance >= least) continue;
    best = each;
    least = distance;
  }
  return best;
}

/** How many letters differ (Levenshtein). */
function distanceBetween(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let i = 1; i <= one.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= other.length; j += 1) {
      const change = row[j - 1]! + (one[i - 1] === other[j - 1] ? 0 : 1);
      next.push(Math.min(change, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[other.length]!;
}
