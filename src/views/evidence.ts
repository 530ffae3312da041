/**
 * The events behind a field's value, newest first: those that make it up, or the one that decides it.
 * Bounded for each field and, in characters, for a whole answer; `events` tells of how many there are.
 */
import type { EvidenceKind } from './once.ts';

export const evidenceMax = 100;
export const evidenceCharactersMax = 4 * 1024 * 1024;

/** What the fields of one answer share, however many views it is of. */
export class EvidenceRoom {
  /** Whether anything did not fit: what is shown then depends on who shared the room. */
  wasFull = false;
  #left = evidenceCharactersMax;

  /** Whether a piece still fits; it is then taken for granted. */
  take(piece: string): boolean {
    if (piece.length > this.#left) {
      this.wasFull = true;
      return false;
    }
    this.#left -= piece.length;
    return true;
  }

  give(piece: string): void {
    this.#left += piece.length;
  }
}

/** Of one field. */
export class Evidence {
  readonly kind: EvidenceKind;
  readonly #room: EvidenceRoom;
  #pieces: string[] = [];

  constructor(kind: EvidenceKind, room: EvidenceRoom) {
    this.kind = kind;
    this.#room = room;
  }

  get isFull(): boolean {
    return this.#pieces.length >= evidenceMax;
  }

  /** One more event that makes the value up. */
  add(piece: string): void {
    if (!this.isFull && this.#room.take(piece)) this.#pieces.push(piece);
  }

  /** The event that alone decides the value. */
  replace(piece: string): void {
    for (const old of this.#pieces) this.#room.give(old);
    this.#pieces = this.#room.take(piece) ? [piece] : [];
  }

  render(): string {
    return `,"evidence":[${this.#pieces.join()}]`;
  }
}
