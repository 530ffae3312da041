/** Pages, events, and commands to journeys: what of them is said, and that it is said in the end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppError } from '../src/std/errors.ts';
import { DeliverKit } from './support/deliverkit.ts';
import { count, until } from './support/session.ts';

const visitor = (n: number): string => `cookie:${String(n).padStart(22, '0')}`;
const settled = () => new Promise((resolve) => setImmediate(resolve));

test('an event and commands are said under the action’s id, together with their outcome', async () => {
  const kit = await DeliverKit.open();
  kit.decide('c1', {
    id: 'act_e',
    do: 'event',
    type: 'Reminder Due',
    channel: 'email',
    data: { n: 1 },
  });
  kit.decide('c1', { id: 'act_s', do: 'start', journey: 'claim', key: 7, context: { a: 1 } });
  kit.decide('c1', { id: 'act_t', do: 'stop', journey: 'quote', reason: 'claimed' });
  for (const id of ['act_e', 'act_s', 'act_t']) {
    assert.deepEqual(await kit.outcome(id), { action: id, outcome: 'delivered' });
  }
  const said = (id: string) => {
    const { id: _, ...rest } = kit.tape.get(id)!;
    return rest;
  };
  const event = { type: 'Reminder Due', channel: 'email', source: 'tapeline', data: { n: 1 } };
  assert.deepEqual(said('act_e'), { customer: 'c1', ...event });
  const start = { command: 'start', journey: 'claim', key: '7', context: { a: 1 } };
  assert.deepEqual(said('act_s'), { customer: 'c1', type: 'tapeline.journey', data: start });
  const stop = { command: 'stop', journey: 'quote', reason: 'claimed' };
  assert.deepEqual(said('act_t'), { customer: 'c1', type: 'tapeline.journey', data: stop });
  assert.equal(kit.person('c1').deliveries.length, 0);
});

test('what cannot be written now is said a second later, by the next process if need be, and once', async () => {
  const kit = await DeliverKit.open();
  const full = new AppError('unavailable', 'no room');
  kit.refusals.push(full, full);
  kit.decide('c1', { id: 'act_1', do: 'event', type: 'A' });
  await settled();
  kit.clock.advance(1000);
  await settled();
  assert.equal(kit.tape.size, 0);
  kit.clock.advance(1000);
  assert.equal((await kit.outcome('act_1')).outcome, 'delivered');
  kit.refusals.push(full);
  kit.decide('c1', { id: 'act_2', do: 'event', type: 'A' });
  await settled();
  await kit.kill();
  kit.start();
  assert.equal((await kit.outcome('act_2')).outcome, 'delivered');
  assert.equal(kit.repeated, 0);
});

test('one that can never be written fails, and holds up nobody', async () => {
  const kit = await DeliverKit.open();
  const bad = new AppError('too_large', 'an event may have at most 32768 bytes');
  // All together, then the first alone.
  kit.refusals.push(bad, bad);
  kit.decide('c1', { id: 'act_big', do: 'event', type: 'A', data: {} });
  kit.decide('c2', { id: 'act_ok', do: 'event', type: 'A' });
  const failed = await kit.outcome('act_big');
  assert.deepEqual([failed.outcome, failed.detail], ['failed', bad.message]);
  assert.equal((await kit.outcome('act_ok')).outcome, 'delivered');
  assert.ok(!kit.tape.has('act_big'));
});

test('an offer goes to every browser that is the customer’s, and says which decision it is of', async () => {
  const kit = await DeliverKit.open();
  kit.linked.set('c1', [visitor(1), 'mail:a@b.c', visitor(2), 'cookie:foreign']);
  const data = { title: 'Talk to us', meeting: 'https://meet.example/7' };
  kit.decide('c1', { id: 'act_p', do: 'page', data, ttl: '10m' });
  assert.deepEqual(await kit.outcome('act_p'), { action: 'act_p', outcome: 'delivered' });
  assert.deepEqual(kit.mails.map((each) => each.visitor).sort(), [visitor(1), visitor(2)]);
  const [mail] = kit.mails;
  assert.equal(mail!.ttlMs, 600_000);
  assert.deepEqual(mail!.message, {
    id: 'act_p',
    kind: 'offer',
    data,
    about: { customer: 'c1', request: 'r/act_p', rule: 'stalled', others: [visitor(2)] },
  });
  kit.decide(visitor(3), { id: 'act_n', do: 'notify', data: { title: 'Arrived' } });
  await kit.outcome('act_n');
  assert.deepEqual(
    [kit.mails.at(-1)!.visitor, kit.mails.at(-1)!.message.kind],
    [visitor(3), 'notice'],
  );
  kit.decide(visitor(3), { id: 'act_k', do: 'page', kind: 'notice', data: {} });
  await kit.outcome('act_k');
  assert.equal(kit.mails.at(-1)!.message.kind, 'notice');
});

test('at most twenty browsers are told', async () => {
  const kit = await DeliverKit.open();
  kit.linked.set('c1', count(30).map(visitor));
  kit.decide('c1', { id: 'act_p', do: 'page', data: {} });
  await kit.outcome('act_p');
  assert.equal(kit.mails.length, 20);
});

test('a customer of whom no browser is known is waited for, until the time is up', async () => {
  const kit = await DeliverKit.open();
  kit.decide('c1', { id: 'act_1', do: 'page', data: {}, ttl: '10m' });
  kit.decide('c2', { id: 'act_2', do: 'page', data: {}, ttl: '10m' });
  kit.clock.advance(300_000);
  await settled();
  assert.equal(kit.tape.size, 0);
  kit.linked.set('c1', [visitor(1)]);
  kit.clock.advance(60_000);
  assert.equal((await kit.outcome('act_1')).outcome, 'delivered');
  // Looked for after 1, 3, 7, 15, 31, 63, 123 seconds and then every minute: found at 303.
  assert.equal(kit.mails[0]!.ttlMs, 297_000);
  kit.clock.advance(239_999);
  await settled();
  assert.equal(kit.outcomes('act_2').length, 0);
  kit.clock.advance(1);
  assert.deepEqual(await kit.outcome('act_2'), { action: 'act_2', outcome: 'expired' });
});

test('a mailbox that is full fails the offer, one that is unavailable only delays it', async () => {
  const kit = await DeliverKit.open();
  kit.linked.set('c1', [visitor(1)]);
  kit.mailFailure = new AppError('conflict', '20 messages wait');
  kit.decide('c1', { id: 'act_f', do: 'page', data: {} });
  assert.equal((await kit.outcome('act_f')).outcome, 'failed');
  kit.mailFailure = new AppError('unavailable', 'no room');
  kit.decide('c1', { id: 'act_u', do: 'page', data: {} });
  await settled();
  kit.mailFailure = undefined;
  kit.clock.advance(1000);
  assert.equal((await kit.outcome('act_u')).outcome, 'delivered');
  kit.decide('c1', { id: 'act_t', do: 'page', data: 'text' });
  assert.deepEqual((await kit.outcome('act_t')).detail, 'data is no object');
});

test('who is erased is told nothing, and nothing is said of them', async () => {
  const kit = await DeliverKit.open();
  kit.decide('c1', { id: 'act_p', do: 'page', data: {}, ttl: '10m' });
  kit.refusals.push(new AppError('unavailable', 'no room'));
  kit.decide('c1', { id: 'act_e', do: 'event', type: 'A' });
  await settled();
  kit.persons.delete('c1');
  kit.deliveries.forget(1, 'c1');
  kit.linked.set('c1', [visitor(1)]);
  kit.clock.advance(700_000);
  await settled();
  await until(() => Promise.resolve(kit.tape.size === 0));
  assert.deepEqual([kit.mails.length, kit.tape.size], [0, 0]);
});

test('an event cannot pass for the server’s own', async () => {
  const kit = await DeliverKit.open();
  kit.decide('c1', { id: 'act_f', do: 'event', type: 'tapeline.decision', data: {} });
  const { detail, outcome } = await kit.outcome('act_f');
  assert.deepEqual(
    [outcome, detail],
    ['failed', 'types that begin with tapeline. are the server’s'],
  );
  assert.equal(kit.tape.size, 1);
});

test('of a workspace that was deleted nothing is kept and nothing said', async () => {
  const kit = await DeliverKit.open({ allow: [] });
  await kit.webhook('crm', 'https://127.0.0.1:9/');
  kit.decide('c1', { id: 'act_w', do: 'webhook', endpoint: 'crm' });
  kit.decide('c1', { id: 'act_p', do: 'page', data: {}, ttl: '10m' });
  kit.clock.advance(0);
  await settled();
  kit.directory.workspace = () => undefined;
  kit.directory.webhook = () => undefined;
  kit.clock.advance(700_000);
  await settled();
  assert.deepEqual([kit.tape.size, kit.rowKeys()], [0, []]);
});
