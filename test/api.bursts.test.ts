/** What triggers rules, and how often: every event of a burst; the server's own only by their names. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { merge, unmerge } from './support/people.ts';
import { ask, count, fresh, post, startTwo, store, until } from './support/session.ts';

const server = await startTwo();
after(() => server.stop());
const { admin, read } = server.keys;

async function put(path: string, body: object): Promise<void> {
  const answer = await ask(server, path, { key: admin, method: 'PUT', body });
  assert.ok(answer.status === 200 || answer.status === 201, `${path} ${answer.text}`);
}

/** What rules of this name have asked for, and the verdicts. */
interface Counts {
  readonly versions: readonly {
    readonly requested: number;
    readonly verdicts: Readonly<Record<string, number>>;
  }[];
}

async function counted(name: string): Promise<{ requested: number; act: number }> {
  const { json } = await ask(server, `/v1/rules/${name}/counts`, { key: read });
  const [version] = (json as Counts).versions;
  return { requested: version?.requested ?? 0, act: version?.verdicts['act'] ?? 0 };
}

test('five hundred events of one customer in one batch are five hundred decisions', async () => {
  await put('/v1/rules/each', { when: { event: 'Each' }, then: [{ do: 'event', type: 'Echo' }] });
  const customer = fresh('burst');
  await store(
    server,
    count(500).map((n) => ({ id: `e${n}`, customer, type: 'Each' })),
  );
  await until(async () => (await counted('each')).act >= 500);
  assert.deepEqual(await counted('each'), { requested: 500, act: 500 });
});

test('types of the server trigger the rules that name them, and no others', async () => {
  const then = [{ do: 'event', type: 'Done' }];
  const named = ['link', 'merge', 'unmerge', 'response'];
  for (const name of named) {
    await put(`/v1/rules/${name}`, { when: { event: `tapeline.${name}` }, then });
  }
  await put('/v1/rules/login', { when: { event: 'Login' }, then });
  const delivered = { when: { event: 'tapeline.delivery' }, cooldown: '1d', then };
  await put('/v1/rules/delivery', delivered);
  const any = { when: { event: '*' }, then };
  const refused = await ask(server, '/v1/rules/any', { key: admin, method: 'PUT', body: any });
  assert.match(`${refused.status} ${refused.message}`, /^422 when.event: .*\* stands for none/);

  const [customer, other] = [fresh('linked'), fresh('merged')];
  const forged = await post(server, { customer, type: 'tapeline.link' });
  assert.match(`${forged.status} ${forged.text}`, /^422 .*tapeline\./);
  const previous = `cookie:${customer}`;
  await store(server, [
    { customer: previous, type: 'Seen' },
    { customer, previous, type: 'Login' },
    { customer: other, type: 'Seen' },
  ]);
  await merge(server, { into: customer, from: [other] });
  await unmerge(server, other);
  const question = { customer, candidates: [{ id: 'a' }], withinMs: 10_000 };
  const { json } = await ask(server, '/v1/decide', { key: admin, body: question });
  const answer = { customer, decision: (json as { id: string }).id, candidate: 'a' };
  const body = { ...answer, answer: 'accepted' };
  assert.equal((await ask(server, '/v1/responses', { key: admin, body })).status, 200);
  for (const name of [...named, 'login', 'delivery']) {
    await until(async () => (await counted(name)).act > 0);
  }
  for (const name of ['link', 'login', 'response']) {
    assert.deepEqual(await counted(name), { requested: 1, act: 1 }, name);
  }
});
