/** Who enters and leaves an audience, as subscribers, webhooks and the tape hear of it, on a real server in real time. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Receiver } from './support/receiver.ts';
import { ask, startTwo, store, tape } from './support/session.ts';
import { openStream } from './support/stream.ts';

const server = await startTwo({ env: { TAPELINE_WEBHOOK_ALLOW: '127.0.0.1' } });
const receiver = await new Receiver().listen();
after(async () => {
  await server.stop();
  await receiver.close();
});

async function put(path: string, body: object): Promise<void> {
  const answer = await ask(server, path, { method: 'PUT', key: server.keys.admin, body });
  assert.ok(answer.status < 300, answer.text);
}

test('entering and leaving by the clock are live events, once each, which a rule can name', async () => {
  await put('/v1/webhooks/crm', { url: receiver.url('/crm') });
  await put('/v1/journeys/support', {
    entry: [{ event: 'Help' }],
    stages: [{ name: 's', steps: [{ name: 'a' }] }],
    audiences: { caller: { performed: 'Call', times: 2, within: '2s' } },
    announces: ['caller'],
  });
  const published = await ask(server, '/v1/journeys/support/publish', {
    method: 'POST',
    key: server.keys.admin,
  });
  assert.equal(published.status, 200, published.text);
  await put('/v1/rules/left', {
    when: { event: 'tapeline.audience', where: "event.data.change == 'leave'" },
    then: [{ do: 'webhook', endpoint: 'crm', data: { left: '${event.data.audience}' } }],
  });
  const stream = await openStream(server, 'type=tapeline.audience');
  await store(server, [
    { customer: 'ann', type: 'Call' },
    { customer: 'bob', type: 'Call' },
    { customer: 'ann', type: 'Call' },
  ]);
  const { body } = await receiver.nth(1);
  assert.deepEqual((JSON.parse(body) as { data: { data: unknown } }).data.data, { left: 'caller' });
  const told = { journey: 'support', audience: 'caller' };
  const changes = [
    { ...told, change: 'enter' },
    { ...told, change: 'leave' },
  ];
  const heard = [(await stream.next()).data, (await stream.next()).data];
  assert.deepEqual(
    heard.map(({ customer, data }) => [customer, data]),
    changes.map((data) => ['ann', data]),
  );
  await stream.close();
  const { events } = await tape(server, 'ann', 'type=tapeline.audience');
  assert.deepEqual(events.map(({ data }) => data).reverse(), changes);
  const calls = (await tape(server, 'ann', 'type=Call')).events;
  assert.ok(events[0]!.time > calls.at(-1)!.time + 2000, 'never early');
  assert.equal(receiver.received.length, 1);
});
