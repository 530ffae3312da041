/** Decisions about what rules and steps ask for: read, weighed together, reserved, said, read back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InstanceState } from '../src/journeys/state.ts';
import type { DecisionSaid } from '../src/journeys/words.ts';
import { DecisionKit, settle } from './support/decisionkit.ts';

function instanceOf(id: string, journey: string): InstanceState {
  return {
    ...{ id, journey, version: 1, key: '', run: 1, home: 'c1', status: 'active' },
    ...{ startedAt: 1, lastActivity: 1, activity: 1, current: 1, furthest: 1, visited: [] },
    ...{ completed: [], milestones: [], context: {}, pausedMs: 0, acted: {}, timers: [] },
  };
}

const day = { scope: 'rule', times: 1, per: 'day' } as const;

test('what is asked of one customer at one moment is weighed together', async () => {
  const kit = new DecisionKit();
  kit.rule('low', { value: 1, propensity: 1 });
  kit.rule('high', { value: 2, propensity: 1 });
  kit.rule('call', { then: [{ do: 'agent', kind: 'offer', title: 'Call' }], propensity: 1 });
  kit.rule('log', { then: [{ do: 'event', type: 'Noted' }], propensity: 1 });
  kit.ask(['low', 'high', 'call', 'log']);
  await settle();
  assert.deepEqual(kit.decided().sort(), ['call:act', 'high:act', 'log:act', 'low:outranked']);
  kit.readBack();
  const { deliveries, requests, touches } = kit.person();
  assert.deepEqual([requests.length, deliveries.length, touches.length], [0, 3, 3]);
  assert.deepEqual(
    touches.map(({ channel, rule }) => `${rule} ${channel}`),
    ['high page', 'call agent', 'log undefined'],
  );
});

test('what was asked for at different moments does not compete, and the caps of one count the other', async () => {
  const kit = new DecisionKit();
  kit.rule('offer', {});
  kit.rule('once', { channel: 'email', caps: [day] });
  const now = kit.clock.now();
  const asked = [now - 1, now].flatMap((at) =>
    ['offer', 'once'].map((rule) => {
      return { id: `c1 ${rule} ${at}`, rule, version: 1, at, until: now + 60_000 };
    }),
  );
  const person = kit.person();
  person.requests.push(...asked);
  kit.decider.take({ workspace: 1, person, requests: asked, deliveries: [] });
  await settle();
  const verdicts = ['offer:act', 'offer:act', 'once:act', 'once:capped'];
  assert.deepEqual(kit.decided().sort(), verdicts);
});

test('a decision counts for caps before it is read back, and while it cannot be written', async () => {
  const kit = new DecisionKit();
  kit.rule('offer', { caps: [day] });
  kit.failures = 1;
  kit.ask(['offer']);
  await settle();
  kit.ask(['offer']);
  await settle();
  assert.deepEqual(kit.decided(), ['offer:capped']);
  await kit.clock.pass(1000);
  assert.deepEqual(kit.decided(), ['offer:capped', 'offer:act']);
  // Said, but not read yet.
  kit.ask(['offer']);
  await settle();
  kit.readBack();
  kit.ask(['offer']);
  await settle();
  assert.deepEqual(kit.decided().slice(2), ['offer:capped', 'offer:capped']);
  assert.equal(kit.person().touches.length, 1);
});

test('a decision that could not be written is said again with the same words', async () => {
  const kit = new DecisionKit();
  kit.rule('offer', { then: [{ do: 'page', data: { at: '${customer.id}' } }] });
  kit.failures = 5;
  kit.ask(['offer']);
  await kit.clock.pass(100 + 200 + 400 + 800 + 1599);
  assert.equal(kit.said.length, 0);
  await kit.clock.pass(1);
  assert.equal(kit.said.length, 1);
  const { actions } = kit.said[0]!.data as DecisionSaid;
  assert.match(actions![0]!.id, /^act_[\w-]{32}$/);
  assert.deepEqual(actions![0]!['data'], { at: 'c1' });
});

test('nothing is said of a condition that is not met, a cooldown and a date', async () => {
  const kit = new DecisionKit();
  kit.rule('never', { if: 'customer.id == "somebody else"' });
  kit.rule('later', { from: '2027-01-01T00:00:00Z' });
  kit.rule('cooling', { cooldown: '1h', channel: 'sms' });
  kit.rule('night', { quietHours: { from: '11:00', to: '13:00', zone: 'UTC' } });
  kit.ask(['never', 'later', 'cooling', 'night']);
  await settle();
  kit.readBack();
  kit.ask(['cooling']);
  await settle();
  assert.deepEqual(kit.decided().sort(), ['cooling:act', 'night:quietHours']);
  // Nothing of it waits for anything.
  assert.deepEqual(kit.person().requests, []);
  await kit.clock.pass(60 * 60 * 1000);
  kit.ask(['cooling']);
  await settle();
  assert.equal(kit.decided().filter((each) => each === 'cooling:act').length, 2);
});

test('no marketing while in a support journey', async () => {
  const kit = new DecisionKit();
  kit.rule('accessory', {
    category: 'marketing',
    audiences: { inSupport: { journey: 'support', status: 'active' } },
    suppressedBy: ['inSupport'],
  });
  kit.audiences.set('accessory', { inSupport: true });
  kit.ask(['accessory']);
  await settle();
  assert.deepEqual(kit.decided(), ['accessory:suppressed']);
  assert.equal((kit.said[0]!.data as DecisionSaid).detail, 'inSupport');
  kit.audiences.set('accessory', { inSupport: false });
  kit.ask(['accessory']);
  await settle();
  assert.deepEqual(kit.decided().slice(1), ['accessory:act']);
});

test('a view says whether, and where it cannot be read nothing is done', async () => {
  const kit = new DecisionKit();
  kit.rule('rescue', { when: { view: 'uploads', where: 'view.Failures >= 3.0' } });
  const ask = async (): Promise<string[]> => {
    kit.ask(['rescue']);
    await settle();
    kit.readBack();
    return kit.decided();
  };
  assert.deepEqual(await ask(), []);
  kit.views.set('uploads', { Failures: 2 });
  assert.deepEqual(await ask(), []);
  kit.views.set('uploads', Promise.resolve({ Failures: 3 }));
  assert.deepEqual(await ask(), ['rescue:act']);
});

test('what is not asked for any more when it is weighed is not decided', async () => {
  const kit = new DecisionKit();
  kit.rule('offer', { view: 'basic', if: 'view.City == "Oakland"' });
  let show: (fields: Record<string, unknown>) => void = () => undefined;
  kit.views.set('basic', new Promise((resolve) => (show = resolve)));
  kit.ask(['offer']);
  kit.person().requests.length = 0;
  show({ City: 'Oakland' });
  await settle();
  assert.deepEqual(kit.said, []);
});

test('a request whose time is over has lapsed, and so has one whose rule is gone', async () => {
  const kit = new DecisionKit();
  kit.rule('offer', {});
  kit.ask(['offer'], { until: kit.clock.now() - 1 });
  kit.ask(['gone']);
  await settle();
  assert.deepEqual(kit.decided().sort(), ['gone:lapsed', 'offer:lapsed']);
});

/** Somebody at the first step of a map, which shows something on entering it and says something an hour later. */
async function stepped(kit: DecisionKit): Promise<DecisionSaid[]> {
  kit.map('quote', {
    entry: [{ event: 'Quote Started' }],
    stages: [
      {
        name: 'Quote',
        steps: [
          {
            name: 'Begin',
            actions: [{ do: 'notify', data: { text: 'Step ${instance.step} of ${customer.id}' } }],
            waits: [{ name: 'reminder', for: '1h', actions: [{ do: 'event', type: 'Reminded' }] }],
          },
        ],
      },
    ],
  });
  kit.person().instances.push(instanceOf('i1', 'quote'));
  const at = kit.clock.now();
  const about = { version: 1, journey: 'quote', instance: 'i1', at, until: at + 1000, step: 1 };
  const requests = [
    { id: 'enter', ...about },
    { id: 'wait', ...about, wait: 'reminder' },
  ];
  kit.person().requests.push(...requests);
  kit.decider.take({ workspace: 1, person: kit.person(), requests, deliveries: [] });
  await settle();
  return kit.said.map(({ data }) => data as DecisionSaid);
}

test('what a step or a wait does is not weighed, and its templates know the instance', async () => {
  const kit = new DecisionKit();
  const said = await stepped(kit);
  const actions = said.flatMap((each) => each.actions ?? []);
  assert.deepEqual(
    actions.map(({ id, ...action }) => action),
    [
      { do: 'notify', data: { text: 'Step 1 of c1' } },
      { do: 'event', type: 'Reminded' },
    ],
  );
  kit.readBack();
  assert.deepEqual([kit.person().touches.length, kit.person().deliveries.length], [0, 2]);
});

test('what a step shows, it shows only to who consents; what reaches nobody goes on', async () => {
  for (const name of ['all', 'page']) {
    const kit = new DecisionKit();
    kit.person().consent[name] = false;
    const said = await stepped(kit);
    assert.deepEqual(
      said.map(({ detail, request, verdict }) => [request, verdict, detail]),
      [
        ['enter', 'consent', name],
        ['wait', 'act', undefined],
      ],
    );
  }
});

test('actions that are too large for an event are an error, and harm no other', async () => {
  const kit = new DecisionKit();
  const large = { do: 'event', type: 'Large', data: { text: 'x'.repeat(8000) } } as const;
  kit.rule('large', { then: [large, large, large, large, large] });
  kit.rule('small', { then: [{ do: 'event', type: 'Small' }] });
  kit.ask(['large', 'small']);
  await settle();
  assert.deepEqual(kit.decided().sort(), ['large:error', 'small:act']);
});

test('an offer to agents carries what routing needs', async () => {
  const kit = new DecisionKit();
  const then = [
    { do: 'agent', kind: 'walkIn', title: 'Meet', skills: [{ context: 'product', level: 3 }] },
  ] as const;
  kit.rule('walkIn', { then, within: { miles: 25 } });
  kit.ask(['walkIn']);
  await settle();
  assert.deepEqual(kit.decided(), ['walkIn:tooFar']);
  kit.person().place = { latitude: 37.8, longitude: -122.3, at: 1 };
  kit.ask(['walkIn']);
  await settle();
  const [action] = (kit.said[1]!.data as DecisionSaid).actions!;
  assert.deepEqual(action!['within'], { miles: 25 });
  assert.deepEqual(action!['place'], { latitude: 37.8, longitude: -122.3, at: 1 });
});

test('nothing is said any more of a customer who is erased', async () => {
  const kit = new DecisionKit();
  kit.rule('offer', {});
  kit.failures = 2;
  kit.ask(['offer']);
  kit.ask(['offer'], {}, 'c2');
  await settle();
  kit.decider.forget!(1, 'c1');
  await kit.clock.pass(10_000);
  assert.deepEqual(
    kit.said.map(({ customer }) => customer),
    ['c2'],
  );
});

test('a rule acts for an instance at most so often, however fast it is asked, and a no does not count', async () => {
  const kit = new DecisionKit();
  kit.map('m', { entry: [{ event: 'Begun' }], stages: [{ name: 'a', steps: [{ name: 'b' }] }] });
  kit.rule('log', {
    journey: 'm',
    if: 'customer.id == "c1"',
    perInstanceMax: 2,
    then: [{ do: 'event', type: 'Noted' }],
  });
  const about = { journey: 'm', instance: 'i1' };
  for (const name of ['c1', 'c2']) kit.person(name).instances.push(instanceOf('i1', 'm'));
  kit.ask(['log'], about, 'c2');
  kit.ask(['log', 'log', 'log'], about);
  await settle();
  // Said, but not read back.
  kit.ask(['log'], about);
  await settle();
  assert.deepEqual(kit.decided(), ['log:act', 'log:act']);
  kit.readBack();
  kit.ask(['log'], about);
  await settle();
  assert.deepEqual(kit.decided(), ['log:act', 'log:act']);
  assert.deepEqual(kit.person().instances[0]!.acted, { log: 2 });
  assert.deepEqual(kit.person('c2').instances[0]!.acted, {});
  assert.deepEqual(kit.person().requests, []);
});
