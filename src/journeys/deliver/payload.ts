/**
 * What is posted to a webhook, as JSON. The same bytes at each attempt.
 *
 *     {"type":"tapeline.action","timestamp":"<RFC 3339: when it was decided>","data":{
 *        "action":"<id, as webhook-id>","customer":"c1","rule":"…","request":"…",
 *        "journey":"…","instance":"…","key":"…","step":4,"context":{…},     of the instance, if it is about one
 *        "data":…}}                                                        as the action says, filled in
 *
 * Of a `plain` action: its `data` and nothing else.
 */
import type { Delivery, PersonState } from '../state.ts';

export const typeOfAction = 'tapeline.action';
export const typeOfTest = 'tapeline.test';

export function payloadOf(person: PersonState, delivery: Delivery): string {
  const { action, at, request, rule } = delivery;
  if (action['plain'] === true) return JSON.stringify(action['data'] ?? null);
  const instance = person.instances.find(({ id }) => id === delivery.instance);
  return messageOf(typeOfAction, at, {
    action: action.id,
    customer: person.name,
    rule,
    request,
    journey: instance?.journey,
    instance: delivery.instance,
    key: instance?.key === '' ? undefined : instance?.key,
    step: instance?.current === 0 ? undefined : instance?.current,
    context: instance?.context,
    data: action['data'],
  });
}

/** Members that are undefined are left out. */
export function messageOf(type: string, atMs: number, data: object): string {
  return JSON.stringify({ type, timestamp: new Date(atMs).toISOString(), data });
}
