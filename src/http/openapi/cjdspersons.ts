/** What the routes of CJDS for persons do. */
import { type CjdsEntry, entry } from './cjds.ts';

const base = '/admin/v1/api/person';
const byId = '{W}/person-id/{personId}';
const patchType = 'application/json-patch+json';
const identities = { email: ['ann@example.com'], phone: ['+14155550100'] };
const person = { firstName: 'Ann', lastName: 'Lee', ...identities };
const answer = { of: 'CjdsPerson' } as const;
const answers = { of: 'CjdsPerson', many: true } as const;

export const personEntries: readonly CjdsEntry[] = [
  entry('get', `${base}/{W}`, 'cjdsPersons', 'Get a person', 'read', {
    text: 'The person of `personId`, or none. There is no list of everybody.',
    query: ['personId'],
    answer: answers,
  }),
  entry('post', `${base}/{W}`, 'cjdsCreatePerson', 'Make a person', 'write', {
    text: 'Joins the identities, with everything that was ever sent under them. 409 if one belongs to a person that somebody has made. More than one identity takes the scope `admin`.',
    status: 201,
    body: { schema: 'CjdsPerson', example: person },
    answer,
  }),
  entry('patch', `${base}/${byId}`, 'cjdsPatchPerson', 'Change a person', 'write', {
    text: 'A JSON Patch. Names take the scope `write` (not `publish`), identities `admin`. Of two changes at the same time the later one holds.',
    status: 202,
    body: {
      schema: 'CjdsPatch',
      example: [{ op: 'replace', path: '/firstName', value: 'Ann' }],
      type: patchType,
    },
    answer,
  }),
  entry('delete', `${base}/${byId}`, 'cjdsDeletePerson', 'Delete a person', 'admin', {
    text: 'Names are not shown any more and each identity is on its own again; events stay. To erase a customer, `DELETE /v1/customers/{customer}`.',
    answer,
  }),
  entry('get', `${base}/{W}/aliases/{aliases}`, 'cjdsAliases', 'Find persons', 'read', {
    text: 'Whoever has one of the identities; an empty list when nobody has. Everybody who has events is a person.',
    query: ['sortBy', 'sort', 'page', 'pageSize'],
    answer: answers,
  }),
  entry('patch', `${base}/add-identities/${byId}`, 'cjdsAddIdentities', 'Add identities', 'write', {
    text: 'Takes the scope `admin`, as all that joins or parts identities.',
    body: { schema: 'CjdsPerson', example: identities, type: patchType },
    answer,
  }),
  entry(
    'patch',
    `${base}/remove-identities/${byId}`,
    'cjdsRemoveIdentities',
    'Remove identities',
    'write',
    {
      text: 'Each is on its own again, with what was sent under it. The one that the person goes by stays: 409.',
      body: { schema: 'CjdsAliases', example: ['+14155550100'], type: patchType },
      answer,
    },
  ),
  entry(
    'post',
    `${base}/merge/{W}/primary-person-id/{primaryPersonId}`,
    'cjdsMergePersons',
    'Merge persons',
    'write',
    {
      text: 'The primary person stays, with its names; what it lacks the others fill in. `POST /v1/identities/unmerge` takes a merge back.',
      status: 202,
      body: { schema: 'CjdsMerge', example: { personIdsToMerge: ['YW5uQGV4YW1wbGUuY29t'] } },
      answer,
    },
  ),
  entry(
    'post',
    `${base}/merge-identities/{W}`,
    'cjdsMergeIdentities',
    'Merge identities',
    'write',
    {
      text: 'One person of everybody with one of the identities; with `override` of these identities alone.',
      body: { schema: 'CjdsIdentities', example: { ...identities, override: false } },
      answer,
    },
  ),
];
