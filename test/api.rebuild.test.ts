/** `journeys.mdb` is lost and made anew from the tape, on a real server: what the API shows is as before, and nothing is done twice. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { JourneyMap } from '../src/journeys/definition.ts';
import type { ToldInstance } from '../src/journeys/engine/told.ts';
import { definitionPartMax } from '../src/journeys/words.ts';
import { ruleVersionsMax } from '../src/workspaces/definition.ts';
import { keyOf, present, putAgent } from './support/agents.ts';
import { Receiver, status } from './support/receiver.ts';
import { temporaryDirectory } from './support/server.ts';
import { ask, count, startTwo, store, tape, until } from './support/session.ts';

const directory = temporaryDirectory();
const env = { TAPELINE_WEBHOOK_ALLOW: '127.0.0.1' };
let server = await startTwo({ data: directory, env });
const receiver = await new Receiver().listen();
after(async () => {
  await server.stop();
  await receiver.close();
  rmSync(directory, { recursive: true, force: true });
});
const { admin } = server.keys;

async function send(method: string, path: string, body?: object): Promise<unknown> {
  const answer = await ask(server, path, { method, key: admin, ...(body && { body }) });
  assert.ok(answer.status < 300, `${method} ${path}: ${answer.text}`);
  return answer.json;
}

function get(path: string): Promise<unknown> {
  return send('GET', path);
}

/** Steps whose names tell the version; long enough a text that the tape has it in parts. */
function quote(version: number): JourneyMap {
  return {
    description: `"${'ü'.repeat(1000)}${'😀'.repeat(500)}"`,
    entry: [{ event: 'Quote Started' }],
    context: { price: 'price' },
    stages: [
      {
        name: `stage ${version}`,
        steps: [
          { name: 'Start' },
          { name: `Price ${version}`, on: [{ event: 'Price Shown' }] },
          { name: `Pay ${version}`, on: [{ event: 'Paid' }] },
          ...count(180).map((n) => ({ name: `More ${version}.${n}`, on: [{ event: `E${n}` }] })),
        ],
      },
    ],
    goal: [{ event: 'Bought' }],
  };
}

async function publish(name: string, map: JourneyMap): Promise<void> {
  await send('PUT', `/v1/journeys/${name}`, map);
  await send('POST', `/v1/journeys/${name}/publish`);
}

async function instancesOf(customer: string): Promise<readonly ToldInstance[]> {
  const found = await get(`/v1/customers/${customer}/journeys`);
  return (found as { instances: ToldInstance[] }).instances;
}

const typed = async (customer: string, type: string) =>
  (await tape(server, customer)).events.filter((each) => each.type === type);

/** As many outcomes of actions are on the tape. */
async function delivered(customer: string, outcomes: number): Promise<void> {
  await until(async () => (await typed(customer, 'tapeline.delivery')).length === outcomes);
}

async function startAnew(): Promise<void> {
  assert.equal(await server.stop(), 0, server.log());
  for (const file of ['journeys.mdb', 'journeys.mdb-lock']) {
    rmSync(join(directory, file), { force: true });
  }
  server = await startTwo({ data: directory, env });
}

const customers = ['ann', 'bob', 'cid', 'dee'];

/** Everything that is to be seen of what the engine knows, each under its path. */
async function everything(): Promise<Record<string, unknown>> {
  const paths = [
    ...customers.map((customer) => `/v1/customers/${customer}/journeys`),
    ...customers.map((customer) => `/v1/customers/${customer}/tape?limit=1000`),
    ...['quote', 'quote?version=1', 'quote?version=2'].map((name) => `/v1/journeys/${name}`),
    '/v1/journeys/quote/counts',
    ...['called', 'greeting', 'help', 'calls'].map((rule) => `/v1/rules/${rule}/counts`),
    ...['/v1/rules', '/v1/agents', '/v1/agents/kim', '/v1/desks', '/v1/agents/kim/offers'],
    ...['crm', 'slow', 'gone'].map((name) => `/v1/webhooks/${name}/deliveries`),
  ];
  const found: Record<string, unknown> = {};
  for (const path of paths) found[path] = await get(path);
  return found;
}

const then = (endpoint: string) => [{ do: 'webhook', endpoint, data: { of: '${customer.id}' } }];

/** Ann is on a map's first version when the second comes, and was told of by a rule's first, which is not kept. */
async function quoting(): Promise<void> {
  assert.ok(JSON.stringify(quote(1)).length > definitionPartMax);
  await publish('quote', quote(1));
  await send('PUT', '/v1/rules/called', { when: { event: 'Call' }, then: then('crm') });
  await store(server, [
    { customer: 'ann', type: 'Quote Started' },
    { customer: 'ann', type: 'Price Shown', data: { price: 7 } },
    { customer: 'ann', type: 'Call' },
  ]);
  await delivered('ann', 1);
  for (const n of count(ruleVersionsMax + 1)) {
    await send('PUT', '/v1/rules/called', { when: { event: `Call ${n}` }, then: then('crm') });
  }
  await publish('quote', quote(2));
  await store(server, [
    { customer: 'bob', type: 'Quote Started' },
    { customer: 'bob', type: 'Price Shown', data: { price: 9 } },
    { customer: 'bob', type: 'Paid' },
  ]);
}

/** Cid is greeted once a day, is in an audience that an endpoint hears of no more, and waits for one that rests. */
async function acting(): Promise<void> {
  const caps = [{ scope: 'rule', times: 1, per: { rolling: '24h' } }];
  await send('PUT', '/v1/rules/greeting', { when: { event: 'Hi' }, then: then('crm'), caps });
  await send('PUT', '/v1/rules/calls', {
    audiences: { caller: { performed: 'Ring', times: 2, within: '3h' } },
    when: { audience: 'caller', change: 'enter' },
    then: then('gone'),
  });
  await send('PUT', '/v1/rules/late', { when: { event: 'Late' }, then: then('slow') });
  await store(server, [{ customer: 'cid', type: 'Hi' }]);
  await delivered('cid', 1);
  await store(server, [{ customer: 'cid', type: 'Hi' }]);
  await until(async () => (await typed('cid', 'tapeline.decision')).length === 2);
  receiver.next.push(status(410));
  await store(
    server,
    count(2).map(() => ({ customer: 'cid', type: 'Ring' })),
  );
  await delivered('cid', 2);
  receiver.next.push(status(503, { 'Retry-After': '3600' }));
  await store(server, [{ customer: 'cid', type: 'Late' }]);
  await until(async () => {
    const found = await get('/v1/webhooks/slow/deliveries');
    return (found as { deliveries: { attempts: number }[] }).deliveries[0]?.attempts === 1;
  });
}

/** Kim accepts what Dee is offered. */
async function routing(): Promise<void> {
  await send('PUT', '/v1/desks/main', { title: 'Main', capacity: 5 });
  await putAgent(server, 'kim', { name: 'Kim', desk: 'main', skills: { loans: 3 }, capacity: 2 });
  const place = { latitude: 37.7, longitude: -122.4 };
  await present(server, 'kim', { status: 'available', ttlSeconds: 3600, place });
  await send('PUT', '/v1/rules/help', {
    when: { event: 'Help' },
    then: [{ do: 'agent', kind: 'offer', title: 'Help', ttl: '1h' }],
  });
  await store(server, [{ customer: 'dee', type: 'Help' }]);
  const offered = async () => {
    return ((await get('/v1/agents/kim/offers')) as { offers: { id: string }[] }).offers;
  };
  await until(async () => (await offered()).length === 1);
  const [{ id } = { id: '' }] = await offered();
  const key = await keyOf(server, 'kim');
  const accept = `/v1/agents/kim/offers/${id}/accept`;
  assert.equal((await ask(server, accept, { key, method: 'POST' })).status, 200);
}

async function annStands(): Promise<unknown> {
  return (await instancesOf('ann')).map(({ step, version }) => [version, step?.name]);
}

test('what journeys, rules, agents and webhooks have come to is there again, and nothing happens twice', async () => {
  for (const name of ['crm', 'slow', 'gone']) {
    await send('PUT', `/v1/webhooks/${name}`, { url: receiver.url(`/${name}`) });
  }
  await quoting();
  await acting();
  await routing();
  const before = await everything();
  assert.deepEqual(await annStands(), [[1, 'Price 1']]);
  const sent = receiver.received.length;
  await startAnew();
  assert.deepEqual(await everything(), before);
  // What was capped is capped, and old versions go on as they were.
  await store(server, [
    { customer: 'cid', type: 'Hi' },
    { customer: 'ann', type: 'Paid' },
    { customer: 'zoe', type: 'Hi' },
  ]);
  await delivered('zoe', 1);
  await until(async () => (await typed('cid', 'tapeline.decision')).length === 5);
  assert.equal((await typed('cid', 'tapeline.decision'))[0]!.data!['verdict'], 'capped');
  assert.deepEqual(await annStands(), [[1, 'Pay 1']]);
  const since = receiver.received.slice(sent).map(({ path }) => path);
  assert.deepEqual(since, ['/crm'], 'only what zoe did was new');
  // A dead letter has its body.
  await send('PUT', '/v1/webhooks/gone', { url: receiver.url('/gone'), disabled: false });
  await send('POST', '/v1/webhooks/gone/deliveries/replay');
  await receiver.nth(sent + 2);
  const bodies = receiver.received.filter(({ path }) => path === '/gone').map(({ body }) => body);
  assert.deepEqual([bodies.length, bodies[1]], [2, bodies[0]]);
});

test('who is on a map that is deleted exits; who begins under its name again goes on', async () => {
  const promo = (wait: string): JourneyMap => ({
    entry: [{ event: 'Promo' }],
    stages: [
      {
        name: 'promo',
        steps: [
          {
            name: 'Seen',
            waits: [{ name: 'reminder', for: wait, actions: [{ do: 'event', type: 'Reminded' }] }],
          },
          { name: 'Taken', on: [{ event: 'Taken' }] },
        ],
      },
    ],
  });
  const left = ['eve', 'fay'];
  await publish('promo', promo('1d'));
  await store(server, [{ customer: 'fay', type: 'Promo' }]);
  await until(async () => (await instancesOf('fay')).length === 1);
  const [{ id } = { id: '' }] = await instancesOf('fay');
  await send('POST', `/v1/customers/fay/journeys/${id}/pause`, {});
  await publish('promo', promo('2d'));
  await store(server, [{ customer: 'eve', type: 'Promo' }]);
  await until(async () => (await instancesOf('eve')).length === 1);
  await send('POST', '/v1/journeys/promo/withdraw');
  await send('DELETE', '/v1/journeys/promo');
  await publish('promo', promo('1s'));
  await store(server, [{ customer: 'gus', type: 'Promo' }]);
  const stands = async (customer: string) => {
    return (await instancesOf(customer)).map((each) => [each.version, each.status, each.reason]);
  };
  await until(async () => (await instancesOf('eve'))[0]!.status !== 'active');
  await until(async () => (await instancesOf('fay'))[0]!.status !== 'paused');
  await until(async () => (await typed('gus', 'Reminded')).length === 1);
  const check = async (): Promise<void> => {
    assert.deepEqual(await stands('fay'), [[1, 'exited', 'map_deleted']]);
    assert.deepEqual(await stands('eve'), [[2, 'exited', 'map_deleted']]);
    assert.deepEqual(await stands('gus'), [[3, 'active', undefined]]);
    for (const customer of left) {
      const said = (await typed(customer, 'tapeline.journey')).map(({ data }) => data!);
      const exits = said.filter(({ reason }) => reason === 'map_deleted');
      assert.deepEqual(
        exits.map(({ command }) => command),
        ['exit'],
      );
    }
  };
  await check();
  await startAnew();
  await store(server, [{ customer: 'hal', type: 'Promo' }]);
  await until(async () => (await typed('hal', 'Reminded')).length === 1);
  await check();
});
