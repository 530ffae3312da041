/** What routing says on a customer's tape, as events; and the link that an accepted offer comes with. */

import { isSafe } from '../link.ts';
import { type DeliverySaid, type OfferSaid, typeOfDelivery, typeOfOffer } from '../words.ts';
import type { AgentDefinition } from './agent.ts';

/** A link is no longer than that. */
export const meetingCharactersMax = 2048;

const outcomes: Partial<Record<OfferSaid['change'], DeliverySaid['outcome']>> = {
  completed: 'delivered',
  expired: 'expired',
  withdrawn: 'withdrawn',
};

/** A change of an offer; when it is over, what became of the delivery goes with it. */
export function offerEvents(customer: string, said: OfferSaid): object[] {
  const { action, change, number, outcome: detail } = said;
  const event = { id: `${action}:${number}`, customer, type: typeOfOffer, data: said };
  const outcome = outcomes[change];
  if (outcome === undefined) return [event];
  const data: DeliverySaid = { action, outcome, ...(detail !== undefined && { detail }) };
  return [event, { id: `${action}:delivery`, customer, type: typeOfDelivery, data }];
}

/** The link, with what is known now of the agent put in its place, fit for a URL. */
export function meetingOf(
  template: unknown,
  id: string,
  { desk, name }: AgentDefinition,
): string | undefined {
  if (typeof template !== 'string' || template === '') return undefined;
  const known: Readonly<Record<string, string>> = { id, name, desk: desk ?? '' };
  const text = template.replace(/\$\{\s*agent\.(id|name|desk)\s*\}/g, (_, member: string) =>
    encodeURIComponent(known[member]!),
  );
  // A link that runs script, or is none, is not handed to anybody.
  const isLink = isSafe({ member: 'meeting', text, isOfPage: false });
  return isLink && text.length <= meetingCharactersMax ? text : undefined;
}
