/**
 * Offers to agents, end to end on a real server: who gets them, what they see, what becomes of them, and
 * that both sides have the link of a walk-in.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { ShownOffer } from '../src/journeys/route/asks.ts';
import { type AgentFeed, follow, keyOf, present, putAgent } from './support/agents.ts';
import { startServer, type TestServer, temporaryDirectory } from './support/server.ts';
import { type Answer, ask, fresh, startTwo, store, tape, until } from './support/session.ts';
import { openStreamAt } from './support/stream.ts';

const server = await startTwo();
after(() => server.stop());

function put(on: TestServer, path: string, body: object): Promise<Answer> {
  return ask(on, path, { method: 'PUT', key: on.keys.admin, body });
}

async function made(answer: Answer | Promise<Answer>): Promise<void> {
  const { status, text } = await answer;
  assert.ok(status === 200 || status === 201, text);
}

/** A journey of browsing, and what rules make of a question asked in it. */
async function publish(
  on: TestServer,
  rule: string,
  action: object,
  more: object = {},
): Promise<void> {
  const map = {
    entry: [{ event: 'Login' }],
    context: { interest: 'topic' },
    stages: [
      {
        name: 'bank',
        steps: [
          { name: 'Browse', on: [{ event: 'Page View' }] },
          { name: 'Ask', on: [{ event: 'Question' }] },
        ],
      },
    ],
    goal: [{ event: 'Solved' }],
  };
  await made(put(on, '/v1/journeys/banking', map));
  await made(ask(on, '/v1/journeys/banking/publish', { method: 'POST', key: on.keys.admin }));
  const when = { instance: 'step', name: 'Ask' };
  const then = [{ do: 'agent', kind: 'offer', title: 'A customer asks', ...action }];
  await made(put(on, `/v1/rules/${rule}`, { journey: 'banking', when, then, ...more }));
}

async function browse(on: TestServer, customer: string, topic: string): Promise<void> {
  await store(on, [
    { customer, type: 'Login', data: { account: 'checking' } },
    { customer, type: 'Page View', data: { topic } },
  ]);
  await store(on, [{ customer, type: 'Question', data: { text: 'What rate?' } }]);
}

interface There {
  readonly key: string;
  readonly feed: AgentFeed;
  /** What it had already when its feed was opened. */
  readonly pending: readonly ShownOffer[];
  /** Answers an offer. */
  readonly say: (offer: string, way: string, body?: object) => Promise<Answer>;
}

/** An agent that is there, with its feed open and past what is pending. */
async function there(on: TestServer, id: string, body: object): Promise<There> {
  await putAgent(on, id, { name: id, ...body });
  await present(on, id);
  const key = await keyOf(on, id);
  const feed = await follow(on, id, key);
  const { offers: pending = [], type } = await feed.next();
  assert.equal(type, 'pending');
  const say = (offer: string, way: string, said?: object): Promise<Answer> =>
    ask(on, `/v1/agents/${id}/offers/${encodeURIComponent(offer)}/${way}`, {
      method: 'POST',
      key,
      body: said,
    });
  return { key, feed, pending, say };
}

/** What an agent sees of the checking customer, ids and times aside. */
function assertSeen(offer: ShownOffer, customer: string): void {
  const { instance: _, silentMs, ...journey } = offer.journey!;
  assert.ok(silentMs >= 0);
  assert.deepEqual(journey, {
    journey: 'banking',
    status: 'active',
    step: 2,
    stepName: 'Ask',
    context: { interest: 'auto-loans' },
  });
  const { asOf: __, ...view } = offer.view as unknown as Record<string, unknown>;
  const fields = [{ name: 'Account', value: 'checking', events: 1 }];
  assert.deepEqual(view, { name: 'desk', fields });
  const { bypass, data, kind, state, title } = offer;
  const question = { question: 'What rate?' };
  assert.deepEqual(
    [offer.customer, kind, state, title],
    [customer, 'offer', 'reserved', 'A customer asks'],
  );
  assert.deepEqual([bypass, data], [true, question]);
}

/** What is on the customer's tape of the offer and its end. */
async function assertOnTape(customer: string): Promise<void> {
  const { events } = await tape(server, customer, 'type=tapeline.offer');
  const said = events.map(
    ({ data }) => `${data?.['number']} ${data?.['change']} ${data?.['agent']}`,
  );
  const expected = ['1 reserved agent-b', '2 accepted agent-b', '3 completed agent-b'];
  assert.deepEqual(said.reverse(), expected);
  const [delivery] = (await tape(server, customer, 'type=tapeline.delivery')).events;
  const { detail, outcome } = delivery!.data!;
  assert.deepEqual([outcome, detail], ['delivered', 'loan applied for']);
}

test('a checking customer who browsed auto loans goes to an agent with auto-loan competency', async () => {
  const account = { name: 'Account', event: 'Login', attribute: 'account', type: 'last' };
  await made(put(server, '/v1/views/desk', { fields: [account] }));
  await publish(server, 'ensemble', {
    skills: [
      { skill: 'banking', level: 1 },
      { context: 'interest', weight: 10 },
    ],
    view: 'desk',
    bypass: true,
    data: { question: '${event.data.text}' },
  });
  // The first has been idle for ever, and comes first by name; only the context speaks for the second.
  const general = await there(server, 'agent-a', { skills: { banking: 9, mortgages: 9 } });
  const loans = await there(server, 'agent-b', { skills: { banking: 3, 'auto-loans': 8 } });
  const customer = fresh('checking');
  await browse(server, customer, 'auto-loans');
  const offer = (await loans.feed.until('offer')).offer!;
  assertSeen(offer, customer);
  assert.equal((await loans.say(offer.id, 'accept')).status, 200);
  assert.equal((await loans.feed.until('accepted')).offer?.id, offer.id);
  assert.equal((await loans.say(offer.id, 'accept')).status, 200, 'the same answer again');
  assert.equal((await general.say(offer.id, 'accept')).code, 'conflict', 'it is another’s');
  assert.equal((await general.say(offer.id, 'complete')).code, 'conflict');
  const outcome = { outcome: 'loan applied for' };
  assert.equal((await loans.say(offer.id, 'complete', outcome)).status, 204);
  assert.equal((await loans.feed.until('gone')).reason, 'completed');
  assert.equal((await loans.say(offer.id, 'complete')).code, 'conflict');
  await assertOnTape(customer);
  // The other customer's interest is nobody's: skills alone decide, then who was idle the longest.
  await browse(server, fresh('other'), 'gardening');
  assert.equal((await general.feed.until('offer')).offer?.title, 'A customer asks');
  general.feed.socket.close();
  loans.feed.socket.close();
});

test('who declines, or lets it pass, is followed by the next, and never asked again', async () => {
  await publish(server, 'ensemble', { skills: [{ skill: 'passing', level: 1 }], reserveFor: '5s' });
  const one = await there(server, 'pass-1', { skills: { passing: 3 } });
  const two = await there(server, 'pass-2', { skills: { passing: 3 } });
  const customer = fresh('passed');
  await browse(server, customer, 'x');
  const { offer } = await one.feed.until('offer');
  assert.equal((await one.say(offer!.id, 'decline')).status, 204);
  assert.equal((await one.say(offer!.id, 'decline')).status, 204, 'the same answer again');
  assert.equal((await one.feed.until('gone')).reason, 'declined');
  assert.equal((await two.feed.until('offer')).offer?.id, offer!.id);
  assert.equal((await two.feed.until('gone')).reason, 'timedOut');
  assert.equal((await two.say(offer!.id, 'accept')).code, 'conflict', 'its time is up');
  // A third, who comes now, is asked.
  const three = await there(server, 'pass-3', { skills: { passing: 3 } });
  const last = three.pending[0] ?? (await three.feed.until('offer')).offer;
  assert.equal(last?.id, offer!.id);
  for (const { feed } of [one, two, three]) feed.socket.close();
});

test('an offer is withdrawn when its journey has ended, and expires when nobody took it', async () => {
  await publish(server, 'ensemble', { skills: [{ skill: 'ending', level: 1 }], reserveFor: '10m' });
  const one = await there(server, 'end-1', { skills: { ending: 3 } });
  const customer = fresh('ended');
  await browse(server, customer, 'x');
  await one.feed.until('offer');
  await store(server, [{ customer, type: 'Solved' }]);
  assert.equal((await one.feed.until('gone')).reason, 'withdrawn');
  await publish(server, 'ensemble', { skills: [{ skill: 'nobody', level: 1 }], ttl: '10s' });
  const lonely = fresh('lonely');
  await browse(server, lonely, 'x');
  for (;;) {
    const [said] = (await tape(server, lonely, 'type=tapeline.offer')).events;
    if (said === undefined) continue;
    assert.deepEqual([said.data?.['change'], said.data?.['number']], ['expired', 1]);
    break;
  }
  one.feed.socket.close();
});

test('a walk-in carries its meeting link to both sides', async () => {
  await publish(server, 'ensemble', {
    kind: 'walkIn',
    title: 'Meet us',
    skills: [{ skill: 'meeting', level: 1 }],
    meeting: 'https://meet.example/${decision.id}?with=${agent.name}',
  });
  const ann = await there(server, 'ann', { name: 'Ann & Co', skills: { meeting: 3 } });
  const visit = await ask(server, '/v1/visitors', { key: server.keys.write, body: {} });
  const { token, visitor } = visit.json as { token: string; visitor: string };
  const channel = await openStreamAt(server, '/v1/visitor/channel', {
    authorization: `Bearer ${token}`,
  });
  const customer = fresh('walkin');
  await store(server, [{ customer, previous: visitor, type: 'Known' }]);
  await browse(server, customer, 'x');
  const { offer } = await ann.feed.until('offer');
  assert.equal(offer?.meeting, undefined, 'nobody meets before somebody accepts');
  const accepted = await ann.say(offer!.id, 'accept');
  const { meeting } = accepted.json as { meeting: string };
  assert.match(meeting, /^https:\/\/meet\.example\/[^$]+\?with=Ann%20%26%20Co$/);
  assert.equal((await ann.feed.until('accepted')).offer?.meeting, meeting);
  const { data } = (await channel.next()) as unknown as {
    data: { kind: string; data: { meeting: string; title: string; text: string } };
  };
  assert.equal(data.kind, 'offer');
  assert.deepEqual(
    [data.data.title, data.data.text, data.data.meeting],
    ['Meet us', 'Ann & Co', meeting],
  );
  channel.close();
  ann.feed.socket.close();
});

test('an offer goes with its customer: to another name by a merge, and away by an erasure', async () => {
  await publish(server, 'ensemble', { skills: [{ skill: 'moving', level: 1 }], reserveFor: '10m' });
  const one = await there(server, 'move-1', { skills: { moving: 3 } });
  const [from, into] = [fresh('from'), fresh('into')];
  await store(server, [{ customer: into, type: 'Seen' }]);
  await browse(server, from, 'x');
  const { offer } = await one.feed.until('offer');
  const merge = { key: server.keys.admin, body: { into, from: [from] } };
  await made(ask(server, '/v1/identities/merge', merge));
  const accepted = await one.say(offer!.id, 'accept');
  assert.equal(accepted.status, 200, accepted.text);
  await until(async () => {
    const { json } = await ask(server, '/v1/agents/move-1/offers', { key: one.key });
    return (json as { offers: ShownOffer[] }).offers[0]?.customer === into;
  });
  assert.equal((await one.say(offer!.id, 'complete')).status, 204);
  assert.equal((await one.feed.until('gone')).reason, 'completed');
  const erased = fresh('erased');
  await browse(server, erased, 'x');
  await one.feed.until('offer');
  await ask(server, `/v1/customers/${erased}`, { method: 'DELETE', key: server.keys.admin });
  assert.equal((await one.feed.until('gone')).reason, 'withdrawn');
  const agent = await ask(server, '/v1/agents/move-1', { key: one.key });
  assert.equal((agent.json as { load: number }).load, 0);
  one.feed.socket.close();
});

test('offers, and who holds them, are the same after a kill', async () => {
  const data = temporaryDirectory();
  const first = await startServer({ data });
  await publish(first, 'ensemble', { skills: [{ skill: 'kept', level: 1 }], reserveFor: '10m' });
  const one = await there(first, 'kept-1', { skills: { kept: 3 } });
  await browse(first, 'k1', 'x');
  const held = (await one.feed.until('offer')).offer!;
  await one.say(held.id, 'accept');
  await browse(first, 'k2', 'x');
  await first.kill();
  const second = await startServer({ data });
  const { key } = one;
  const feed = await follow(second, 'kept-1', key);
  const pending = await feed.next();
  assert.deepEqual(
    pending.offers?.map(({ id, state }) => [id, state]),
    [[held.id, 'accepted']],
    'its one place is taken: the other customer waits',
  );
  const path = `/v1/agents/kept-1/offers/${encodeURIComponent(held.id)}/complete`;
  assert.equal((await ask(second, path, { method: 'POST', key })).status, 204);
  const next = await feed.until('offer');
  assert.equal(next.offer?.customer, 'k2');
  feed.socket.close();
  assert.equal(await second.stop(), 0);
});
