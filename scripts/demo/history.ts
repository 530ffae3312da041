/**
 * What the store knows before the demo begins: a profile of every customer, and for the first one
 * some weeks of history, so that every row of the example view has something to show. Ids are fixed:
 * a second demo finds it all stored.
 */
import type { Event } from '../../src/client/types.ts';
import type { Random } from '../../src/std/random.ts';
import { type Customer, cities, makePhone, pick } from './shop.ts';

const dayMs = 24 * 60 * 60 * 1000;

/** The history of `customers` as of `nowMs`; profile parts come from different channels, as they do. */
export function makeHistory(
  customers: readonly Customer[],
  nowMs: number,
  random: Random,
): readonly Event[] {
  const events = customers.flatMap((customer) => profile(customer, nowMs, random));
  const first = customers[0];
  return first === undefined ? events : [...events, ...story(first, nowMs)];
}

function profile(customer: Customer, nowMs: number, random: Random): Event[] {
  const { id, name, city, phone, email } = customer;
  const at = (days: number): number => nowMs - Math.round(days * dayMs);
  const base = { customer: id, type: 'Profile' };
  return [
    {
      ...base,
      id: `demo-profile-${id}-1`,
      time: at(200 + random.below(100)),
      channel: 'store',
      source: 'crm',
      data: { Name: name, City: pick(cities, random), Phone: makePhone(random), Email: email },
    },
    {
      ...base,
      id: `demo-profile-${id}-2`,
      time: at(60 + random.below(100)),
      channel: 'web',
      source: 'account-page',
      data: { City: city },
    },
    {
      ...base,
      id: `demo-profile-${id}-3`,
      time: at(10 + random.below(40)),
      channel: 'voice',
      source: 'contact-centre',
      data: { Phone: phone },
    },
  ];
}

function story(customer: Customer, nowMs: number): Event[] {
  const web = { channel: 'web', source: 'shop' };
  const desk = { channel: 'voice', source: 'contact-centre' };
  const told: readonly (readonly [number, Omit<Event, 'customer'>])[] = [
    [41, { type: 'Purchased', ...web, data: { Product: 'Phone 11', SKU: 'PH-110', Price: 599 } }],
    [40, { type: 'Purchased', ...web, data: { Product: 'Phone Case', SKU: 'CS-012', Price: 19 } }],
    [22, { type: 'Login', ...web, data: { Method: 'password' } }],
    [
      21,
      {
        type: 'Call Wrap',
        ...desk,
        data: { Reason: 'Invoice', Outcome: 'Resolved', Agent: 'Priya', Seconds: 312 },
      },
    ],
    [
      20,
      {
        type: 'Email Received',
        channel: 'email',
        source: 'mailroom',
        data: { From: customer.email, Text: 'The invoice shows my old address.' },
      },
    ],
    [
      9,
      {
        type: 'Chat Wrap',
        channel: 'chat',
        source: 'chat-desk',
        data: {
          Transcript: 'Customer: Is the Fitness Watch in stock? Agent: Yes, it ships tomorrow.',
          Agent: 'Tom',
        },
      },
    ],
    [3, { type: 'Login', ...web, data: { Method: 'password' } }],
    [2.99, { type: 'Add To Cart', ...web, data: { SKU: 'WT-020', Price: 199 } }],
    [
      0.1,
      { type: 'Click', ...web, data: { 'Page-Title': 'Fitness Watch', Offer: 'WT-020-10-off' } },
    ],
  ];
  return told.map(([days, event], index) => ({
    ...event,
    id: `demo-story-${customer.id}-${index + 1}`,
    customer: customer.id,
    time: nowMs - Math.round(days * dayMs),
  }));
}
