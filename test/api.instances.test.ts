/** Where customers are on their journeys, over HTTP, on a server with real time. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { ToldInstance } from '../src/journeys/engine/told.ts';
import { startServer } from './support/server.ts';
import { type Answer, ask, type Page, startTwo } from './support/session.ts';

const server = await startTwo();
after(() => server.stop());
const { admin, read, write } = server.keys;

const steps = [1, 2, 3, 4, 5].map((n) => ({ name: `s${n}`, on: [{ event: `Step ${n}` }] }));
const quote = {
  key: 'quote',
  entry: [{ event: 'Step 1' }],
  stages: [{ name: 'quote', steps }],
  goal: [{ event: 'Bought' }],
};

async function call(method: string, path: string, body?: object, key = admin): Promise<Answer> {
  return ask(server, path, { method, key, ...(body !== undefined && { body }) });
}

async function must(method: string, path: string, body?: object, key = admin): Promise<unknown> {
  const answer = await call(method, path, body, key);
  assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${answer.text}`);
  return answer.json;
}

async function send(customer: string, type: string, key = ''): Promise<void> {
  const data = key === '' ? {} : { quote: key };
  await must('POST', '/v1/events', { customer, type, data }, write);
}

async function instancesOf(customer: string, query = ''): Promise<readonly ToldInstance[]> {
  const path = `/v1/customers/${customer}/journeys${query}`;
  const answer = (await must('GET', path, undefined, read)) as { instances: ToldInstance[] };
  return answer.instances;
}

async function tapeOf(customer: string, at = server): Promise<Page['events']> {
  const { json } = await ask(at, `/v1/customers/${customer}/tape?limit=100`, { key: read });
  return (json as Page).events;
}

async function publish(name: string, map: object): Promise<void> {
  await must('PUT', `/v1/journeys/${name}`, map);
  await must('POST', `/v1/journeys/${name}/publish`);
}

await publish('quote', quote);

test('what a sender was told of is seen by who asks next', async () => {
  assert.deepEqual(await instancesOf('nobody'), []);
  for (let n = 1; n <= 4; n++) {
    await send('reader', `Step ${n}`, 'q1');
    const [instance] = await instancesOf('reader');
    assert.deepEqual([instance?.step?.name, instance?.visited.length], [`s${n}`, n]);
    assert.equal(instance?.progress, n / 5);
  }
  await send('reader', 'Step 1', 'q2');
  await send('reader', 'Bought', 'q1');
  const told = (await instancesOf('reader')).map(({ key, status }) => [key, status]);
  assert.deepEqual(told, [
    ['q1', 'completed'],
    ['q2', 'active'],
  ]);
  assert.deepEqual(
    (await instancesOf('reader', '?status=active')).map(({ key }) => key),
    ['q2'],
  );
  assert.deepEqual(await instancesOf('reader', '?journey=other'), []);
});

test('an instance is started, moved, paused, resumed and ended by who may', async () => {
  const path = '/v1/customers/mover/journeys';
  const wish = { journey: 'quote', key: 'k', context: { price: 480 } };
  const made = await call('POST', path, wish, write);
  assert.equal(made.status, 201, made.text);
  const { id } = made.json as ToldInstance;
  const again = await call('POST', path, wish, write);
  assert.deepEqual([again.status, (again.json as ToldInstance).id], [200, id]);
  const moved = await must(
    'POST',
    `${path}/${id}/step`,
    { step: 's3', context: { branch: 'x' } },
    write,
  );
  assert.equal((moved as ToldInstance).step?.name, 's3');
  assert.deepEqual((moved as ToldInstance).context, { price: 480, branch: 'x' });
  assert.equal(
    ((await must('POST', `${path}/${id}/pause`, undefined, write)) as ToldInstance).status,
    'paused',
  );
  await send('mover', 'Step 4', 'k');
  assert.equal((await instancesOf('mover'))[0]?.step?.name, 's3');
  assert.equal(
    ((await must('POST', `${path}/${id}/resume`, undefined, write)) as ToldInstance).step?.name,
    's4',
  );
  const exit = { reason: 'bought elsewhere' };
  const ended = (await must('POST', `${path}/${id}/exit`, exit, write)) as ToldInstance;
  assert.deepEqual([ended.status, ended.reason], ['exited', 'bought elsewhere']);
  assert.deepEqual(await must('GET', `${path}/${id}`, undefined, read), ended);
});

test('what cannot be done is refused with its reason', async () => {
  const path = '/v1/customers/refused/journeys';
  const refusals: [string, string, object | undefined, string, string][] = [
    ['POST', path, { journey: 'none' }, write, 'not_found'],
    ['POST', path, { journey: 'quote', key: 'x'.repeat(257) }, write, 'invalid'],
    ['POST', path, { journey: 'quote', context: { a: 'x'.repeat(9000) } }, write, 'invalid'],
    ['POST', path, { journey: 'quote' }, read, 'forbidden'],
    ['GET', `${path}/nothing`, undefined, read, 'not_found'],
    ['POST', `${path}/nothing/pause`, undefined, write, 'not_found'],
  ];
  for (const [method, at, body, key, code] of refusals) {
    assert.equal((await call(method, at, body, key)).code, code, `${method} ${at}`);
  }
  const { id } = (await must('POST', path, { journey: 'quote' }, write)) as ToldInstance;
  const own = `${path}/${id}`;
  assert.equal((await call('POST', `${own}/exit`, {}, write)).code, 'invalid');
  assert.equal((await call('POST', `${own}/step`, { step: 'none' }, write)).code, 'invalid');
  assert.equal((await call('POST', `${own}/pause`, { step: 's1' }, write)).code, 'invalid');
  await must('POST', `${own}/complete`, undefined, write);
  assert.equal((await call('POST', `${own}/pause`, undefined, write)).code, 'conflict');
});

test('a browser sees its own journeys with its token, and nothing of whom it is said to be', async () => {
  const { token, visitor } = (await must('POST', '/v1/visitors', {}, write)) as {
    readonly token: string;
    readonly visitor: string;
  };
  await send(visitor, 'Step 1', 'v');
  const own = async (): Promise<{ customer: string; instances: ToldInstance[] }> => {
    const answer = await ask(server, '/v1/visitor/journeys', { key: token });
    return answer.json as { customer: string; instances: ToldInstance[] };
  };
  const before = await own();
  assert.deepEqual(
    before.instances.map(({ key }) => key),
    ['v'],
  );
  assert.deepEqual(before.customer, visitor);
  await must('POST', '/v1/customers/victim/journeys', { journey: 'quote', key: 'secret' }, write);
  const login = { customer: 'victim', previous: visitor, type: 'Login' };
  await must('POST', '/v1/events', login, write);
  const whole = (await must('GET', `/v1/customers/${visitor}/journeys`, undefined, read)) as {
    readonly instances: readonly ToldInstance[];
  };
  assert.deepEqual(whole.instances.map(({ key }) => key).sort(), ['secret', 'v']);
  const after = await own();
  assert.equal(after.customer, visitor);
  assert.deepEqual(
    after.instances.map(({ context, key }) => [key, context]),
    [['v', {}]],
  );
  assert.equal((await ask(server, '/v1/visitor/journeys', { key: read })).code, 'unauthorized');
});

/** Waits for what is on its way; a test that waits in vain ends with its file. */
async function until<Value>(look: () => Promise<Value | undefined>): Promise<Value> {
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test('a silence of more than two seconds beyond step 3 leads to one action, after a kill too', async () => {
  await must('PUT', '/v1/rules/walkin', {
    journey: 'quote',
    when: { beyondStep: 3, silentFor: '2s' },
    then: [{ do: 'event', type: 'Offer Made' }],
  });
  for (const [customer, last] of [
    ['third', 3],
    ['fourth', 4],
  ] as const) {
    for (let n = 1; n <= last; n++) await send(customer, `Step ${n}`, 'q');
  }
  const fired = await until(async () => {
    return (await tapeOf('fourth')).find(({ type }) => type === 'Offer Made');
  });
  const events = await tapeOf('fourth');
  const step = events.find(({ type }) => type === 'Step 4')!;
  const timer = events.find(({ type }) => type === 'tapeline.timer')!;
  assert.ok(timer.received - step.received > 2000, 'never early');
  assert.deepEqual(
    (await tapeOf('third')).map(({ type }) => type),
    ['Step 3', 'Step 2', 'Step 1'],
  );
  await server.kill();
  const next = await startServer({ data: server.data, shards: 2, fronts: 2 });
  try {
    const offers = (await tapeOf('fourth', next)).filter(({ type }) => type === 'Offer Made');
    assert.deepEqual(
      offers.map(({ id }) => id),
      [fired.id],
    );
  } finally {
    await next.stop();
  }
});
