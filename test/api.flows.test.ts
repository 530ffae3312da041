/** Who is who in the examples that other products publish, and in a shop with one till for all. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { identitiesOf, identity, own, send } from './support/people.ts';
import { count, fresh, startTwo, store, tapeIds } from './support/session.ts';

const server = await startTwo();
after(() => server.stop());
const at = 1_763_740_000_000;

let clock = 0;
/** An event a second after the one before; its id is its number in the flow. */
function step(id: string, customer: string, previous?: string): object {
  clock += 1000;
  const event = { id, customer, type: 'T', time: at + clock };
  return previous === undefined ? event : { ...event, previous };
}

async function play(steps: readonly object[]): Promise<void> {
  for (const each of steps) await store(server, [each]);
}

async function told(customer: string): Promise<string[]> {
  return own(await tapeIds(server, customer)).reverse();
}

test('Segment, e-commerce: web, two phones, one profile', async () => {
  const x = fresh('s');
  const [web1, web2, web3] = ['123', '456', '789'].map((n) => `anonymous:anon_${n}_${x}`);
  const [ios, android] = [`device:ios_${x}`, `device:and_${x}`];
  const user = `abc123def_${x}`;
  await play([
    step('1', web1!),
    step('2', web1!, ios),
    step('3', ios!),
    step('4', user, web1),
    step('5', user, android),
    step('6', android!),
    step('7', web2!),
    step('8', user, web2),
    step('9', web3!, web2),
    step('10', web3!),
  ]);
  const all = count(10).map((n) => String(n + 1));
  for (const name of [user, web1!, web2!, web3!, ios!, android!]) {
    assert.deepEqual(await told(name), all, name);
    assert.equal((await identity(server, name)).customer, user);
  }
});

test('Segment, demotion: the email stays where it was, a new profile begins', async () => {
  const x = fresh('d');
  const [one, other] = [`customerId:abc123_${x}`, `customerId:abc456_${x}`];
  const email = `jane_${x}@example.com`;
  await play([step('1', one, email), step('2', other, email), step('3', email)]);
  assert.deepEqual(await told(one), ['1', '3']);
  assert.deepEqual(await told(other), ['2']);
  assert.deepEqual(await identitiesOf(server, other), [other]);
});

test('Mixpanel, new sign-up: what the device did before is the user’s', async () => {
  const x = fresh('m');
  const [device, user] = [`device:${x}`, `user-${x}`];
  await play([step('1', device), step('2', device), step('3', user, device), step('4', user)]);
  assert.deepEqual(await told(user), ['1', '2', '3', '4']);
});

test('Mixpanel, returning user: a second device joins with its history', async () => {
  const x = fresh('m');
  const [first, second, user] = [`device:1-${x}`, `device:2-${x}`, `user-${x}`];
  await play([step('1', user, first), step('2', second), step('3', user, second)]);
  await play([step('4', second)]);
  assert.deepEqual(await told(user), ['1', '2', '3', '4']);
});

test('Mixpanel, shared device: with a reset each has a device, without one it changes hands', async () => {
  const x = fresh('m');
  const [first, second] = [`device:1-${x}`, `device:2-${x}`];
  const [ann, bob] = [`ann-${x}`, `bob-${x}`];
  await play([step('1', first), step('2', ann, first)]);
  // Reset: a new device id.
  await play([step('3', second), step('4', bob, second), step('5', second)]);
  assert.deepEqual(await told(ann), ['1', '2']);
  assert.deepEqual(await told(bob), ['3', '4', '5']);
  // None: Ann logs in where Bob was.
  await play([step('6', second), step('7', ann, second), step('8', second)]);
  assert.deepEqual(await told(bob), ['3', '4', '5', '6']);
  assert.deepEqual(await told(ann), ['1', '2', '7', '8']);
});

test('people known by their emails who share a device stay two people', async () => {
  const x = fresh('e');
  const cookie = `cookie:${x}`;
  const [ann, bob] = [`ann-${x}@example.com`, `bob-${x}@example.com`];
  await play([step('1', ann, cookie), step('2', cookie), step('3', bob, cookie)]);
  await play([step('4', cookie), step('5', cookie, ann)]);
  assert.deepEqual(await told(ann), ['1', '2']);
  assert.deepEqual(await told(bob), ['3', '4', '5']);
  // One who says so is one.
  await play([step('6', `c-${x}`, ann)]);
  assert.deepEqual(await told(`c-${x}`), ['1', '2', '6']);
});

test('libraries’ visitors, untyped: a UUID changes hands like a cookie', async () => {
  const uuid = `00000000-0000-4000-8000-${String(Math.floor(Math.random() * 1e12)).padStart(12, '0')}`;
  const [ann, bob] = [fresh('ann'), fresh('bob')];
  await play([step('1', uuid), step('2', ann, uuid), step('3', uuid)]);
  await play([step('4', bob, uuid), step('5', uuid)]);
  assert.deepEqual(await told(ann), ['1', '2', '3']);
  assert.deepEqual(await told(bob), ['4', '5']);
});

test('a shop’s till: everybody’s own, and never more than a thousand changes', async () => {
  const till = `device:${fresh('till')}`;
  const people = count(1010).map((n) => fresh(`person-${n}`));
  const steps = people.flatMap((name, n) => [step(`in ${n}`, name, till), step(`buy ${n}`, till)]);
  for (let n = 0; n < steps.length; n += 500) await store(server, steps.slice(n, n + 500));
  for (const n of [0, 1, 500, 998]) {
    assert.deepEqual(await told(people[n]!), [`in ${n}`, `buy ${n}`]);
  }
  assert.deepEqual(await told(people[1005]!), ['in 1005'], 'it says nothing of anybody any more');
  assert.equal((await identity(server, till)).customer, till);
  assert.equal((await send(server, 'link', { from: till, to: people[3]! })).code, 'conflict');
});
