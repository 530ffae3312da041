/** What rules decide, carried out by a real server: webhooks, pages, events, retries over a kill, dead letters. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { openChannel } from './support/channel.ts';
import { Receiver, status } from './support/receiver.ts';
import { temporaryDirectory } from './support/server.ts';
import { ask, post, startTwo, store, tape, until } from './support/session.ts';

const directory = temporaryDirectory();
const env = { TAPELINE_WEBHOOK_ALLOW: '127.0.0.1' };
let server = await startTwo({ data: directory, env });
const receiver = await new Receiver().listen();
after(async () => {
  await server.stop();
  await receiver.close();
});
const { admin } = server.keys;

async function put(path: string, body: object): Promise<unknown> {
  const answer = await ask(server, path, { method: 'PUT', key: admin, body });
  assert.ok(answer.status < 300, answer.text);
  return answer.json;
}

interface Delivery {
  readonly id: string;
  readonly state: string;
  readonly attempts: number;
  readonly status?: number;
}

async function deliveries(name: string, query = ''): Promise<readonly Delivery[]> {
  const answer = await ask(server, `/v1/webhooks/${name}/deliveries${query}`, { key: admin });
  assert.equal(answer.status, 200, answer.text);
  return (answer.json as { deliveries: Delivery[] }).deliveries;
}

const typed = async (customer: string, type: string) =>
  (await tape(server, customer)).events.filter((each) => each.type === type);

async function first(customer: string, type: string) {
  await until(async () => (await typed(customer, type)).length > 0);
  return (await typed(customer, type))[0]!;
}

test('a decision is posted, signed, and stands on the tape with what became of it', async () => {
  const { secret } = (await put('/v1/webhooks/crm', { url: receiver.url('/crm') })) as {
    secret: string;
  };
  await put('/v1/rules/pricey', {
    when: { event: 'Price Shown', where: 'event.data.price > 100' },
    then: [
      { do: 'webhook', endpoint: 'crm', data: { price: '${event.data.price}' } },
      { do: 'event', type: 'Price Noted', channel: 'crm', data: { of: '${customer.id}' } },
    ],
  });
  await store(server, [
    { id: 'e1', customer: 'c1', type: 'Price Shown', data: { price: 500 } },
    { id: 'e2', customer: 'c2', type: 'Price Shown', data: { price: 5 } },
  ]);
  const { body, headers, id } = await receiver.nth(1);
  const message = new Webhook(secret).verify(body, headers as Record<string, string>) as {
    readonly type: string;
    readonly data: Record<string, unknown>;
  };
  assert.equal(message.type, 'tapeline.action');
  const { action, customer, rule } = message.data;
  assert.deepEqual([action, customer, rule], [id, 'c1', 'pricey']);
  assert.deepEqual(message.data['data'], { price: 500 });
  const noted = await first('c1', 'Price Noted');
  assert.deepEqual([noted.channel, noted.source, noted.data], ['crm', 'tapeline', { of: 'c1' }]);
  await until(async () => (await typed('c1', 'tapeline.delivery')).length === 2);
  const outcomes = (await typed('c1', 'tapeline.delivery')).map((each) => each.data!);
  assert.ok(outcomes.every(({ outcome }) => outcome === 'delivered'));
  assert.ok(outcomes.some((each) => each['action'] === id && each['attempts'] === 1));
  assert.deepEqual(
    (await deliveries('crm')).map((each) => [each.id, each.state, each.status]),
    [[id, 'delivered', 204]],
  );
  assert.equal((await typed('c2', 'tapeline.decision')).length, 0);
});

test('what is under way when the server is killed comes again under its id, and only then ends', async () => {
  await put('/v1/webhooks/erp', { url: receiver.url('/erp') });
  await put('/v1/rules/bought', {
    when: { event: 'Bought' },
    then: [{ do: 'webhook', endpoint: 'erp', data: { n: '${event.data.n}' } }],
  });
  const arrived = () => receiver.received.filter(({ path }) => path === '/erp');
  receiver.next.push(status(503));
  await store(server, [{ id: 'b1', customer: 'c3', type: 'Bought', data: { n: 1 } }]);
  await until(async () => (await deliveries('erp', '?state=pending'))[0]?.attempts === 1);
  await server.kill();
  server = await startTwo({ data: directory, env });
  await until(() => Promise.resolve(arrived().length === 2));
  const outcome = await first('c3', 'tapeline.delivery');
  assert.equal(outcome.data!['outcome'], 'delivered');
  assert.equal(new Set(arrived().map(({ body, id }) => `${id} ${body}`)).size, 1);
  assert.equal((await typed('c3', 'tapeline.decision')).length, 1);
});

test('a dead letter is shown and sent once more; an endpoint that said 410 is disabled', async () => {
  receiver.next.push(status(410, {}, 'closed for good'));
  await store(server, [{ id: 'b2', customer: 'c4', type: 'Bought', data: { n: 2 } }]);
  const outcome = await first('c4', 'tapeline.delivery');
  assert.equal(outcome.data!['outcome'], 'failed');
  const shown = (await ask(server, '/v1/webhooks/erp', { key: admin })).json as {
    disabled?: string;
  };
  assert.equal(shown.disabled, 'gone');
  const [letter, ...rest] = await deliveries('erp', '?state=failed');
  assert.deepEqual([rest.length, letter!.status], [0, 410]);
  const path = `/v1/webhooks/erp/deliveries/${letter!.id}/replay`;
  const replay = (to = path) => ask(server, to, { method: 'POST', key: admin });
  assert.equal((await replay()).code, 'conflict');
  await put('/v1/webhooks/erp', { url: receiver.url('/erp') });
  assert.equal((await replay('/v1/webhooks/erp/deliveries/none/replay')).code, 'not_found');
  assert.deepEqual((await replay()).json, { replayed: 1 });
  await until(async () => (await deliveries('erp', '?state=failed')).length === 0);
  assert.deepEqual((await replay('/v1/webhooks/erp/deliveries/replay')).json, { replayed: 0 });
  await until(async () => (await typed('c4', 'tapeline.delivery')).length === 2);
  const outcomes = (await typed('c4', 'tapeline.delivery')).map((each) => each.data!['outcome']);
  assert.deepEqual(outcomes.sort(), ['delivered', 'failed']);
  for (const query of ['?state=lost', '?limit=0', '?limit=101', '?before=x']) {
    const bad = await ask(server, `/v1/webhooks/erp/deliveries${query}`, { key: admin });
    assert.equal(bad.code, 'invalid', query);
  }
  const test = await ask(server, '/v1/webhooks/erp/test', { method: 'POST', key: admin });
  assert.equal((test.json as { delivered: boolean }).delivered, true);
});

test('who is erased is in no row and no body any more', async () => {
  await store(server, [{ id: 'b3', customer: 'c5', type: 'Bought', data: { n: 3 } }]);
  await first('c5', 'tapeline.delivery');
  assert.equal((await deliveries('erp')).length, 3);
  const erased = await ask(server, '/v1/customers/c5', { method: 'DELETE', key: admin });
  assert.ok(erased.status < 300, erased.text);
  assert.equal((await deliveries('erp')).length, 2);
});

/** A browser: who it is, its channel, and its answers. */
async function visit() {
  const welcomed = await ask(server, '/v1/visitors', { key: server.keys.write, body: {} });
  const { token, visitor } = welcomed.json as { token: string; visitor: string };
  const channel = await openChannel(server, token);
  const answer = (id: string, given: string) =>
    ask(server, `/v1/visitor/messages/${id}`, { key: token, body: { answer: given } });
  return { visitor, channel, answer };
}

test('an offer reaches every browser of the customer; the first answer ends it and is on the tape', async () => {
  await put('/v1/rules/help', {
    when: { event: 'Stuck' },
    then: [{ do: 'page', data: { title: 'Need ${event.data.what}?' }, ttl: '10m' }],
  });
  const [one, two] = [await visit(), await visit()];
  await store(server, [
    { id: 'l1', customer: 'c6', previous: one.visitor, type: 'Login' },
    { id: 'l2', customer: 'c6', previous: two.visitor, type: 'Login' },
    { id: 's1', customer: 'c6', type: 'Stuck', data: { what: 'help' } },
  ]);
  const [told, second] = [await one.channel.next(), await two.channel.next()];
  const { data: message } = told;
  assert.equal(second.data.id, message.id);
  assert.deepEqual([message['kind'], message['data']], ['offer', { title: 'Need help?' }]);
  assert.equal((await one.answer(message.id, 'accepted')).status, 204);
  for (const { channel } of [one, two]) {
    const { data, event } = await channel.next();
    assert.deepEqual([event, data.id], ['gone', message.id]);
  }
  const response = await first('c6', 'tapeline.response');
  const decision = await first('c6', 'tapeline.decision');
  const { request: asked, ...said } = response.data!;
  assert.equal(asked, decision.data!['request']);
  assert.deepEqual(said, { action: message.id, rule: 'help', answer: 'accepted' });
  // Too late, and said again: neither changes anything.
  assert.equal((await two.answer(message.id, 'dismissed')).status, 204);
  assert.equal((await one.answer(message.id, 'accepted')).status, 204);
  assert.equal((await typed('c6', 'tapeline.response')).length, 1);
  for (const { channel } of [one, two]) channel.close();
});

test('an offer waits for a browser that is not known yet', async () => {
  await store(server, [{ id: 's2', customer: 'c7', type: 'Stuck', data: { what: 'a hand' } }]);
  await first('c7', 'tapeline.decision');
  const late = await visit();
  await post(server, [{ id: 'l3', customer: 'c7', previous: late.visitor, type: 'Login' }]);
  assert.equal((await late.channel.next()).event, 'message');
  assert.equal((await first('c7', 'tapeline.delivery')).data!['outcome'], 'delivered');
  late.channel.close();
});

test('a rule starts a journey, and another stops it', async () => {
  await put('/v1/journeys/claim', {
    entry: [{ event: 'Claim Filed' }],
    key: 'number',
    stages: [
      { name: 'All', steps: [{ name: 'Filed' }, { name: 'Paid', on: [{ event: 'Paid' }] }] },
    ],
    context: { number: 'number' },
  });
  const publish = '/v1/journeys/claim/publish';
  const published = await ask(server, publish, { method: 'POST', key: admin });
  assert.equal(published.status, 200, published.text);
  await put('/v1/rules/crash', {
    when: { event: 'Car Crashed' },
    then: [{ do: 'start', journey: 'claim', key: '${event.data.number}', context: { by: 'rule' } }],
  });
  await put('/v1/rules/sorry', {
    when: { event: 'Nothing Happened' },
    then: [{ do: 'stop', journey: 'claim', reason: 'a mistake' }],
  });
  const instances = async () => {
    const answer = await ask(server, '/v1/customers/c8/journeys', { key: server.keys.read });
    assert.equal(answer.status, 200, answer.text);
    return (answer.json as { instances: Record<string, unknown>[] }).instances;
  };
  await store(server, [{ id: 'x1', customer: 'c8', type: 'Car Crashed', data: { number: 'n-7' } }]);
  await until(async () => (await instances()).length === 1);
  const [started] = await instances();
  assert.deepEqual(
    [started!['journey'], started!['key'], started!['status']],
    ['claim', 'n-7', 'active'],
  );
  assert.deepEqual(started!['context'], { by: 'rule' });
  await store(server, [{ id: 'x2', customer: 'c8', type: 'Nothing Happened' }]);
  await until(async () => (await instances())[0]!['status'] !== 'active');
  assert.equal((await instances())[0]!['reason'], 'a mistake');
  assert.equal((await typed('c8', 'tapeline.delivery')).length, 2);
});
