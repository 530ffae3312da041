/** Counts what goes into a segment: bounds, counts per workspace, type and time (`summary.ts`). */
import type { Block } from './block.ts';
import { row } from './layout.ts';
import type { SegmentSummary, TimeCounts, TypeSummary, WorkspaceSummary } from './summary.ts';

/** Different types that are counted one by one; the rest are counted together. */
export const typesMax = 10_000;
/** Minutes that are counted one by one; more are counted in larger units. */
export const minutesMax = 10_000;
/** Stretches of time without a gap that a segment's gate tells apart. */
export const gateRangesMax = 1024;
const gateUnitsMax = 16_384;
/** A power of two. */
const recentTypes = 256;

/** Times, counted in units that grow eightfold whenever there would be too many. */
class Units {
  #unitMs: number;
  readonly #unitsMax: number;
  #counts = new Map<number, number>();
  #last = Number.NaN;
  #pending = 0;

  constructor(unitMs: number, unitsMax: number) {
    this.#unitMs = unitMs;
    this.#unitsMax = unitsMax;
  }

  add(time: number): void {
    const unit = Math.floor(time / this.#unitMs);
    if (unit === this.#last) this.#pending += 1;
    else {
      this.#settle();
      this.#last = Math.floor(time / this.#unitMs);
      this.#pending = 1;
    }
  }

  #settle(): void {
    if (this.#pending === 0) return;
    this.#counts.set(this.#last, (this.#counts.get(this.#last) ?? 0) + this.#pending);
    this.#pending = 0;
    while (this.#counts.size > this.#unitsMax) this.coarsen();
  }

  coarsen(): void {
    const finer = this.#counts;
    this.#unitMs *= 8;
    this.#counts = new Map();
    for (const [unit, events] of finer) {
      const coarser = Math.floor(unit / 8);
      this.#counts.set(coarser, (this.#counts.get(coarser) ?? 0) + events);
    }
  }

  /** Takes over what another counted; its unit may differ. */
  merge({ counts, unitMs }: TimeCounts): void {
    this.#settle();
    while (this.#unitMs < unitMs) this.coarsen();
    for (const [unit, events] of counts) {
      const own = Math.floor((unit * unitMs) / this.#unitMs);
      this.#counts.set(own, (this.#counts.get(own) ?? 0) + events);
    }
    while (this.#counts.size > this.#unitsMax) this.coarsen();
  }

  result(): TimeCounts {
    this.#settle();
    const counts = [...this.#counts].sort(([a], [b]) => a - b);
    return { unitMs: this.#unitMs, counts };
  }
}

/** Which times may be in a segment: stretches of units, both ends included. */
export interface TimeGate {
  readonly unitMs: number;
  readonly ranges: readonly (readonly [from: number, to: number])[];
}

function rangesOf(counts: TimeCounts['counts']): [number, number][] {
  const ranges: [number, number][] = [];
  for (const [unit] of counts) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] + 1 === unit) last[1] = unit;
    else ranges.push([unit, unit]);
  }
  return ranges;
}

interface CountedType {
  readonly workspace: number;
  readonly bytes: Uint8Array;
  events: number;
  sentBytes: number;
}

export class Tally {
  events = 0;
  #sentBytes = 0;
  #timeMin = Number.POSITIVE_INFINITY;
  #timeMax = Number.NEGATIVE_INFINITY;
  readonly #workspaces = new Map<number, WorkspaceSummary>();
  /** The one that was met last. */
  #recent: WorkspaceSummary | undefined;
  /** Types met lately, each at the place that its hash gives it. */
  readonly #recentTypes: (CountedType | undefined)[] = new Array(recentTypes).fill(undefined);
  /** By workspace and hash of the type; types with one hash share a list. */
  readonly #types = new Map<number, CountedType[]>();
  #typeCount = 0;
  readonly #otherTypes = new Map<number, TypeSummary>();
  readonly #minutes = new Units(60_000, minutesMax);
  readonly #seconds = new Units(1000, gateUnitsMax);

  /** Counts a record of a log block. */
  add(block: Block, record: number): void {
    const { view } = block;
    const at = block.rowAt(record);
    const time = view.getFloat64(at + row.time, true);
    const sentBytes = view.getUint16(at + row.payloadBytes, true);
    const workspace = view.getUint32(at + row.workspace, true);
    this.events += 1;
    this.#sentBytes += sentBytes;
    if (time < this.#timeMin) this.#timeMin = time;
    if (time > this.#timeMax) this.#timeMax = time;
    this.#minutes.add(time);
    this.#seconds.add(time);
    const ofWorkspace = this.#workspaceOf(workspace);
    ofWorkspace.events += 1;
    ofWorkspace.bytes += sentBytes;
    widen(ofWorkspace, block.receivedOf(record), block.stamp);
    const typeAt = view.getUint32(at + row.payloadAt, true) + view.getUint16(at + row.typeAt, true);
    const typeHash = view.getUint16(at + row.typeHash, true);
    const typeBytes = view.getUint8(at + row.typeBytes);
    const counted = this.#typeOf(workspace, typeHash, block.bytes, typeAt, typeBytes);
    if (counted === undefined) this.#addOther(workspace, 1, sentBytes);
    else {
      counted.events += 1;
      counted.sentBytes += sentBytes;
    }
  }

  #workspaceOf(workspace: number): WorkspaceSummary {
    if (this.#recent?.workspace === workspace) return this.#recent;
    let found = this.#workspaces.get(workspace);
    if (found === undefined) {
      found = {
        workspace,
        events: 0,
        bytes: 0,
        receivedMin: Number.POSITIVE_INFINITY,
        receivedMax: Number.NEGATIVE_INFINITY,
        firstStamp: Number.POSITIVE_INFINITY,
        lastStamp: Number.NEGATIVE_INFINITY,
      };
      this.#workspaces.set(workspace, found);
    }
    this.#recent = found;
    return found;
  }

  /** Undefined: there are too many types. */
  #typeOf(
    workspace: number,
    hash: number,
    bytes: Uint8Array,
    at: number,
    length: number,
  ): CountedType | undefined {
    const place = hash % recentTypes;
    const recent = this.#recentTypes[place];
    if (recent?.workspace === workspace && isAt(recent.bytes, bytes, at, length)) return recent;
    const key = workspace * 65_536 + hash;
    let list = this.#types.get(key);
    const found = list?.find((each) => isAt(each.bytes, bytes, at, length));
    if (found !== undefined) {
      this.#recentTypes[place] = found;
      return found;
    }
    if (this.#typeCount === typesMax) return undefined;
    if (list === undefined) {
      list = [];
      this.#types.set(key, list);
    }
    const copy = Uint8Array.prototype.slice.call(bytes, at, at + length);
    const counted = { workspace, bytes: copy, events: 0, sentBytes: 0 };
    list.push(counted);
    this.#typeCount += 1;
    return counted;
  }

  #addOther(workspace: number, events: number, bytes: number): void {
    const other = this.#otherTypes.get(workspace);
    if (other === undefined) {
      this.#otherTypes.set(workspace, { workspace, type: undefined, events, bytes });
    } else {
      other.events += events;
      other.bytes += bytes;
    }
  }

  /** Takes over what another segment counted; nothing of it is gone. */
  merge(summary: SegmentSummary, gate: TimeGate, hashOfType: (type: Uint8Array) => number): void {
    this.events += summary.events;
    this.#sentBytes += summary.sentBytes;
    this.#timeMin = Math.min(this.#timeMin, summary.timeMin);
    this.#timeMax = Math.max(this.#timeMax, summary.timeMax);
    for (const each of summary.workspaces) {
      const own = this.#workspaceOf(each.workspace);
      own.events += each.events;
      own.bytes += each.bytes;
      widen(own, each.receivedMin, each.firstStamp);
      widen(own, each.receivedMax, each.lastStamp);
    }
    for (const { bytes, events, type, workspace } of summary.types) {
      const name = Buffer.from(type ?? '');
      const own =
        type === undefined
          ? undefined
          : this.#typeOf(workspace, hashOfType(name), name, 0, name.length);
      if (own === undefined) this.#addOther(workspace, events, bytes);
      else {
        own.events += events;
        own.sentBytes += bytes;
      }
    }
    this.#minutes.merge(summary.minutes);
    for (const [from, to] of gate.ranges) {
      const counts = Array.from({ length: to - from + 1 }, (_, i) => [from + i, 1] as const);
      this.#seconds.merge({ unitMs: gate.unitMs, counts });
    }
  }

  gate(): TimeGate {
    for (;;) {
      const { counts, unitMs } = this.#seconds.result();
      const ranges = rangesOf(counts);
      if (ranges.length <= gateRangesMax) return { unitMs, ranges };
      this.#seconds.coarsen();
    }
  }

  summary(): Omit<SegmentSummary, 'version' | 'first' | 'last' | 'generation'> {
    const workspaces = [...this.#workspaces.values()].sort((a, b) => a.workspace - b.workspace);
    const types = [...this.#types.values()]
      .flat()
      .map(({ bytes, events, sentBytes, workspace }) => {
        return { workspace, type: Buffer.from(bytes).toString(), events, bytes: sentBytes };
      });
    return {
      events: this.events,
      sentBytes: this.#sentBytes,
      timeMin: this.#timeMin,
      timeMax: this.#timeMax,
      receivedMin: Math.min(...workspaces.map((each) => each.receivedMin)),
      receivedMax: Math.max(...workspaces.map((each) => each.receivedMax)),
      workspaces,
      types: [...types, ...this.#otherTypes.values()],
      minutes: this.#minutes.result(),
    };
  }
}

function widen(summary: WorkspaceSummary, received: number, stamp: number): void {
  if (received < summary.receivedMin) summary.receivedMin = received;
  if (received > summary.receivedMax) summary.receivedMax = received;
  if (stamp < summary.firstStamp) summary.firstStamp = stamp;
  if (stamp > summary.lastStamp) summary.lastStamp = stamp;
}

function isAt(name: Uint8Array, bytes: Uint8Array, at: number, length: number): boolean {
  if (name.length !== length) return false;
  for (let i = 0; i < length; i++) {
    if (name[i] !== bytes[at + i]) return false;
  }
  return true;
}
