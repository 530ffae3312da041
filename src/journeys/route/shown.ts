/** How agents, desks and offers are shown to those who ask. */
import type { CompiledMap } from '../compile/compiled.ts';
import { milesBetween, type Place } from '../place.ts';
import type { Delivery, InstanceState, PersonState } from '../state.ts';
import type { ShownAgent, ShownDesk, ShownJourney, ShownOffer, ShownPresence } from './asks.ts';
import type { Offer } from './board.ts';
import type { Roster, Seat } from './roster.ts';

export function shownPresence({ presence }: Seat, now: number): ShownPresence {
  const { place, status, until } = presence;
  if (status === 'offline' || now >= until) return { status: 'offline' };
  return {
    status,
    ...(place !== undefined && { place }),
    ...(Number.isFinite(until) && { until }),
  };
}

export function shownAgent(seat: Seat, now: number): ShownAgent {
  const { definition, id, lastOfferAt, load } = seat;
  const presence = shownPresence(seat, now);
  return { id, ...definition, presence, load, ...(lastOfferAt > 0 && { lastOfferAt }) };
}

export function shownDesk(roster: Roster, name: string): ShownDesk {
  return { name, ...roster.desk(name)!, ...roster.occupancy(name) };
}

/** What an offer is about, beyond what the board knows. */
export interface OfferBackground {
  readonly person: PersonState | undefined;
  /** The version that the instance is on. */
  map(instance: InstanceState): CompiledMap | undefined;
}

/** An offer as the agent who has it sees it. */
export function shownOffer(
  offer: Offer,
  seat: Seat,
  background: OfferBackground,
  now: number,
): ShownOffer {
  const { at, customer, id, plan, state } = offer;
  const { acceptedAt, meeting, until } = state;
  const delivery = background.person?.deliveries.find(({ action }) => action.id === id);
  const instance = instanceOf(background.person, delivery);
  return {
    id,
    kind: plan.kind,
    state: state.state === 'accepted' ? 'accepted' : 'reserved',
    customer,
    offeredAt: at,
    ...(until !== undefined && { reservedUntil: until }),
    ...(acceptedAt !== undefined && { acceptedAt }),
    ...(meeting !== undefined && { meeting }),
    ...distanceOf(seat.place, plan.place),
    ...saidOfAction(delivery),
    ...(instance !== undefined && {
      journey: shownJourney(instance, background.map(instance), now),
    }),
  };
}

/** In hundredths of a mile. */
function distanceOf(
  a: Place | undefined,
  b: Place | undefined,
): { readonly distanceMiles?: number } {
  if (a === undefined || b === undefined) return {};
  return { distanceMiles: Math.round(milesBetween(a, b) * 100) / 100 };
}

function saidOfAction(
  delivery: Delivery | undefined,
): Pick<ShownOffer, 'title' | 'data' | 'view' | 'bypass'> {
  const { bypass, data, title, view }: Readonly<Record<string, unknown>> = delivery?.action ?? {};
  return {
    title: typeof title === 'string' ? title : '',
    ...(data !== undefined && { data }),
    ...(typeof view === 'string' && { view }),
    ...(bypass === true && { bypass }),
  };
}

/** The instance that an offer came from, as long as it is known. */
export function instanceOf(
  person: PersonState | undefined,
  delivery: Delivery | undefined,
): InstanceState | undefined {
  if (delivery?.instance === undefined) return undefined;
  return person?.instances.find(({ id }) => id === delivery.instance);
}

function shownJourney(
  instance: InstanceState,
  map: CompiledMap | undefined,
  now: number,
): ShownJourney {
  const { context, current, id, journey, lastActivity, status } = instance;
  const stepName = map?.steps[current - 1]?.name;
  return {
    instance: id,
    journey,
    status,
    step: current,
    ...(stepName !== undefined && { stepName }),
    silentMs: Math.max(0, now - lastActivity),
    context,
  };
}
