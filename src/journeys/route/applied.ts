/**
 * What becomes of an offer to agents, read back from the tape. An offer has one state at a time, and every
 * change the number after the last one: of two that were said for the same number the first on the tape
 * counts. So an offer never has two agents, whoever said what.
 *
 *     open ──reserved──▶ reserved ──accepted──▶ accepted ──completed──▶ (gone)
 *      ▲                    │
 *      └─declined, timedOut─┘        open, reserved ──expired, withdrawn──▶ (gone)
 *
 * One that is accepted with a meeting link makes a delivery for the customer's pages, with the same link.
 */
import type { Delivery, OfferState, PersonState } from '../state.ts';
import type { OfferSaid } from '../words.ts';

/** Agents who may pass an offer on; then it is over. */
export const passesMax = 100;

/** How long a customer's page shows the link. */
const invitationTtl = '1h';

export function newOffer(): OfferState {
  return { number: 0, state: 'open', passed: [] };
}

/** The state of an offer in a delivery, from the beginning on. */
export function offerOf(delivery: Delivery): OfferState {
  return delivery.offer ?? newOffer();
}

/**
 * Applies what was said of an offer to the person whose it is.
 *
 * @param at when it was committed, epoch milliseconds.
 * @returns whether anything changed; false for what came too late, twice, or from somebody else.
 */
export function applyOffer(person: PersonState, said: OfferSaid, at: number): boolean {
  const index = person.deliveries.findIndex(({ action }) => action.id === said.action);
  const delivery = person.deliveries[index];
  if (delivery === undefined || delivery.action.do !== 'agent') return false;
  const state = offerOf(delivery);
  if (said.number !== state.number + 1 || !mayChange(state, said)) return false;
  const next = changed(state, said, at);
  if (next === undefined) person.deliveries.splice(index, 1);
  else delivery.offer = next;
  if (said.change === 'accepted' && said.meeting !== undefined) {
    person.deliveries.push(invitation(delivery, said, at));
  }
  return true;
}

/** The customer's side of a meeting: an offer in its pages, with the same link. */
function invitation(delivery: Delivery, { agentName, meeting }: OfferSaid, at: number): Delivery {
  // It is of the same rule, version and instance as the offer.
  const { action, offer: _, ...origin } = delivery;
  const data = { title: action['title'], text: agentName ?? '', accept: 'Join', meeting };
  const shown = { id: `${action.id}-meeting`, do: 'page', kind: 'offer', data, ttl: invitationTtl };
  return { ...origin, action: shown, at };
}

/** Whether a change can follow a state. */
export function mayChange({ agent, state }: OfferState, said: OfferSaid): boolean {
  switch (said.change) {
    case 'reserved':
      return state === 'open' && said.agent !== undefined && said.until !== undefined;
    case 'accepted':
    case 'declined':
    case 'timedOut':
      return state === 'reserved' && said.agent === agent;
    case 'completed':
      return state === 'accepted' && said.agent === agent;
    case 'expired':
    case 'withdrawn':
      return state !== 'accepted';
    default:
      return false;
  }
}

/** The state after a change that may follow; undefined: the offer is over. */
function changed(before: OfferState, said: OfferSaid, at: number): OfferState | undefined {
  const { agent, change, meeting, number, until } = said;
  const { passed } = before;
  switch (change) {
    case 'reserved':
      return { number, state: 'reserved', agent: agent!, until: until!, passed };
    case 'accepted': {
      const accepted: OfferState = { number, state: 'accepted', passed, acceptedAt: at };
      accepted.agent = agent!;
      if (meeting !== undefined) accepted.meeting = meeting;
      return accepted;
    }
    case 'declined':
    case 'timedOut':
      return { number, state: 'open', passed: [...passed, agent!].slice(-passesMax) };
    case 'completed':
    case 'expired':
    case 'withdrawn':
      return undefined;
  }
}
