/** The routes for identities. */
import { identityDefaults } from '../../identity/settings.ts';
import type { Json, Paths } from './describe.ts';
import { describe, inPath, jsonOf } from './describe.ts';
import { auth, base } from './words.ts';

const json = `${auth} -H "Content-Type: application/json"`;
const name = { identity: 'c1', type: 'customerId', since: null, from: null, to: null };
const cookie = {
  identity: 'cookie:1',
  type: 'cookie',
  since: 1763740000000,
  from: null,
  to: null,
};
const example = { identity: 'cookie:1', customer: 'c1', identities: [name, cookie] };
const answer = { 200: { description: 'As it is now.', content: jsonOf('Identities', example) } };
const changeErrors = ['malformed', 'unsupported_media_type', 'too_large', 'invalid'] as const;
const writeErrors = ['overloaded', 'unavailable'] as const;

const linkText = `
Says that an identity is another customer's, from now on; a tape that nobody has had goes with all its history. Events with \`previous\` say the same. An identity of a device that another customer has changes hands: the events before stay with whoever had it then.

Within the limits of the types (see the settings): two customers are not linked but merged. The tape is never rewritten; a \`tapeline.link\` event on the customer's tape tells of it, with the type of what was linked, and a number that stands for it (\`member\`), in place of its name.`;

const mergeText = `
Makes one customer of several: every read of one of them is the union of all. Without \`into\` the newest survives, by its oldest event, or as the settings of the workspace say. What has been merged already stays so.

A \`tapeline.merge\` event for each merged customer, on the survivor's tape, tells how many identities came with it; it names none, so that the erasure of one leaves no name there. Un-merging restores exactly what was: what was linked to the merged customer, before or since, goes with it.`;

const path = '/v1/identities';
const settings: Json = JSON.parse(JSON.stringify(identityDefaults)) as Json;

export const identityPaths: Paths = {
  [`${path}/link`]: {
    post: describe({
      id: 'linkIdentity',
      tag: 'Identities',
      summary: 'Link an identity to a customer',
      description: linkText,
      scope: 'admin',
      body: jsonOf('NewLink', { from: 'cookie:1', to: 'c1' }),
      responses: answer,
      errors: [...changeErrors, 'conflict', ...writeErrors],
      curl: `curl -s ${base}${path}/link ${json} -d '{"from":"cookie:1","to":"c1"}'`,
    }),
  },
  [`${path}/merge`]: {
    post: describe({
      id: 'mergeCustomers',
      tag: 'Identities',
      summary: 'Merge customers',
      description: mergeText,
      scope: 'admin',
      body: jsonOf('NewMerge', { into: 'c1', from: ['c2'] }),
      responses: answer,
      errors: [...changeErrors, 'conflict', ...writeErrors],
      curl: `curl -s ${base}${path}/merge ${json} -d '{"into":"c1","from":["c2"]}'`,
    }),
  },
  [`${path}/unmerge`]: {
    post: describe({
      id: 'unmergeCustomer',
      tag: 'Identities',
      summary: 'Take a merge or a link back',
      description:
        'Takes back the last thing that made a customer or an identity another’s: it is as it was before. A `tapeline.unmerge` event on both tapes tells of it. `not_found` when it is its own.',
      scope: 'admin',
      body: jsonOf('NewUnmerge', { customer: 'c2' }),
      responses: answer,
      errors: [...changeErrors, 'not_found', ...writeErrors],
      curl: `curl -s ${base}${path}/unmerge ${json} -d '{"customer":"c2"}'`,
    }),
  },
  [`${path}/{identity}`]: {
    get: describe({
      id: 'getIdentity',
      tag: 'Identities',
      summary: 'Whose an identity is',
      description:
        'The customer that it belongs to now, and everything that customer has, with since when. One that nothing is known of is its own customer. Phone numbers are found however they are written.',
      scope: 'admin',
      parameters: [inPath('identity', 'The identity, percent-encoded, 1–256 bytes.')],
      responses: answer,
      errors: ['malformed', 'invalid'],
      curl: `curl -s "${base}${path}/cookie%3A1" ${auth}`,
    }),
  },
  '/v1/settings/identities': {
    get: describe({
      id: 'getIdentitySettings',
      tag: 'Identities',
      summary: 'How identities are treated',
      description: 'The types of identities, what never links, and who survives a merge.',
      scope: 'admin',
      responses: {
        200: { description: 'What holds.', content: jsonOf('IdentitySettings', settings) },
      },
      errors: [],
      curl: `curl -s ${base}/v1/settings/identities ${auth}`,
    }),
    put: describe({
      id: 'putIdentitySettings',
      tag: 'Identities',
      summary: 'Change how identities are treated',
      description:
        'Replaces what the workspace had set; members that are absent, and types that are not named, are as by default. Holds for what comes from now on; links that are there stay.',
      scope: 'admin',
      body: jsonOf('IdentitySettings', { survivor: 'oldest' }),
      responses: {
        200: { description: 'What holds now.', content: jsonOf('IdentitySettings', settings) },
      },
      errors: [...changeErrors, 'overloaded', 'unavailable'],
      curl: `curl -s -X PUT ${base}/v1/settings/identities ${json} -d '{"survivor":"oldest"}'`,
    }),
  },
};
