/**
 * How customers behave, one event at a time:
 *
 *              ┌────────────── leave ───────────────┐
 *     away ──visit──▶ anonymous ──Login──▶ known ──Purchased──▶ away
 *       │             (cookie or IP)     (customer)
 *       └─ Call Wrap, Chat Wrap, Email Received, Profile
 *
 * A visit begins under a cookie or an address; the login names the customer and the identity the
 * visit had until then.
 */
import type { Event } from '../../src/client/types.ts';
import type { Random } from '../../src/std/random.ts';
import {
  agents,
  type Customer,
  cities,
  mails,
  makePhone,
  outcomes,
  type Product,
  pages,
  pick,
  products,
  reasons,
  transcripts,
} from './shop.ts';

/** A customer and where the customer stands. */
export interface Visitor {
  readonly customer: Customer;
  stage: 'away' | 'anonymous' | 'known';
  /** The identity of the visit before the login. */
  identity: string;
  cart: Product[];
  /** Events left until the customer thinks of leaving or paying. */
  patience: number;
}

export function openVisitor(customer: Customer): Visitor {
  return { customer, stage: 'away', identity: '', cart: [], patience: 0 };
}

/** What happens next with this visitor: an event without id and time. */
export function step(visitor: Visitor, random: Random): Event {
  switch (visitor.stage) {
    case 'away':
      return random.next() < 0.7 ? arrive(visitor, random) : contact(visitor.customer, random);
    case 'anonymous':
      return stepAnonymous(visitor, random);
    case 'known':
      return stepKnown(visitor, random);
  }
}

function arrive(visitor: Visitor, random: Random): Event {
  visitor.stage = 'anonymous';
  visitor.identity = random.next() < 0.6 ? visitor.customer.cookie : visitor.customer.ip;
  visitor.patience = 2 + random.below(4);
  visitor.cart = [];
  const page = pick(pages, random);
  return web(visitor, 'Page View', { Page: `/${slug(page)}`, 'Page-Title': page });
}

function stepAnonymous(visitor: Visitor, random: Random): Event {
  visitor.patience -= 1;
  if (visitor.patience > 0) return browse(visitor, random);
  if (visitor.cart.length === 0 && random.next() < 0.35) {
    visitor.stage = 'away';
    return web(visitor, 'Page View', { Page: '/delivery', 'Page-Title': 'Delivery' });
  }
  visitor.stage = 'known';
  visitor.patience = 2 + random.below(4);
  return { ...web(visitor, 'Login', { Method: 'password' }), previous: visitor.identity };
}

function stepKnown(visitor: Visitor, random: Random): Event {
  visitor.patience -= 1;
  if (visitor.patience > 0) return browse(visitor, random);
  const product = visitor.cart.shift();
  if (product === undefined || random.next() < 0.3) {
    visitor.stage = 'away';
    return web(visitor, 'Page View', { Page: '/bye', 'Page-Title': 'Logged out' });
  }
  if (visitor.cart.length === 0) visitor.stage = 'away';
  return web(visitor, 'Purchased', {
    Product: product.name,
    SKU: product.sku,
    Price: product.price,
    Currency: 'USD',
  });
}

function browse(visitor: Visitor, random: Random): Event {
  const product = pick(products, random);
  const choice = random.next();
  if (choice < 0.25) {
    visitor.cart.push(product);
    return web(visitor, 'Add To Cart', { SKU: product.sku, Price: product.price });
  }
  if (choice < 0.65) {
    return web(visitor, 'Click', {
      'Page-Title': product.name,
      Offer: `${product.sku}-${5 * (1 + random.below(6))}-off`,
    });
  }
  const page = pick(pages, random);
  return web(visitor, 'Page View', { Page: `/${slug(page)}`, 'Page-Title': page });
}

function contact(customer: Customer, random: Random): Event {
  const choice = random.next();
  const said = { customer: customer.id };
  const fill = (text: string): string => text.replace('{product}', pick(products, random).name);
  if (choice < 0.35) {
    const data = {
      Reason: pick(reasons, random),
      Outcome: pick(outcomes, random),
      Agent: pick(agents, random),
      Seconds: 60 + random.below(840),
    };
    return { ...said, type: 'Call Wrap', channel: 'voice', source: 'contact-centre', data };
  }
  if (choice < 0.6) {
    const data = { Transcript: fill(pick(transcripts, random)), Agent: pick(agents, random) };
    return { ...said, type: 'Chat Wrap', channel: 'chat', source: 'chat-desk', data };
  }
  if (choice < 0.85) {
    const data = { From: customer.email, Text: fill(pick(mails, random)) };
    return { ...said, type: 'Email Received', channel: 'email', source: 'mailroom', data };
  }
  const isPhone = random.next() < 0.6;
  const data = isPhone ? { Phone: makePhone(random) } : { City: pick(cities, random) };
  const [channel, source] = isPhone ? ['voice', 'contact-centre'] : ['web', 'account-page'];
  return { ...said, type: 'Profile', channel, source, data };
}

function web({ stage, identity, customer }: Visitor, type: string, data: object): Event {
  const who = stage === 'anonymous' ? identity : customer.id;
  return { customer: who, type, channel: 'web', source: 'shop', data };
}

function slug(page: string): string {
  return page.toLowerCase().replaceAll(' ', '-');
}
