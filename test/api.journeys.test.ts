/** Journey maps and rules over HTTP: drafts, publishing, what touchpoints are served, and refusals. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { quoteMap, ruleOf, stepsOf, walkInRule } from './support/definitions.ts';
import { type Answer, ask, startTwo } from './support/session.ts';

const server = await startTwo();
after(() => server.stop());
const { admin, read, write } = server.keys;

interface Told {
  readonly current: number;
  readonly version?: number;
  readonly map?: unknown;
  readonly draft?: unknown;
  readonly rule?: unknown;
  readonly versions: readonly { readonly version: number }[];
  readonly error?: { readonly code: string; readonly message: string };
}

async function call(method: string, path: string, body?: unknown, key = admin) {
  const answer: Answer = await ask(server, path, {
    method,
    key,
    ...(body !== undefined && { body: body as object }),
  });
  return { status: answer.status, text: answer.text, told: answer.json as Told };
}

async function refused(
  code: string,
  message: RegExp,
  ...[method, path, body, key]: Parameters<typeof call>
): Promise<void> {
  const { text, told } = await call(method, path, body, key);
  assert.equal(told?.error?.code, code, text);
  assert.match(told.error.message, message);
}

test('a draft is checked, published as version 1, 2 …, and read back as it was sent', async () => {
  await refused('not_found', /no journey 'quote'/, 'GET', '/v1/journeys/quote');
  const made = await call('PUT', '/v1/journeys/quote', quoteMap);
  assert.equal(made.status, 201, made.text);
  assert.deepEqual([made.told.current, made.told.draft, made.told.map], [0, quoteMap, undefined]);
  await refused('not_found', /has not been published/, 'GET', '/v1/journeys/quote/milestones');
  const published = await call('POST', '/v1/journeys/quote/publish');
  assert.equal(published.status, 200, published.text);
  assert.deepEqual([published.told.current, published.told.version], [1, 1]);
  assert.deepEqual([published.told.map, published.told.draft], [quoteMap, undefined]);
  const changed = { ...quoteMap, title: 'Quote, anew' };
  const again = await call('PUT', '/v1/journeys/quote', changed);
  assert.deepEqual([again.status, again.told.map], [200, quoteMap]);
  const second = await call('POST', '/v1/journeys/quote/publish');
  assert.deepEqual([second.told.current, second.told.map], [2, changed]);
  const first = await call('GET', '/v1/journeys/quote?version=1', undefined, read);
  assert.deepEqual([first.told.version, first.told.map], [1, quoteMap]);
  await refused('not_found', /no version 3/, 'GET', '/v1/journeys/quote?version=3');
  const repeated = await call('POST', '/v1/journeys/quote/publish');
  assert.deepEqual([repeated.status, repeated.told.current], [200, 2]);
});

test('touchpoints are served milestones, steps and actions', async () => {
  const milestones = await call('GET', '/v1/journeys/quote/milestones', undefined, read);
  assert.match(milestones.text, /"milestones":\[\{"name":"priced","step":"Price"\}\]/);
  assert.match(milestones.text, /\{"step":5,"name":"Payment","stage":"Offer","optional":true\}/);
  const made = await call('PUT', '/v1/rules/walkin', walkInRule);
  assert.equal(made.status, 201, made.text);
  const { told } = await call('GET', '/v1/journeys/quote/actions', undefined, read);
  const { actions } = told as unknown as { actions: { rule?: string; wait?: string }[] };
  assert.deepEqual(
    actions.map(({ rule, wait }) => rule ?? wait),
    ['reminder', 'walkin', 'walkin'],
  );
});

test('a rule is in force as it is put, and is read back as it was sent', async () => {
  const { told } = await call('GET', '/v1/rules/walkin', undefined, read);
  assert.deepEqual([told.current, told.rule], [1, walkInRule]);
  const off = await call('PUT', '/v1/rules/walkin', { ...walkInRule, enabled: false });
  assert.deepEqual([off.status, off.told.current, off.told.version], [200, 0, 2]);
  const on = await call('PUT', '/v1/rules/walkin', walkInRule);
  assert.deepEqual([on.told.current, on.told.versions.length], [3, 3]);
  const list = await call('GET', '/v1/rules', undefined, read);
  assert.match(list.text, /"name":"walkin".*"journey":"quote","current":3/);
});

test('what is wrong is refused with the place; what does not fit, too', async () => {
  const wait = { name: 'w', for: '1y', thenStep: 'a' };
  const wrong = stepsOf({ name: 'a', waits: [wait] });
  const place = /^stages\[0\]\.steps\[0\]\.waits\[0\]\.for: must be a duration; write 30s/;
  await refused('invalid', place, 'PUT', '/v1/journeys/wrong', wrong);
  await refused('not_found', /no journey/, 'GET', '/v1/journeys/wrong');
  await refused('invalid', /^then: /, 'PUT', '/v1/rules/wrong', { when: { event: 'A' }, then: [] });
  const hook = ruleOf({ then: [{ do: 'webhook', endpoint: 'crm' }] });
  await refused('invalid', /^then\[0\]\.endpoint: there is no webhook/, 'PUT', '/v1/rules/h', hook);
  const about = { ...walkInRule, journey: 'nope' };
  await refused('invalid', /^journey: no journey 'nope'/, 'PUT', '/v1/rules/about', about);
  const less = stepsOf({ name: 'only' });
  assert.equal((await call('PUT', '/v1/journeys/quote', less)).status, 200);
  const misfit = /the rule 'walkin' would not fit any more \((when\.beyondStep|audiences)\)/;
  await refused('conflict', misfit, 'POST', '/v1/journeys/quote/publish');
  assert.equal((await call('DELETE', '/v1/journeys/quote?draft=1')).status, 204);
  await refused('not_found', /has no draft/, 'DELETE', '/v1/journeys/quote?draft=1');
  await refused('invalid', /name of a journey/, 'PUT', `/v1/journeys/${'x'.repeat(129)}`, quoteMap);
});

test('a definition can be checked without being stored', async () => {
  const check = (body: unknown) => call('POST', '/v1/journeys/check', body);
  const good = await check({ name: 'other', journey: quoteMap });
  assert.equal(good.text, '{"valid":true,"faults":[]}');
  const bad = await check({ rule: { when: { event: '*' }, then: [{ do: 'shout' }] } });
  const { faults, valid } = bad.told as unknown as { valid: boolean; faults: { place: string }[] };
  assert.equal(valid, false);
  assert.deepEqual(
    faults.map(({ place }) => place),
    ['when.event', 'then[0].do'],
  );
  const hook = ruleOf({ then: [{ do: 'webhook', endpoint: 'crm' }] });
  const misfit = await check({ name: 'r', rule: hook });
  assert.match(misfit.text, /"valid":true,.*"misfit":"then\[0\]\.endpoint: there is no webhook/);
  await refused('invalid', /exactly one/, 'POST', '/v1/journeys/check', { name: 'x' });
  await refused('not_found', /no rule/, 'GET', '/v1/rules/r');
});

test('a journey goes when it is withdrawn and nobody names it', async () => {
  await refused('conflict', /withdraw it first/, 'DELETE', '/v1/journeys/quote');
  const withdrawn = await call('POST', '/v1/journeys/quote/withdraw');
  assert.deepEqual([withdrawn.status, withdrawn.told.current, withdrawn.told.version], [200, 0, 2]);
  await refused('conflict', /the rule 'walkin' names it/, 'DELETE', '/v1/journeys/quote');
  assert.equal((await call('DELETE', '/v1/rules/walkin')).status, 204);
  assert.equal((await call('DELETE', '/v1/journeys/quote')).status, 204);
  assert.equal((await call('GET', '/v1/journeys')).text, '{"journeys":[]}');
  assert.equal((await call('GET', '/v1/rules')).text, '{"rules":[]}');
});

test('only an admin changes definitions', async () => {
  for (const key of [read, write]) {
    await refused('forbidden', /admin/, 'PUT', '/v1/journeys/mine', quoteMap, key);
    await refused('forbidden', /admin/, 'POST', '/v1/journeys/mine/publish', undefined, key);
    await refused('forbidden', /admin/, 'PUT', '/v1/rules/mine', ruleOf(), key);
    await refused('forbidden', /admin/, 'POST', '/v1/journeys/check', { rule: ruleOf() }, key);
    await refused('forbidden', /admin/, 'DELETE', '/v1/rules/mine', undefined, key);
  }
});
