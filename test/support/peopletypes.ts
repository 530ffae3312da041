/** Whom the model test plays with: names of all types, ways to write a number, and narrow limits. */
import { type IdentitySettings, identityDefaults } from '../../src/identity/settings.ts';

export const phone = '+14155552671';
export const spellings = ['tel:+14155552671', '+1 415 555 2671', '+1-415-555-2671'];

/** In the one way in which each is kept. The UUIDs and `zoe` have no type of their own. */
export const names = [
  ...['a', 'b', 'c'].map((name) => `customerId:${name}`),
  ...['1', '2', '3', '4'].map((name) => `cookie:${name}`),
  'm@example.com',
  'n@example.com',
  '10.1.2.3',
  phone,
  'a8098c1a-f86e-41da-bd1a-00112444be1e',
  'b9098c1a-f86e-41da-bd1a-00112444be1e',
  'zoe',
];

export interface PeopleType {
  readonly priority: number;
  readonly limit: number;
  readonly spanMs: number;
  readonly shared: boolean;
}

const dayMs = 86_400_000;
/** Of what counts for a limit for a time only. */
export const spanMs = 200_000;
const ever = Number.POSITIVE_INFINITY;

export const peopleTypes: Readonly<Record<string, PeopleType>> = {
  customerId: { priority: 1, limit: 1, spanMs: ever, shared: false },
  email: { priority: 2, limit: 1, spanMs: ever, shared: false },
  phone: { priority: 3, limit: 1, spanMs: ever, shared: false },
  temporaryId: { priority: 4, limit: 2, spanMs, shared: true },
  cookie: { priority: 7, limit: 2, spanMs, shared: true },
  ip: { priority: 8, limit: 1, spanMs, shared: true },
};

const rules = Object.entries(peopleTypes).map(([name, { spanMs: span, ...rule }]) => {
  return [name, { ...rule, days: span === ever ? null : span / dayMs }] as const;
});

export const peopleSettings: IdentitySettings = {
  ...identityDefaults,
  types: { ...identityDefaults.types, ...Object.fromEntries(rules) },
};

/** Undefined: a bare text. */
export function typeByText(name: string): string | undefined {
  if (name.includes('@')) return 'email';
  if (name.startsWith('+')) return 'phone';
  if (name.includes(':')) return name.split(':')[0]!;
  return name.includes('.') ? 'ip' : undefined;
}
