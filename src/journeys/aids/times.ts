/** How long something took, over many: a sample of bounded size, drawn the same way every time. */
import { type Random, seededRandom } from '../../std/random.ts';

export const samplesMax = 4096;

export interface TimesShown {
  readonly count: number;
  /** Milliseconds; null when there is none. */
  readonly medianMs: number | null;
  readonly p90Ms: number | null;
  readonly maxMs: number | null;
}

export class Times {
  readonly #samples: number[] = [];
  readonly #random: Random = seededRandom(1);
  #count = 0;
  #max = 0;

  /** Each is as likely to be among the samples as any other (Algorithm R). */
  add(ms: number): void {
    this.#count++;
    this.#max = Math.max(this.#max, ms);
    if (this.#samples.length < samplesMax) this.#samples.push(ms);
    else {
      const place = this.#random.below(this.#count);
      if (place < samplesMax) this.#samples[place] = ms;
    }
  }

  shown(): TimesShown {
    if (this.#count === 0) return { count: 0, medianMs: null, p90Ms: null, maxMs: null };
    const sorted = this.#samples.toSorted((a, b) => a - b);
    return {
      count: this.#count,
      medianMs: quantile(sorted, 0.5),
      p90Ms: quantile(sorted, 0.9),
      maxMs: this.#max,
    };
  }
}

/** The smallest value that so large a share does not exceed. */
function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!;
}
