/** What a browser makes of a live message that comes in fragments: one message, to the letter. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { pack } from 'msgpackr';
import { noBrowser, withBrowser } from './support/browser.ts';
import { type LiveSaid, openLive } from './support/frames.ts';
import { fresh, post, type Receipt, startTwo } from './support/session.ts';

const server = await startTwo();
after(() => server.stop());

test('a browser gets a message in fragments as one', { skip: noBrowser }, async () => {
  const customer = fresh('browser');
  const text = `${'\u0001'.repeat(20_000)}${'é€𝄞'.repeat(1000)}`;
  const url = `ws://127.0.0.1:${server.port}/v1/live?customer=${customer}&key=${server.keys.read}`;
  await withBrowser(async (browser) => {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${server.port}/healthz`);
    await page.evaluate(async (address) => {
      const socket = new WebSocket(address);
      const heard = new Promise((resolve, reject) => {
        socket.onmessage = ({ data }) => resolve(data);
        socket.onclose = reject;
      });
      Object.assign(globalThis, { heard });
      await new Promise((resolve) => {
        socket.onopen = resolve;
      });
    }, url);
    const plain = await openLive(server, `customer=${customer}`);
    const body = pack([{ id: '1', customer, type: 'T', data: { text } }]);
    const answer = await post(server, body, { type: 'application/msgpack' });
    assert.equal((answer.json as Receipt).accepted, 1);
    const heard = await page.evaluate(() => (globalThis as unknown as { heard: string }).heard);
    assert.equal(heard, await plain.raw());
    assert.ok(heard.length > 100_000);
    assert.deepEqual((JSON.parse(heard) as LiveSaid).event.data, { text });
    plain.close();
  });
});
