/** As much of an event as maps and rules can ask for, once the tape's own bytes have been let go. */
import type { TapeEvent } from '../../tape/event.ts';
import type { SeenEvent } from './moment.ts';

export class PastEvent implements SeenEvent {
  readonly stamp: number;
  readonly ordinal: number;
  readonly type: string;
  readonly time: number;
  readonly received: number;
  /** The identity under which it was sent. */
  readonly home: string;
  /** As it is stored. */
  readonly bytes: number;
  readonly #id: string;
  readonly #channel: string | undefined;
  readonly #source: string | undefined;
  readonly #data: string | undefined;

  constructor(event: TapeEvent) {
    this.stamp = event.stamp;
    this.ordinal = event.ordinal;
    this.type = event.type;
    this.time = event.time;
    this.received = event.received;
    this.home = event.customer;
    this.bytes = event.payloadBytes;
    this.#id = event.id;
    this.#channel = event.channel();
    this.#source = event.text('source');
    this.#data = event.data();
  }

  text(field: 'type' | 'id' | 'customer' | 'channel' | 'source'): string | undefined {
    switch (field) {
      case 'type':
        return this.type;
      case 'id':
        return this.#id;
      case 'customer':
        return this.home;
      case 'channel':
        return this.#channel;
      case 'source':
        return this.#source;
    }
  }

  data(): string | undefined {
    return this.#data;
  }
}
