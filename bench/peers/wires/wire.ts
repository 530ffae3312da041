/**
 * What the load generator must know of a peer's protocol. A wire belongs to one connection; it writes
 * whole requests and finds the ends of whole answers, no more: a client library would cost the two
 * cores more than the peer itself.
 */
import type { BenchEvent, Template } from '../../frames.ts';

export interface WirePlan {
  /** Number of the connection, and of the partition where there are partitions. */
  readonly lane: number;
  /** Events in a batch. */
  readonly batch: number;
  /** Newest events that a read asks for. */
  readonly limit: number;
  /** The credential, where there is one. */
  readonly key?: string | undefined;
  /** How a batch is published, where there is a choice. */
  readonly publish?: 'fast' | 'atomic' | undefined;
  /** Look into every answer, even if that is slow. */
  readonly countsAll?: boolean;
}

/** Called for every answer: how many events it acknowledges or holds; undefined: not looked at. */
export type Answer = (events: number | undefined) => void;

export interface Wire {
  /** What the connection says first; may be nothing. */
  hello(): Buffer;
  /** The peer has let us in. */
  readonly isOpen: boolean;
  /** A batch, ready to go but for numbers and times. Absent: filled by other means. */
  encode?(events: readonly BenchEvent[]): Template;
  /** Makes a patched batch whole: its checksum. */
  seal?(template: Template): void;
  /** Asks for the newest events of a customer. */
  read(customer: string): Buffer;
  /**
   * Reads one whole message at `at`, and calls `Answer` if that completes one.
   * @returns its end; -1 when it is not all there
   * @throws Error when the peer refuses
   */
  take(bytes: Buffer, at: number): number;
  /** What to send because of what was taken, once. */
  followUp?(): Buffer | undefined;
}

export type OpenWire = (plan: WirePlan, answer: Answer) => Wire;

export const nothing = Buffer.alloc(0);

/** Puts a batch together and notes where number and time go. */
export class Assembly {
  readonly #parts: Buffer[] = [];
  readonly #numberAt: number[] = [];
  readonly #timeAt: number[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  add(part: Buffer | string): this {
    const bytes = typeof part === 'string' ? Buffer.from(part) : part;
    this.#parts.push(bytes);
    this.#length += bytes.length;
    return this;
  }

  /** Adds what holds an event's id, whose digits are patched. */
  withId(part: Buffer | string): this {
    const at = this.#length;
    const bytes = typeof part === 'string' ? Buffer.from(part) : part;
    this.#numberAt.push(at + bytes.indexOf('evt-') + 4);
    return this.add(bytes);
  }

  /** Adds an event in MessagePack, whose id and time are patched. */
  withIdAndTime(packed: Buffer): this {
    this.#timeAt.push(this.#length + packed.indexOf('time') + 5);
    return this.withId(packed);
  }

  /** Adds the number itself, eight digits. */
  number(): this {
    this.#numberAt.push(this.#length);
    return this.add('00000000');
  }

  /** Adds the time itself, eight bytes. */
  time(): this {
    this.#timeAt.push(this.#length);
    return this.add(Buffer.alloc(8));
  }

  done(): Template {
    return {
      bytes: Buffer.concat(this.#parts),
      numberAt: Int32Array.from(this.#numberAt),
      timeAt: Int32Array.from(this.#timeAt),
    };
  }
}

/** A big-endian integer of four bytes. */
export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

/** A big-endian integer of two bytes. */
export function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}
