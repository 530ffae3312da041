/**
 * Persons of CJDS. Everybody who has events is one, whoever wrote them. Which identities are a person's the graph
 * knows; names, and what an identity was called (a phone, an email …), stand in the newest `tapeline.person` event on the
 * person's tape, so that they are erased and exported with it.
 *
 * The id of a person is one of its identities in another alphabet, so it leads to the same person however
 * identities are joined later.
 */
import { customerBytesMax, reservedTypePrefix } from '../../event/envelope.ts';
import { settingsOf } from '../../identity/settings.ts';
import { readJson } from '../../ingest/wire/json.ts';
import { AppError } from '../../std/errors.ts';
import type { Front } from '../context.ts';

export const personType = `${reservedTypePrefix}person`;

/** What identities may be called. */
export const aliasTypes = ['phone', 'email', 'temporaryId', 'customerId', 'socialId'] as const;
export type AliasType = (typeof aliasTypes)[number];

export interface PersonFacts {
  readonly firstName: string;
  readonly lastName: string;
  readonly phone: readonly string[];
  readonly email: readonly string[];
  readonly temporaryId: readonly string[];
  readonly customerId: readonly string[];
  readonly socialId: readonly string[];
}

export interface Person {
  /** The identity that the person goes by now. */
  readonly customer: string;
  readonly facts: PersonFacts;
  /** All of its identities, of whatever type. */
  readonly aliases: readonly string[];
  /** Somebody has made it a person; otherwise it only has events. */
  readonly isMade: boolean;
}

export const noFacts: PersonFacts = {
  firstName: '',
  lastName: '',
  phone: [],
  email: [],
  temporaryId: [],
  customerId: [],
  socialId: [],
};

export function personIdOf(customer: string): string {
  return Buffer.from(customer, 'utf8').toString('base64url');
}

/** @throws AppError not_found. */
export function customerOfPerson(id: string): string {
  const customer = Buffer.from(id, 'base64url').toString('utf8');
  const bytes = Buffer.byteLength(customer);
  if (bytes < 1 || bytes > customerBytesMax || personIdOf(customer) !== id) {
    throw new AppError('not_found', `Person Id ${id.slice(0, 128)} not found`);
  }
  return customer;
}

/** Whom an identity belongs to now. */
export function customerOf(front: Front, workspace: number, identity: string): string {
  return shownOf(front, workspace, identity).customer;
}

function shownOf(front: Front, workspace: number, identity: string) {
  const settings = settingsOf(front.directory.workspace(workspace)?.identities);
  return front.identity(workspace, identity, settings);
}

/** The person with this identity; undefined when nothing is known of it. */
export async function findPerson(
  front: Front,
  workspace: number,
  identity: string,
): Promise<Person | undefined> {
  const { customer, identities } = shownOf(front, workspace, identity);
  const stored = await newestOf(front, workspace, customer);
  const isMade = stored !== undefined && stored['deleted'] !== true;
  const said = isMade ? (stored as Partial<PersonFacts>) : {};
  if (!isMade && identities.length < 2 && !(await hasEvents(front, workspace, customer))) {
    return undefined;
  }
  // Another way to write a phone number is no identity of its own.
  const spelling = (each: string): string => shownOf(front, workspace, each).identity;
  const aliases = identities.flatMap(({ identity: each, type }) =>
    type === 'phone' && spelling(each) !== each ? [] : [each],
  );
  const types = new Map(identities.map((each) => [each.identity, each.type]));
  const own = [...new Set(aliases)];
  return { customer, facts: factsOf(said, own, types), aliases: own, isMade };
}

/** What was said of identities that are the person's still; of the others, what their text says. */
function factsOf(
  said: Partial<PersonFacts>,
  aliases: readonly string[],
  types: ReadonlyMap<string, string>,
): PersonFacts {
  const left = new Set(aliases);
  const lists = new Map<string, string[]>(aliasTypes.map((type) => [type, []]));
  for (const type of aliasTypes) {
    for (const alias of said[type] ?? []) if (left.delete(alias)) lists.get(type)!.push(alias);
  }
  // A type that CJDS has no list for is among the aliases alone.
  for (const alias of left) lists.get(types.get(alias)!)?.push(alias);
  const { firstName = '', lastName = '' } = said;
  return { ...noFacts, ...Object.fromEntries(lists), firstName, lastName };
}

const all = { channels: [], before: undefined, since: undefined, until: undefined } as const;

async function newestOf(
  front: Front,
  workspace: number,
  customer: string,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const query = {
    ...all,
    workspace,
    customer,
    types: [personType],
    limit: 1,
    form: 'json',
  } as const;
  const { events } = readJson(await front.readTape(query)) as {
    readonly events: readonly { readonly data: Readonly<Record<string, unknown>> }[];
  };
  return events[0]?.data;
}

/** Whether anybody but the server has said something of a customer; it says little itself. */
const eventsLooked = 100;

async function hasEvents(front: Front, workspace: number, customer: string): Promise<boolean> {
  const query = {
    ...all,
    workspace,
    customer,
    types: [],
    limit: eventsLooked,
    form: 'json',
  } as const;
  const { events } = readJson(await front.readTape(query)) as {
    readonly events: readonly { readonly type: string }[];
  };
  return events.some(({ type }) => !type.startsWith(reservedTypePrefix));
}

/** Writes what is said of a person; the newest counts. @throws AppError unavailable. */
export async function savePerson(
  front: Front,
  workspace: number,
  customer: string,
  data: PersonFacts | { readonly deleted: true },
): Promise<void> {
  const time = front.clock.now();
  await front.say(workspace, { customer, type: personType, time, data });
}
