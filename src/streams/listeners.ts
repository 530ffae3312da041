/**
 * Who listens at the live edge, by what they wait for: an event costs a few look-ups and those who may
 * want it, not everyone who is connected. A following is filed under the first thing it filters by.
 */
import type { TapeEvent } from '../tape/event.ts';
import { type CompiledFilter, channelOf, matchesRow } from './filter.ts';
import { Following, type FollowingParts } from './following.ts';
import { LiveMessage } from './message.ts';
import type { Subscriber } from './subscriber.ts';

type Shelf<Key> = Map<Key, Set<Following>>;

interface WorkspaceListeners {
  readonly byCustomer: Shelf<number>;
  readonly byType: Shelf<string>;
  readonly byChannel: Shelf<string>;
  /** Those who want everything. */
  readonly all: Shelf<''>;
}

/** An event with what is found once for all: its message, and its channel if anyone asks. */
class Offer {
  readonly event: TapeEvent;
  #message: LiveMessage | undefined;
  #channel: string | undefined;

  constructor(event: TapeEvent) {
    this.event = event;
  }

  get message(): LiveMessage {
    this.#message ??= new LiveMessage(this.event);
    return this.#message;
  }

  get channel(): string {
    this.#channel ??= channelOf(this.event);
    return this.#channel;
  }
}

export class Listeners {
  readonly #parts: FollowingParts;
  readonly #workspaces = new Map<number, WorkspaceListeners>();
  readonly #followings = new Map<string, Following>();
  /** Followings that were given messages since the last flush; one may be here twice. */
  #fed: Following[] = [];
  #topics = 0;

  constructor(parts: FollowingParts) {
    this.#parts = parts;
  }

  get isEmpty(): boolean {
    return this.#followings.size === 0;
  }

  add(subscriber: Subscriber): void {
    const { filter } = subscriber;
    let following = this.#followings.get(filter.key);
    if (following === undefined) {
      following = new Following(filter, `live/${++this.#topics}`, this.#parts);
      this.#followings.set(filter.key, following);
      this.#file(following);
    }
    following.add(subscriber);
  }

  /** Whether it is one of those that keep up. */
  has(subscriber: Subscriber): boolean {
    return this.#followings.get(subscriber.filter.key)?.has(subscriber) === true;
  }

  /** @param isOpen whether its connection still is. */
  remove(subscriber: Subscriber, isOpen: boolean): void {
    const following = this.#followings.get(subscriber.filter.key);
    if (following === undefined) return;
    following.remove(subscriber, isOpen);
    if (!following.isEmpty) return;
    this.#followings.delete(subscriber.filter.key);
    this.#unfile(following);
  }

  /** Whether anyone may want an event of this customer. */
  mayWant(workspace: number, customerHash: number): boolean {
    const listeners = this.#workspaces.get(workspace);
    if (listeners === undefined) return false;
    const { all, byChannel, byCustomer, byType } = listeners;
    return all.size + byType.size + byChannel.size > 0 || byCustomer.has(customerHash);
  }

  /** Gives the event to everyone who wants it, once each; it leaves at the next `flush`, or before. */
  offer(event: TapeEvent): void {
    const listeners = this.#workspaces.get(event.workspace);
    if (listeners === undefined) return;
    const { all, byChannel, byCustomer, byType } = listeners;
    const offered = new Offer(event);
    if (all.size > 0) this.#offerTo(all.get(''), offered);
    if (byCustomer.size > 0) this.#offerTo(byCustomer.get(event.customerHash), offered);
    if (byType.size > 0) this.#offerTo(byType.get(event.type), offered);
    if (byChannel.size > 0) this.#offerTo(byChannel.get(offered.channel), offered);
  }

  #offerTo(shelf: ReadonlySet<Following> | undefined, offer: Offer): void {
    if (shelf === undefined) return;
    for (const following of shelf) {
      const { filter } = following;
      if (!matchesRow(filter, offer.event)) continue;
      if (filter.channels.length > 0 && !filter.channels.includes(offer.channel)) continue;
      if (!following.hasMessages) this.#fed.push(following);
      following.take(offer.message);
    }
  }

  flush(): void {
    const fed = this.#fed;
    this.#fed = [];
    for (const following of fed) following.flush();
  }

  #file(following: Following): void {
    const { workspace } = following.filter;
    let listeners = this.#workspaces.get(workspace);
    if (listeners === undefined) {
      listeners = {
        byCustomer: new Map(),
        byType: new Map(),
        byChannel: new Map(),
        all: new Map(),
      };
      this.#workspaces.set(workspace, listeners);
    }
    const { keys, shelf } = placeOf(listeners, following.filter);
    for (const key of keys) {
      const others = shelf.get(key);
      if (others === undefined) shelf.set(key, new Set([following]));
      else others.add(following);
    }
  }

  #unfile(following: Following): void {
    const { workspace } = following.filter;
    const listeners = this.#workspaces.get(workspace)!;
    const { keys, shelf } = placeOf(listeners, following.filter);
    for (const key of keys) {
      const others = shelf.get(key);
      others?.delete(following);
      if (others?.size === 0) shelf.delete(key);
    }
    const { all, byChannel, byCustomer, byType } = listeners;
    if (all.size + byChannel.size + byCustomer.size + byType.size === 0) {
      this.#workspaces.delete(workspace);
    }
  }
}

function placeOf(
  { all, byChannel, byCustomer, byType }: WorkspaceListeners,
  { channels, customers, types }: CompiledFilter,
): { shelf: Shelf<number | string>; keys: readonly (number | string)[] } {
  if (customers.length > 0) return { shelf: byCustomer, keys: customers.map(({ hash }) => hash) };
  if (types.length > 0) return { shelf: byType, keys: types.map(({ name }) => name) };
  if (channels.length > 0) return { shelf: byChannel, keys: channels };
  return { shelf: all, keys: [''] };
}
