/**
 * The insurer's walk-in in a real Chromium: a customer stalls at the price, the page asks, an agent accepts,
 * and the page's button opens the very meeting that the agent has.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Stage } from '../scripts/demo/stage.ts';
import { agents, home, prepare } from '../scripts/demo/stories/insurance.ts';
import { systemClock } from '../src/std/clock.ts';
import { noBrowser as skip } from './support/browser.ts';
import { call, openStages, tagRuns } from './support/stage.ts';

const { server, stage } = await openStages();
const silentSeconds = 1;

test('a stalled quote becomes an offer in the page, and a meeting of both', { skip }, async () => {
  const set = await stage(`Cjtag('KEY'); Cjtag('config','OFFERS',true);`);
  const { admin, context, first, page, site } = set;
  const office = new Stage({
    url: server.url,
    key: admin,
    clock: systemClock,
    silentSeconds,
    tell: () => undefined,
  });
  await prepare(office);
  const ann = await office.agent('demo-ann', agents.ann);
  await page.goto(site.url);
  await tagRuns(page);
  await call(page, 'post', { type: 'Quote Started', data: home });
  await call(page, 'post', { type: 'Vehicle Entered', data: { vehicle: 'Honda Civic' } });
  await call(page, 'post', { type: 'Driver Entered', data: { age: 34 } });
  await call(page, 'post', { type: 'Price Shown', data: { price: 840 } });
  const { received, customer } = await first('Price Shown');
  const asked = page.getByRole('region', { name: 'Shall we go through it together?' });
  await asked.waitFor();
  assert.ok(Date.now() - received > silentSeconds * 1000, 'not before its time');
  const offer = await ann.offer();
  assert.equal(offer.customer, customer);
  const { meeting } = await ann.accept(offer);
  const invitation = page.getByRole('region', { name: 'Quote for a Honda Civic for 840 dollars' });
  await invitation.getByText('Ann Lee').waitFor();
  const opened = context.waitForEvent('request', (request) => request.url() === meeting);
  await invitation.getByRole('button', { name: 'Join' }).click();
  await opened;
  const { data } = await first('tapeline.response');
  assert.deepEqual([data?.['answer'], data?.['action']], ['accepted', `${offer.id}-meeting`]);
  await ann.complete(offer, 'policy sold');
  office.close();
});
