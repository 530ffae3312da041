/** Signatures of webhooks, against the vector of Standard Webhooks and its own library. */
import assert from 'node:assert/strict';
import { createHmac, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { signatureHeaders } from '../src/journeys/deliver/signature.ts';
import { AppError } from '../src/std/errors.ts';
import { seededRandom } from '../src/std/random.ts';
import { newSecret, secretBytes } from '../src/workspaces/webhook.ts';

test('the vector of the specification', () => {
  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
  const message = { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', body: '{"test": 2432232314}' };
  const headers = signatureHeaders([secret], { ...message, atMs: 1_614_265_330_999 });
  assert.deepEqual(headers, {
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  });
});

test('the library of the specification verifies what is signed, by any secret that signs', () => {
  const random = seededRandom(7);
  const [first, second, other] = [newSecret(random), newSecret(random), newSecret(random)];
  const body = JSON.stringify({ type: 'tapeline.action', data: { name: 'Zoë 🚲' } });
  // The library takes no message that is older than five minutes by its own clock.
  const headers = signatureHeaders([first, second], { id: 'a1', body, atMs: Date.now() });
  for (const secret of [first, second]) {
    assert.deepEqual(new Webhook(secret).verify(body, { ...headers }), JSON.parse(body));
  }
  assert.throws(() => new Webhook(other).verify(body, { ...headers }));
  assert.throws(() => new Webhook(first).verify(body.replace('Z', 'z'), { ...headers }));
  assert.throws(() => new Webhook(first).verify(body, { ...headers, 'webhook-id': 'a2' }));
});

test('a secret is whsec_ and base64 of 24 to 64 bytes, and no refusal repeats it', () => {
  const encoded = (length: number): string => Buffer.alloc(length, 7).toString('base64');
  for (const length of [24, 32, 64]) {
    assert.equal(secretBytes(`whsec_${encoded(length)}`).length, length);
  }
  const bad = [`whsec_${encoded(23)}`, `whsec_${encoded(65)}`, encoded(32), 'whsec_', 'whsec_!!!!'];
  for (const secret of [...bad, `whsec_ ${encoded(32)}`, `WHSEC_${encoded(32)}`]) {
    assert.throws(
      () => secretBytes(secret),
      (error) =>
        error instanceof AppError &&
        error.code === 'invalid' &&
        !error.message.includes(encoded(7)),
      secret,
    );
  }
});

test('the lines of the README verify what is signed, and nothing else', () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const lines = /## Webhooks.*?```js\n(.*?)```/s.exec(readme)![1]!;
  const names = ['createHmac', 'timingSafeEqual', 'request', 'secret', 'body'];
  const verify = new Function(...names, lines);
  const [own, other] = [newSecret(seededRandom(1)), newSecret(seededRandom(2))];
  const body = '{"a":"ü"}';
  const headers = signatureHeaders([other, own], { id: 'act_1', body, atMs: Date.now() });
  const run = (secret: string, text: string, more: object = {}): void =>
    verify(createHmac, timingSafeEqual, { headers: { ...headers, ...more } }, secret, text);
  assert.doesNotThrow(() => run(own, body));
  assert.doesNotThrow(() => run(other, body));
  assert.throws(() => run(newSecret(seededRandom(3)), body), /not from Tapeline/);
  assert.throws(() => run(own, '{"a":"u"}'), /not from Tapeline/);
  assert.throws(() => run(own, body, { 'webhook-id': 'act_2' }), /not from Tapeline/);
  const old = signatureHeaders([own], { id: 'act_1', body, atMs: Date.now() - 400_000 });
  assert.throws(() => run(own, body, old), /not from Tapeline/);
});
