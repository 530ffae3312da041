/**
 * Applies what stands on the tape to a customer's state: the transition function of the engine. Pure but
 * for changing the state it is given: it knows the event, the state and what is in force, and no clock.
 */
import { boundSteps, meter } from '../../event/meter.ts';
import { applyDecision, applyDelivery, applyResponse } from '../decide/applied.ts';
import { learn, learnedTypes } from '../decide/learn.ts';
import { applyOffer } from '../route/applied.ts';
import type { PersonState } from '../state.ts';
import * as words from '../words.ts';
import { timerDue } from './clock.ts';
import { command } from './command.ts';
import type { WorkspaceForce } from './force.ts';
import { settle } from './happen.ts';
import type { Happening } from './happening.ts';
import { beginWatching, noteEvent, settleWatched } from './memberships.ts';
import { Moment, type SeenEvent } from './moment.ts';
import { reactAll } from './react.ts';
import { lapse } from './requests.ts';
import { reactRules } from './rulesof.ts';

export function newPerson(name: string): PersonState {
  return {
    name,
    instances: [],
    audiences: {},
    timers: [],
    requests: [],
    deliveries: [],
    touches: [],
    consent: {},
    responses: {},
  };
}

/** Whether nothing is known of somebody that a new one would not have. */
export function isBlank(person: PersonState): boolean {
  const { audiences, consent, deliveries, instances, place, recalled, requests, responses } =
    person;
  const { timers, touches, zone } = person;
  const lists = [instances, timers, requests, deliveries, touches];
  const records = [audiences, consent, responses];
  return (
    lists.every(({ length }) => length === 0) &&
    records.every((record) => Object.keys(record).length === 0) &&
    place === undefined &&
    recalled === undefined &&
    zone === undefined
  );
}

/**
 * What all conditions that an event meets may cost together, in steps of some 100 ns; past that they do not hold.
 * Far beyond what conditions cost that somebody wrote to be answered: some ten steps each.
 */
export const eventStepsMax = 200_000;

/**
 * @param home the identity that the event was sent under, which is the person's by now.
 * @param stepsMax for all conditions together.
 * @returns steps that they cost; more than `stepsMax` when some were given up.
 */
export function apply(
  force: WorkspaceForce,
  person: PersonState,
  home: string,
  event: SeenEvent,
  observe?: (happening: Happening) => void,
  stepsMax: number = eventStepsMax,
): number {
  const before = meter.spent;
  boundSteps(stepsMax, () => applyOne(force, person, home, event, observe));
  return meter.spent - before;
}

function applyOne(
  force: WorkspaceForce,
  person: PersonState,
  home: string,
  event: SeenEvent,
  observe?: (happening: Happening) => void,
): void {
  lapse(person, event.received, observe);
  const { received, type } = event;
  if (!type.startsWith('tapeline.')) {
    applyEvent(
      new Moment({ force, person, home, at: received, cause: event, event, observe }),
      type,
    );
    return;
  }
  const parts = { force, person, home, at: received, cause: event, observe };
  applySaid(parts, event);
  // And then it is an event like others to whoever waits for it by name.
  if (force.names(type)) applyEvent(new Moment({ ...parts, event }), type);
}

/** What the server said itself. */
function applySaid(parts: ConstructorParameters<typeof Moment>[0], event: SeenEvent): void {
  const { observe, person } = parts;
  const { received, type } = event;
  const said = JSON.parse(event.data() ?? '{}') as never;
  switch (type) {
    case words.typeOfTimer:
      applyTimer(parts, said);
      break;
    case words.typeOfCommand:
      applyCommand(new Moment(parts), said);
      break;
    case words.typeOfDecision:
      decide(person, said, received, observe);
      break;
    case words.typeOfDelivery:
      deliver(person, said, received, observe);
      break;
    case words.typeOfOffer:
      applyOffer(person, said, received);
      break;
    case words.typeOfResponse:
      applyResponse(person, said);
      observe?.({ at: received, kind: 'response', said });
      break;
    case words.typeOfAudience:
      applyDelivery(person, { action: event.text('id') ?? '', outcome: 'delivered' });
      break;
    default:
    // Of links the reader has seen to.
  }
}

function decide(
  person: PersonState,
  said: words.DecisionSaid,
  at: number,
  observe: ((happening: Happening) => void) | undefined,
): void {
  const request = person.requests.find(({ id }) => id === said.request);
  applyDecision(person, said, at);
  observe?.({ at, kind: 'decision', said, request });
}

function deliver(
  person: PersonState,
  said: words.DeliverySaid,
  at: number,
  observe: ((happening: Happening) => void) | undefined,
): void {
  const delivery = person.deliveries.find(({ action }) => action.id === said.action);
  applyDelivery(person, said);
  if (delivery !== undefined) observe?.({ at, kind: 'delivery', said, delivery });
}

function applyEvent(moment: Moment, type: string): void {
  const { event, person } = moment;
  if (mayTeach(type, event!)) learn(person, type, moment.subject!.data, moment.at);
  beginWatching(moment);
  const changed = noteEvent(moment, type);
  reactAll(moment, type);
  const isMoved = moment.happenings.length > 0;
  settle(moment);
  reactRules(moment, type);
  settleWatched(moment, changed, isMoved);
}

/** Spares decoding what cannot tell a place or a zone. */
function mayTeach(type: string, event: SeenEvent): boolean {
  if (learnedTypes.has(type)) return true;
  const data = event.data();
  return data !== undefined && (data.includes('"latitude"') || data.includes('"timezone"'));
}

function applyTimer(parts: ConstructorParameters<typeof Moment>[0], said: words.TimerSaid): void {
  // Never early, whatever a clock did between saying and writing it.
  const moment = new Moment({ ...parts, at: Math.max(parts.at, said.due + 1) });
  beginWatching(moment);
  const came = timerDue(moment, said);
  finish(moment);
  moment.observe?.({ at: moment.at, kind: 'timer', said, came });
}

function applyCommand(moment: Moment, said: words.CommandSaid): void {
  beginWatching(moment);
  command(moment, said);
  finish(moment);
}

function finish(moment: Moment): void {
  const isMoved = moment.happenings.length > 0;
  settle(moment);
  settleWatched(moment, new Set(), isMoved);
}
