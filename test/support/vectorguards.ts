/** Consent, suppression, quiet hours, control groups, caps and distances on a real server, whose clock goes by a day once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Rule } from '../../src/journeys/definition.ts';
import { type Receiver, status } from './receiver.ts';
import { fresh } from './session.ts';
import type { World } from './vectorworld.ts';

const then: Rule['then'] = [{ do: 'event', type: 'Done' }];

/**
 * The server lives from two o'clock on first, a day before, and between noon and two now: what is quiet then is told
 * from what is quiet now by windows of hours.
 */
export function guardRules(zone: string): Record<string, Rule> {
  const nudge: Rule = { when: { event: 'Nudge' }, then };
  const quiet = (from: string, to: string): Rule => ({
    ...{ ...nudge, channel: `${from}-${to}`, quietHours: { from, to, zone } },
  });
  // Each of them has one guard less than the one before it.
  const guards: Partial<Rule>[] = [
    { category: 'marketing' },
    { suppressedBy: ['customer.id != ""'] },
    { quietHours: { from: '11:00', to: '14:00', zone } },
    { control: { percent: 100 } },
    { caps: [{ scope: 'all', times: 1, per: 'day', zone }] },
  ];
  const guarded = [...guards, {}].map((_, n): [string, Rule] => {
    const left = Object.assign({}, ...guards.slice(n)) as Partial<Rule>;
    return [`guard ${n}`, { when: { event: 'Guarded' }, channel: `guard ${n}`, then, ...left }];
  });
  return {
    'noon quiet': quiet('11:00', '14:00'),
    'afternoon quiet': quiet('14:00', '20:00'),
    'night quiet': quiet('20:00', '11:00'),
    'morning quiet': quiet('23:00', '14:00'),
    daily: { ...nudge, channel: 'daily', caps: [{ scope: 'rule', times: 1, per: 'day' }] },
    fixed: { ...nudge, channel: 'fixed', caps: [{ scope: 'rule', times: 1, per: 'day', zone }] },
    rolling: {
      ...nudge,
      channel: 'r',
      caps: [{ scope: 'rule', times: 1, per: { rolling: '1d' } }],
    },
    hourly: { ...nudge, channel: 'h', caps: [{ scope: 'rule', times: 2, per: { rolling: '1h' } }] },
    filler: { when: { event: 'Fill' }, channel: 'filler', then },
    ...Object.fromEntries(guarded),
    gift: {
      when: { event: 'Gift' },
      channel: 'gift',
      caps: [{ scope: 'rule', times: 1, per: 'day', zone }],
      then: [{ do: 'webhook', endpoint: 'gifts' }],
    },
    moved: { when: { event: 'Send moved' }, then: [{ do: 'webhook', endpoint: 'moved' }] },
    later: { when: { event: 'Send later' }, then: [{ do: 'webhook', endpoint: 'later' }] },
  };
}

/** What is decided about one more event of the customer: by rule. */
async function decideOnce(
  world: World,
  customer: string,
  type: string,
  count: number,
): Promise<Record<string, string>> {
  const before = (await world.decided(customer)).length;
  await world.send(customer, type);
  const decided = (await world.decidedSoon(customer, before + count)).slice(before);
  return Object.fromEntries(decided.map((each) => each.split(':')));
}

const nudges = 8;
const free = {
  ...{ 'night quiet': 'act', daily: 'act', fixed: 'act', rolling: 'act', hourly: 'act' },
};

/** A day before, in the afternoon. */
export async function guardedBefore(world: World): Promise<void> {
  await world.send('nudged', 'Location', { data: { timezone: world.zone } });
  const afternoon = {
    ...{ 'noon quiet': 'act', 'afternoon quiet': 'quietHours', 'morning quiet': 'act' },
  };
  const next = () => decideOnce(world, 'nudged', 'Nudge', nudges);
  assert.deepEqual(await next(), { ...free, ...afternoon });
  const capped = { daily: 'capped', fixed: 'capped', rolling: 'capped' };
  assert.deepEqual(await next(), { ...free, ...afternoon, ...capped });
  assert.deepEqual(await next(), { ...free, ...afternoon, ...capped, hourly: 'capped' });
}

export function guardTests(world: World, receiver: Receiver): void {
  test('quiet hours are those of the clock, over midnight too, and days are those of the calendar', () =>
    nextDay(world));
  test('guards say no in their order', () => inOrder(world));
  test('a cap counts what was decided, until it has definitely not arrived', () =>
    released(world, receiver));
  test('a webhook that answers with a redirect, or to come later, is tried again and not before', () =>
    triedAgain(world, receiver));
  test('distances are those of great circles, and an unknown place is near nothing', () =>
    distances(world));
}

async function nextDay(world: World): Promise<void> {
  assert.deepEqual(await decideOnce(world, 'nudged', 'Nudge', nudges), {
    ...free,
    ...{ 'noon quiet': 'quietHours', 'afternoon quiet': 'act', 'morning quiet': 'quietHours' },
    // Not 24 hours have passed.
    rolling: 'capped',
  });
}

async function inOrder(world: World): Promise<void> {
  const customer = fresh('guarded');
  assert.deepEqual(await decideOnce(world, customer, 'Fill', 1), { filler: 'act' });
  await world.send(customer, 'Consent', { data: { marketing: false } });
  const verdicts = ['consent', 'suppressed', 'quietHours', 'control', 'capped', 'act'];
  const expected = Object.fromEntries(verdicts.map((verdict, n) => [`guard ${n}`, verdict]));
  assert.deepEqual(await decideOnce(world, customer, 'Guarded', verdicts.length), expected);
}

async function released(world: World, receiver: Receiver): Promise<void> {
  const customer = fresh('gifted');
  const put = () => world.call('PUT', '/v1/webhooks/gifts', { url: receiver.url('/gifts') });
  const give = () => decideOnce(world, customer, 'Gift', 1);
  await put();
  assert.deepEqual(await give(), { gift: 'act' });
  const [failed] = await world.awaited(customer, 'tapeline.delivery');
  assert.equal(failed!.data!['outcome'], 'failed');
  await put();
  assert.deepEqual(await give(), { gift: 'act' });
  assert.deepEqual(await give(), { gift: 'capped' });
  const [, delivered] = await world.awaited(customer, 'tapeline.delivery', 2);
  assert.equal(delivered!.data!['outcome'], 'delivered');
}

const laterSeconds = 6;
/** The wait before the second attempt. */
const firstWaitMs = 5000;

/** What the receiver of the tests answers, by where it is asked: with the first the second is tried. */
export function answerByPath(receiver: Receiver): void {
  const answers: Record<string, number[]> = {
    '/gifts': [410],
    '/moved': [302],
    '/later': [429],
  };
  receiver.otherwise = (response, received) => {
    const code = answers[received.path]?.shift() ?? 204;
    const headers = { location: '/elsewhere', 'retry-after': String(laterSeconds) };
    status(code, code === 204 || code === 410 ? {} : headers)(response, received);
  };
}

async function triedAgain(world: World, receiver: Receiver): Promise<void> {
  const waits = { moved: firstWaitMs, later: laterSeconds * 1000 };
  for (const name of Object.keys(waits)) {
    await world.call('PUT', `/v1/webhooks/${name}`, { url: receiver.url(`/${name}`) });
    await world.send(fresh('slow'), `Send ${name}`);
  }
  for (const [name, waitMs] of Object.entries(waits)) {
    const arrived = () => receiver.received.filter(({ path }) => path === `/${name}`);
    while (arrived().length < 2) await receiver.nth(receiver.received.length + 1);
    const [one, other] = arrived();
    assert.deepEqual([other!.id, other!.body], [one!.id, one!.body]);
    assert.ok(other!.at - one!.at >= waitMs, `${name}: after ${other!.at - one!.at} ms`);
  }
  assert.ok(receiver.received.every(({ path }) => path !== '/elsewhere'));
}

const metresPerMile = 1609.344;
const routes = [
  {
    ...{ name: 'London to Paris', metres: 343_556.533 },
    from: { latitude: 51.5074, longitude: -0.1278 },
    to: { latitude: 48.8566, longitude: 2.3522 },
  },
  {
    ...{ name: 'Sydney to Singapore', metres: 6_306_259.395 },
    from: { latitude: -33.8688, longitude: 151.2093 },
    to: { latitude: 1.3521, longitude: 103.8198 },
  },
];

async function distances(world: World): Promise<void> {
  for (const { from, metres, name, to } of routes) {
    const within = (far: number) => ({ within: { miles: far / metresPerMile }, data: to });
    const candidates = [
      { id: 'a millimetre too far', ...within(metres - 0.001) },
      { id: 'there', ...within(metres + 0.001) },
      { id: 'anywhere', within: 'anywhere', data: to },
    ];
    const ask = async (customer: string): Promise<string[]> => {
      const wish = { customer, candidates, k: 3, withinMs: 10_000 };
      const { candidates: told } = (await world.call('POST', '/v1/decide', wish)) as {
        candidates: readonly { id: string; verdict: string }[];
      };
      return told.map(({ id, verdict }) => `${id}:${verdict}`).sort();
    };
    const traveller = fresh('traveller');
    await world.send(traveller, 'Location', { data: from });
    const near = ['a millimetre too far:tooFar', 'anywhere:act', 'there:act'];
    assert.deepEqual(await ask(traveller), near, name);
    const unknown = ['a millimetre too far:tooFar', 'anywhere:act', 'there:tooFar'];
    assert.deepEqual(await ask(fresh('unknown')), unknown, name);
  }
}
