/** Connections to webhooks: to the addresses that were judged, with the certificate of the name. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Sender } from '../src/journeys/deliver/send.ts';
import type { Address } from '../src/std/addresses.ts';
import { systemClock } from '../src/std/clock.ts';
import { authority, certificate, privateKey } from './support/certificates.ts';
import { hang, Receiver } from './support/receiver.ts';

const here: Address = { address: '127.0.0.1', family: 4 };
const plain = await new Receiver().listen();
const secure = await new Receiver({ key: privateKey, cert: certificate }).listen();
after(() => Promise.all([plain.close(), secure.close()]));
const posted = {
  method: 'POST' as const,
  headers: { 'webhook-id': 'm1', 'X-Own': 'yes' },
  body: '{"ü":1}',
};

function sender(ca?: string): Sender {
  const made = new Sender({ clock: systemClock, ...(ca !== undefined && { ca }) });
  after(() => made.close());
  return made;
}

test('the connection goes to the address that was judged, whatever the name may say', async () => {
  const url = new URL(plain.url('/x?a=1', 'no-such-host.invalid'));
  assert.deepEqual(await sender().post({ url, addresses: [here] }, posted), { status: 204 });
  const { body, headers, path } = plain.received.at(-1)!;
  assert.deepEqual([body, path], [posted.body, '/x?a=1']);
  assert.equal(headers.host, url.host);
  assert.equal(headers['content-length'], String(Buffer.byteLength(posted.body)));
});

test('an authority of one’s own is trusted for its names, and nobody without it', async () => {
  const target = { url: new URL(secure.url('/', 'hooks.test')), addresses: [here] };
  assert.deepEqual(await sender(authority).post(target, posted), { status: 204 });
  const unknown = await sender().post(target, posted);
  assert.ok('failure' in unknown);
  assert.match(unknown.failure, /^the certificate is not good \((UNABLE_TO|SELF_SIGNED|CERT)/);
  const other = { url: new URL(secure.url('/', 'other.test')), addresses: [here] };
  const misnamed = await sender(authority).post(other, posted);
  assert.deepEqual(misnamed, {
    failure: 'the certificate is not good (ERR_TLS_CERT_ALTNAME_INVALID)',
  });
});

test('http is no https', async () => {
  const answer = await sender().post(
    { url: new URL(plain.url().replace('http:', 'https:')), addresses: [here] },
    posted,
  );
  assert.ok('failure' in answer);
});

test('a connection is used again, and cut when nobody wants it any more', async () => {
  const own = sender();
  const fresh = await new Receiver().listen();
  after(() => fresh.close());
  const target = { url: new URL(fresh.url()), addresses: [here] };
  for (const _ of [1, 2, 3]) assert.deepEqual(await own.post(target, posted), { status: 204 });
  assert.equal(fresh.connections, 1);
  fresh.next.push(hang);
  const under = own.post(target, posted);
  await fresh.nth(4);
  own.close();
  assert.deepEqual(await under, { failure: 'the connection was cut' });
});

test('an action of CJDS may be another method; what HTTP cannot say is never tried again', async () => {
  const target = { url: new URL(plain.url()), addresses: [here] };
  for (const method of ['PUT', 'PATCH', 'DELETE'] as const) {
    await sender().post(target, { ...posted, method });
    const { body, method: seen } = plain.received.at(-1)!;
    assert.deepEqual([seen, body], [method, posted.body]);
  }
  await sender().post(target, { ...posted, method: 'GET' });
  const { body, headers, method } = plain.received.at(-1)!;
  assert.deepEqual([method, body, headers['content-type']], ['GET', '', undefined]);
  const bad = await sender().post(target, { ...posted, headers: { Authorization: 'a\r\nb: c' } });
  assert.deepEqual(bad, { failure: 'the request cannot be made (ERR_INVALID_CHAR)', final: true });
});
