/**
 * Which system call fails, how, and at which of its calls. A position is drawn from a seed; what hits
 * a call of the start, a block, a meta page or the definitions is left to the number.
 */
import type { Random } from '../../src/std/random.ts';

export interface Position {
  /** As strace names them: one call, or several that fail alike. */
  readonly calls: string;
  /** `error=…`: fails without doing anything. `retval=…`: claims to have written that many bytes. */
  readonly effect: string;
  /** The first and the last call that fails; counted for each thread and each of `calls`. */
  readonly first: number;
  readonly last: number;
  /** libuv's threads, on which commits run; with one of them the numbers count all commits. */
  readonly threads: number;
}

interface Fault {
  readonly calls: string;
  readonly effect: string | ((random: Random) => string);
  /** Whether the call may fail several times in a row, as it does while there is no room. */
  readonly lasts: boolean;
}

/** Blocks go out by `writev` (several pages) or `pwrite64` (one), meta pages by `pwrite64`. */
const faults: readonly Fault[] = [
  { calls: 'fdatasync', effect: 'error=EIO', lasts: false },
  { calls: 'writev', effect: 'error=EIO', lasts: false },
  { calls: 'pwrite64', effect: 'error=EIO', lasts: false },
  { calls: 'writev', effect: 'error=ENOSPC', lasts: true },
  { calls: 'pwrite64', effect: 'error=ENOSPC', lasts: true },
  { calls: 'writev,pwrite64', effect: 'error=ENOSPC', lasts: true },
  { calls: 'fdatasync', effect: 'error=ENOSPC', lasts: true },
  { calls: 'writev', effect: 'error=EDQUOT', lasts: true },
  { calls: 'writev', effect: (random) => `retval=${512 * random.below(16)}`, lasts: false },
  { calls: 'pwrite64', effect: (random) => `retval=${random.below(128)}`, lasts: false },
];

/** Most calls that fail in a row: each costs the half second until the next attempt. */
const lastingMax = 4;
const earlyMax = 6;
const lateMax = 60;

export function drawPosition(random: Random): Position {
  const { calls, effect, lasts } = faults[random.below(faults.length)]!;
  const first = 1 + random.below(random.below(3) === 0 ? earlyMax : lateMax);
  return {
    calls,
    effect: typeof effect === 'string' ? effect : effect(random),
    first,
    last: first + (lasts ? random.below(lastingMax) : 0),
    threads: random.below(2) === 0 ? 1 : 4,
  };
}

/** What kind of fault it is, for the table at the end. */
export function nameOf({ calls, effect }: Position): string {
  return `${calls} ${effect.startsWith('retval') ? 'short' : effect.slice('error='.length)}`;
}

export function describe({ calls, effect, first, last, threads }: Position): string {
  return `${calls}:${effect}:when=${first}..${last}, ${threads} threads`;
}
