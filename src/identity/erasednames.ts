/**
 * Names that were erased not long ago. What an event said before its customer, or whom it names, was
 * erased may come late: its batch was under way, or its links could not be written and are tried again.
 * It must not bring the name back. Erasures are numbered; whoever notes what an event says notes first
 * how many there have been (`word.erasures`), and what names who was erased after that is not said.
 */
import type { ErasedShare } from '../tape/erasure.ts';

interface ErasedName {
  readonly number: number;
  readonly share: ErasedShare;
}

/** Thread: main. */
export class ErasedNames {
  /** By workspace and name, oldest first. */
  readonly #names = new Map<string, ErasedName[]>();

  /** @param shares each with the newest stamp when it was erased. */
  note(workspace: number, number: number, shares: readonly ErasedShare[]): void {
    for (const share of shares) {
      const key = keyOf(workspace, share.identity);
      const same = this.#names.get(key);
      if (same === undefined) this.#names.set(key, [{ number, share }]);
      else same.push({ number, share });
    }
  }

  /** The erasure did not come about. */
  takeBack(number: number): void {
    this.#keep((each) => each.number !== number);
  }

  /** Everything that events up to this stamp say is in force, or given up: nothing of them comes late. */
  settle(stamp: number): void {
    this.#keep(({ share }) => (share.upTo ?? 0) > stamp);
  }

  #keep(is: (each: ErasedName) => boolean): void {
    for (const [key, names] of this.#names) {
      const kept = names.filter(is);
      if (kept.length === 0) this.#names.delete(key);
      else if (kept.length < names.length) this.#names.set(key, kept);
    }
  }

  /** Whether a name was erased, at that time at least, since so many erasures had been. */
  has(workspace: number, name: string, time: number, since: number): boolean {
    if (this.#names.size === 0) return false;
    const names = this.#names.get(keyOf(workspace, name)) ?? [];
    return names.some(({ number, share }) => number > since && covers(share, time));
  }
}

/** Whether what is erased of an identity includes that instant. */
export function covers({ from, to }: ErasedShare, time: number): boolean {
  return (from === null || from <= time) && (to === null || time < to);
}

function keyOf(workspace: number, name: string): string {
  return `${workspace}/${name}`;
}
