/**
 * Who listens at the live edge, by what they wait for: an event costs two look-ups and those who may
 * want it, not everyone who is connected.
 */
import type { TapeEvent } from '../tape/event.ts';
import { matches } from './filter.ts';
import type { Subscriber } from './subscriber.ts';

interface WorkspaceListeners {
  /** Those who do not filter by customer. */
  readonly general: Set<Subscriber>;
  readonly byCustomer: Map<number, Set<Subscriber>>;
}

export class Listeners {
  readonly #workspaces = new Map<number, WorkspaceListeners>();

  add(subscriber: Subscriber): void {
    const { customers, workspace } = subscriber.filter;
    let listeners = this.#workspaces.get(workspace);
    if (listeners === undefined) {
      listeners = { general: new Set(), byCustomer: new Map() };
      this.#workspaces.set(workspace, listeners);
    }
    if (customers.length === 0) listeners.general.add(subscriber);
    for (const { hash } of customers) {
      const others = listeners.byCustomer.get(hash);
      if (others === undefined) listeners.byCustomer.set(hash, new Set([subscriber]));
      else others.add(subscriber);
    }
  }

  remove(subscriber: Subscriber): void {
    const { customers, workspace } = subscriber.filter;
    const listeners = this.#workspaces.get(workspace);
    if (listeners === undefined) return;
    listeners.general.delete(subscriber);
    for (const { hash } of customers) {
      const others = listeners.byCustomer.get(hash);
      others?.delete(subscriber);
      if (others?.size === 0) listeners.byCustomer.delete(hash);
    }
    if (listeners.general.size + listeners.byCustomer.size === 0) {
      this.#workspaces.delete(workspace);
    }
  }

  get isEmpty(): boolean {
    return this.#workspaces.size === 0;
  }

  /** Whether anyone may want an event of this customer. */
  mayWant(workspace: number, customerHash: number): boolean {
    const listeners = this.#workspaces.get(workspace);
    if (listeners === undefined) return false;
    return listeners.general.size > 0 || listeners.byCustomer.has(customerHash);
  }

  /** Calls `deliver` for everyone who wants the event, once each. */
  offer(event: TapeEvent, deliver: (subscriber: Subscriber) => void): void {
    const listeners = this.#workspaces.get(event.workspace);
    if (listeners === undefined) return;
    const forCustomer = listeners.byCustomer.get(event.customerHash);
    if (forCustomer !== undefined) {
      for (const subscriber of forCustomer) {
        if (matches(subscriber.filter, event)) deliver(subscriber);
      }
    }
    for (const subscriber of listeners.general) {
      if (matches(subscriber.filter, event)) deliver(subscriber);
    }
  }
}
