/**
 * What mapping foreign JSON may take: steps, events and bytes of them, for all items of a body (or of a
 * replay) together, and for one item. One that needs more than an item may is at fault itself; one for
 * which its neighbours left too little is not, and maps when it is sent with fewer of them.
 */
import { batchBytesMax, batchEventsMax } from '../event/envelope.ts';

/** Steps for all items of a body: a few tenths of a second. */
export const mapStepsMax = 6_000_000;
/** One item has a quarter of what a body has, so that in a body of its own it always ends by itself. */
export const itemStepsMax = mapStepsMax / 4;
/** Of the events that one item gives, as JSON. */
export const itemBytesMax = batchBytesMax / 4;

/** Thrown when something is used up. */
export class Spent extends Error {
  readonly isOfItem: boolean;
  constructor(message: string, isOfItem: boolean) {
    super(message);
    this.isOfItem = isOfItem;
  }
}

export class MapAllowance {
  #steps = mapStepsMax;
  #events = batchEventsMax;
  #bytes = batchBytesMax;
  #itemSteps = 0;
  #itemBytes = 0;

  beginItem(): void {
    this.#itemSteps = itemStepsMax;
    this.#itemBytes = itemBytesMax;
  }

  /** @throws Spent. */
  takeSteps(steps: number): void {
    this.#itemSteps -= steps;
    // What an item may not take is not taken from the others either.
    if (this.#itemSteps < 0) throw new Spent('mapping the item takes too many steps', true);
    this.#steps -= steps;
    if (this.#steps < 0) throw new Spent('mapping the body takes too many steps', false);
  }

  /** Before an event is made. @throws Spent. */
  takeEvent(): void {
    this.#events -= 1;
    if (this.#events < 0) {
      throw new Spent(`the body maps to more than ${batchEventsMax} events`, false);
    }
    this.takeSteps(1);
  }

  /** Of an event that was made. @throws Spent. */
  takeBytes(bytes: number): void {
    this.#itemBytes -= bytes;
    if (this.#itemBytes < 0) {
      throw new Spent(`the item maps to more than ${itemBytesMax} bytes`, true);
    }
    this.#bytes -= bytes;
    if (this.#bytes < 0)
      throw new Spent(`the body maps to more than ${batchBytesMax} bytes`, false);
  }
}
