/**
 * Parts for which the order of events matters, and an event that comes late belongs where its time puts it.
 * Such a part is a machine that takes events in order. Kept of a customer are the machine as it was before
 * the newest events, those events, and the machine after them:
 *
 *     base ──take──▶ tail: (time, bits) (time, bits) … ──take──▶ head
 *
 * What comes in order moves the head; what comes late is put into the tail and the head made anew from the
 * base. The oldest of the tail go into the base when they are too many or too old; later than that, a late
 * event counts for nothing. An event is a few bits: which of the machine's wishes it meets.
 */

/** How many events a part can put in order. */
export const eventsRememberedMax = 200;
/** How far back, without a window of its own. */
export const rememberedMsDefault = 24 * 60 * 60 * 1000;

export interface Machine<State> {
  start(): State;
  copy(state: State): State;
  /** Events of one time, each as its bits. */
  take(state: State, at: number, events: readonly number[]): void;
  /** Of two customers that are found to be one. */
  join(state: State, other: State): State;
}

/** Plain data. */
export interface Remembered<State> {
  base: State;
  head: State;
  /** The time of the newest event in the base; -1: none. */
  floor: number;
  /** time, bits, time, bits …, in order of time. */
  tail: number[];
}

export function remember<State>(machine: Machine<State>): Remembered<State> {
  return { base: machine.start(), head: machine.start(), floor: -1, tail: [] };
}

/** @param rememberedMs how much older than the newest an event of the tail may be. */
export function addEvent<State>(
  machine: Machine<State>,
  memory: Remembered<State>,
  at: number,
  bits: number,
  rememberedMs: number,
): void {
  const { tail } = memory;
  if (at < memory.floor) return;
  if (tail.length === 0 || at > tail.at(-2)!) {
    tail.push(at, bits);
    machine.take(memory.head, at, [bits]);
  } else {
    let place = tail.length;
    while (place > 0 && tail[place - 2]! > at) place -= 2;
    tail.splice(place, 0, at, bits);
    memory.head = replay(machine, memory);
  }
  trim(machine, memory, rememberedMs);
}

function replay<State>(machine: Machine<State>, { base, tail }: Remembered<State>): State {
  const state = machine.copy(base);
  for (let from = 0; from < tail.length; ) {
    const end = endOfGroup(tail, from);
    machine.take(state, tail[from]!, bitsOf(tail, from, end));
    from = end;
  }
  return state;
}

/** Events of one time stay together. */
function trim<State>(machine: Machine<State>, memory: Remembered<State>, olderMs: number): void {
  const { tail } = memory;
  const oldest = tail.at(-2)! - olderMs;
  let from = 0;
  while (from < tail.length) {
    const isTooMany = tail.length - from > 2 * eventsRememberedMax;
    if (!isTooMany && tail[from]! >= oldest) break;
    const end = endOfGroup(tail, from);
    machine.take(memory.base, tail[from]!, bitsOf(tail, from, end));
    memory.floor = Math.max(memory.floor, tail[from]!);
    from = end;
  }
  if (from > 0) tail.splice(0, from);
}

function endOfGroup(tail: readonly number[], from: number): number {
  let end = from + 2;
  while (end < tail.length && tail[end] === tail[from]) end += 2;
  return end;
}

function bitsOf(tail: readonly number[], from: number, end: number): number[] {
  const events: number[] = [];
  for (let at = from; at < end; at += 2) events.push(tail[at + 1]!);
  return events;
}

/** As well as can be told from what is remembered: the bases are joined as if one had come after the other. */
export function joinRemembered<State>(
  machine: Machine<State>,
  one: Remembered<State>,
  other: Remembered<State>,
  rememberedMs: number,
): Remembered<State> {
  const base = machine.join(one.base, other.base);
  const joined: Remembered<State> = { base, head: base, floor: -1, tail: [] };
  const pairs: [number, number][] = [];
  for (const { tail } of [one, other]) {
    for (let at = 0; at < tail.length; at += 2) pairs.push([tail[at]!, tail[at + 1]!]);
  }
  pairs.sort((a, b) => a[0] - b[0]);
  joined.tail = pairs.flat();
  joined.head = replay(machine, joined);
  joined.floor = Math.max(one.floor, other.floor);
  if (joined.tail.length > 0) trim(machine, joined, rememberedMs);
  return joined;
}
