/** Decisions of touchpoints on a real server: they count, they are on the tape, and a restart knows them. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { after, test } from 'node:test';
import { type TestServer, temporaryDirectory } from './support/server.ts';
import { ask, fresh, type StoredEvent, startTwo, store, tape, until } from './support/session.ts';

const data = temporaryDirectory();
let server: TestServer = await startTwo({ data });
after(async () => {
  await server.stop();
  rmSync(data, { recursive: true });
});

interface Decided {
  readonly id: string;
  readonly customer: string;
  readonly recorded: boolean;
  readonly candidates: readonly {
    readonly id: string;
    readonly verdict: string;
    readonly score?: number;
    readonly data?: unknown;
    readonly show?: readonly Record<string, unknown>[];
  }[];
}

const patient = { withinMs: 10_000 };

async function decide(body: object): Promise<Decided> {
  const { admin } = server.keys;
  const answer = await ask(server, '/v1/decide', { key: admin, body: { ...patient, ...body } });
  assert.equal(answer.status, 200, answer.text);
  const decided = answer.json as Decided;
  assert.equal(decided.recorded, true);
  return decided;
}

async function respond(body: object): Promise<void> {
  const answer = await ask(server, '/v1/responses', { key: server.keys.admin, body });
  assert.equal(answer.status, 200, answer.text);
}

async function put(path: string, body: object): Promise<void> {
  const answer = await ask(server, path, { key: server.keys.admin, method: 'PUT', body });
  assert.ok(answer.status === 200 || answer.status === 201, answer.text);
}

async function said(customer: string, type: string): Promise<StoredEvent[]> {
  const { events } = await tape(server, customer, 'limit=1000');
  return events.filter((event) => event.type === type);
}

const caps = [{ scope: 'rule', times: 2, per: { rolling: '1d' } }];
const verdicts = ({ candidates }: Decided): string[] => {
  return candidates.map(({ id, verdict }) => `${id}:${verdict}`);
};

test('questions at the same time, on all fronts, overshoot no cap', async () => {
  const customer = fresh('crowd');
  const candidates = [{ id: 'a', caps, data: { banner: 1 } }];
  const asked = await Promise.all(
    Array.from({ length: 20 }, () => decide({ customer, candidates })),
  );
  const acting = asked.filter((each) => verdicts(each)[0] === 'a:act');
  assert.equal(acting.length, 2);
  assert.deepEqual(acting[0]!.candidates[0]!.data, { banner: 1 });
  const decisions = await said(customer, 'tapeline.decision');
  assert.deepEqual(decisions.map(({ id }) => id).sort(), asked.map(({ id }) => id).sort());
});

test('a restart knows what was decided and answered', async () => {
  const customer = fresh('lasting');
  const candidates = [{ id: 'a', caps }, { id: 'b' }];
  const first = await decide({ customer, candidates, k: 2 });
  await respond({ customer, decision: first.id, candidate: 'b', answer: 'accepted' });
  await respond({ customer, decision: first.id, candidate: 'b', answer: 'accepted' });
  await decide({ customer, candidates });
  await server.kill();
  server = await startTwo({ data });
  const third = await decide({ customer, candidates });
  assert.deepEqual(verdicts(third), ['b:act', 'a:outranked']);
  // b: twice shown, once accepted; a: once shown, never accepted.
  assert.deepEqual(
    third.candidates.map(({ score }) => score),
    [2 / 4, 1 / 3],
  );
  assert.equal((await said(customer, 'tapeline.response')).length, 1);
  const late = { customer, decision: first.id, candidate: 'a', answer: 'failed' };
  await respond(late);
});

test('rules wait for a placement; what is to be done is done', async () => {
  const customer = fresh('placed');
  await put('/v1/rules/upgrade', {
    ...{ when: { ask: 'home' }, if: 'ask.page == "/plans"', value: 3, propensity: 1 },
    then: [
      { do: 'page', data: { title: 'For ${customer.id}' } },
      { do: 'event', type: 'Upgrade Shown', data: { decision: '${decision.id}' } },
    ],
  });
  const asked = { customer, placement: 'home', candidates: [{ id: 'own', propensity: 1 }] };
  assert.deepEqual(verdicts(await decide(asked)), ['own:act', 'upgrade:condition']);
  const { candidates, id } = await decide({ ...asked, context: { page: '/plans' } });
  assert.equal(candidates[0]!.verdict, 'act');
  const [shown] = candidates[0]!.show!;
  assert.deepEqual([shown!['do'], shown!['data']], ['page', { title: `For ${customer}` }]);
  await until(async () => (await said(customer, 'Upgrade Shown')).length > 0);
  const [event] = await said(customer, 'Upgrade Shown');
  assert.deepEqual(event!.data, { decision: id });
});

test('a view of the customer decides, and so do its place and what it agreed to', async () => {
  const customer = fresh('viewed');
  await put('/v1/views/cart', {
    fields: [{ name: 'Items', event: 'Add To Cart', type: 'count', lookback: '1d' }],
  });
  const candidates = [
    { id: 'cart', view: 'cart', if: 'view.Items >= 2.0', propensity: 1, value: 3 },
    { id: 'near', within: { miles: 25 }, data: { latitude: 37.8, longitude: -122.3 } },
    { id: 'news', category: 'marketing', propensity: 0 },
  ];
  const asked = async (): Promise<string[]> => {
    return verdicts(await decide({ customer, candidates, k: 3 })).sort();
  };
  assert.deepEqual(await asked(), ['cart:condition', 'near:tooFar', 'news:act']);
  await store(server, [
    { customer, type: 'Add To Cart' },
    { customer, type: 'Add To Cart' },
    { customer, type: 'Location', data: { latitude: 37.7, longitude: -122.3 } },
    { customer, type: 'Consent', data: { marketing: false } },
  ]);
  const expected = ['cart:act', 'near:act', 'news:consent'];
  await until(async () => JSON.stringify(await asked()) === JSON.stringify(expected));
});

test('two customers that are found to be one have their caps together', async () => {
  const [one, other] = [fresh('one'), fresh('other')];
  const candidates = [{ id: 'a', caps }];
  await decide({ customer: one, candidates });
  await decide({ customer: other, candidates });
  const body = { into: one, from: [other] };
  const merged = await ask(server, '/v1/identities/merge', { key: server.keys.admin, body });
  assert.equal(merged.status, 200, merged.text);
  // Once the merge is read, an answer names the customer that is left.
  await until(async () => {
    return (await decide({ customer: other, candidates: [{ id: 'probe' }] })).customer === one;
  });
  for (const customer of [one, other]) {
    assert.deepEqual(verdicts(await decide({ customer, candidates })), ['a:capped']);
  }
});

test('an action of CJDS is taken when its view says so, and not again before its cooldown', async () => {
  const { admin } = server.keys;
  const customer = fresh('caller');
  const attribute = {
    ...{ displayName: 'Calls', version: '0.1', event: 'Call', metaDataType: 'string', limit: 0 },
    ...{ metaData: 'topic', lookBackDurationType: 'days', lookBackPeriod: 30, verbose: false },
    ...{ aggregationMode: 'Count', rules: null, widgetAttributes: { type: 'table' } },
  };
  const base = '/admin/v1/api';
  const template = await ask(server, `${base}/profile-view-template/workspace-id/default`, {
    key: admin,
    body: { name: fresh('Callers'), attributes: [attribute] },
  });
  assert.equal(template.status, 201, template.text);
  const { id } = (template.json as { data: { id: string } }).data;
  const made = await ask(server, `${base}/journey-actions/workspace-id/default/template-id/${id}`, {
    key: admin,
    body: {
      ...{ name: 'Call back', isActive: true, cooldownPeriodInMinutes: 60 },
      rules: { logic: 'SINGLE', condition: 'Call,topic,string,Count GTE 2' },
      actionTriggers: [{ type: 'ChatBot', botURL: 'https://bot.example.com', botWidth: 200 }],
    },
  });
  assert.equal(made.status, 201, made.text);
  const rule = `cjds:${(made.json as { data: { id: string } }).data.id}`;
  const call = { customer, type: 'Call', data: { topic: 'bill' } };
  // The rule is in force some moments after it is stored.
  await until(async () => {
    await store(server, [call]);
    return (await said(customer, 'tapeline.decision')).length > 0;
  });
  await store(server, [call]);
  const other = fresh('caller');
  await store(server, [
    { ...call, customer: other },
    { ...call, customer: other },
  ]);
  await until(async () => (await said(other, 'tapeline.decision')).length > 0);
  const decisions = await said(customer, 'tapeline.decision');
  assert.deepEqual(
    decisions.map((event) => [event.data!['rule'], event.data!['verdict']]),
    [[rule, 'act']],
  );
});
