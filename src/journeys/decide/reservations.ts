/**
 * What has been decided and is not read back yet: it counts for caps from the moment of the decision, so
 * that another decision in the milliseconds between cannot overshoot them.
 *
 *     decided ─▶ reserved ─▶ said on the tape (or said again, until it is there) ─▶ read back: a touch of the state
 */
import type { Touch } from '../state.ts';

export interface Reservation {
  readonly touches: readonly Touch[];
  /** Once it is said: the reader has read it when it has come up to this stamp. */
  until: number | undefined;
}

export class Reservations {
  /** By workspace and customer; those that have one. */
  readonly #reserved = new Map<string, Reservation[]>();
  readonly #passedUpTo: () => number;

  /** @param passedUpTo the stamp up to which the state is. */
  constructor(passedUpTo: () => number) {
    this.#passedUpTo = passedUpTo;
  }

  /** Customers with something that is not read back. */
  get size(): number {
    return this.#reserved.size;
  }

  reserve(workspace: number, customer: string, touches: readonly Touch[]): Reservation {
    const key = keyOf(workspace, customer);
    const reservation: Reservation = { touches, until: undefined };
    const own = this.#reserved.get(key);
    if (own === undefined) this.#reserved.set(key, [reservation]);
    else own.push(reservation);
    return reservation;
  }

  /** All that counts for a customer: what the state has, then what it will have. */
  with(workspace: number, customer: string, touches: readonly Touch[]): readonly Touch[] {
    const own = this.#current(keyOf(workspace, customer));
    if (own.length === 0) return touches;
    // What has been read back is among the newest.
    const isKnown = (touch: Touch): boolean =>
      touches.findLast(({ request }) => request === touch.request) !== undefined;
    const ahead = own.flatMap((each) => each.touches).filter((touch) => !isKnown(touch));
    return ahead.length === 0 ? touches : [...touches, ...ahead];
  }

  /** The customer is erased. */
  forget(workspace: number, customer: string): void {
    this.#reserved.delete(keyOf(workspace, customer));
  }

  /** Drops what has been read back of everybody; call it now and then. */
  sweep(): void {
    for (const key of [...this.#reserved.keys()]) this.#current(key);
  }

  #current(key: string): readonly Reservation[] {
    const own = this.#reserved.get(key);
    if (own === undefined) return [];
    const passed = this.#passedUpTo();
    const left = own.filter(({ until }) => until === undefined || until > passed);
    if (left.length === 0) this.#reserved.delete(key);
    else if (left.length < own.length) this.#reserved.set(key, left);
    return left;
  }
}

function keyOf(workspace: number, customer: string): string {
  return `${workspace}/${customer}`;
}
