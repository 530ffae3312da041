/** The routes by which customers are erased. */
import type { Paths } from './describe.ts';
import { describe, inPath, inQuery, jsonOf } from './describe.ts';
import { auth, base } from './words.ts';

const pending = {
  id: '019aa8a2-7c00-7d3e-b5a1-4c0f6a2e9b10',
  status: 'pending',
  requestedAt: 1763740000000,
};
const done = { ...pending, status: 'done', doneAt: 1763740012000 };

const eraseText = `
Removes everything of a customer for good. When it answers, nobody can read the customer's events any more: tape, views, live streams and replays pass them over. They are gone from every file when the erasure is done, which waits some minutes for other erasures (a setting) and then writes the files anew that hold them; it goes on after a restart.

With \`now=1\` files are written anew at once, and the answer waits for that: 200 when the erasure is done, 202 when it is not after 25 seconds.

Events sent later begin a new tape; an event that was erased can be sent and stored again. Asking again while an erasure is pending extends it to what has come since. A customer without events is no error.`;

export const erasurePaths: Paths = {
  '/v1/customers/{customer}': {
    delete: describe({
      id: 'eraseCustomer',
      tag: 'Erasure',
      summary: 'Erase a customer',
      description: eraseText,
      scope: 'admin',
      parameters: [
        inPath('customer', 'The customer, percent-encoded, 1–256 bytes.'),
        inQuery('now', '`1` answers when no file holds them any more.', { enum: ['0', '1'] }),
      ],
      responses: {
        200: { description: 'Done.', content: jsonOf('Erasure', done) },
        202: { description: 'In force; files follow.', content: jsonOf('Erasure', pending) },
      },
      errors: ['malformed', 'invalid', 'overloaded', 'unavailable'],
      curl: `curl -s -X DELETE "${base}/v1/customers/c1?now=1" ${auth}`,
    }),
  },
  '/v1/erasures': {
    get: describe({
      id: 'listErasures',
      tag: 'Erasure',
      summary: 'List erasures',
      description: 'Those under way and those done within a day, newest first.',
      scope: 'admin',
      responses: {
        200: { description: 'The erasures.', content: jsonOf('Erasures', { erasures: [done] }) },
      },
      errors: [],
      curl: `curl -s ${base}/v1/erasures ${auth}`,
    }),
  },
};
