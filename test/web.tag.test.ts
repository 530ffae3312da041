/** The browser tag in a real Chromium against a real server: what a page does is on the tapes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noBrowser as skip } from './support/browser.ts';
import type { StoredEvent } from './support/session.ts';
import { call, openPage, openStages } from './support/stage.ts';

const { stage } = await openStages();
const tracked = `Cjtag('KEY'); Cjtag('config','PAGE_TRACK',true);`;
const types = (events: readonly StoredEvent[]): string[] => events.map(({ type }) => type);

test('a visit is on the tape of its browser, with where it came from', { skip }, async () => {
  const { page, seen, site } = await stage(tracked);
  const referer = 'https://news.example/x';
  await page.goto(`${site.url}/a?utm_source=mail&secret=1`, { referer });
  const [view] = await seen(1);
  assert.equal(view!.type, 'Page View');
  assert.match(view!.customer, /^cookie:[0-9A-Za-z]{22}$/);
  assert.equal(view!.channel, 'web');
  assert.deepEqual(view!.data, {
    Page: '/a',
    'Page-Title': 'Shop /a',
    Referrer: referer,
    utm_source: 'mail',
  });
  await page.goto(`${site.url}/b`);
  const both = await seen(2);
  assert.equal(both[1]!.customer, view!.customer, 'the same browser');
  assert.equal(both[1]!.data!['Page'], '/b');
});

test('the places of a single-page application are page views, each once', { skip }, async () => {
  const { events, page, seen, site } = await stage(tracked);
  await page.goto(`${site.url}/home`);
  await seen(1);
  await page.evaluate(`history.pushState({}, '', '/cart')`);
  await seen(2);
  await page.evaluate(`history.replaceState({ step: 2 }, '', '/cart')`);
  await page.evaluate(`history.pushState({}, '', '/pay?step=1')`);
  await seen(3);
  await page.goBack();
  await seen(4);
  await page.evaluate(`location.hash = '#part'`);
  await page.evaluate(`location.hash = '#/deep/link'`);
  await seen(5);
  await call(page, 'post', { type: 'End' });
  await seen(6);
  assert.deepEqual(types(events.slice(0, 5)), Array(5).fill('Page View'));
  const pages = events.map(({ data }) => data!['Page']);
  assert.deepEqual(pages, ['/home', '/cart', '/pay', '/cart', '/cart', '/cart']);
  assert.equal(events[1]!.data!['Referrer'], `${site.url}/home`);
});

test('elements tell when they are seen, clicked, and convert', { skip }, async () => {
  const body = `<div id=banner style="height:80px">Now <b>20 %</b> off</div><button class=buy
    data-cj-event="Add To Cart" data-cj-product="Advil 250mg">Buy</button>
    <div id=deep style="margin-top:5000px;height:50px">Deep</div><div id=late></div>`;
  const { events, first, page, seen, site } = await stage(
    `Cjtag('KEY'); Cjtag('config','DIV_INTERACTION',['#banner','#deep','.made']);
     Cjtag('config','DIV_CONVERSION','.buy');`,
    { body },
  );
  await page.goto(site.url);
  const view = await first('Element Viewed');
  assert.deepEqual(view.data!['Element'], 'banner');
  await page.click('#banner b');
  const clicked = await first('Element Clicked');
  assert.equal(clicked.data!['Text'], 'Now 20 % off');
  assert.equal(clicked.data!['Selector'], '#banner');
  await page.click('.buy');
  const bought = await first('Add To Cart');
  assert.equal(bought.data!['Product'], 'Advil 250mg');
  await page.evaluate(
    `document.querySelector('#late').innerHTML = '<p class=made>made later</p>'; scrollTo(0, 6000)`,
  );
  await seen(5);
  const views = events.filter(({ type }) => type === 'Element Viewed');
  assert.deepEqual(views.map(({ data }) => data!['Selector']).sort(), [
    '#banner',
    '#deep',
    '.made',
  ]);
});

test('what a page posts is an event of its visitor; its own id is stored once', {
  skip,
}, async () => {
  const { events, page, seen, site } = await stage(`Cjtag('KEY');`);
  await page.goto(`${site.url}/p`);
  await call(page, 'post', { type: 'Add To Cart', id: 'cart-1', data: { SKU: 'A', n: 1.5 } });
  await call(page, 'post', { type: 'Add To Cart', id: 'cart-1', data: { SKU: 'A' } });
  await call(page, 'post', { type: 'Search', Query: 'advil', channel: 'kiosk' });
  await call(page, 'post', { Plan: 'gold' });
  await call(page, 'post');
  await call(page, 'unheard', { of: 1 });
  await call(page, 'config', 'UNHEARD', 1);
  await seen(4);
  const [cart, search, plain] = events;
  assert.deepEqual([cart!.id, cart!.data!['n']], ['cart-1', 1.5]);
  assert.deepEqual([search!.channel, search!.data!['Query']], ['kiosk', 'advil']);
  assert.deepEqual([plain!.type, plain!.data!['Plan']], ['Event', 'gold']);
  assert.equal(new Set(events.map(({ customer }) => customer)).size, 1);
});

test('a time may be a number, a text or a date; one that is none of them is told as lost', {
  skip,
}, async () => {
  const time = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
  const { first, page, site } = await stage(`Cjtag('KEY');
    Cjtag('post',{type:'Number',time:${time}});
    Cjtag('post',{type:'Text',time:'2026-01-02T05:04:05.678+02:00'});
    Cjtag('post',{type:'Date',time:new Date(${time})});
    Cjtag('post',{type:'Bad',time:'soon'});`);
  await page.goto(site.url);
  for (const type of ['Number', 'Text', 'Date']) {
    assert.equal((await first(type)).time, time, type);
  }
  assert.equal((await first('Events Dropped')).data!['Count'], 1);
});

test('a login links the visit to the member; a logout makes another visitor', {
  skip,
}, async () => {
  const { events, first, page, seen, site } = await stage(tracked);
  await page.goto(`${site.url}/a`);
  const [view] = await seen(1);
  await call(page, 'config', 'MEMBERID', '12XXX');
  const login = await first('Login');
  assert.equal(login.customer, '12XXX');
  assert.equal(login.previous, view!.customer);
  // As a shop does on each of its pages.
  await call(page, 'config', 'MEMBERID', '12XXX');
  await call(page, 'post', { type: 'Search' });
  assert.equal((await first('Search')).customer, '12XXX');
  await page.goto(`${site.url}/b`);
  await seen(4);
  assert.equal(events[3]!.customer, '12XXX', 'the next page knows the member');
  await call(page, 'config', 'MEMBERID', null);
  assert.equal((await first('Logout')).customer, '12XXX');
  await call(page, 'post', { type: 'After' });
  const later = await first('After');
  assert.match(later.customer, /^cookie:/);
  assert.notEqual(later.customer, view!.customer);
  assert.equal(types(events).filter((type) => type === 'Login').length, 1);
});

test('a login before the visitor is known waits for it', { skip }, async () => {
  const { first, page, site } = await stage(`Cjtag('KEY'); Cjtag('config','MEMBERID','m1');`);
  await page.goto(site.url);
  const login = await first('Login');
  assert.equal(login.customer, 'm1');
  assert.match(login.previous!, /^cookie:/);
});

test('a logout before the visitor is known leaves the visit with the member', {
  skip,
}, async () => {
  const { first, page, site } = await stage(`Cjtag('KEY'); Cjtag('post',{type:'Before'});
    Cjtag('config','MEMBERID','m1'); Cjtag('config','MEMBERID',null); Cjtag('post',{type:'After'});`);
  await page.goto(site.url);
  const after = await first('After');
  const login = await first('Login');
  assert.match(after.customer, /^cookie:/);
  assert.equal(login.previous, (await first('Before')).customer);
  assert.notEqual(after.customer, login.previous);
});

test('a logout while the server is asked who this is makes another visitor', {
  skip,
}, async () => {
  const { first, page, seen, site } = await stage(tracked);
  await page.goto(site.url);
  const [view] = await seen(1);
  await call(page, 'config', 'MEMBERID', 'm1');
  await first('Login');
  let goOn: (() => void) | undefined;
  const held = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  await page.route('**/v1/visitors*', async (route) => {
    await held;
    await route.continue();
  });
  const asked = page.waitForRequest('**/v1/visitors*');
  // The token is to be renewed.
  await page.evaluate(`localStorage['cj.who'] =
    JSON.stringify({ ...JSON.parse(localStorage['cj.who']), renewAt: 0 })`);
  await call(page, 'post', { type: 'Search' });
  await asked;
  await call(page, 'config', 'MEMBERID', null);
  await call(page, 'post', { type: 'After' });
  goOn!();
  const after = await first('After');
  assert.match(after.customer, /^cookie:/);
  assert.notEqual(after.customer, view!.customer);
  assert.equal((await first('Search')).customer, 'm1');
});

test('a page may ask who it is, and for the address it came from', { skip }, async () => {
  const { page, seen, site } = await stage(`Cjtag('KEY'); Cjtag('config','IP_TRACK',true);
    Cjtag('config','PAGE_TRACK',true); Cjtag('visitor',function(who){window.who=who});`);
  await page.goto(site.url);
  const [view] = await seen(1);
  assert.equal(view!.data!['IP'], '127.0.0.1');
  const known = await page.evaluate('who');
  assert.deepEqual(known, { visitor: view!.customer, member: undefined });
});

test('tabs of a browser are one visitor, and send each event once', { skip }, async () => {
  const { context, events, page, seen, site } = await stage(tracked);
  const other = await openPage(context);
  await Promise.all([page.goto(`${site.url}/a`), other.goto(`${site.url}/b`)]);
  for (const each of [page, other]) {
    for (const n of [1, 2, 3, 4, 5]) await call(each, 'post', { type: `T${n}` });
  }
  await seen(12);
  await call(page, 'post', { type: 'End' });
  await seen(13);
  assert.equal(new Set(events.map(({ customer }) => customer)).size, 1);
  assert.equal(new Set(events.map(({ id }) => id)).size, 13);
});

test('a browser whose clock is wrong tells the right time', { skip }, async () => {
  const { events, first, page, seen, site } = await stage(tracked, {
    before: 'const now=Date.now;Date.now=()=>now()+864e6',
  });
  const before = Date.now();
  await page.goto(site.url);
  await seen(1);
  await call(page, 'post', { type: 'Later' });
  await seen(2);
  // A clock is the browser's, whoever uses it.
  await call(page, 'config', 'MEMBERID', 'a');
  await call(page, 'config', 'MEMBERID', 'b');
  await call(page, 'post', { type: 'Last' });
  await first('Last');
  await seen(6);
  for (const { time, received } of events) {
    assert.ok(time >= before - 60_000 && time <= received + 60_000, `${time} of ${received}`);
  }
});
