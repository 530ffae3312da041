/** The routes of the browser tag: the file, visitors, and what they are told. */
import type { Paths } from './describe.ts';
import { describe, inPath, inQuery, jsonOf } from './describe.ts';
import { auth, base, bodyErrors, json } from './words.ts';

const name = 'cookie:3vTq0aXk9LmZr81bWc7YdE';
const visitor = inPath('visitor', 'A visitor, as `POST /v1/visitors` gave it.');
const offer = { title: '20 % off pain relief', text: 'Today only.', accept: 'Show me' };
const message = {
  id: 'offer-17',
  kind: 'offer',
  data: offer,
  sentAt: 1763740000000,
  expiresAt: 1763743600000,
};

const tagText = `
One file without dependencies, at most 6 KiB gzipped, the same for every workspace. \`README.md\` tells what its calls do; \`/v1/tag\` gives the lines to paste into a page. It is revalidated by a strong ETag; with \`v\` (the version of \`/v1/tag\`) it is kept for ever, to go with \`integrity\`. Another version than the server's is \`not_found\`.`;

const welcomeText = `
Gives a browser an identity that the server makes, and a token for it: only who has the token can open the visitor's channel. Show the token to get the next one for the same identity; a token lasts 90 days, and the tag renews it daily.

The token is no key: it reads no tape and no profile. When a customer logs in on the page, the token stays that of the browser. Pages send the body as \`text/plain\`; an empty body is a new visitor. A token that is not of a visitor of this workspace, or expired, is \`unauthorized\`: ask without it.`;

const channelText = `
Server-Sent Events for one browser, opened with its token: \`event: message\` with \`{"id","kind","data","sentAt","expiresAt"}\`, and \`event: gone\` with \`{"id"}\` when a message was answered on another page, was withdrawn, or its time is up.

Delivery is at least once: every channel that is opened gets what has no answer yet. A comment is sent every few seconds. At most 20 channels a visitor (then \`rate_limited\`) and 10,000 in all (then \`overloaded\`) on a front.`;

const sendText = `
Leaves a message for a browser; it is durable when this answers, and goes to every page of the visitor that is open and to those opened later, until one answers or its time is up. A message with an \`id\` that was sent already is not sent twice: the answer is the message as it stands, with its answer if it has one.

At most 20 messages wait for a visitor (then \`conflict\`), and 32 MiB in a workspace (then \`overloaded\`).`;

export const visitorPaths: Paths = {
  '/cj.js': {
    get: describe({
      id: 'getTag',
      tag: 'Web pages',
      summary: 'The browser tag',
      description: tagText,
      scope: 'none',
      parameters: [inQuery('v', 'The version of `/v1/tag`.')],
      responses: {
        200: {
          description: 'The script.',
          content: { 'text/javascript': { schema: { type: 'string' } } },
        },
        304: { description: 'The asker has it.' },
      },
      errors: ['invalid', 'not_found'],
      curl: `curl -s --compressed ${base}/cj.js`,
    }),
  },
  '/v1/tag': {
    get: describe({
      id: 'describeTag',
      tag: 'Web pages',
      summary: 'How to put the tag into a page',
      description: 'The lines to paste, the version and the hash of the file. Needs no key.',
      scope: 'none',
      responses: {
        200: {
          description: 'The tag.',
          content: jsonOf('Tag', {
            version: '6b1f0c2d9e8a7b3c',
            integrity: 'sha384-ax8…',
            bytes: 11000,
            gzipBytes: 5000,
            snippet: '<script>…</script>',
          }),
        },
      },
      errors: [],
      curl: `curl -s ${base}/v1/tag`,
    }),
  },
  '/v1/visitors': {
    post: describe({
      id: 'welcomeVisitor',
      tag: 'Web pages',
      summary: 'Give a browser an identity and a token',
      description: welcomeText,
      scope: 'write',
      keyInQuery: true,
      body: jsonOf('NewVisitor', {}),
      responses: {
        200: { description: 'The same visitor.', content: jsonOf('Visitor') },
        201: {
          description: 'A new visitor.',
          content: jsonOf('Visitor', {
            visitor: name,
            token: 'vt_1.key_9Xc….3vTq0….mj4q….Yw…',
            expiresAt: 1771516000000,
            now: 1763740000000,
            address: '203.0.113.7',
          }),
        },
      },
      errors: bodyErrors,
      curl: `curl -s -X POST "${base}/v1/visitors?key=$KEY"`,
    }),
  },
  '/v1/visitor/channel': {
    get: describe({
      id: 'openChannel',
      tag: 'Web pages',
      summary: 'A visitor’s channel (Server-Sent Events)',
      description: channelText,
      scope: 'visitor',
      responses: {
        200: {
          description: 'A stream without end.',
          content: {
            'text/event-stream': {
              schema: { type: 'string' },
              example: `event: message\nid: offer-17\ndata: ${JSON.stringify(message)}\n\n`,
            },
          },
        },
      },
      errors: ['malformed', 'invalid', 'rate_limited', 'overloaded', 'unavailable'],
      curl: `curl -sN ${base}/v1/visitor/channel \\\n  -H "Authorization: Bearer $VISITOR_TOKEN"`,
    }),
  },
  '/v1/visitor/messages/{id}': {
    post: describe({
      id: 'answerMessage',
      tag: 'Web pages',
      summary: 'Answer a message',
      description:
        'The first answer stands; another one changes nothing. What the answer means to the customer’s history is told by events (`Offer Accepted`, `Offer Dismissed`), which the tag sends. The answer to an action of a journey or rule is also put on the customer’s tape, as `tapeline.response`, and ends the message in every other browser that was told.',
      scope: 'visitor',
      parameters: [inPath('id', 'The message.')],
      body: jsonOf('NewAnswer', { answer: 'accepted' }),
      responses: { 204: { description: 'Durable: it is not delivered again.' } },
      errors: [...bodyErrors, 'not_found', 'unavailable'],
      curl: `curl -s ${base}/v1/visitor/messages/offer-17 \\\n  -H "Authorization: Bearer $VISITOR_TOKEN" ${json} \\\n  -d '{"answer":"accepted"}'`,
    }),
  },
  '/v1/visitors/{visitor}/messages': {
    post: describe({
      id: 'sendMessage',
      tag: 'Web pages',
      summary: 'Send a message to a visitor',
      description: sendText,
      scope: 'admin',
      parameters: [visitor],
      body: jsonOf('NewMessage', { id: 'offer-17', kind: 'offer', data: offer, ttlSeconds: 3600 }),
      responses: {
        200: { description: 'It was sent before.', content: jsonOf('Message') },
        201: { description: 'Durable, and on its way.', content: jsonOf('Message', message) },
      },
      errors: [...bodyErrors, 'conflict', 'overloaded', 'unavailable'],
      curl: `curl -s ${base}/v1/visitors/${name}/messages ${auth} ${json} \\\n  -d '{"id":"offer-17","kind":"offer","data":${JSON.stringify(offer)}}'`,
    }),
    get: describe({
      id: 'listMessages',
      tag: 'Web pages',
      summary: 'List a visitor’s messages',
      description: 'Those whose time is not up, with their answers, oldest first.',
      scope: 'admin',
      parameters: [visitor],
      responses: {
        200: {
          description: 'The messages.',
          content: jsonOf('Messages', { messages: [message] }),
        },
      },
      errors: ['malformed', 'invalid'],
      curl: `curl -s ${base}/v1/visitors/${name}/messages ${auth}`,
    }),
  },
  '/v1/visitors/{visitor}/messages/{id}': {
    delete: describe({
      id: 'withdrawMessage',
      tag: 'Web pages',
      summary: 'Withdraw a message',
      description: 'Pages that show it take it away.',
      scope: 'admin',
      parameters: [visitor, inPath('id', 'The message.')],
      responses: { 204: { description: 'Done, unless it was answered before.' } },
      errors: ['malformed', 'invalid', 'not_found', 'unavailable'],
      curl: `curl -s -X DELETE ${base}/v1/visitors/${name}/messages/offer-17 ${auth}`,
    }),
  },
};
