/** Webhooks to real receivers that fail in every way, by a clock that the test holds. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Webhook } from 'standardwebhooks';
import type { ShownDelivery } from '../src/journeys/deliver/asks.ts';
import { attemptsMax, waitsMs } from '../src/journeys/deliver/schedule.ts';
import { DeliverKit, webhookSecret } from './support/deliverkit.ts';
import { cut, hang, Receiver, status } from './support/receiver.ts';
import { count, until } from './support/session.ts';

const receiver = await new Receiver().listen();
after(() => receiver.close());

/** A kit with an endpoint `crm` at a path of its own, and what arrived there. */
async function open(path: string, more: object = {}) {
  const kit = await DeliverKit.open(more);
  await kit.webhook('crm', receiver.url(path), { headers: { 'X-Team': 'care' } });
  receiver.next.length = 0;
  const arrived = () => receiver.received.filter((each) => each.path === path);
  const seen = (least: number) => until(() => Promise.resolve(arrived().length >= least));
  const list = async (ask: object = {}): Promise<readonly ShownDelivery[]> => {
    const { deliveries } = await kit.deliveries.answerer.deliveries({
      ...{ kind: 'deliveries', workspace: 1, webhook: 'crm', limit: 100 },
      ...ask,
    });
    return deliveries;
  };
  return { kit, arrived, seen, list };
}

const hook = (id: string, more: object = {}) => ({
  id,
  do: 'webhook',
  endpoint: 'crm',
  data: { offer: 7 },
  ...more,
});
/** Tried, and the answer noted: the next attempt waits for its time. */
const rested = (list: () => Promise<readonly ShownDelivery[]>, attempts: number) =>
  until(async () => (await list())[0]?.attempts === attempts);

test('an action is posted once, signed, with what it is about, and its outcome said', async () => {
  const { arrived, kit, list } = await open('/plain');
  const person = kit.person('c1');
  person.instances.push({
    ...{ id: 'i1', journey: 'quote', version: 1, key: 'o-1', run: 1, home: 'c1', status: 'active' },
    ...{ startedAt: 0, lastActivity: 0, activity: 1, current: 4, furthest: 4, visited: [] },
    ...{ completed: [], milestones: [], context: { cart: 3 }, pausedMs: 0, acted: {}, timers: [] },
  } as never);
  kit.decide('c1', hook('act_1'), { instance: 'i1' });
  kit.clock.advance(0);
  assert.deepEqual(await kit.outcome('act_1'), {
    action: 'act_1',
    outcome: 'delivered',
    attempts: 1,
    detail: 'status 204',
  });
  const [first, ...rest] = arrived();
  assert.equal(rest.length, 0);
  assert.deepEqual(JSON.parse(first!.body), {
    type: 'tapeline.action',
    timestamp: new Date(kit.clock.now()).toISOString(),
    data: {
      ...{ action: 'act_1', customer: 'c1', rule: 'stalled', request: 'r/act_1' },
      ...{ journey: 'quote', instance: 'i1', key: 'o-1', step: 4, context: { cart: 3 } },
      data: { offer: 7 },
    },
  });
  assert.equal(first!.headers['x-team'], 'care');
  assert.equal(first!.headers['content-type'], 'application/json');
  const [shown] = await list();
  assert.deepEqual(
    [shown!.state, shown!.status, shown!.body],
    ['delivered', 204, JSON.parse(first!.body)],
  );
});

test('the library of Standard Webhooks verifies a delivery, with either secret after a rotation', async () => {
  const { arrived, kit, seen } = await open('/signed');
  // The library takes what its own clock says is new.
  kit.clock.advance(Date.now() - kit.clock.now());
  const rotated = await kit.change({
    ...{ kind: 'changeWebhooks', workspace: 1 },
    change: { kind: 'rotate', name: 'crm', keepSeconds: 60 },
  });
  assert.ok(rotated.kind === 'webhook');
  kit.decide('c1', hook('act_s'));
  kit.clock.advance(0);
  await seen(1);
  const { body, headers } = arrived()[0]!;
  for (const secret of [webhookSecret, rotated.secret!]) {
    const message = new Webhook(secret).verify(body, headers as Record<string, string>);
    assert.deepEqual(message, JSON.parse(body));
  }
});

test('ten attempts over three days, the same bytes under the same id, never early; then a dead letter', async () => {
  const { arrived, kit, list, seen } = await open('/down');
  receiver.otherwise = status(500, {}, 'no\u0000pe');
  kit.decide('c1', hook('act_d'));
  const times: number[] = [];
  kit.clock.advance(0);
  for (const attempt of count(attemptsMax)) {
    await seen(attempt + 1);
    if (attempt + 1 < attemptsMax) await rested(list, attempt + 1);
    times.push(kit.clock.now());
    const wait = waitsMs[attempt + 1];
    if (wait === undefined) break;
    kit.clock.advance(wait - 1);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(arrived().length, attempt + 1, 'nothing comes early');
    kit.clock.advance(wait * 0.1 + 2);
  }
  receiver.otherwise = status(204);
  assert.deepEqual(await kit.outcome('act_d'), {
    action: 'act_d',
    outcome: 'failed',
    attempts: 10,
    detail: 'status 500',
  });
  assert.equal(new Set(arrived().map(({ body, id }) => `${id} ${body}`)).size, 1);
  const stamps = arrived().map(({ headers }) => Number(headers['webhook-timestamp']));
  assert.deepEqual(
    stamps,
    times.map((ms) => Math.floor(ms / 1000)),
  );
  const [letter, ...rest] = await list({ state: 'failed' });
  assert.equal(rest.length, 0);
  assert.deepEqual([letter!.attempts, letter!.status, letter!.excerpt], [10, 500, 'no pe']);
  assert.equal((letter!.body as { data: { action: string } }).data.action, 'act_d');
  // Once more, when it is well again: the same message, and an outcome of its own.
  const { replayed } = await kit.deliveries.answerer.replay({
    kind: 'replay',
    workspace: 1,
    webhook: 'crm',
  });
  assert.equal(replayed, 1);
  kit.clock.advance(0);
  await seen(attemptsMax + 1);
  await until(() => Promise.resolve(kit.outcomes('act_d').length === 2));
  assert.equal(kit.outcomes('act_d')[1]!.outcome, 'delivered');
  assert.equal(new Set(arrived().map(({ body, id }) => `${id} ${body}`)).size, 1);
  assert.deepEqual([(await list({ state: 'failed' })).length, (await list())[0]!.replays], [0, 1]);
});

test('an endpoint that is gone is disabled: nothing is sent there any more, and all of it can be replayed', async () => {
  const { arrived, kit, list } = await open('/gone');
  receiver.next.push(status(410));
  kit.decide('c1', hook('act_g1'));
  kit.clock.advance(0);
  assert.equal((await kit.outcome('act_g1')).outcome, 'failed');
  kit.decide('c2', hook('act_g2'));
  kit.clock.advance(0);
  const second = await kit.outcome('act_g2');
  assert.deepEqual(
    [second.outcome, second.detail, second.attempts],
    ['failed', 'the webhook is disabled', 0],
  );
  assert.equal(arrived().length, 1);
  assert.equal(kit.directory.webhook(1, 'crm')!.disabled, 'gone');
  const replay = () =>
    kit.deliveries.answerer.replay({ kind: 'replay', workspace: 1, webhook: 'crm' });
  await assert.rejects(async () => replay(), { code: 'conflict' });
  await kit.webhook('crm', receiver.url('/gone'));
  assert.equal((await replay()).replayed, 2);
  kit.clock.advance(0);
  await until(async () => (await list({ state: 'delivered' })).length === 2);
});

test('what waits for an endpoint that was disabled or deleted meanwhile fails, and is not forgotten', async () => {
  const { kit, list } = await open('/closed');
  receiver.next.push(status(500));
  kit.decide('c1', hook('act_c'));
  kit.clock.advance(0);
  await rested(list, 1);
  await kit.webhook('crm', receiver.url('/closed'), { disabled: true });
  kit.clock.advance(60_000);
  assert.equal((await kit.outcome('act_c')).detail, 'the webhook is disabled');
  assert.equal((await list({ state: 'failed' })).length, 1);
  kit.decide('c1', hook('act_n', { endpoint: 'none' }));
  kit.clock.advance(0);
  assert.equal((await kit.outcome('act_n')).detail, 'there is no such webhook');
  await kit.change({
    kind: 'changeWebhooks',
    workspace: 1,
    change: { kind: 'delete', name: 'crm' },
  });
  kit.clock.advance(60_000);
  assert.deepEqual(kit.rowKeys(), []);
});

test('who says 429 rests for as long as it says, and others wait with it', async () => {
  const { arrived, kit, list, seen } = await open('/busy');
  receiver.next.push(status(429, { 'Retry-After': '120' }));
  kit.decide('c1', hook('act_b1'));
  kit.clock.advance(0);
  await rested(list, 1);
  kit.decide('c2', hook('act_b2'));
  kit.clock.advance(119_000);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(arrived().length, 1);
  kit.clock.advance(1000);
  await seen(2);
  assert.equal(arrived()[1]!.id, 'act_b2');
  kit.clock.advance(13_000);
  assert.equal((await kit.outcome('act_b1')).attempts, 2);
});

const failures: readonly [what: string, failure: string, arrange: () => void, waitMs?: number][] = [
  ['never answers', 'no answer in time', () => receiver.next.push(hang), 20_000],
  ['cuts the connection', 'the connection was cut', () => receiver.next.push(cut)],
  [
    'answers with what is no HTTP',
    'no answer (HPE_INVALID_CONSTANT)',
    () => receiver.next.push((response) => void response.socket!.end('220 smtp ready\r\n')),
  ],
  [
    'answers with endless headers',
    'no answer (HPE_HEADER_OVERFLOW)',
    () =>
      receiver.next.push((response) => {
        response.socket!.end(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`);
      }),
  ],
];
for (const [what, failure, arrange, waitMs] of failures) {
  test(`a receiver that ${what} is tried again`, async () => {
    const { kit, list, seen } = await open(`/${what}`.replaceAll(' ', '-'));
    arrange();
    kit.decide('c1', hook('act_f'));
    kit.clock.advance(0);
    await seen(1);
    if (waitMs !== undefined) {
      kit.clock.advance(waitMs - 1);
      assert.equal((await list())[0]!.attempts, 0);
      kit.clock.advance(1);
    }
    await rested(list, 1);
    assert.equal((await list())[0]!.failure, failure);
    kit.clock.advance(6000);
    assert.deepEqual(await kit.outcome('act_f'), {
      action: 'act_f',
      outcome: 'delivered',
      attempts: 2,
      detail: 'status 204',
    });
  });
}

test('a receiver that is not there is tried again', async () => {
  const { kit, list } = await open('/nowhere');
  const closed = await new Receiver().listen();
  const url = closed.url();
  await closed.close();
  await kit.webhook('crm', url);
  kit.decide('c1', hook('act_r'));
  kit.clock.advance(0);
  await rested(list, 1);
  assert.equal((await list())[0]!.failure, 'the connection was refused');
  await kit.webhook('crm', receiver.url('/nowhere'));
  kit.clock.advance(6000);
  assert.equal((await kit.outcome('act_r')).outcome, 'delivered');
});

test('a redirect is a failure, and nobody goes there', async () => {
  const { arrived, kit, list } = await open('/moved');
  for (const code of [301, 302, 303, 307, 308]) {
    receiver.next.push(status(code, { Location: receiver.url('/elsewhere') }));
    kit.decide('c1', hook(`act_${code}`));
    kit.clock.advance(0);
    await until(async () =>
      (await list()).some((each) => each.id === `act_${code}` && each.status === code),
    );
  }
  assert.equal(arrived().length, 5);
  assert.ok(!receiver.received.some(({ path }) => path === '/elsewhere'));
});

test('a success counts whatever its body does: hangs, never ends, or is cut', async () => {
  const { arrived, kit, seen } = await open('/bodies');
  receiver.next.push((response) => void response.writeHead(200).write('wait'));
  kit.decide('c1', hook('act_slow'));
  kit.clock.advance(0);
  await seen(1);
  await new Promise((resolve) => setTimeout(resolve, 50));
  kit.clock.advance(20_000);
  assert.deepEqual((await kit.outcome('act_slow')).outcome, 'delivered');
  let written = 0;
  receiver.next.push((response) => {
    const more = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536))) written += 65_536;
      response.once('drain', more);
    };
    response.writeHead(200);
    more();
  });
  kit.decide('c1', hook('act_endless'));
  kit.clock.advance(0);
  assert.equal((await kit.outcome('act_endless')).outcome, 'delivered');
  assert.ok(written < 32 * 1024 * 1024, 'it was cut off');
  receiver.next.push((response) => {
    response.writeHead(200, { 'Content-Length': '10' }).write('half', () => response.destroy());
  });
  kit.decide('c1', hook('act_half'));
  kit.clock.advance(0);
  assert.equal((await kit.outcome('act_half')).outcome, 'delivered');
  assert.equal(arrived().length, 3);
});

test('a connection that went away while nobody used it costs no attempt', async () => {
  const { kit } = await open('/idle');
  kit.decide('c1', hook('act_i1'));
  kit.clock.advance(0);
  await kit.outcome('act_i1');
  receiver.cutAll();
  kit.decide('c1', hook('act_i2'));
  kit.clock.advance(0);
  assert.equal((await kit.outcome('act_i2')).attempts, 1);
});

test('where a webhook may not go it does not: refused, tried again as the name may change, or failed at once', async () => {
  const { arrived, kit, list } = await open('/inside', { allow: [] });
  kit.decide('c1', hook('act_in'));
  kit.clock.advance(0);
  await rested(list, 1);
  assert.equal((await list())[0]!.failure, 'the host has an address that webhooks may not go to');
  assert.equal(arrived().length, 0);
  await kit.webhook('crm', 'https://93.184.215.14:22/');
  kit.clock.advance(6000);
  assert.equal((await kit.outcome('act_in')).detail, 'port 22 may not be sent to');
});

test('a test is one signed message, tried once and kept nowhere', async () => {
  const { arrived, kit, list } = await open('/test');
  const ask = { kind: 'testWebhook', workspace: 1, webhook: 'crm' } as const;
  receiver.next.push(status(503, {}, 'later'));
  const bad = await kit.deliveries.answerer.testWebhook(ask);
  assert.deepEqual([bad.delivered, bad.status, bad.excerpt], [false, 503, 'later']);
  const good = await kit.deliveries.answerer.testWebhook(ask);
  assert.deepEqual([good.delivered, good.status], [true, 204]);
  assert.equal(arrived()[1]!.id, good.id);
  const message = JSON.parse(arrived()[1]!.body) as { type: string; data: unknown };
  assert.deepEqual([message.type, message.data], ['tapeline.test', { webhook: 'crm' }]);
  assert.deepEqual([(await list()).length, kit.tape.size], [0, 0]);
});

test('an action of CJDS is posted as it is written, unsigned', async () => {
  const { arrived, kit } = await open('/cjds');
  const wish = { url: receiver.url('/cjds'), secret: webhookSecret };
  await kit.change({
    kind: 'changeWebhooks',
    workspace: 1,
    change: { kind: 'put', name: 'crm', wish },
  });
  const stored = kit.directory.webhook(1, 'crm')!;
  kit.directory.webhook = () => ({ ...stored, method: 'PUT', secrets: [] });
  kit.decide('c1', hook('act_cjds', { plain: true, data: { flowId: 'f1' } }));
  kit.clock.advance(0);
  await kit.outcome('act_cjds');
  const [{ body, headers, method }] = arrived() as [(typeof receiver.received)[number]];
  assert.deepEqual([method, body], ['PUT', '{"flowId":"f1"}']);
  assert.deepEqual([headers['webhook-id'], headers['webhook-signature']], ['act_cjds', undefined]);
});
