/** What the demo's store sells, who shops there, and what they say. */
import type { Random } from '../../src/std/random.ts';

export interface Product {
  readonly sku: string;
  readonly name: string;
  readonly price: number;
}

export interface Customer {
  readonly id: string;
  readonly name: string;
  readonly email: string;
  readonly city: string;
  readonly phone: string;
  /** The cookie of the customer's browser, and an address the customer often comes from. */
  readonly cookie: string;
  readonly ip: string;
}

export const products: readonly Product[] = [
  { sku: 'HP-200', name: 'Wireless Headphones', price: 149 },
  { sku: 'PH-110', name: 'Phone 11', price: 599 },
  { sku: 'PH-120', name: 'Phone 12 Pro', price: 899 },
  { sku: 'TB-300', name: 'Tablet 10 inch', price: 329 },
  { sku: 'LP-450', name: 'Laptop 14', price: 1199 },
  { sku: 'CM-070', name: 'Action Camera', price: 279 },
  { sku: 'WT-020', name: 'Fitness Watch', price: 199 },
  { sku: 'SP-015', name: 'Bookshelf Speakers', price: 249 },
  { sku: 'CH-005', name: 'USB-C Charger', price: 29 },
  { sku: 'CS-012', name: 'Phone Case', price: 19 },
  { sku: 'TV-550', name: 'Television 55 inch', price: 699 },
  { sku: 'RT-060', name: 'Wi-Fi Router', price: 119 },
];

export const pages = ['Home', 'Offers of the Week', 'Audio', 'Phones', 'Computers', 'Delivery'];
export const cities = [
  'San Francisco',
  'Oakland',
  'Berkeley',
  'San Jose',
  'Sacramento',
  'Portland',
  'Seattle',
  'Denver',
  'Austin',
  'Chicago',
  'Boston',
  'New York',
];
export const reasons = ['Where is my order', 'Return', 'Invoice', 'Technical question', 'Warranty'];
export const outcomes = ['Resolved', 'Resolved', 'Resolved', 'Call back', 'Escalated'];
export const agents = ['Dana', 'Lee', 'Priya', 'Tom', 'Ines'];
export const transcripts = [
  'Customer: Is the {product} in stock? Agent: Yes, it ships tomorrow.',
  'Customer: My {product} does not charge. Agent: Let us replace it.',
  'Customer: Can I change the delivery address? Agent: Done, it goes to your office.',
  'Customer: Does the {product} work abroad? Agent: It does, with an adapter.',
];
export const mails = [
  'I ordered the {product} last week and it has not arrived. Can you look into it?',
  'The {product} is great, but the invoice shows the wrong address.',
  'Please cancel my newsletter.',
  'How long is the warranty on the {product}?',
];

const firstNames =
  'Ada Ben Chloe David Emma Felix Grace Hugo Iris Jack Kate Liam Maya Noah Olga Paul';
const lastNames =
  'Park Bell Cruz Diaz Evans Ford Gray Hall Irwin Jones King Lopez Moore Nash Olsen';

/** Customer number `number` of the store, from 0; the same for the same random numbers. */
export function makeCustomer(number: number, random: Random): Customer {
  const first = pick(firstNames.split(' '), random);
  const last = pick(lastNames.split(' '), random);
  const id = `c${1001 + number}`;
  return {
    id,
    name: `${first} ${last}`,
    email: `${first}.${last}.${id}@example.com`.toLowerCase(),
    city: pick(cities, random),
    phone: makePhone(random),
    cookie: `cookie:${hex(random.bytes(6))}`,
    // 198.18.0.0/15 is set apart for benchmarks: it is nobody's address.
    ip: `ip:198.18.${random.below(256)}.${random.below(256)}`,
  };
}

/** Numbers 555-0100 to 555-0199 are set apart for fiction. */
export function makePhone(random: Random): string {
  return `+1 ${200 + random.below(700)} 555 01${String(random.below(100)).padStart(2, '0')}`;
}

export function pick<T>(list: readonly T[], random: Random): T {
  return list[random.below(list.length)]!;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
