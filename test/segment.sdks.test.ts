/**
 * The libraries of Segment and RudderStack, unmodified, through a proxy that answers 429 and 500, cuts
 * connections and loses replies: everything is stored as it was sent, nothing twice. `npm run sdks`
 * does the same with the libraries of other languages.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  rudderBeacons,
  rudderBrowser,
  segmentBrowser,
  segmentBrowserBatches,
  segmentBrowserLeft,
} from '../scripts/sdks/browser.ts';
import type { Library } from '../scripts/sdks/library.ts';
import { rudderNode, segmentNode } from '../scripts/sdks/node.ts';
import { type Outcome, run, times } from '../scripts/sdks/run.ts';
import { noBrowser } from './support/browser.ts';
import { everyFault } from './support/faultproxy.ts';
import type { TestServer } from './support/server.ts';
import { ask, startTwo } from './support/session.ts';

let server: TestServer;
let publishKey: string;
before(async () => {
  server = await startTwo();
  const body = { scopes: ['publish'] };
  const created = await ask(server, '/v1/keys', { key: server.keys.admin, body });
  publishKey = (created.json as { key: string }).key;
});
after(() => server.stop());

function check(outcome: Outcome, { faults = everyFault }: Library): void {
  assert.deepEqual(outcome.problems, []);
  assert.equal(outcome.stored, outcome.sent);
  assert.equal(outcome.twice, 0);
  assert.deepEqual(outcome.met, faults);
  assert.ok(
    outcome.resent >= times(outcome.met, 'lost'),
    'what was lost on the way back was sent again',
  );
}

for (const library of [segmentNode, rudderNode]) {
  test(`${library.name} loses nothing and stores nothing twice`, async () => {
    check(await run(server, library, { visitors: 2 }), library);
  });
}

for (const library of [
  segmentBrowser,
  segmentBrowserBatches,
  segmentBrowserLeft,
  rudderBrowser,
  rudderBeacons,
]) {
  const name = `${library.name} in a page loses nothing and stores nothing twice`;
  test(name, { skip: noBrowser }, async () => {
    check(await run(server, library, { visitors: 2, writeKey: publishKey }), library);
  });
}
