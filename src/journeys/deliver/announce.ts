/**
 * That a customer has entered or left an audience, said on its tape. Until that is read back it is a delivery in
 * the customer's state like what a rule decides, so that no crash loses it, and its id makes it one.
 */
import type { Delivery } from '../state.ts';
import { type AudienceSaid, type DecidedAction, typeOfAudience } from '../words.ts';

const announce = 'announce';

/** @param at when it changed, epoch milliseconds. */
export function announcement(id: string, data: AudienceSaid, at: number): Delivery {
  return { action: { id, do: announce, data, at }, request: '', at };
}

/** Undefined: the action is another. */
export function announced(action: DecidedAction, customer: string): object | undefined {
  if (action.do !== announce) return undefined;
  const { at: time, data, id } = action;
  return { id, customer, type: typeOfAudience, time, source: 'tapeline', data };
}
