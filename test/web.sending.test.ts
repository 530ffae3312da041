/** The browser tag when things go wrong: offline, refusals, pages that are left, visitors who say no. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { noBrowser as skip } from './support/browser.ts';
import { ask, metric } from './support/session.ts';
import { call, openPage, openStages, storedBy, tagRuns } from './support/stage.ts';

const { server, stage } = await openStages();
const tracked = `Cjtag('KEY'); Cjtag('config','PAGE_TRACK',true);`;

/** Nothing waits in the browser any more: events are on the tape before the page hears of it. */
async function isAllSent(page: Page): Promise<void> {
  await page.waitForFunction(
    `!Object.keys(localStorage).some((name) => /^cj\\.(e\\.|lock$)/.test(name))`,
  );
}

test('what a page posts while it is being left arrives by beacon, and is stored once', {
  skip,
}, async () => {
  const { events, first, page, seen, site } = await stage(tracked);
  await page.goto(`${site.url}/a`);
  await seen(1);
  const duplicates = await metric(server, 'events_duplicate_total');
  await page.evaluate(`Cjtag('post', { type: 'Left' }); location.href = 'about:blank'`);
  await page.waitForURL('about:blank');
  const left = await first('Left');
  assert.equal(left.data!['Page'], '/a');
  // The next page sends it again, not knowing whether the beacon arrived.
  await page.goto(`${site.url}/b`);
  await seen(3);
  await call(page, 'post', { type: 'End' });
  await first('End');
  assert.equal(events.filter(({ type }) => type === 'Left').length, 1);
  assert.ok((await metric(server, 'events_duplicate_total')) > duplicates);
});

test('a page that stores nothing sends what it has when it is left at once', { skip }, async () => {
  const { events, page, seen, site } = await stage(
    `Cjtag('config','STORAGE','none'); ${tracked} Cjtag('post',{type:'T'});`,
  );
  await page.goto(site.url);
  await seen(2);
  assert.equal(new Set(events.map(({ customer }) => customer)).size, 1);
  assert.deepEqual(await storedBy(page), []);
  // The server does not say who this is; the page is left before it does.
  await page.route('**/v1/visitors*', () => undefined);
  await page.goto(`${site.url}/b`);
  await tagRuns(page);
  await page.goto('about:blank');
  await seen(4);
  assert.notEqual(events[2]!.customer, events[0]!.customer, 'nothing was kept to know it by');
});

test('offline, events wait, across pages, and arrive under their first id', { skip }, async () => {
  const { context, events, page, seen, site } = await stage(tracked);
  await page.goto(site.url);
  await seen(1);
  await context.setOffline(true);
  for (const n of [1, 2, 3]) await call(page, 'post', { type: 'Offline', n });
  const ids = (await storedBy(page)).filter((name) => name.startsWith('cj.e.'));
  assert.equal(ids.length, 3);
  await page.close();
  await context.setOffline(false);
  const next = await openPage(context);
  await next.goto(`${site.url}/b`);
  await seen(5);
  const offline = events.filter(({ type }) => type === 'Offline');
  assert.deepEqual(
    offline.map(({ data }) => data!['n']),
    [1, 2, 3],
  );
  for (const { id } of offline) assert.ok(ids.some((name) => name.endsWith(id)));
});

test('refused for load or quota, events come again until they are stored', { skip }, async () => {
  const { events, page, seen, site } = await stage(tracked);
  let refusals = 0;
  await page.route('**/v1/events*', (route) => {
    refusals += 1;
    const [status, code] = [
      [429, 'rate_limited'],
      [503, 'overloaded'],
      [500, 'internal'],
    ][refusals - 1] ?? [0, ''];
    if (status === 0) return route.continue();
    const headers = { 'Retry-After': '1', 'Access-Control-Allow-Origin': '*' };
    return route.fulfill({
      status: status as number,
      headers,
      body: `{"error":{"code":"${code}"}}`,
    });
  });
  await page.goto(site.url);
  await seen(1);
  assert.equal(refusals, 4);
  assert.equal(events.length, 1);
});

test('an event that is refused is given up and counted, and holds up no other', {
  skip,
}, async () => {
  const { events, first, page, seen, site } = await stage(`Cjtag('KEY');`);
  await page.goto(site.url);
  await call(page, 'post', { type: 'Good' });
  await call(page, 'post', { type: 'x'.repeat(200) });
  await call(page, 'post', { type: 'Good too' });
  const lost = await first('Events Dropped');
  assert.equal(lost.data!['Count'], 1);
  await seen(3);
  // Too large to be kept at all: told with the next that is sent.
  await call(page, 'post', { type: 'Huge', text: 'x'.repeat(50_000) });
  await call(page, 'post', { type: 'Last' });
  await seen(5);
  const types = events.map(({ type }) => type).sort();
  assert.deepEqual(types, ['Events Dropped', 'Events Dropped', 'Good', 'Good too', 'Last']);
  await isAllSent(page);
  assert.deepEqual(await storedBy(page), ['cj.who']);
});

test('a browser that is offline for long keeps its newest events', { skip }, async () => {
  const { context, events, first, page, site } = await stage(`Cjtag('KEY');`);
  await page.goto(site.url);
  await call(page, 'post', { type: 'Before' });
  await first('Before');
  await isAllSent(page);
  await context.setOffline(true);
  await page.evaluate(`for (let n = 0; n < 520; n++) Cjtag('post', { type: 'Many', n })`);
  await context.setOffline(false);
  const lost = await first('Events Dropped');
  const lostTotal = events
    .filter(({ type }) => type === 'Events Dropped')
    .reduce((sum, { data }) => sum + Number(data!['Count']), 0);
  assert.ok(lostTotal >= 20, `${lost.data!['Count']}`);
  await call(page, 'post', { type: 'End' });
  await first('End');
  const many = events.filter(({ type }) => type === 'Many').map(({ data }) => data!['n']);
  assert.equal(many.length, 500);
  assert.equal(many[0], 20);
});

test('without consent nothing is stored and nothing is sent', { skip }, async () => {
  const { events, page, seen, site } = await stage(`Cjtag('config','CONSENT',false); ${tracked}
    Cjtag('config','OFFERS',true); Cjtag('config','MEMBERID','m1'); Cjtag('post',{type:'T'});`);
  const asked: string[] = [];
  page.on('request', (request) => asked.push(new URL(request.url()).pathname));
  await page.goto(`${site.url}/a`);
  await tagRuns(page);
  await page.goto(`${site.url}/b`);
  await tagRuns(page);
  assert.deepEqual(
    asked.filter((path) => path.startsWith('/v1')),
    [],
  );
  assert.deepEqual(await storedBy(page), []);
  assert.equal(await page.evaluate('document.cookie'), '');
  await call(page, 'config', 'CONSENT', true);
  await seen(1);
  assert.equal(events[0]!.data!['Page'], '/b');
  assert.notDeepEqual(await storedBy(page), []);
  await call(page, 'config', 'CONSENT', false);
  assert.deepEqual(await storedBy(page), [], 'what was stored is gone when consent is');
});

for (const [name, before] of [
  ['Do Not Track', `Object.defineProperty(navigator,'doNotTrack',{value:'1'})`],
  [
    'Global Privacy Control',
    `Object.defineProperty(navigator,'globalPrivacyControl',{value:true})`,
  ],
] as const) {
  test(`${name} is heeded, whatever the page says`, { skip }, async () => {
    const { events, page, site } = await stage(
      `${tracked} Cjtag('config','CONSENT',true); Cjtag('post',{type:'T'});`,
      { before },
    );
    const asked: string[] = [];
    page.on('request', (request) => asked.push(new URL(request.url()).pathname));
    await page.goto(`${site.url}/a`);
    await tagRuns(page);
    await page.goto(`${site.url}/b`);
    await tagRuns(page);
    assert.deepEqual(
      asked.filter((path) => path.startsWith('/v1')),
      [],
    );
    assert.deepEqual(await storedBy(page), []);
    assert.deepEqual(events, []);
  });
}

test('a visitor in a cookie is known where storage was cleared', { skip }, async () => {
  const { context, events, page, seen, site } = await stage(
    `Cjtag('config','COOKIE',true); ${tracked}`,
  );
  await page.goto(`${site.url}/a`);
  await seen(1);
  const [cookie] = await context.cookies();
  assert.deepEqual([cookie?.name, cookie?.sameSite], ['_cj', 'Lax']);
  await page.evaluate('localStorage.clear()');
  await page.goto(`${site.url}/b`);
  await seen(2);
  assert.equal(events[0]!.customer, events[1]!.customer);
});

test('hosts of a domain are one visitor; its identity is all that their cookie tells', {
  skip,
}, async () => {
  const { context, events, first, page, seen, site } = await stage(
    `Cjtag('config','COOKIE','shop.example'); Cjtag('config','OFFERS',true); ${tracked}`,
  );
  await context.route('http://*.shop.example/**', async (route) => {
    const { pathname } = new URL(route.request().url());
    await route.fulfill({ response: await route.fetch({ url: site.url + pathname }) });
  });
  const refused: string[] = [];
  context.on('response', (response) => {
    if (response.status() >= 400) refused.push(response.url());
  });
  await page.goto('http://www.shop.example/a');
  const [view] = await seen(1);
  const visitor = view!.customer;
  const [cookie] = await context.cookies();
  assert.equal(cookie!.domain, '.shop.example');
  assert.deepEqual(JSON.parse(decodeURIComponent(cookie!.value)), { visitor });
  await page.goto('http://pay.shop.example/b');
  await seen(2);
  assert.equal(events[1]!.customer, visitor);
  await call(page, 'config', 'MEMBERID', 'm1');
  assert.equal((await first('Login')).previous, visitor);
  await call(page, 'config', 'MEMBERID', null);
  await call(page, 'post', { type: 'After' });
  const after = await first('After');
  assert.match(after.customer, /^cookie:/);
  assert.notEqual(after.customer, visitor);
  // Logged out on one host is somebody else on all of them.
  await page.goto('http://www.shop.example/c');
  await call(page, 'post', { type: 'Elsewhere' });
  assert.equal((await first('Elsewhere')).customer, after.customer);
  assert.deepEqual(refused, []);
});

test('a key that is taken back and a server that answers nonsense do not show on the page', {
  skip,
}, async () => {
  const { admin, events, page, seen, site } = await stage(tracked);
  const keys = (await ask(server, '/v1/keys', { key: admin })).json as {
    keys: { id: string; scopes: string[] }[];
  };
  const id = keys.keys.find(({ scopes }) => scopes.includes('publish'))!.id;
  await page.route('**/v1/visitors*', (route) => route.fulfill({ status: 200, body: 'nonsense' }));
  await page.goto(`${site.url}/a`);
  await page.waitForResponse('**/v1/visitors*');
  await page.unroute('**/v1/visitors*');
  await seen(1);
  await ask(server, `/v1/keys/${id}`, { method: 'DELETE', key: admin });
  await call(page, 'post', { type: 'T' });
  const refused = await page.waitForResponse('**/v1/events*');
  assert.equal(refused.status(), 401);
  assert.equal(events.length, 1);
});
