/** What maps of foreign JSON may cost: bounds of a body, of an item and of a replay, and who may try them. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { entriesMax } from '../src/ingest/source.ts';
import {
  type Answer,
  type Ask,
  ask,
  fresh,
  type Receipt,
  startTwo,
  tapeIds,
} from './support/session.ts';

const server = await startTwo();
after(() => server.stop());
const { admin, write } = server.keys;

interface Counts extends Receipt {
  readonly quarantined?: number;
}

async function put(name: string, event: object, each?: string): Promise<void> {
  const body = { ...(each !== undefined && { each }), event };
  const answer = await ask(server, `/v1/sources/${name}`, { method: 'PUT', key: admin, body });
  assert.ok(answer.status < 300, answer.text);
}

function send(
  name: string,
  body: string | Uint8Array | object,
  options: Ask = {},
): Promise<Answer> {
  const path = `/v1/sources/${name}/events`;
  return ask(server, path, { key: write, type: 'application/json', body, ...options });
}

function dryRun(name: string, body: string | object, key = write): Promise<Answer> {
  return ask(server, `/v1/sources/${name}/dry-run`, { key, type: 'application/json', body });
}

async function reasons(name: string): Promise<string[]> {
  const path = `/v1/quarantine?limit=1000&customer=source:${name}`;
  const { json } = await ask(server, path, { key: admin });
  return (json as { events: { reason: string }[] }).events.map(({ reason }) => reason);
}

const list = (entries: number) => Array.from({ length: entries }, (_, n) => n);

test('a body maps to a batch of events at most, whoever sends it, and is refused before any is stored', async () => {
  const c = fresh('c');
  await put('lines', { customer: '{^c}', type: 't', id: '{^n}-{*}' }, 'list');
  const items = (count: number) => list(count).map((n) => ({ c, n, list: list(entriesMax) }));
  const { key } = (
    await ask(server, '/v1/keys', { key: admin, body: { name: 'page', scopes: ['publish'] } })
  ).json as { key: string };
  const many = await send('lines', gzipSync(JSON.stringify(items(640))), {
    key,
    headers: { 'content-encoding': 'gzip' },
  });
  assert.deepEqual([many.status, many.code], [413, 'too_large'], many.text);
  assert.match(many.message ?? '', /maps to more than 10000 events; send fewer items/);
  assert.equal((await send('lines', items(11))).code, 'too_large');
  assert.deepEqual(await tapeIds(server, c), []);
  assert.deepEqual(await reasons('lines'), []);
  assert.equal((await dryRun('lines', items(11))).code, 'too_large');
  assert.match((await send('lines', items(10))).text, /"accepted":10000,/);
});

test('what a map itself puts into events counts', async () => {
  const c = fresh('c');
  const data = { fields: { text: { constant: 'x'.repeat(20_000) } } };
  await put('blown', { customer: c, type: 't', data }, 'list');
  const one = await send('blown', [{ list: list(1000) }, { list: [1] }]);
  assert.match(one.text, /"accepted":2,.*"quarantined":1/);
  assert.deepEqual(await reasons('blown'), ['the item maps to more than 4194304 bytes']);
  const all = await send(
    'blown',
    list(10).map((n) => ({ n, list: list(150) })),
  );
  assert.equal(all.code, 'too_large');
  assert.match(all.message ?? '', /more than 16777216 bytes/);
  assert.equal((await tapeIds(server, c)).length, 1);
});

test('whole items that a map copies again and again count as what they are', async () => {
  const fields = Object.fromEntries(list(1500).map((n) => [`f${n}`, '{*}']));
  await put('copied', { customer: 'c', type: 't', data: { fields } });
  const items = [{ list: list(3000) }];
  assert.match((await send('copied', items)).text, /"quarantined":1/);
  assert.deepEqual(await reasons('copied'), ['mapping the item takes too many steps']);
});

test('a hostile pattern holds nobody up: an item is kept apart for what it costs itself, never for what its neighbours did', async () => {
  const c = fresh('c');
  const match = '^(([a-z])+.)+[A-Z]([a-z])+$';
  await put('slow', { customer: c, type: { any: ['{ok}', { text: '{t}', match }] } });
  const items = list(200).map((n) => ({ n, t: 'a'.repeat(20_000) }));
  const many = await send('slow', [...items, { ok: 'fine' }]);
  assert.deepEqual([many.status, many.code], [413, 'too_large'], many.text);
  assert.match(many.message ?? '', /mapping the body takes too many steps; send fewer items/);
  assert.deepEqual(await reasons('slow'), []);
  const alone = await send('slow', [items[0]!, { ok: 'fine' }]);
  assert.match(alone.text, /"accepted":2,.*"quarantined":1/);
  assert.match((await reasons('slow'))[0] ?? '', /not as expected/);
  // Too large to be kept, so that it is refused with its own reason.
  const costly = await send('slow', [{ t: 'a'.repeat(1_000_000) }, { ok: 'too' }]);
  const { accepted, rejected } = costly.json as Counts;
  assert.deepEqual([accepted, rejected.map(({ index }) => index)], [1, [0]]);
  assert.match(rejected[0]!.message, /mapping the item takes too many steps; it cannot be kept/);
});

test('what is too deep to be written is refused by index, and the rest is stored', async () => {
  const c = fresh('c');
  await put('deep', { customer: '{c}', type: 't', id: '{n}', data: { fields: { all: '{d}' } } });
  const levels = `${'['.repeat(30_000)}${']'.repeat(30_000)}`;
  const body = `[{"c":"${c}","n":1},{"d":${levels}},{"c":"${c}","n":2,"d":${levels}},{"c":"${c}","n":3}]`;
  const answer = await send('deep', body);
  assert.equal(answer.status, 200, answer.text);
  const { accepted, rejected } = answer.json as Counts;
  assert.equal(accepted, 2);
  assert.deepEqual(
    rejected.map(({ code, index }) => [index, code]),
    [
      [1, 'invalid'],
      [2, 'invalid'],
    ],
  );
  assert.deepEqual((await tapeIds(server, c)).sort(), ['1', '3']);
  const run = await dryRun('deep', body);
  assert.equal(run.status, 200, run.text);
  const { items } = run.json as { items: { outcome?: string; code?: string }[] };
  assert.deepEqual(
    items.map(({ code, outcome }) => [outcome, code]),
    [
      [undefined, undefined],
      ['rejected', 'invalid'],
      ['rejected', 'invalid'],
      [undefined, undefined],
    ],
  );
  const map = `{"event":{"customer":"c","type":{"constant":${levels}}}}`;
  const options = { method: 'PUT', key: admin, type: 'application/json', body: map };
  const stored = await ask(server, '/v1/sources/deeper', options);
  assert.deepEqual([stored.status, stored.message], [422, 'a map may be at most 16 levels deep']);
});

test('a replay maps as much as a body may, and goes on from there', async () => {
  const c = fresh('c');
  await put('later', { customer: '{^none}', type: 't' }, 'list');
  const items = list(25).map((n) => ({ n, list: list(entriesMax) }));
  assert.match((await send('later', items)).text, /"quarantined":25/);
  await put('later', { customer: `${c}-{^n}`, type: 't' }, 'list');
  const calls: number[] = [];
  for (let before: string | null | undefined; before !== null; ) {
    const body = { customers: ['source:later'], ...(before !== undefined && { before }) };
    const answer = await ask(server, '/v1/quarantine/replay', { key: admin, body });
    const { failed, next, replayed } = answer.json as {
      replayed: number;
      failed: number;
      next: string | null;
    };
    assert.equal(failed, 0);
    calls.push(replayed);
    before = next;
  }
  assert.deepEqual(calls, [10, 10, 5]);
  assert.deepEqual(await reasons('later'), []);
  assert.equal((await tapeIds(server, `${c}-24`, 'limit=1000')).length, 1000);
});

test('a key that stands in web pages cannot try maps and schemas out', async () => {
  await put('tried', { customer: 'c', type: 't' });
  const { key } = (
    await ask(server, '/v1/keys', { key: admin, body: { name: 'web', scopes: ['publish'] } })
  ).json as { key: string };
  const check = (by: string) =>
    ask(server, '/v1/taxonomy/check', { key: by, body: [{ customer: 'c', type: 't' }] });
  assert.deepEqual(
    [(await dryRun('tried', {}, key)).status, (await check(key)).status],
    [403, 403],
  );
  assert.deepEqual([(await dryRun('tried', {})).status, (await check(write)).status], [200, 200]);
  assert.equal((await send('tried', {}, { key })).status, 200);
});
