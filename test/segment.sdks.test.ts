/**
 * The libraries of Segment and RudderStack, unmodified, through a proxy that answers 429 and 500, cuts
 * connections and loses replies: everything is stored as it was sent, nothing twice. `npm run sdks`
 * does the same at length, and with the libraries of other languages.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { rudderNode, segmentNode } from '../scripts/sdks/node.ts';
import { run } from '../scripts/sdks/run.ts';
import type { TestServer } from './support/server.ts';
import { startTwo } from './support/session.ts';

let server: TestServer;
before(async () => {
  server = await startTwo();
});
after(() => server.stop());

for (const library of [segmentNode, rudderNode]) {
  test(`${library.name} loses nothing and stores nothing twice`, async () => {
    const outcome = await run(server, library, { visitors: 2 });
    assert.deepEqual(outcome.problems, []);
    assert.equal(outcome.sent, 16);
    assert.equal(outcome.stored, 16);
    assert.deepEqual(outcome.met, { rate: 1, error: 1, cut: 1, lost: 2 });
    assert.ok(outcome.resent > 0, 'what was lost on the way back was sent again');
  });
}
