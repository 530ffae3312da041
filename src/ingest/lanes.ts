/**
 * The way of parcels from one front to one shard. What the shard has not answered is bounded; the rest
 * waits here, and workspaces take turns by bytes, so that a flood waits behind itself only:
 *
 *     shared lane   ▒▒▒ ▒   workspaces that have little under way ─┐
 *     workspace 7   ████████                                       ├─ in turns ─▶ ≤ n parcels ─▶ shard
 *     workspace 9   ███                                           ─┘
 *
 * A workspace that comes to have much under way gets a lane of its own, until that is empty. Its events
 * keep their order all the same: a new lane starts behind what the shared one held at that moment.
 */
import { assert } from '../std/assert.ts';
import { rowBytes } from '../tape/layout.ts';
import { type ParcelBuilder, parcelBytes } from '../tape/parcel.ts';

/** A workspace with at most this much under way on a front uses the shared lane. */
export const lightBytesMax = 1024 * 1024;
/** A parcel with less in it may wait for company; where many small batches come, one with less than ample. */
const smallParcelBytes = 16 * 1024;
const ampleParcelBytes = 64 * 1024;
/** What a lane may send in its turn; no parcel is larger, so every turn sends at least one. */
const quantumBytes = parcelBytes;

/** `full`: closed parcels only; `ample`, `ready`: also open ones worth sending; `any`: open ones however small. */
export type Which = 'full' | 'ample' | 'ready' | 'any';

export class Lane {
  /** Undefined: the shared one. */
  readonly workspace: number | undefined;
  /** How many parcels the shared lane must have sent before this one may begin. */
  readonly after: number;
  /** Being filled. */
  open: ParcelBuilder | undefined;
  /** Full, the oldest first. */
  readonly closed: ParcelBuilder[] = [];
  /** Bytes it may still send in this turn; below zero it has sent more. */
  credit = 0;

  constructor(workspace: number | undefined, after: number) {
    this.workspace = workspace;
    this.after = after;
  }

  get isEmpty(): boolean {
    return this.open === undefined && this.closed.length === 0;
  }
}

/**
 * Parcels that a shard may have of all fronts and not have answered. A workspace that is alone keeps
 * the shard busy without a gap; one among others must not make them wait behind 16 MiB of its own.
 */
const parcelsAloneMax = 64;
const parcelsContendedMax = 8;
/** One is being flushed while the other is taken in. */
const parcelsOfFrontMin = 2;

/** A front's part of them, for a workspace that is alone and for one among others. */
export function parcelsOfFront(fronts: number): { alone: number; contended: number } {
  const [alone, contended] = [parcelsAloneMax, parcelsContendedMax].map((all) =>
    Math.max(parcelsOfFrontMin, Math.floor(all / fronts)),
  );
  return { alone: alone!, contended: contended! };
}

export class ShardLanes {
  readonly #shared = new Lane(undefined, 0);
  /** The shared lane first, always. */
  readonly #lanes: Lane[] = [this.#shared];
  readonly #own = new Map<number, Lane>();
  #turn = 0;
  #sharedSent = 0;
  /** Parcels that the shard has and has not answered. */
  underWay = 0;
  /** Since when its open parcels are held although the shard waits; undefined: they are not. */
  heldSinceMs: number | undefined = undefined;

  /** Events in parcels that are being filled. */
  get openEvents(): number {
    let events = 0;
    for (const { open } of this.#lanes) events += open?.records ?? 0;
    return events;
  }

  /** Lanes that belong to one workspace alone. */
  get own(): number {
    return this.#own.size;
  }

  /** The lane that a batch's events go to. */
  laneOf(workspace: number, isHeavy: boolean): Lane {
    if (this.#own.size > 0) {
      const own = this.#own.get(workspace);
      if (own !== undefined) return own;
    }
    if (!isHeavy) return this.#shared;
    const shared = this.#shared;
    if (shared.open !== undefined) {
      shared.closed.push(shared.open);
      shared.open = undefined;
    }
    const lane = new Lane(workspace, this.#sharedSent + shared.closed.length);
    this.#own.set(workspace, lane);
    this.#lanes.push(lane);
    return lane;
  }

  /**
   * Takes out the parcel whose turn it is, counted as under way from now on.
   *
   * @param lightWorkspaces share the shared lane and its turns: it may send as much as they together.
   */
  next(which: Which, lightWorkspaces: number): ParcelBuilder | undefined {
    // Within a round every lane gets credit for a parcel at least.
    for (let left = 2 * this.#lanes.length; left > 0; left--) {
      const lane = this.#lanes[this.#turn]!;
      const isReady = this.#isReady(lane, which);
      if (isReady && lane.credit > 0) return this.#take(lane);
      if (!isReady) lane.credit = 0;
      this.#pass(lane, lightWorkspaces);
    }
    return undefined;
  }

  #isReady({ closed, open }: Lane, which: Which): boolean {
    if (closed.length > 0) return true;
    if (open === undefined || which === 'full') return false;
    if (which === 'any') return true;
    if (which === 'ample') return open.bytesUsed >= ampleParcelBytes;
    return this.underWay === 0 || open.bytesUsed >= smallParcelBytes;
  }

  /** On to the next lane, which gets its credit. */
  #pass(lane: Lane, lightWorkspaces: number): void {
    if (lane !== this.#shared && lane.isEmpty) {
      this.#own.delete(lane.workspace!);
      this.#lanes.splice(this.#turn, 1);
    } else this.#turn += 1;
    if (this.#turn >= this.#lanes.length) this.#turn = 0;
    const next = this.#lanes[this.#turn]!;
    const shares = next === this.#shared ? Math.max(1, lightWorkspaces) : 1;
    next.credit = Math.min(next.credit + shares * quantumBytes, shares * quantumBytes);
  }

  #take(lane: Lane): ParcelBuilder {
    const from = this.#sharedSent < lane.after ? this.#shared : lane;
    const parcel = from.closed.shift() ?? from.open;
    assert(parcel !== undefined && parcel.records > 0, 'a parcel that is sent holds something');
    if (parcel === from.open) from.open = undefined;
    if (from === this.#shared) this.#sharedSent += 1;
    lane.credit -= parcel.bytesUsed + parcel.records * rowBytes;
    this.underWay += 1;
    return parcel;
  }
}
