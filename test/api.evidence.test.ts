/** Views in their other forms: several from one scan, with the events behind them, as snapshots. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { after, test } from 'node:test';
import { send } from './support/people.ts';
import { startServer, temporaryDirectory } from './support/server.ts';
import { ServerClock } from './support/serverclock.ts';
import {
  type Answer,
  ask,
  fresh,
  metric,
  type StoredEvent,
  startTwo,
  store,
  tape,
} from './support/session.ts';
import { type Field, putView, shopper, showView, type ViewAnswer } from './support/views.ts';

const server = await startTwo();
after(() => server.stop());
const { admin, read } = server.keys;
const put = (name: string, body: object | string): Promise<Answer> => putView(server, name, body);
const show = (customer: string, name: string, query = ''): Promise<ViewAnswer> =>
  showView(server, customer, name, query);

test('several views come from one scan, each as it comes alone', async () => {
  const { customer, now } = await shopper(server);
  const names = [fresh('many'), fresh('many'), fresh('many')];
  const price = { event: 'Purchased', attribute: 'price' };
  await put(names[0]!, { fields: [{ ...price, name: 'newest', limit: 1, type: 'value' }] });
  await put(names[1]!, { fields: [{ name: 'all', event: '*', type: 'count' }] });
  await put(names[2]!, {
    fields: [
      { ...price, name: 'sum', lookback: '2h', type: 'sum' },
      { name: 'logins', event: 'Login', type: 'count' },
    ],
  });
  const scans = await metric(server, 'scans_total');
  const path = `/v1/customers/${customer}/views?asOf=${now}&names=${names.slice(0, 2).join()}&names=${names[2]}`;
  const answer = await ask(server, path, { key: read });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(await metric(server, 'scans_total'), scans + 1);
  const { views } = answer.json as { views: ViewAnswer[] };
  const alone = await Promise.all(names.map((name) => show(customer, name, `?asOf=${now}`)));
  assert.deepEqual(
    views,
    alone.map(({ asOf, fields, view }) => ({ view, asOf, fields })),
  );
  assert.deepEqual(
    views.map(({ fields }) => fields.map(({ value }) => value)),
    [[-4], [7], [-4, 1]],
  );
  const wrong: [names: string, refusal: string][] = [
    ['', '422 invalid'],
    [`?names=${names[0]},none`, '404 not_found'],
    [`?names=${names[0]},${names[0]}`, '422 invalid'],
    [`?names=${Array.from({ length: 21 }, (_, n) => `v${n}`).join()}`, '422 invalid'],
    ['?names=', '404 not_found'],
  ];
  for (const [query, refusal] of wrong) {
    const { code, status } = await ask(server, `/v1/customers/c/views${query}`, { key: read });
    assert.equal(`${status} ${code}`, refusal, query);
  }
});

test('evidence names the events behind each value, and brings them where they may be read', async () => {
  const { customer } = await shopper(server);
  const name = fresh('evidence');
  const types = ['value', 'count', 'distinct', 'sum', 'min', 'max', 'average', 'first', 'last'];
  const fields = types.map((type) => {
    return { name: type, event: 'Purchased', attribute: 'price', type };
  });
  await put(name, { fields: [...fields, { name: 'none', event: 'X', type: 'count' }] });
  const page = await tape(server, customer, 'type=Purchased');
  const [newest, , , free, milk, tea] = page.events;
  const behind: Record<string, (StoredEvent | undefined)[]> = {
    value: [newest, free, milk, tea],
    count: [newest, free, milk, tea],
    distinct: [newest, free, milk, tea],
    sum: [newest, milk, tea],
    min: [newest],
    max: [tea],
    average: [newest, milk, tea],
    first: [tea],
    last: [newest],
    none: [],
  };
  type Shown = Field & { evidence: { cursor: string; time: number; event?: object }[] };
  const shown = async (query: string): Promise<Shown[]> => {
    return (await show(customer, name, query)).fields as Shown[];
  };
  for (const field of await shown('?evidence=1')) {
    const wanted = behind[field.name]!.map((each) => ({ cursor: each!.cursor, time: each!.time }));
    assert.deepEqual(field.evidence, wanted, field.name);
  }
  for (const field of await shown('?evidence=events')) {
    assert.deepEqual(
      field.evidence.map(({ event }) => event),
      behind[field.name],
    );
  }
  assert.ok((await shown('')).every((field) => !('evidence' in field)));
  const answer = await ask(server, `/v1/customers/c/views/${name}?evidence=2`, { key: read });
  assert.equal(answer.code, 'invalid');
});

test('evidence is bounded, and the newest', async () => {
  const customer = fresh('long');
  const now = Date.now();
  const events = Array.from({ length: 150 }, (_, n) => ({ customer, type: 'T', time: now - n }));
  await store(server, events);
  const name = fresh('long');
  await put(name, { fields: [{ name: 'n', event: 'T', type: 'count' }] });
  const [field] = (await show(customer, name, '?evidence=1')).fields as (Field & {
    evidence: { time: number }[];
  })[];
  assert.equal(field!.events, 150);
  assert.deepEqual(
    field!.evidence.map(({ time }) => now - time),
    Array.from({ length: 100 }, (_, n) => n),
  );
});

test('views with whole events stay within one bound, go to the pool, and take nothing from others', async () => {
  const alone = await startServer({ shards: 1, fronts: 1 });
  after(() => alone.stop());
  const made = await ask(alone, '/v1/workspaces', { key: admin, body: { name: 'other' } });
  const other = (made.json as { key: { key: string } }).key.key;
  const names = Array.from({ length: 20 }, (_, n) => `v${n}`);
  const body = { fields: [{ name: 'n', event: 'T', type: 'count' }] };
  for (const name of names) {
    await ask(alone, `/v1/views/${name}`, { method: 'PUT', key: admin, body });
  }
  await ask(alone, '/v1/views/v0', { method: 'PUT', key: other, body });
  const text = 'x'.repeat(30_000);
  const events = Array.from({ length: 60 }, () => ({ customer: 'c', type: 'T', data: { text } }));
  await store(alone, events);
  const readOther = (): Promise<Answer> => ask(alone, '/v1/customers/c/views/v0', { key: other });
  await readOther();
  const kept = await metric(alone, 'views_kept_total');
  const pooled = await metric(alone, 'scans_pooled_total');
  const path = `/v1/customers/c/views?names=${names.join()}&evidence=events`;
  for (let n = 0; n < 2; n++) {
    const answer = await ask(alone, path, { key: read });
    assert.equal(answer.status, 200);
    const { views } = answer.json as { views: ViewAnswer[] };
    assert.ok(views.every(({ fields }) => fields[0]!.value === 60));
    assert.ok(answer.text.length > 3 * 1024 * 1024 && answer.text.length < 5 * 1024 * 1024);
  }
  assert.equal(await metric(alone, 'scans_pooled_total'), pooled + 2, 'writing it is not free');
  assert.equal(await metric(alone, 'views_kept_total'), kept, 'it is not kept');
  await readOther();
  assert.equal(
    await metric(alone, 'views_kept_total'),
    kept + 1,
    'the other workspace has its own',
  );
});

test('a snapshot serves for thirty minutes, whatever comes, unless asked anew or something is taken away', async (t) => {
  const directory = temporaryDirectory();
  const begun = Date.now();
  const clock = new ServerClock(directory, begun);
  // One front keeps its own snapshots; with one there is one.
  const alone = await startServer({ shards: 1, fronts: 1, env: clock.env });
  t.after(async () => {
    await alone.stop();
    // The server has no clock without it.
    rmSync(directory, { recursive: true });
  });
  const customer = 'snap';
  const path = `/v1/customers/${customer}/views/shared`;
  const body = { snapshot: '30m', fields: [{ name: 'n', event: 'T', type: 'count' }] };
  const putView = (of: object): Promise<Answer> =>
    ask(alone, '/v1/views/shared', { method: 'PUT', key: admin, body: of });
  const read1 = async (query = ''): Promise<[unknown, number]> => {
    const { asOf, fields } = (await ask(alone, path + query, { key: read })).json as ViewAnswer;
    return [fields[0]!.value, asOf];
  };
  const more = (who = customer): Promise<void> => store(alone, [{ customer: who, type: 'T' }]);
  await putView(body);
  await more();
  assert.deepEqual(await read1(), [1, begun]);
  await more();
  const due = begun + 30 * 60 * 1000;
  for (const now of [begun, begun + 1, due - 1]) {
    clock.put(now);
    assert.deepEqual(await read1(), [1, begun], 'the same, as of the same instant');
    assert.deepEqual(await read1(`?asOf=${now}`), [2, now], 'asOf scans');
  }
  clock.put(due);
  assert.deepEqual(await read1(), [2, due], 'at exactly thirty minutes there is a new one');
  await more();
  let now = due + 1;
  clock.put(now);
  assert.deepEqual(await read1(), [2, due]);
  assert.deepEqual(await read1('?fresh=1'), [3, now]);
  assert.deepEqual(await read1(), [3, now], 'the new one is kept');
  const changes: [why: string, change: () => Promise<unknown>, count: number][] = [
    ['linked', () => send(alone, 'link', { from: 'cookie:snap', to: customer }), 5],
    ['merged', () => send(alone, 'merge', { into: customer, from: ['other'] }), 7],
    ['parted', () => send(alone, 'unmerge', { customer: 'other' }), 7],
    ['another template', () => putView({ ...body, where: 'true' }), 8],
    ['erased', () => ask(alone, `/v1/customers/${customer}`, { method: 'DELETE', key: admin }), 0],
  ];
  await Promise.all([more('cookie:snap'), more('other')]);
  for (const [why, change, count] of changes) {
    clock.put(++now);
    await more();
    assert.notEqual((await read1())[1], now, 'not yet');
    await change();
    assert.deepEqual(await read1(), [count, now], why);
  }
  for (const snapshot of ['31m', '0s', '1h', 30, '', '90']) {
    assert.equal((await putView({ ...body, snapshot })).code, 'invalid', String(snapshot));
  }
});
