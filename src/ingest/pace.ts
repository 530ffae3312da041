/**
 * A front takes its time while many small batches come in. To wake for every request, and to commit
 * for every few, costs the two cores more than the events do:
 *
 *     one by one   wake ▪ wake ▪ wake ▪ …      a wake-up for each
 *     in strides   rest ····· ▪▪▪▪▪▪▪▪▪▪        the system collects meanwhile, nobody wakes anybody
 *
 * While requests flow the thread rests for a moment after a turn that had few of them, and what could
 * go to a shard that is waiting is held until it is worth a commit, the flow ebbs, or a few
 * milliseconds have passed; or most of the senders there are wait already, so that little can follow. A
 * sender that waits for its receipt before it sends again is no flow.
 */
import { type Clock, rest } from '../std/clock.ts';
import type { ShardLanes, Which } from './lanes.ts';

/** Batches a millisecond from which on it is a flow. */
const flowPerMs = 6;
/** The rate is taken over so many batches, or over a time in which a flow would have brought nearly as many. */
const windowBatches = 16;
const windowMsMax = 2;
/** A turn with so many batches was long enough to spread its wake-up. */
const fullTurnBatches = 24;
/** A turn with fewer than this, after a rest: the flow has ebbed. */
const ebbBatches = 2;
const restMs = 0.4;
/** Events that are worth a commit of their own. */
const worthEvents = 256;
/** When so much of what was unanswered at once lately is held, not much more will come before it is answered. */
const mostShare = 0.75;
/** What of that is forgotten with each window. */
const peakKept = 0.98;
/** How long events may be held at most. */
export const holdMsMax = 4;

export class Pace {
  readonly #clock: Clock;
  #inTurn = 0;
  #inWindow = 0;
  #windowStartMs = 0;
  #lastTurn = 0;
  #nowMs = 0;
  /** The most batches that were unanswered at once lately. */
  #peak = 0;
  /** Whether so many batches come that they are not sent off one by one. */
  isFlowing = false;
  /** Something is held: the next turn must look again. */
  isHolding = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A batch has come; with it so many are unanswered. */
  note(unanswered: number): void {
    this.#inTurn += 1;
    if (unanswered > this.#peak) this.#peak = unanswered;
  }

  /** All that was there has been read. */
  endTurn(): void {
    const nowMs = this.#clock.monotonicMs();
    this.isHolding = false;
    this.#nowMs = nowMs;
    this.#lastTurn = this.#inTurn;
    this.#inWindow += this.#inTurn;
    this.#inTurn = 0;
    const ms = nowMs - this.#windowStartMs;
    if (this.#inWindow < windowBatches && ms < windowMsMax) return;
    this.isFlowing = ms > 0 && this.#inWindow >= ms * flowPerMs;
    this.#inWindow = 0;
    this.#windowStartMs = nowMs;
    this.#peak *= peakKept;
  }

  /** What a shard is sent now. It may be asked once a turn. */
  which(lanes: ShardLanes): Which {
    if (!this.isFlowing) return 'ready';
    if (lanes.underWay > 0) return 'ample';
    lanes.heldSinceMs = this.#hold(lanes);
    if (lanes.heldSinceMs === undefined) return 'any';
    this.isHolding = true;
    return 'full';
  }

  /** Since when events are held that could go now; undefined: they go. */
  #hold({ heldSinceMs = this.#nowMs, openEvents }: ShardLanes): number | undefined {
    const isWorth = openEvents === 0 || openEvents >= Math.min(worthEvents, mostShare * this.#peak);
    if (isWorth || this.#lastTurn < ebbBatches) return undefined;
    return this.#nowMs - heldSinceMs < holdMsMax ? heldSinceMs : undefined;
  }

  /** Lets requests gather, when there are many and this turn had few. */
  rest(): void {
    if (this.isFlowing && this.#lastTurn < fullTurnBatches) rest(restMs);
  }
}
