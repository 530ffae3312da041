/** Signatures of webhooks, against the vector of Standard Webhooks and its own library. */
import assert from 'node:assert/strict';
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
