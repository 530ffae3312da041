/** Snowplow: the protocol by hand, and the real trackers for Node and for browsers. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import {
  buildPageView,
  buildSelfDescribingEvent,
  buildStructEvent,
  newTracker,
} from '@snowplow/node-tracker';
import { bundle, noBrowser, withBrowser } from './support/browser.ts';
import { type Fault, FaultProxy } from './support/faultproxy.ts';
import {
  type Ask,
  ask,
  fresh,
  metric,
  type StoredEvent,
  sentEvents,
  startTwo,
  until,
} from './support/session.ts';

const server = await startTwo();
after(() => server.stop());
const { admin, read, write } = server.keys;
const tp2 = '/com.snowplowanalytics.snowplow/tp2';
const schema = 'iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/1-0-4';

function send(payloads: readonly unknown[], options: Ask & { to?: string } = {}) {
  const body = JSON.stringify({ schema, data: payloads });
  const type = 'application/json; charset=UTF-8';
  return ask(server, options.to ?? tp2, { key: write, type, ...options, body });
}

async function events(customer: string): Promise<readonly StoredEvent[]> {
  return sentEvents(server, customer);
}

/** Those sent under this very name, not under one that is linked with it. */
async function eventsOf(customer: string): Promise<readonly StoredEvent[]> {
  return (await events(customer)).filter((event) => event.customer === customer);
}

function sp({ data }: StoredEvent): Record<string, unknown> {
  return data!['sp'] as Record<string, unknown>;
}

const cart = {
  schema: 'iglu:com.acme/add_to_cart/jsonschema/1-0-0',
  data: { sku: 'CM-070', price: 12.5, n: 1 },
};
const unstruct = 'iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0';
const contexts = {
  schema: 'iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-0',
  data: [{ schema: 'iglu:com.acme/page/jsonschema/1-0-0', data: { kind: 'shop' } }],
};
const base64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

test('every kind of event, with what it says in data and the rest in data.sp', async () => {
  const uid = fresh('kinds');
  const base = { uid, duid: 'd-1', aid: 'shop', p: 'web', tv: 'js-4', dtm: '1763740000000' };
  const url = 'https://shop.example/cart?a=ü';
  const payloads = [
    { e: 'pv', eid: '1', url, page: 'Cart', refr: 'https://x.example/' },
    { e: 'pp', eid: '2', url, pp_mix: '0', pp_max: '0', pp_miy: '10', pp_may: '250' },
    { e: 'se', eid: '3', se_ca: 'ui', se_ac: 'click', se_la: 'buy', se_pr: 'red', se_va: '1.5' },
    {
      e: 'ue',
      eid: '4',
      ue_pr: JSON.stringify({ schema: unstruct, data: cart }),
      co: JSON.stringify(contexts),
    },
    { e: 'ue', eid: '5', ue_px: base64({ schema: unstruct, data: cart }), cx: base64(contexts) },
    // An action says what a structured event is, and nothing of any other.
    { e: 'tr', eid: '6', se_ac: 'click', tr_id: 'o1', tr_tt: '99.5', tr_cu: 'EUR' },
    { e: 'ti', eid: '7', ti_id: 'o1', ti_sk: 'CM-070', ti_pr: '99.5', ti_qu: '1' },
  ].map((each) => ({ ...base, ...each }));
  const answer = await send(payloads);
  assert.deepEqual(
    [answer.status, answer.text, answer.headers['content-type']],
    [200, 'ok', 'text/plain'],
  );
  const stored = [...(await events(uid))].sort((a, b) => Number(a.id) - Number(b.id));
  const said = stored.map(({ data, type }) => [type, { ...data, sp: undefined }]);
  const inner = { ...cart.data, sp: undefined };
  assert.deepEqual(said, [
    ['page_view', { url, title: 'Cart', referrer: 'https://x.example/', sp: undefined }],
    ['page_ping', { url, xMin: 0, xMax: 0, yMin: 10, yMax: 250, sp: undefined }],
    [
      'click',
      { category: 'ui', action: 'click', label: 'buy', property: 'red', value: 1.5, sp: undefined },
    ],
    ['add_to_cart', inner],
    ['add_to_cart', inner],
    ['transaction', { order: 'o1', total: 99.5, currency: 'EUR', sp: undefined }],
    ['transaction_item', { order: 'o1', sku: 'CM-070', price: 99.5, quantity: 1, sp: undefined }],
  ]);
  for (const event of stored) {
    assert.deepEqual(
      [event.previous, event.source, event.channel, event.time],
      ['cookie:d-1', 'shop', 'web', 1763740000000],
    );
    assert.equal(sp(event)['tv'], 'js-4');
  }
  for (const n of [3, 4]) {
    assert.equal(sp(stored[n]!)['schema'], cart.schema);
    assert.deepEqual(sp(stored[n]!)['contexts'], contexts.data);
  }
});

test('who it is: uid, duid, tnuid, nuid, the cookie, sid; anonymity means no cookie', async () => {
  const base = { e: 'pv', eid: '1', url: 'u' };
  const ids = ['uid', 'duid', 'tnuid', 'nuid', 'cookie', 'sid'].map((name) => [name, fresh(name)]);
  for (let n = 0; n < ids.length; n++) {
    const given = ids.slice(n);
    const payload = Object.fromEntries(given.filter(([name]) => name !== 'cookie'));
    const cookie = given.find(([name]) => name === 'cookie')?.[1];
    const headers: Record<string, string> =
      cookie !== undefined ? { cookie: `a=b; sp=${cookie}; c=d` } : {};
    if (cookie === undefined) headers['sp-anonymous'] = '*';
    const answer = await send([{ ...base, ...payload }], { headers });
    assert.equal(answer.text, 'ok');
    const customer = n === 1 ? `cookie:${given[0]![1]}` : given[0]![1];
    assert.equal((await eventsOf(customer!)).length, 1, given[0]![0]);
    const set = String(answer.headers['set-cookie']);
    if (cookie === undefined) assert.equal(set, 'undefined');
    else {
      const rules = 'Path=/; Max-Age=31536000; HttpOnly; SameSite=None; Secure';
      assert.equal(set, `sp=${cookie}; ${rules}`);
    }
  }
  const headers = { 'sp-anonymous': '*' };
  const nobody = await send([base], { headers });
  assert.equal(nobody.status, 422);
});

test('a browser without a cookie gets the same one when it has to send again', async () => {
  const payload = { e: 'pv', eid: fresh('eid'), url: 'u' };
  const cookies = [await send([payload]), await send([payload])].map(({ headers }) => {
    return /^sp=(\w+);/.exec(String(headers['set-cookie']))![1]!;
  });
  assert.equal(cookies[0], cookies[1]);
  assert.equal((await events(cookies[0]!)).length, 1);
});

test('the time is the true one, or that of the device, whose clock is corrected when it is plainly wrong', async () => {
  const uid = fresh('clock');
  const now = Date.now();
  const year = 365 * 86_400_000;
  const base = { e: 'pv', uid, url: 'u' };
  const sent = String(now);
  await send([
    {
      ...base,
      eid: 'true',
      ttm: '1500000000000',
      dtm: String(now + year),
      stm: String(now + year),
    },
    { ...base, eid: 'late', dtm: String(now - 5000), stm: sent },
    { ...base, eid: 'wrong', dtm: String(now - year - 5000), stm: String(now - year) },
    { ...base, eid: 'ahead', dtm: String(now + year - 5000), stm: String(now + year) },
  ]);
  const times = new Map((await events(uid)).map(({ id, time }) => [id, time]));
  assert.equal(times.get('true'), 1_500_000_000_000);
  assert.equal(times.get('late'), now - 5000);
  for (const id of ['wrong', 'ahead']) {
    // Both clocks are read once, here and by the server: never earlier than this.
    assert.ok(times.get(id)! >= now - 5000 && times.get(id)! < now + 60_000, id);
  }
});

test('bad payloads are refused alone; a body of nothing else with a status that is not sent again', async () => {
  const uid = fresh('bad');
  const bad = [
    7,
    { e: 'xx', eid: 'b1', uid },
    { e: 'ue', eid: 'b2', uid, ue_pr: '{' },
    { e: 'ue', eid: 'b3', uid, ue_pr: '{"schema":"x","data":{"schema":"no"}}' },
    { e: 'pv', eid: 'b4', uid, cx: '!!' },
    { e: 'pv', eid: 'b5', uid, dtm: 'yesterday' },
    { e: 'pv', eid: 'x'.repeat(300), uid },
    { e: 'pv', eid: 'b7', uid, url: 'x'.repeat(40_000) },
  ];
  const mixed = await send([...bad, { e: 'pv', eid: 'good', uid }]);
  assert.equal(mixed.status, 200);
  const { rejected } = mixed.json as { rejected: { index: number; code: string }[] };
  const codes = rejected.map(({ code, index }) => `${index} ${code}`);
  assert.deepEqual(codes, [...[0, 1, 2, 3, 4, 5, 6].map((n) => `${n} invalid`), '7 too_large']);
  assert.equal((await events(uid)).length, 1);
  assert.equal((await send(bad)).status, 422);
  const others: [Ask & { to?: string }, number][] = [
    [{ key: 'nobody' }, 401],
    [{ key: read }, 403],
    [{ headers: { 'content-encoding': 'br' } }, 400],
    [{ to: `${tp2}?x=1` }, 422],
  ];
  for (const [options, status] of others) assert.equal((await send([], options)).status, status);
  for (const body of ['{', '[]', '{"data":{}}']) {
    assert.equal((await ask(server, tp2, { key: write, body })).status, 400);
  }
  const huge = Buffer.alloc(17 * 1024 * 1024, 0x20);
  assert.equal((await ask(server, tp2, { key: write, body: huge })).status, 400);
});

test('the key may be a header, in the query or the app id, and is never stored', async () => {
  const ways: [Ask & { to?: string }, object][] = [
    [{ key: undefined, headers: { authorization: `Basic ${btoa(`${write}:`)}` } }, { aid: 'shop' }],
    [{ key: undefined, to: `${tp2}?key=${write}` }, { aid: 'shop' }],
    [{ key: undefined }, { aid: write }],
    [{ key: undefined, to: `/i?key=${write}&aid=shop` }, {}],
    [{ key: undefined, to: `/i?aid=${write}` }, {}],
  ];
  for (const [options, more] of ways) {
    const uid = fresh('key');
    const answer =
      options.to?.startsWith('/i') === true
        ? await ask(server, `${options.to}&e=pv&eid=1&uid=${uid}`)
        : await send([{ e: 'pv', eid: '1', uid, ...more }], options);
    assert.equal(answer.status, 200, JSON.stringify(options));
    const [event] = await events(uid);
    assert.ok(!JSON.stringify(event).includes(write));
    const isApp = options.to?.includes('shop') === true || ('aid' in more && more.aid === 'shop');
    assert.equal(event!.source, isApp ? 'shop' : undefined);
  }
  assert.equal((await send([{ e: 'pv', aid: 'shop', uid: 'u' }], { key: undefined })).status, 401);
});

test('GET /i is a picture, and HEAD stores nothing', async () => {
  const uid = fresh('get');
  const path = `/i?key=${write}&e=se&se_ca=a%20b&se_ac=go&eid=1&uid=${uid}&stm=${Date.now()}`;
  assert.equal((await ask(server, path, { method: 'HEAD' })).status, 200);
  assert.deepEqual(await events(uid), []);
  const response = await fetch(server.url + path);
  assert.equal(response.headers.get('content-type'), 'image/gif');
  assert.match(String(response.headers.get('cache-control')), /no-store/);
  const bytes = Buffer.from(await response.arrayBuffer());
  assert.deepEqual([bytes.length, bytes.toString('latin1', 0, 6)], [43, 'GIF89a']);
  assert.equal((await events(uid))[0]!.data!['category'], 'a b');
  assert.equal((await ask(server, '/i?e=pv&uid=u')).status, 401);
  assert.equal((await ask(server, `/i?key=${write}&e=zz&uid=u`)).status, 422);
});

/** Sends three events with the tracker for Node; resolves when every one is taken. */
async function trackFromNode(endpoint: string, uid: string, eventMethod: 'get' | 'post') {
  let taken = 0;
  const tracker = newTracker(
    { namespace: 'shop', appId: 'backend', encodeBase64: eventMethod === 'get' },
    {
      endpoint,
      eventMethod,
      bufferSize: 1,
      customHeaders: { Authorization: `Bearer ${write}` },
      onRequestSuccess: (batch) => {
        taken += batch.length;
      },
    },
  );
  tracker.setUserId(uid);
  tracker.setDomainUserId('d');
  tracker.track(buildPageView({ pageUrl: 'https://shop.example/', pageTitle: 'Home' }));
  tracker.track(buildStructEvent({ category: 'ui', action: 'Click', value: 3 }), contexts.data);
  tracker.track(buildSelfDescribingEvent({ event: cart }));
  await until(async () => {
    await tracker.flush();
    return taken === 3;
  });
}

test('the tracker for Node, through a bad network: everything stored, once', async () => {
  const faults: Fault[] = [500, 'lost', 'cut', 'good', 429, 'lost', 503];
  const proxy = await FaultProxy.open(server.port, faults);
  const before = await metric(server, 'events_duplicate_total');
  try {
    for (const method of ['post', 'get'] as const) {
      const uid = fresh(`node-${method}`);
      await trackFromNode(proxy.url, uid, method);
      const stored = await events(uid);
      assert.deepEqual(stored.map(({ type }) => type).sort(), [
        'Click',
        'add_to_cart',
        'page_view',
      ]);
      for (const event of stored) {
        assert.deepEqual(
          [event.channel, event.source, event.previous],
          ['server', 'backend', 'cookie:d'],
        );
        assert.equal(sp(event)['tna'], 'shop');
      }
      const byType = new Map(stored.map((event) => [event.type, event]));
      const { sp: _, ...data } = byType.get('add_to_cart')!.data!;
      assert.deepEqual(data, cart.data);
      assert.deepEqual(sp(byType.get('Click')!)['contexts'], contexts.data);
    }
    assert.deepEqual(proxy.done.slice(0, faults.length), faults);
    assert.ok((await metric(server, 'events_duplicate_total')) >= before + 2);
  } finally {
    await proxy.close();
  }
});

const page = `
import { flushBuffer, newTracker, trackPageView, trackSelfDescribingEvent, trackStructEvent, setUserId } from '@snowplow/browser-tracker';
declare const key: string, collector: string, uid: string, contexts: any, cart: any;
Object.assign(globalThis, { flush: () => flushBuffer() });
newTracker('sp', collector, { appId: 'web-shop', customHeaders: { Authorization: 'Bearer ' + key } });
trackPageView();
setUserId(uid);
trackStructEvent({ category: 'ui', action: 'Click', context: contexts });
trackSelfDescribingEvent({ event: cart });
`;

test('the tracker for browsers, in Chromium, through a bad network', {
  skip: noBrowser,
}, async () => {
  const made = await ask(server, '/v1/keys', {
    key: admin,
    body: { scopes: ['publish'], name: 'page' },
  });
  const { key } = made.json as { key: string };
  const faults: Fault[] = [500, 'lost', 'cut', 429];
  const proxy = await FaultProxy.open(server.port, faults);
  const uid = fresh('browser');
  const script = await bundle(page);
  try {
    await withBrowser(async (browser) => {
      const tab = await browser.newPage();
      const facts = { key, collector: proxy.url, uid, contexts: contexts.data, cart };
      const consts = Object.entries(facts).map(
        ([name, value]) => `const ${name} = ${JSON.stringify(value)};`,
      );
      const html = `<title>Shop</title><script>${consts.join('')}${script}</script>`;
      await tab.route('http://localhost:9/**', (route) =>
        route.fulfill({ contentType: 'text/html', body: html }),
      );
      await tab.goto('http://localhost:9/cart');
      await until(async () => {
        await tab.evaluate('flush()');
        return (await eventsOf(uid)).length === 2 && proxy.done.length > faults.length;
      });
    });
  } finally {
    await proxy.close();
  }
  const stored = await eventsOf(uid);
  assert.deepEqual(stored.map(({ type }) => type).sort(), ['Click', 'add_to_cart']);
  const [first] = stored;
  assert.deepEqual([first!.channel, first!.source], ['web', 'web-shop']);
  // Before the user was known the page view went to the browser's own identity, which is linked.
  const visits = await eventsOf(first!.previous!);
  assert.equal(visits.length, 1);
  assert.equal(visits[0]!.data!['url'], 'http://localhost:9/cart');
  assert.equal(visits[0]!.data!['title'], 'Shop');
});
