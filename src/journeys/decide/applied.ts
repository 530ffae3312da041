/**
 * What becomes of a customer's state when what was decided, delivered and answered is read back from the
 * tape. Pure and idempotent: state that has it already stays as it is, so a replay makes the same of it.
 *
 *     decision ─▶ the request is gone; a touch and deliveries of what acts, counted for the instance
 *     delivery ─▶ that delivery is gone; a touch of which nothing arrived is given back
 *     response ─▶ accepted: counts for propensity, once; failed: given back
 */
import type { Delivery, InstanceState, PersonState, Touch } from '../state.ts';
import type { DecidedAction, DecisionSaid, DeliverySaid, ResponseSaid } from '../words.ts';
import { touchesMax, touchKeptMsMax } from './caps.ts';

/** @param at when it was committed, epoch milliseconds. */
export function applyDecision(person: PersonState, said: DecisionSaid, at: number): void {
  person.requests = person.requests.filter(({ id }) => id !== said.request);
  if (person.touches.some(({ request }) => request === said.request)) return;
  for (const acting of actingOf(said)) act(person, said, acting, at);
  forgetTouches(person, at);
}

interface Acting {
  readonly rule: string | undefined;
  readonly channel: string | undefined;
  readonly category: string | undefined;
  /** For which it counts. */
  readonly instance: string | undefined;
  readonly actions: readonly DecidedAction[];
  /** Something of it is shown by whoever asked, so what the server delivers does not tell whether it arrived. */
  readonly isShownElsewhere: boolean;
}

function actingOf(said: DecisionSaid): readonly Acting[] {
  if (said.candidates !== undefined) {
    const acting = said.candidates.filter(({ verdict }) => verdict === 'act');
    return acting.map(({ actions = [], category, channel, instance, rule }) => {
      return { rule, channel, category, instance, actions, isShownElsewhere: true };
    });
  }
  if (said.verdict !== 'act') return [];
  const { actions = [], category, channel, instance, rule } = said;
  return [{ rule, channel, category, instance, actions, isShownElsewhere: false }];
}

function act(person: PersonState, said: DecisionSaid, acting: Acting, at: number): void {
  const { actions, category, channel, isShownElsewhere, rule } = acting;
  const known = new Set(person.deliveries.map((delivery) => delivery.action.id));
  for (const action of actions) {
    if (known.has(action.id)) continue;
    const delivery: Delivery = {
      action,
      request: said.request,
      ...(rule !== undefined && { rule }),
      ...(said.journey !== undefined && { journey: said.journey }),
      ...(said.instance !== undefined && { instance: said.instance }),
      version: said.version,
      at,
    };
    person.deliveries.push(delivery);
  }
  // A step's own actions are part of its journey: no rule counts them.
  if (rule === undefined) return;
  const touch: Touch = {
    at,
    request: said.request,
    rule,
    ...(channel !== undefined && { channel }),
    ...(category !== undefined && { category }),
    ...(!isShownElsewhere && actions.length > 0 && { open: actions.length }),
  };
  person.touches.push(touch);
  const instance = person.instances.find(({ id }) => id === acting.instance);
  if (instance !== undefined) instance.acted[rule] = actedOf(instance, rule) + 1;
  answersOf(person, rule).shown++;
}

/** How often a rule has acted for an instance. */
export function actedOf({ acted }: InstanceState, rule: string): number {
  return Object.hasOwn(acted, rule) ? acted[rule]! : 0;
}

/** A delivery that is not known (any more) changes nothing. */
export function applyDelivery(person: PersonState, { action, outcome }: DeliverySaid): void {
  const at = person.deliveries.findIndex((each) => each.action.id === action);
  const delivery = person.deliveries[at];
  if (delivery === undefined) return;
  person.deliveries.splice(at, 1);
  const touch = touchFor(person, delivery.request, delivery.rule);
  if (touch?.open === undefined) return;
  if (outcome === 'delivered') delete touch.open;
  else if (--touch.open === 0) release(person, touch);
}

export function applyResponse(person: PersonState, { answer, request, rule }: ResponseSaid): void {
  const touch = touchFor(person, request, rule);
  if (touch?.rule === undefined) return;
  if (answer === 'failed') {
    if (!touch.accepted && !touch.released) release(person, touch);
  } else if (answer === 'accepted' && !touch.accepted) {
    touch.accepted = true;
    answersOf(person, touch.rule).accepted++;
  }
}

/** What two persons did before they became one is counted together. `from` is not used any more. */
export function joinCounters(into: PersonState, from: PersonState): void {
  const has = new Set(into.touches.map(keyOf));
  for (const touch of from.touches) if (!has.has(keyOf(touch))) into.touches.push(touch);
  into.touches.sort((a, b) => a.at - b.at || (keyOf(a) < keyOf(b) ? -1 : 1));
  if (into.touches.length > touchesMax) into.touches.splice(0, into.touches.length - touchesMax);
  for (const [rule, { accepted, shown }] of Object.entries(from.responses)) {
    const answers = answersOf(into, rule);
    answers.accepted += accepted;
    answers.shown += shown;
  }
}

function release(person: PersonState, touch: Touch): void {
  delete touch.open;
  touch.released = true;
  const answers = answersOf(person, touch.rule!);
  answers.shown = Math.max(0, answers.shown - 1);
}

function touchFor(
  person: PersonState,
  request: string,
  rule: string | undefined,
): Touch | undefined {
  return person.touches.findLast((touch) => {
    return touch.request === request && (rule === undefined || touch.rule === rule);
  });
}

function answersOf(person: PersonState, rule: string): { shown: number; accepted: number } {
  if (!Object.hasOwn(person.responses, rule)) person.responses[rule] = { shown: 0, accepted: 0 };
  return person.responses[rule]!;
}

function forgetTouches(person: PersonState, at: number): void {
  const { touches } = person;
  let over = Math.max(0, touches.length - touchesMax);
  while (over < touches.length && touches[over]!.at < at - touchKeptMsMax) over++;
  if (over > 0) touches.splice(0, over);
}

function keyOf({ request, rule = '' }: Touch): string {
  return `${request}\n${rule}`;
}
