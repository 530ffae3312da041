/**
 * What a customer's events say of the customer itself: where it is, which clock it lives by, what it agreed
 * to. The newest event by commit counts.
 *
 *     any event that is looked at    data.latitude, data.longitude      a place, as the browser's consented one
 *                                    data.timezone                      an IANA zone
 *     Consent                        data: {"marketing":false,"sms":true,"all":true}   by category or channel
 */
import { isZone } from '../../std/zone.ts';
import { isPlace } from '../place.ts';
import type { PersonState } from '../state.ts';

/** Types that tell of the customer, whether or not a journey listens to them. */
export const consentType = 'Consent';
export const locationType = 'Location';
export const learnedTypes: ReadonlySet<string> = new Set([consentType, locationType]);

/** Categories and channels of which a customer's consent is kept. */
export const consentsMax = 100;
const consentNameCharactersMax = 128;

/** @param data of the event, decoded. @param at commit time. @returns whether something is other than before. */
export function learn(person: PersonState, type: string, data: unknown, at: number): boolean {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return false;
  const said = data as Readonly<Record<string, unknown>>;
  const isPlaced = learnPlace(person, said, at);
  const isZoned = learnZone(person, said['timezone']);
  return (type === consentType && learnConsent(person, said)) || isPlaced || isZoned;
}

function learnPlace(
  person: PersonState,
  { latitude, longitude }: Readonly<Record<string, unknown>>,
  at: number,
): boolean {
  if (typeof latitude !== 'number' || typeof longitude !== 'number') return false;
  if (!isPlace({ latitude, longitude })) return false;
  const { place } = person;
  if (place?.latitude === latitude && place.longitude === longitude) return false;
  person.place = { latitude, longitude, at };
  return true;
}

function learnZone(person: PersonState, zone: unknown): boolean {
  if (typeof zone !== 'string' || zone === person.zone || !isZone(zone)) return false;
  person.zone = zone;
  return true;
}

function learnConsent(person: PersonState, said: Readonly<Record<string, unknown>>): boolean {
  let isOther = false;
  for (const [name, given] of Object.entries(said)) {
    if (typeof given !== 'boolean' || name.length > consentNameCharactersMax) continue;
    const isKnown = Object.hasOwn(person.consent, name);
    if (
      isKnown ? person.consent[name] === given : Object.keys(person.consent).length >= consentsMax
    ) {
      continue;
    }
    // What is called `__proto__` is a name like any other.
    Object.defineProperty(person.consent, name, { value: given, ...plain });
    isOther = true;
  }
  return isOther;
}

const plain = { configurable: true, enumerable: true, writable: true };
