/** `/admin/v1/api/person/…`: who somebody is, by any identity; see `person.ts`. */
import { readJson } from '../../ingest/wire/json.ts';
import { refuse } from '../../workspaces/view.ts';
import type { Front } from '../context.ts';
import type { Reply } from '../reply.ts';
import type { Route, RouteRequest } from '../route.ts';
import {
  addAliases,
  aliasesMax,
  aliasesOf,
  checkFits,
  demandAdmin,
  demandWriter,
  joinedFacts,
  readAliases,
  readFacts,
  refuseTaken,
  removeAliases,
} from './alias.ts';
import { listed } from './list.ts';
import { merge, mergeIdentities } from './merges.ts';
import { patched } from './patch.ts';
import {
  customerOf,
  customerOfPerson,
  findPerson,
  noFacts,
  type Person,
  savePerson,
} from './person.ts';
import { answer, named, shown } from './personreply.ts';
import { type CjdsSpec, cjdsRoute, dataReply, inWorkspace, type Place } from './place.ts';

const base = '/admin/v1/api/person';
const byId = 'person-id/{personId}';

export const personRoutes: readonly Route[] = [
  cjdsRoute({ method: 'get', path: `${base}/${inWorkspace}`, scope: 'read', handle: list }),
  change('post', `${base}/${inWorkspace}`, create),
  change('patch', `${base}/${inWorkspace}/${byId}`, patch),
  cjdsRoute({
    method: 'delete',
    path: `${base}/${inWorkspace}/${byId}`,
    scope: 'admin',
    handle: remove,
  }),
  cjdsRoute({
    method: 'get',
    path: `${base}/${inWorkspace}/aliases/{aliases}`,
    scope: 'read',
    handle: byAliases,
  }),
  change('patch', `${base}/add-identities/${inWorkspace}/${byId}`, addIdentities),
  change('patch', `${base}/remove-identities/${inWorkspace}/${byId}`, removeIdentities),
  change('post', `${base}/merge/${inWorkspace}/primary-person-id/{primaryPersonId}`, merge),
  change('post', `${base}/merge-identities/${inWorkspace}`, mergeIdentities),
];

function change(method: 'post' | 'patch', path: string, handle: CjdsSpec['handle']): Route {
  const demanding: CjdsSpec['handle'] = (request, front, place) => {
    demandWriter(request.credential);
    return handle(request, front, place);
  };
  return cjdsRoute({ method, path, scope: 'write', body: true, handle: demanding });
}

/** Those that are asked for; there is no list of everybody. */
async function list(request: RouteRequest, front: Front, place: Place): Promise<Reply> {
  const { credential, query } = request;
  const id = query.one('personId');
  if (id === undefined) {
    refuse('personId is required: there is no list of all persons, look one up by an alias');
  }
  const person = await findPerson(front, credential.workspace, customerOfPerson(id));
  return dataReply(200, place, person === undefined ? [] : [shown(person)]);
}

async function byAliases(request: RouteRequest, front: Front, place: Place): Promise<Reply> {
  const { credential, query } = request;
  const aliases = readAliases(request.param('aliases').split(','), 'aliases');
  if (aliases.length > aliasesMax) refuse(`at most ${aliasesMax} aliases may be asked for`);
  const persons = new Map<string, Person>();
  for (const alias of aliases) {
    const person = await findPerson(front, credential.workspace, alias);
    if (person !== undefined) persons.set(person.customer, person);
  }
  return dataReply(200, place, listed(query, [...persons.values()].map(shown)));
}

async function create(request: RouteRequest, front: Front, place: Place): Promise<Reply> {
  const { credential } = request;
  const { workspace } = credential;
  const facts = readFacts(readJson(request.body));
  const [first, ...others] = aliasesOf(facts);
  if (first === undefined)
    refuse('a person needs an identity: phone, email, temporaryId or customerId');
  if (others.length > 0) demandAdmin(credential);
  const next = checkFits(joinedFacts(noFacts, facts));
  await refuseTaken(front, workspace, [first, ...others]);
  const customer = customerOf(front, workspace, first);
  await addAliases(front, workspace, customer, others);
  await savePerson(front, workspace, customer, next);
  return answer(201, place, front, workspace, customer);
}

async function patch(request: RouteRequest, front: Front, place: Place): Promise<Reply> {
  const { credential } = request;
  const { workspace } = credential;
  const person = await named(request, front, 'personId');
  const { customer, facts } = person;
  const wanted = checkFits({ ...noFacts, ...readFacts(patched(facts, readJson(request.body))) });
  const [had, has] = [aliasesOf(facts), aliasesOf(wanted)];
  const added = has.filter((alias) => !had.includes(alias));
  const removed = had.filter((alias) => !has.includes(alias));
  if (added.length + removed.length > 0) demandAdmin(credential);
  await refuseTaken(front, workspace, added, person);
  await removeAliases(front, workspace, person, removed);
  await addAliases(front, workspace, customer, added);
  await savePerson(front, workspace, customer, wanted);
  return answer(202, place, front, workspace, customer);
}

/** The names are gone from here on, and each identity is on its own again; events stay where they are. */
async function remove(request: RouteRequest, front: Front, place: Place): Promise<Reply> {
  const { workspace } = request.credential;
  const person = await named(request, front, 'personId');
  const others = person.aliases.filter((alias) => alias !== person.customer);
  await removeAliases(front, workspace, person, others);
  await savePerson(front, workspace, person.customer, { deleted: true });
  return dataReply(200, place, shown(person));
}

async function addIdentities(request: RouteRequest, front: Front, place: Place): Promise<Reply> {
  const { credential } = request;
  const { workspace } = credential;
  demandAdmin(credential);
  const person = await named(request, front, 'personId');
  const added = readFacts(readJson(request.body));
  const next = checkFits(joinedFacts(person.facts, added));
  await refuseTaken(front, workspace, aliasesOf(added), person);
  await addAliases(front, workspace, person.customer, aliasesOf(added));
  await savePerson(front, workspace, person.customer, next);
  return answer(200, place, front, workspace, person.customer);
}

async function removeIdentities(request: RouteRequest, front: Front, place: Place): Promise<Reply> {
  const { credential } = request;
  const { workspace } = credential;
  demandAdmin(credential);
  const person = await named(request, front, 'personId');
  const removed = readAliases(readJson(request.body), 'the body');
  await removeAliases(front, workspace, person, removed);
  await savePerson(front, workspace, person.customer, joinedFacts(person.facts, {}, removed));
  return answer(200, place, front, workspace, person.customer);
}
