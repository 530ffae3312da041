/** Several persons into one, by their ids or by their identities. */
import { readJson } from '../../ingest/wire/json.ts';
import { membersOf, refuse } from '../../workspaces/view.ts';
import type { Front } from '../context.ts';
import type { Reply } from '../reply.ts';
import type { RouteRequest } from '../route.ts';
import {
  addAliases,
  aliasesMax,
  aliasesOf,
  cannotGo,
  checkFits,
  demandAdmin,
  joinedFacts,
  readAliases,
  readFacts,
  removeAliases,
} from './alias.ts';
import { customerOf, findPerson, noFacts, type Person, savePerson } from './person.ts';
import { answer, existing, named } from './personreply.ts';
import type { Place } from './place.ts';

export async function merge(request: RouteRequest, front: Front, place: Place): Promise<Reply> {
  const { credential } = request;
  const { workspace } = credential;
  demandAdmin(credential);
  const primary = await named(request, front, 'primaryPersonId');
  const ids = readAliases(
    membersOf(readJson(request.body), 'the body').get('personIdsToMerge'),
    'personIdsToMerge',
  );
  if (ids.length === 0 || ids.length > aliasesMax) {
    refuse(`personIdsToMerge must have 1 to ${aliasesMax} entries`);
  }
  const others = await Promise.all(ids.map((id) => existing(front, workspace, id)));
  await joinPersons(front, workspace, primary, others);
  return answer(202, place, front, workspace, primary.customer);
}

/** One person stays, with its names; what it lacks the others fill in. */
async function joinPersons(
  front: Front,
  workspace: number,
  primary: Person,
  others: readonly Person[],
): Promise<void> {
  let facts = primary.facts;
  for (const other of others) {
    const firstName = facts.firstName || other.facts.firstName;
    const lastName = facts.lastName || other.facts.lastName;
    facts = joinedFacts(facts, { ...other.facts, firstName, lastName });
  }
  checkFits(facts);
  const from = others.map(({ customer }) => customer);
  await addAliases(front, workspace, primary.customer, from);
  await savePerson(front, workspace, primary.customer, facts);
}

export async function mergeIdentities(
  request: RouteRequest,
  front: Front,
  place: Place,
): Promise<Reply> {
  const { credential } = request;
  const { workspace } = credential;
  demandAdmin(credential);
  const body = readJson(request.body);
  const facts = readFacts(body);
  const override = membersOf(body, 'the body').get('override') ?? false;
  if (typeof override !== 'boolean') refuse('override must be true or false');
  const aliases = aliasesOf(facts);
  if (aliases.length === 0) {
    refuse('there must be an identity: phone, email, temporaryId or customerId');
  }
  const [primary, ...others] = await personsOf(front, workspace, aliases);
  const { customer } = primary;
  if (override && !aliases.includes(customer)) throw cannotGo(customer);
  checkFits(joinedFacts(primary.facts, facts));
  await joinPersons(front, workspace, primary, others);
  await addAliases(front, workspace, customer, aliases);
  const joined = (await findPerson(front, workspace, customer))!;
  const dropped = override ? joined.aliases.filter((alias) => !aliases.includes(alias)) : [];
  await removeAliases(front, workspace, joined, dropped);
  await savePerson(front, workspace, customer, joinedFacts(joined.facts, facts, dropped));
  return answer(200, place, front, workspace, customer);
}

/** Everybody with one of the identities; the one that goes by one of them comes first, and stays. */
async function personsOf(
  front: Front,
  workspace: number,
  aliases: readonly string[],
): Promise<[Person, ...Person[]]> {
  const found = new Map<string, Person>();
  for (const alias of aliases) {
    const person = await findPerson(front, workspace, alias);
    if (person !== undefined) found.set(person.customer, person);
  }
  const all = [...found.values()];
  const primary =
    all.find(({ customer }) => aliases.includes(customer)) ??
    all[0] ??
    nobodyYet(customerOf(front, workspace, aliases[0]!));
  return [primary, ...all.filter((each) => each !== primary)];
}

function nobodyYet(customer: string): Person {
  return { customer, facts: noFacts, aliases: [customer], isMade: false };
}
