/** When a webhook is tried again: the table of Standard Webhooks, with a held clock and dice. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Answer,
  attemptsMax,
  jitterMax,
  judge,
  retryAfterMs,
  type Verdict,
} from '../src/journeys/deliver/schedule.ts';
import { type Random, seededRandom } from '../src/std/random.ts';

const nowMs = 1_763_740_000_000;
const dice = (next: number): Random => ({ ...seededRandom(1), next: () => next });
const [second, minute, hour] = [1000, 60_000, 3_600_000];

function verdict(answer: Answer, attempts = 1, overloads = 0, roll = 0): Verdict {
  return judge(answer, { attempts, overloads, nowMs }, dice(roll));
}

test('ten attempts over three days, each a little late and never early', () => {
  const waits = [5 * second, 5 * minute, 30 * minute, 2 * hour, 5 * hour, 10 * hour, 14 * hour];
  const all = [...waits, 20 * hour, 24 * hour];
  for (const [index, wait] of all.entries()) {
    const least = verdict({ status: 500 }, index + 1);
    assert.deepEqual(least, { kind: 'retry', waitMs: wait, restMs: 0 });
    const most = verdict({ status: 500 }, index + 1, 0, 0.999_999);
    assert.ok(most.kind === 'retry' && most.waitMs > wait && most.waitMs <= wait * (1 + jitterMax));
  }
  assert.equal(attemptsMax, all.length + 1);
  assert.deepEqual(verdict({ status: 500 }, attemptsMax), { kind: 'failed', gone: false });
  assert.deepEqual(verdict({ failure: 'no answer' }, attemptsMax), { kind: 'failed', gone: false });
});

test('what each answer means', () => {
  for (const status of [200, 201, 202, 204, 299]) {
    assert.deepEqual(verdict({ status }), { kind: 'delivered' });
  }
  const again = { kind: 'retry', waitMs: 5000, restMs: 0 };
  for (const status of [
    300, 301, 302, 304, 307, 308, 400, 401, 403, 404, 409, 500, 501, 503, 599,
  ]) {
    assert.deepEqual(verdict({ status }), again, String(status));
  }
  assert.deepEqual(verdict({ failure: 'connection refused' }), again);
  assert.deepEqual(verdict({ failure: 'bad port', final: true }), { kind: 'failed', gone: false });
  assert.deepEqual(verdict({ status: 410 }), { kind: 'failed', gone: true });
});

test('an endpoint that is overloaded rests, longer each time, and at most five minutes', () => {
  for (const status of [429, 502, 504]) {
    assert.deepEqual(verdict({ status }), { kind: 'retry', waitMs: 5000, restMs: 1000 });
    assert.deepEqual(verdict({ status }, 1, 3), { kind: 'retry', waitMs: 5000, restMs: 8000 });
    const long = verdict({ status }, 2, 40);
    assert.deepEqual(long, { kind: 'retry', waitMs: 5 * minute, restMs: 5 * minute });
  }
});

test('Retry-After makes a wait longer, never shorter, and never longer than a day', () => {
  const asked = (retryAfter: string, attempts = 1, status = 503) =>
    verdict({ status, retryAfter }, attempts);
  assert.deepEqual(asked('60'), { kind: 'retry', waitMs: minute, restMs: 0 });
  assert.deepEqual(asked('60', 1, 429), { kind: 'retry', waitMs: minute, restMs: minute });
  assert.deepEqual(asked('1', 2), { kind: 'retry', waitMs: 5 * minute, restMs: 0 });
  assert.deepEqual(asked('999999999'), { kind: 'retry', waitMs: 24 * hour, restMs: 0 });
  assert.deepEqual(asked('60', attemptsMax), { kind: 'failed', gone: false });
  const date = new Date(nowMs + 90 * second).toUTCString();
  assert.equal(retryAfterMs(date, nowMs), 90 * second);
  assert.equal(retryAfterMs(new Date(nowMs - hour).toUTCString(), nowMs), 0);
  for (const text of ['', 'soon', '-5', '1.5', '1e9', 'Infinity', '60, 60']) {
    assert.ok(retryAfterMs(text, nowMs) === 0, text);
  }
  assert.equal(retryAfterMs(undefined, nowMs), 0);
});
