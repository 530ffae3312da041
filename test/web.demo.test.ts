/** The demo in a real Chromium: a customer goes through the store, and the agent sees each step, in order. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { noBrowser, openBrowser } from './support/browser.ts';
import { ask, startTwo } from './support/session.ts';

const skip = noBrowser;
const server = await startTwo({ env: { TAPELINE_DEMO: '1' } });
const browser = skip === false ? await openBrowser() : undefined;
after(async () => {
  await browser?.close();
  await server.stop();
});

test('the agent’s timeline tells the five steps of the customer, in order', { skip }, async () => {
  const context = await browser!.newContext({ viewport: { width: 1320, height: 860 } });
  const page = await context.newPage();
  page.on('pageerror', (error) => assert.fail(error.message));
  page.on('console', (message) => {
    // What a policy blocks is told there.
    assert.ok(!message.text().includes('Content Security Policy'), message.text());
  });
  await page.goto(`${server.url}/demo`);
  const lines = page.locator('#timeline li > b');
  const line = (text: string) => lines.filter({ hasText: text }).waitFor();
  const desk = page.getByLabel('The agent’s desk');
  await desk.getByText('live', { exact: true }).waitFor();
  await line('Visited the store from IP 127.0.0.1');
  await desk.getByText('Unknown visitor').waitFor();
  await page.locator('#offer').click();
  await line('Offer clicked: 2 for 1 on pain relief');
  await page.getByRole('button', { name: 'Add Advil 250mg to the cart' }).click();
  await line('Added to cart: Advil 250mg');
  await page.getByRole('button', { name: 'Log in' }).click();
  await line('Member 12XXX logged in');
  // From here on one tape tells it all: the member's, of which the visit is a part.
  const tapes: string[] = [];
  page.on('request', (request) => {
    const path = decodeURIComponent(new URL(request.url()).pathname);
    if (path.endsWith('/tape')) tapes.push(path);
  });
  await page.getByRole('button', { name: 'Call the IVR' }).click();
  await line('Called the IVR');
  const shot = process.env['DEMO_SCREENSHOT'];
  if (shot !== undefined) await page.screenshot({ path: shot });
  assert.deepEqual(await lines.allTextContents(), [
    'Visited the store from IP 127.0.0.1',
    'Offer clicked: 2 for 1 on pain relief',
    'Added to cart: Advil 250mg',
    'Member 12XXX logged in',
    'Called the IVR',
  ]);
  assert.deepEqual([...new Set(tapes)], ['/v1/customers/12XXX/tape']);
  await desk.getByText('Member 12XXX', { exact: true }).waitFor();
  // And back: the agent's offer reaches the browser of the visit, logged in or not.
  await page.getByRole('button', { name: 'Send an offer' }).click();
  const offer = page.getByRole('region', { name: 'Free delivery today' });
  await offer.waitFor();
  if (shot !== undefined) await page.screenshot({ path: shot.replace('.png', '.offer.png') });
  await offer.getByRole('button', { name: 'Yes, please' }).click();
  await line('Offer accepted: Free delivery today');
});

test('the demo has a workspace of its own, and its tokens reach nothing else', async () => {
  const page = await ask(server, '/demo');
  assert.equal(page.status, 200);
  const shop = /data-key="(tk_[^"]+)"/.exec(page.text)![1]!;
  const desk = (await ask(server, '/demo/desk')).json as { token: string };
  const { read, write } = server.keys;
  const event = { customer: 'mine', type: 'T', id: 'e1' };
  assert.equal((await ask(server, '/v1/events', { key: write, body: event })).status, 200);
  const tape = await ask(server, '/v1/customers/mine/tape', { key: desk.token });
  assert.deepEqual((tape.json as { events: [] }).events, []);
  assert.equal((await ask(server, '/v1/events', { key: desk.token, body: event })).status, 403);
  assert.equal((await ask(server, '/v1/customers/mine/tape', { key: shop })).status, 403);
  assert.equal((await ask(server, '/v1/keys', { key: desk.token })).status, 403);
  const mine = await ask(server, '/v1/customers/mine/tape', { key: read });
  assert.equal((mine.json as { events: object[] }).events.length, 1);
  const post = { method: 'POST' };
  assert.equal((await ask(server, '/demo/offer?visitor=mine', post)).code, 'invalid');
  const { json } = await ask(server, '/v1/workspaces', { key: server.keys.admin });
  const names = (json as { workspaces: { name: string }[] }).workspaces.map(({ name }) => name);
  assert.deepEqual(names, ['default', 'tapeline.demo']);
});

test('without --demo there is none', async () => {
  const plain = await startTwo();
  try {
    for (const path of ['/demo', '/demo/desk']) {
      assert.equal((await ask(plain, path)).code, 'not_found', path);
    }
    const { json } = await ask(plain, '/v1/workspaces', { key: plain.keys.admin });
    assert.equal((json as { workspaces: object[] }).workspaces.length, 1);
  } finally {
    await plain.stop();
  }
});
