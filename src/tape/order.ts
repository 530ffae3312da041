/** Sorting on typed arrays: no object per event, stable, in a few passes over the memory. */

const digitBits = 11;
const digits = 1 << digitBits;
const mask = digits - 1;

/**
 * The numbers 0…count-1 in the order of their keys; equal keys keep the order of their numbers. The
 * keys are put in that order too.
 */
export function orderByKey(keys: Uint32Array, count: number): Uint32Array {
  const [low, middle, high] = startsOfDigits(keys, count);
  const order = new Uint32Array(count);
  const order2 = new Uint32Array(count);
  const keys1 = new Uint32Array(count);
  const keys2 = new Uint32Array(count);
  for (let i = 0; i < count; i++) {
    const key = keys[i]!;
    const to = low[key & mask]!++;
    keys1[to] = key;
    order[to] = i;
  }
  for (let i = 0; i < count; i++) {
    const key = keys1[i]!;
    const to = middle[(key >>> digitBits) & mask]!++;
    keys2[to] = key;
    order2[to] = order[i]!;
  }
  for (let i = 0; i < count; i++) {
    const key = keys2[i]!;
    const to = high[key >>> (2 * digitBits)]!++;
    keys[to] = key;
    order[to] = order2[i]!;
  }
  return order;
}

/** For each of the three digits of keys: where the keys with each of its values begin. */
function startsOfDigits(
  keys: Uint32Array,
  count: number,
): [low: Uint32Array, middle: Uint32Array, high: Uint32Array] {
  const low = new Uint32Array(digits);
  const middle = new Uint32Array(digits);
  const high = new Uint32Array(digits);
  for (let i = 0; i < count; i++) {
    const key = keys[i]!;
    low[key & mask]! += 1;
    middle[(key >>> digitBits) & mask]! += 1;
    high[key >>> (2 * digitBits)]! += 1;
  }
  for (const starts of [low, middle, high]) {
    let sum = 0;
    for (let digit = 0; digit < digits; digit++) {
      const events = starts[digit]!;
      starts[digit] = sum;
      sum += events;
    }
  }
  return [low, middle, high];
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
