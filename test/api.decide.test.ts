/** Questions of touchpoints over HTTP: who may ask, what is refused, and what real customers are told. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { type Answer, ask, startTwo } from './support/session.ts';

const server = await startTwo();
after(() => server.stop());
const { admin, read, write } = server.keys;
const own = [{ id: 'a' }];

function decide(body: object, key = admin): Promise<Answer> {
  return ask(server, '/v1/decide', { key, body });
}

function respond(body: object, key = admin): Promise<Answer> {
  return ask(server, '/v1/responses', { key, body });
}

test('a key of its own may ask and answer, and do nothing else', async () => {
  const made = await ask(server, '/v1/keys', { key: admin, body: { scopes: ['decide'] } });
  const { key } = made.json as { key: string };
  assert.match(key, /^dk_/);
  assert.equal((await decide({ customer: 'c1', candidates: own }, key)).status, 200);
  assert.equal(
    (await respond({ customer: 'c1', decision: 'x', answer: 'shown' }, key)).status,
    404,
  );
  assert.equal((await ask(server, '/v1/customers/c1/tape', { key })).code, 'forbidden');
  assert.equal((await ask(server, '/v1/views', { key })).code, 'forbidden');
  for (const other of [read, write]) {
    assert.equal((await decide({ customer: 'c1', candidates: own }, other)).code, 'forbidden');
    assert.equal((await respond({ customer: 'c1', answer: 'shown' }, other)).code, 'forbidden');
  }
  const wish = { scopes: ['decide'], ttlSeconds: 60 };
  const minted = await ask(server, '/v1/tokens', { key: admin, body: wish });
  const { token } = minted.json as { token: string };
  assert.equal((await decide({ customer: 'c1', candidates: own }, token)).status, 200);
});

test('a question that is wrong is refused with its place', async () => {
  const question = { customer: 'c1', candidates: own };
  const with1 = (candidate: object): object => ({
    ...question,
    candidates: [{ id: 'a', ...candidate }],
  });
  const table: [object, RegExp][] = [
    [{}, /customer is required/],
    [{ customer: 'c1' }, /there is nothing to choose from/],
    [{ customer: 'c1', candidates: [] }, /there is nothing to choose from/],
    [{ ...question, rules: ['a'] }, /rules narrow a placement/],
    [{ ...question, extra: 1 }, /unknown member 'extra'/],
    [
      { ...question, customer: 'c'.repeat(257) },
      /customer must be a string of 1 to 256 characters/,
    ],
    [{ ...question, k: 0 }, /k must be a whole number from 1 to 20/],
    [{ ...question, k: 21 }, /k must be a whole number from 1 to 20/],
    [{ ...question, withinMs: 0 }, /withinMs must be a whole number from 1 to 10000/],
    [{ ...question, withinMs: 10_001 }, /withinMs must be a whole number from 1 to 10000/],
    [{ ...question, context: [] }, /context must be an object/],
    [{ ...question, context: { text: 'x'.repeat(8200) } }, /context may have at most 8192 bytes/],
    [
      { ...question, place: { latitude: 91, longitude: 0 } },
      /place.latitude must be a number from -90 to 90/,
    ],
    [{ ...question, explore: { method: 'epsilonGreedy' } }, /explore/],
    [
      { ...question, candidates: Array(51).fill({ id: 'a' }) },
      /candidates must have at most 50 entries/,
    ],
    [{ ...question, candidates: [{ id: 'a' }, { id: 'a' }] }, /candidates\[1\]\.id is the id of/],
    [with1({ id: '' }), /candidates\[0\]\.id must be a string of 1 to 64/],
    [with1({ id: 'x'.repeat(65) }), /candidates\[0\]\.id must be a string of 1 to 64/],
    [with1({ id: 'ü'.repeat(33) }), /candidates\[0\]\.id must be 1 to 64 bytes/],
    [with1({ then: [] }), /candidates\[0\] has an unknown member 'then'/],
    [with1({ if: 'a b' }), /candidates\[0\]\.if/],
    [with1({ suppressedBy: Array(21).fill('true') }), /suppressedBy: must have 1 to 20 entries/],
    [with1({ propensity: 1.1 }), /propensity: must be a number from 0 to 1/],
    [with1({ value: -1 }), /value: must be a number from 0/],
    [with1({ priority: 0.5 }), /priority: must be a whole number/],
    [with1({ leverPercent: -101 }), /leverPercent: must be a number from -100/],
    [with1({ cooldown: '1 hour' }), /cooldown: must be a duration/],
    [with1({ control: { percent: 101 } }), /control.percent: must be a number from 0 to 100/],
    [with1({ caps: [{ scope: 'all', times: 501, per: 'day' }] }), /times: must be a whole number/],
    [with1({ caps: [{ scope: 'all', times: 1, per: 'year' }] }), /per: must be one of day, week/],
    [with1({ quietHours: { from: '24:00', to: '01:00', zone: 'UTC' } }), /from: must be a time of/],
    [with1({ within: { miles: 12_501 } }), /within.miles: must be a number from 0 to 12500/],
    [with1({ data: 'x'.repeat(4096) }), /candidates\[0\]\.data may have at most 4096 bytes/],
  ];
  for (const [body, message] of table) {
    const answer = await decide(body);
    assert.equal(`${answer.status} ${answer.code}`, '422 invalid', JSON.stringify(body));
    assert.match(answer.message!, message);
  }
  const text = await ask(server, '/v1/decide', { key: admin, body: '{', type: 'application/json' });
  assert.equal(text.code, 'malformed');
  const large = await decide({ ...question, context: { text: 'x'.repeat(600_000) } });
  assert.equal(large.code, 'too_large');
});

test('an answer that is wrong is refused with its place', async () => {
  const table: [object, RegExp][] = [
    [{ decision: 'd', answer: 'shown' }, /customer is required/],
    [{ customer: 'c1', decision: 'd' }, /answer is required/],
    [{ customer: 'c1', answer: 'shown' }, /name a decision or an action/],
    [
      { customer: 'c1', decision: 'd', action: 'a', answer: 'shown' },
      /name a decision or an action/,
    ],
    [{ customer: 'c1', action: 'a', candidate: 'c', answer: 'shown' }, /a candidate is one of a/],
    [{ customer: 'c1', decision: 'd', answer: 'not so' }, /answer must match the pattern/],
    [{ customer: 'c1', decision: 'd', answer: 'x'.repeat(65) }, /answer must match the pattern/],
    [
      { customer: 'c1', decision: 'd', answer: 'shown', data: 'x'.repeat(8200) },
      /data may have at/,
    ],
  ];
  for (const [body, message] of table) {
    const answer = await respond(body);
    assert.equal(`${answer.status} ${answer.code}`, '422 invalid', JSON.stringify(body));
    assert.match(answer.message!, message);
  }
});
