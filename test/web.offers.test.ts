/** Offers in a real Chromium: shown, answered, and told to the server and to the other tabs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noBrowser as skip } from './support/browser.ts';
import { ask, until } from './support/session.ts';
import { call, openPage, openStages, type Stage } from './support/stage.ts';

const { server, stage } = await openStages();
const offering = `Cjtag('KEY'); Cjtag('config','OFFERS',true); Cjtag('post',{type:'Here'});`;

interface Styles {
  getComputedStyle(element: unknown): { readonly backgroundColor: string };
}

async function send({ admin, first }: Stage, message: object): Promise<string> {
  const { customer } = await first('Here');
  const path = `/v1/visitors/${encodeURIComponent(customer)}/messages`;
  const answer = await ask(server, path, { key: admin, body: { kind: 'offer', ...message } });
  assert.equal(answer.status, 201, answer.text);
  return path;
}

async function answersOf({ admin }: Stage, path: string): Promise<unknown[]> {
  const { json } = await ask(server, path, { key: admin });
  return (json as { messages: { answer?: string }[] }).messages.map(({ answer }) => answer);
}

test('an offer is shown, accepted, and does not come again', { skip }, async () => {
  const set = await stage(offering);
  const { events, first, page, site } = set;
  await page.goto(site.url);
  const data = { title: '20 % off <b>pain</b>', text: 'Today.', accept: 'Show me', url: '/offer' };
  const path = await send(set, { id: 'o1', data });
  const offer = page.getByRole('region', { name: '20 % off <b>pain</b>' });
  await offer.waitFor();
  assert.equal(await offer.getByRole('heading').textContent(), data.title, 'text, not markup');
  const visitor = (await first('Here')).customer;
  await offer.getByRole('button', { name: 'Show me' }).click();
  await page.waitForURL(`${site.url}/offer`);
  const accepted = await first('Offer Accepted');
  assert.equal(accepted.customer, visitor);
  assert.deepEqual([accepted.id, accepted.data!['Message']], ['o1-accepted', 'o1']);
  assert.equal((await first('Offer Shown')).id, 'o1-shown');
  await page.goto(`${site.url}/again`);
  await send(set, { id: 'o2', data: { title: 'Second' } });
  await page.getByRole('region', { name: 'Second' }).waitFor();
  assert.equal(await page.getByRole('region').count(), 1);
  assert.equal((await answersOf(set, path))[0], 'accepted');
  assert.equal(events.filter(({ type }) => type === 'Offer Accepted').length, 1);
});

test('an offer that is dismissed by key in one tab is gone from the other', { skip }, async () => {
  const set = await stage(offering);
  const { context, first, page, site } = set;
  const other = await openPage(context);
  await page.goto(site.url);
  await first('Here');
  await other.goto(site.url);
  const path = await send(set, { id: 'o1', data: { title: 'Hello' } });
  for (const each of [page, other]) await each.getByRole('region', { name: 'Hello' }).waitFor();
  const dismiss = page.getByRole('button', { name: 'No, thanks' });
  await dismiss.focus();
  await dismiss.press('Escape');
  for (const each of [page, other]) {
    await each.getByRole('region', { name: 'Hello' }).waitFor({ state: 'detached' });
  }
  await first('Offer Dismissed');
  assert.deepEqual(await answersOf(set, path), ['dismissed']);
});

test('an answer the server did not hear is given again, and nobody is asked twice', {
  skip,
}, async () => {
  const set = await stage(offering);
  const { page, site } = set;
  await page.goto(site.url);
  const path = await send(set, { id: 'o1', data: { title: 'Hello' } });
  const offer = page.getByRole('region', { name: 'Hello' });
  await offer.waitFor();
  await page.route('**/v1/visitor/messages/*', (route) => route.abort());
  await offer.getByRole('button', { name: 'Accept' }).click();
  await offer.waitFor({ state: 'detached' });
  await set.first('Offer Accepted');
  assert.deepEqual(await answersOf(set, path), [undefined]);
  await page.unroute('**/v1/visitor/messages/*');
  const answered = page.waitForResponse('**/v1/visitor/messages/o1');
  await page.reload();
  assert.equal((await answered).status(), 204);
  assert.deepEqual(await answersOf(set, path), ['accepted']);
  assert.equal(await page.getByRole('region').count(), 0);
});

test('a walk-in offer opens its meeting beside the page, and a notice wants no answer', {
  skip,
}, async () => {
  const set = await stage(offering);
  const { context, page, site } = set;
  await page.goto(site.url);
  const meeting = `${site.url}/meeting/7`;
  const path = await send(set, { id: 'o1', data: { title: 'Walk in', accept: 'Join', meeting } });
  const opened = context.waitForEvent('page');
  await page.getByRole('button', { name: 'Join' }).click();
  const beside = await opened;
  await beside.waitForURL(meeting);
  assert.equal(await beside.evaluate('window.opener'), null);
  assert.equal(page.url(), `${site.url}/`);
  await set.first('Offer Accepted');
  await send(set, { id: 'n1', kind: 'notice', data: { title: 'Your card is on its way' } });
  const notice = page.getByRole('region', { name: 'Your card is on its way' });
  await notice.getByRole('button', { name: 'OK' }).click();
  await notice.waitFor({ state: 'detached' });
  await until(async () => (await answersOf(set, path))[1] === 'received');
  assert.equal((await set.first('Message Shown')).data!['Kind'], 'notice');
});

test('what a rule decides is in the page, and its answer on the tape', { skip }, async () => {
  const set = await stage(offering);
  const { admin, first, page, site } = set;
  const rule = {
    when: { event: 'Stuck' },
    then: [{ do: 'page', data: { title: 'Stuck at ${event.data.where}?' }, ttl: '5m' }],
  };
  const put = await ask(server, '/v1/rules/help', { method: 'PUT', key: admin, body: rule });
  assert.equal(put.status, 201, put.text);
  await page.goto(site.url);
  const { customer } = await first('Here');
  await call(page, 'post', { type: 'Stuck', data: { where: 'payment' } });
  const offer = page.getByRole('region', { name: 'Stuck at payment?' });
  await offer.waitFor();
  await offer.getByRole('button', { name: 'Accept' }).click();
  await offer.waitFor({ state: 'detached' });
  const response = await first('tapeline.response');
  const { answer, rule: named } = response.data as { answer: string; rule: string };
  assert.deepEqual([response.customer, answer, named], [customer, 'accepted', 'help']);
});

test('a page can show messages by itself', { skip }, async () => {
  const set = await stage(`Cjtag('KEY'); Cjtag('post',{type:'Here'});
    Cjtag('config','OFFERS',function(message,answer){
      document.title=message.kind+' '+message.data.text; window.reply=answer; });`);
  const { page, site } = set;
  await page.goto(site.url);
  const path = await send(set, { id: 'n1', kind: 'note', data: { text: 'Hi' } });
  await page.waitForFunction(`document.title === 'note Hi'`);
  assert.equal(await page.getByRole('region').count(), 0);
  await page.evaluate(`reply('accepted')`);
  const told = await set.first('Message Accepted');
  assert.equal(told.data!['Kind'], 'note');
  assert.deepEqual(await answersOf(set, path), ['accepted']);
});

test('a strict policy of the page lets an offer look as it should', { skip }, async () => {
  const policy = `default-src 'none'; script-src 'unsafe-inline' SERVER; connect-src SERVER`;
  const set = await stage(offering, { policy });
  await set.page.goto(set.site.url);
  const data = { title: 'Styled', url: 'javascript:document.title="owned"' };
  await send(set, { id: 'o1', data });
  const button = set.page.getByRole('button', { name: 'Accept' });
  const color = await button.evaluate(
    (element) => (globalThis as unknown as Styles).getComputedStyle(element).backgroundColor,
  );
  assert.equal(color, 'rgb(15, 118, 110)');
  await button.click();
  await set.first('Offer Accepted');
  assert.notEqual(await set.page.title(), 'owned');
});

test('script in an offer does not run in a frame that its page has written', { skip }, async () => {
  const inner = `<title>Frame</title><body><script>
    window.Cjtag=function(){(Cjtag.q=Cjtag.q||[]).push(arguments)}; ${offering}</script>
    <script async src="${server.url}/cj.js"></script>`;
  const set = await stage(`const frame = document.createElement('iframe');
    frame.srcdoc = ${JSON.stringify(inner).replaceAll('</', '<\\/')};
    document.body.append(frame);`);
  await set.page.goto(set.site.url);
  const data = { title: 'Framed', url: 'javascript:void(document.title="owned")' };
  await send(set, { id: 'o1', data });
  const frame = set.page.frames()[1]!;
  await frame.getByRole('button', { name: 'Accept' }).click();
  await set.first('Offer Accepted');
  assert.equal(await frame.evaluate('document.title'), 'Frame');
});

test('another member at a browser is another visitor, without a logout too', {
  skip,
}, async () => {
  const set = await stage(offering);
  const { events, first, page, site } = set;
  await page.goto(site.url);
  const here = await first('Here');
  await call(page, 'config', 'MEMBERID', 'm1');
  await first('Login');
  await send(set, { id: 'o1', data: { title: 'For the first' } });
  const offer = page.getByRole('region', { name: 'For the first' });
  await offer.waitFor();
  await call(page, 'config', 'MEMBERID', 'm2');
  await offer.waitFor({ state: 'detached' });
  assert.equal((await first('Logout')).customer, 'm1');
  const logins = () => events.filter(({ type }) => type === 'Login');
  await until(() => Promise.resolve(logins().length === 2));
  const [, second] = logins();
  assert.equal(second!.customer, 'm2');
  assert.match(second!.previous!, /^cookie:/);
  assert.notEqual(second!.previous, here.customer);
  // The first visitor's offers reach this browser no more, the second's do.
  const again = { kind: 'offer', id: 'o2', data: { title: 'For the second' } };
  const path = `/v1/visitors/${encodeURIComponent(second!.previous!)}/messages`;
  await ask(server, path, { key: set.admin, body: again });
  await page.getByRole('region', { name: 'For the second' }).waitFor();
  assert.equal(await page.getByRole('region').count(), 1);
});

test('a logout in one tab ends the old visitor’s channel in the others', { skip }, async () => {
  const set = await stage(offering);
  const { context, events, first, page, site } = set;
  const other = await openPage(context);
  await page.goto(site.url);
  await first('Here');
  await other.goto(site.url);
  await send(set, { id: 'o1', data: { title: 'Both' } });
  await other.getByRole('region', { name: 'Both' }).waitFor();
  await call(page, 'config', 'MEMBERID', 'm1');
  await call(page, 'config', 'MEMBERID', null);
  await call(page, 'post', { type: 'After' });
  const { customer } = await first('After');
  await send(set, { id: 'o2', data: { title: 'Too late' } });
  const path = `/v1/visitors/${encodeURIComponent(customer)}/messages`;
  const next = { kind: 'offer', id: 'o3', data: { title: 'New' } };
  await ask(server, path, { key: set.admin, body: next });
  await other.getByRole('region', { name: 'New' }).waitFor();
  assert.equal(await other.getByRole('region').count(), 1);
  assert.ok(!events.some(({ id }) => id === 'o2-shown'));
});

test('an answer that a page gives for who was there before is not taken', { skip }, async () => {
  const set = await stage(`Cjtag('KEY'); Cjtag('post',{type:'Here'});
    Cjtag('config','MEMBERID','m1'); Cjtag('config','OFFERS',function(message,answer){
      window.reply=answer; document.title=message.id; });`);
  const { events, first, page, site } = set;
  await page.goto(site.url);
  const path = await send(set, { id: 'o1', data: { title: 'For the first' } });
  await page.waitForFunction(`document.title === 'o1'`);
  await call(page, 'config', 'MEMBERID', 'm2');
  await page.evaluate(`reply('accepted')`);
  await call(page, 'post', { type: 'End' });
  await first('End');
  assert.deepEqual(await answersOf(set, path), [undefined]);
  assert.ok(!events.some(({ type }) => type === 'Offer Accepted'));
});

test('the channel survives the server’s going away, and a member’s login', { skip }, async () => {
  const set = await stage(offering);
  const { page, site } = set;
  await page.goto(site.url);
  await set.first('Here');
  await call(page, 'config', 'MEMBERID', 'm1');
  await set.first('Login');
  await send(set, { id: 'o1', data: { title: 'For the browser' } });
  await page.getByRole('region', { name: 'For the browser' }).waitFor();
  await page.getByRole('button', { name: 'Accept' }).click();
  const accepted = await set.first('Offer Accepted');
  assert.equal(accepted.customer, (await set.first('Here')).customer, 'the browser was asked');
});
