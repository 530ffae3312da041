/** What is said of a body that breaks its schema: the place, and all of the rule, in one sentence. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  checkDryRunWish,
  checkNewDecision,
  checkNewKey,
  checkNewMessage,
  checkNewQuota,
  checkNewToken,
  checkNewWorkspace,
} from '../src/http/check.ts';
import { Query } from '../src/http/query.ts';

type Case = readonly [check: (value: unknown) => unknown, value: unknown, message: string];

const token = { scopes: ['read'] };
const views = 'x'.repeat(101).split('');
const question = { customer: 'c' };

const cases: readonly Case[] = [
  [checkNewKey, { scopes: [] }, 'scopes must have 1 or more entries'],
  [checkNewKey, { scopes: 'read' }, 'scopes must be a list'],
  [checkNewKey, { scopes: ['read', 'read'] }, 'scopes[1] is the same as scopes[0]'],
  [
    checkNewKey,
    { scopes: ['read', 'root'] },
    'scopes[1] must be one of write, publish, read, decide, agent, admin, server',
  ],
  [checkNewKey, { views: [] }, 'views must have 1 to 100 entries'],
  [checkNewKey, { views }, 'views must have 1 to 100 entries'],
  [checkNewKey, { views: ['a', ''] }, 'views[1] must be a string of 1 to 128 characters'],
  [checkNewKey, { name: 7 }, 'name must be a string of at most 128 characters'],
  [checkNewKey, { nom: 'x' }, "the body has an unknown member 'nom'"],
  [checkNewKey, { quota: { events: 1 } }, "quota has an unknown member 'events'"],
  [checkNewKey, [], 'the body must be an object'],
  [checkNewKey, undefined, 'the body must be an object'],
  [checkNewToken, token, 'ttlSeconds is required'],
  [checkNewToken, { ...token, ttlSeconds: 0 }, 'ttlSeconds must be a whole number from 1 to 86400'],
  [
    checkNewToken,
    { ...token, ttlSeconds: 86_401 },
    'ttlSeconds must be a whole number from 1 to 86400',
  ],
  [
    checkNewToken,
    { ...token, ttlSeconds: '60' },
    'ttlSeconds must be a whole number from 1 to 86400',
  ],
  [
    checkNewQuota,
    { eventsPerSecond: 0 },
    'eventsPerSecond must be a whole number from 1 to 1000000000 or null',
  ],
  [checkNewWorkspace, { name: '' }, 'name must be a string of 1 to 128 characters'],
  [
    checkNewMessage,
    { kind: 'Offer', data: {} },
    `kind must match the pattern ^[a-z0-9][a-z0-9.-]{0,63}$`,
  ],
  [checkNewMessage, { kind: 'offer', data: 'x' }, 'data must be an object'],
  [
    checkNewDecision,
    { ...question, place: { latitude: 91, longitude: 0 } },
    'place.latitude must be a number from -90 to 90',
  ],
  [checkNewDecision, { ...question, rules: [] }, 'rules must have 1 to 50 entries'],
  [
    checkNewDecision,
    { ...question, explore: { method: 'epsilonGreedy' } },
    'explore.epsilon is required',
  ],
  [
    checkDryRunWish,
    { from: true },
    'from must be a string of at most 64 characters or a whole number',
  ],
];

test('a body that breaks its schema is told where and what the whole rule is', () => {
  for (const [check, value, message] of cases) {
    assert.throws(() => check(value), { code: 'invalid', message }, message);
  }
});

test('a query that is not known is told what would be', () => {
  const query = new Query('a=1&x=2');
  assert.doesNotThrow(() => query.checkNames(['x', 'a']));
  assert.throws(() => query.checkNames(['a', 'b']), {
    code: 'invalid',
    message: "unknown query parameter 'x' (known: a, b)",
  });
  assert.throws(() => query.checkNames([]), {
    code: 'invalid',
    message: 'this route takes no query',
  });
});
