/** Sorting on typed arrays: no object per event, stable, in a few passes over the memory. */

const digitBits = 11;
const digits = 1 << digitBits;

/**
 * The numbers 0…count-1 in the order of their keys; equal keys keep the order of their numbers. The
 * keys are put in that order too.
 */
export function orderByKey(keys: Uint32Array, count: number): Uint32Array {
  let order = new Uint32Array(count);
  for (let i = 0; i < count; i++) order[i] = i;
  let sorted = keys.slice(0, count);
  let orderNext = new Uint32Array(count);
  let sortedNext = new Uint32Array(count);
  const starts = new Uint32Array(digits);
  for (let shift = 0; shift < 32; shift += digitBits) {
    starts.fill(0);
    for (let i = 0; i < count; i++) starts[(sorted[i]! >>> shift) & (digits - 1)]! += 1;
    let sum = 0;
    for (let digit = 0; digit < digits; digit++) {
      const events = starts[digit]!;
      starts[digit] = sum;
      sum += events;
    }
    for (let i = 0; i < count; i++) {
      const key = sorted[i]!;
      const digit = (key >>> shift) & (digits - 1);
      const to = starts[digit]!;
      starts[digit] = to + 1;
      sortedNext[to] = key;
      orderNext[to] = order[i]!;
    }
    [order, orderNext] = [orderNext, order];
    [sorted, sortedNext] = [sortedNext, sorted];
  }
  keys.set(sorted);
  return order;
}

/** Moves that an insertion sort may make for each number before another way is cheaper. */
const movesMax = 16;

/**
 * Orders `order[from, to)` by the numbers' times where it is not; equal times keep their order. The time
 * of a number is at `number * stride + timeAt`.
 */
export function orderByTime(
  order: Uint32Array,
  from: number,
  to: number,
  times: Float64Array,
  stride: number,
  timeAt: number,
): void {
  let movesLeft = (to - from) * movesMax;
  for (let i = from + 1; i < to; i++) {
    const number = order[i]!;
    const time = times[number * stride + timeAt]!;
    let at = i;
    while (at > from && times[order[at - 1]! * stride + timeAt]! > time) {
      order[at] = order[at - 1]!;
      at -= 1;
    }
    order[at] = number;
    movesLeft -= i - at;
    if (movesLeft < 0) {
      // What is equal in time is still in the order of its numbers, so they decide.
      const timeOf = (each: number): number => times[each * stride + timeAt]!;
      order.subarray(from, to).sort((a, b) => timeOf(a) - timeOf(b) || a - b);
      return;
    }
  }
}
