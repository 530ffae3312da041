/** Giving a person identities, and taking them away: what changes the graph, in the words of CJDS. */
import { AppError } from '../../std/errors.ts';
import type { Credential } from '../../workspaces/types.ts';
import { membersOf, refuse } from '../../workspaces/view.ts';
import type { Front } from '../context.ts';
import { identityOf } from '../names.ts';
import { aliasTypes, customerOf, findPerson, type Person, type PersonFacts } from './person.ts';

export const aliasesMax = 100;
export const personNameCharactersMax = 256;
/** An event has at most 32 KiB, some of it for its envelope. */
export const factsBytesMax = 30 * 1024;
const surrogate = /\p{Surrogate}/u;

/** Names take a key that writes; a key for pages is none. @throws AppError forbidden. */
export function demandWriter({ scopes }: Credential): void {
  if (scopes.has('write') || scopes.has('admin')) return;
  throw new AppError('forbidden', 'a key of the scope publish may not change persons');
}

/** Who belongs to whom takes an administrator's, here as under `/v1/identities`. @throws AppError forbidden. */
export function demandAdmin({ scopes }: Credential): void {
  if (scopes.has('admin')) return;
  throw new AppError('forbidden', 'to change identities takes a key of the scope admin');
}

/** A person as it is sent; what is absent is undefined. @throws AppError invalid. */
export function readFacts(value: unknown): Partial<PersonFacts> {
  const sent = membersOf(value, 'a person');
  const facts: Record<string, unknown> = {};
  for (const name of ['firstName', 'lastName']) {
    const text = sent.get(name);
    if (text === undefined || text === null) continue;
    if (typeof text !== 'string' || text.length > personNameCharactersMax) {
      refuse(`${name} must be a text of at most ${personNameCharactersMax} characters`);
    }
    if (surrogate.test(text)) refuse(`${name} must be a text that can be written as UTF-8`);
    facts[name] = text;
  }
  for (const type of aliasTypes) {
    const list = sent.get(type);
    if (list !== undefined && list !== null) facts[type] = readAliases(list, type);
  }
  const count = aliasesOf(facts as Partial<PersonFacts>).length;
  if (count > aliasesMax) refuse(`a person may be sent with at most ${aliasesMax} identities`);
  return facts as Partial<PersonFacts>;
}

/** Identities, each once; what is blank is none. @throws AppError invalid. */
export function readAliases(value: unknown, place: string): readonly string[] {
  if (!Array.isArray(value)) refuse(`${place} must be a list of texts`);
  const texts = value.map((each) => {
    if (typeof each !== 'string' || surrogate.test(each)) {
      refuse(`${place} must be a list of texts`);
    }
    return each.trim();
  });
  const aliases = [...new Set(texts)].filter((text) => text !== '');
  for (const alias of aliases) identityOf(alias, `each of ${place}`);
  return aliases;
}

/** All identities of what was sent, the one to go by first. */
export function aliasesOf(facts: Partial<PersonFacts>): readonly string[] {
  const { customerId = [], email = [], phone = [], socialId = [], temporaryId = [] } = facts;
  return [...new Set([...customerId, ...email, ...phone, ...socialId, ...temporaryId])];
}

/** What is said of it and what is added, without what is taken away. */
export function joinedFacts(
  facts: PersonFacts,
  added: Partial<PersonFacts>,
  removed: readonly string[] = [],
): PersonFacts {
  const { firstName = facts.firstName, lastName = facts.lastName } = added;
  const isNew = new Set(aliasesOf(added));
  const gone = new Set(removed);
  const lists = aliasTypes.map((type) => {
    // What is said now counts, also of what kind it is.
    const kept = facts[type].filter((alias) => !isNew.has(alias) && !gone.has(alias));
    return [type, [...kept, ...(added[type] ?? [])]];
  });
  return { ...facts, ...Object.fromEntries(lists), firstName, lastName };
}

/** Before anything is changed: all that is said of a person goes into one event. @throws AppError conflict. */
export function checkFits(facts: PersonFacts): PersonFacts {
  if (Buffer.byteLength(JSON.stringify(facts)) <= factsBytesMax) return facts;
  throw new AppError(
    'conflict',
    `what is said of a person may have at most ${factsBytesMax} bytes`,
  );
}

/** Nobody whom somebody made a person loses an identity to another. @throws AppError conflict. */
export async function refuseTaken(
  front: Front,
  workspace: number,
  aliases: readonly string[],
  own?: Person,
): Promise<void> {
  for (const alias of aliases) {
    const other = await findPerson(front, workspace, alias);
    if (other === undefined || !other.isMade || other.customer === own?.customer) continue;
    throw new AppError('conflict', 'Alias to be added already exists to some other Person');
  }
}

/** Makes identities, with everything that is theirs, the customer's. @throws AppError conflict. */
export async function addAliases(
  front: Front,
  workspace: number,
  customer: string,
  aliases: readonly string[],
): Promise<void> {
  const from = aliases.filter((alias) => customerOf(front, workspace, alias) !== customer);
  if (from.length > 0) await front.link({ kind: 'merge', workspace, into: customer, from });
}

/** Each is on its own again. @throws AppError not_found, conflict; nothing was changed then. */
export async function removeAliases(
  front: Front,
  workspace: number,
  { aliases, customer }: Pick<Person, 'aliases' | 'customer'>,
  removed: readonly string[],
): Promise<void> {
  for (const alias of removed) {
    if (!aliases.includes(alias)) throw new AppError('not_found', `Alias ${alias} not found`);
    if (alias === customer) throw cannotGo(alias);
  }
  for (const alias of removed) await front.link({ kind: 'unmerge', workspace, customer: alias });
}

export function cannotGo(alias: string): AppError {
  const message = `${alias} is what the person goes by and cannot be removed: merge it into another person`;
  return new AppError('conflict', message);
}
