/**
 * Clients of CJDS with another base URL alone: the kinds of requests of the published collections, through a bad
 * network, and the journey widget, unmodified, in a page. `npm run cjds` does the same, and fetches the widget.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Outcome } from '../scripts/cjds/outcome.ts';
import { runRequests } from '../scripts/cjds/requests.ts';
import { runWidget } from '../scripts/cjds/widget.ts';
import { isWidgetHere, widgetPage } from '../scripts/cjds/widgetbuild.ts';
import { times } from '../scripts/sdks/run.ts';
import { noBrowser } from './support/browser.ts';
import { everyFault } from './support/faultproxy.ts';
import { startTwo } from './support/session.ts';

const server = await startTwo();
after(() => server.stop());

function check({ problems, sent, stored, twice }: Outcome): void {
  assert.deepEqual(problems, []);
  assert.deepEqual([stored, twice], [sent, 0]);
}

test('what the collections ask is answered, and events of a bad network are stored once', async () => {
  const outcome = await runRequests(server);
  check(outcome);
  assert.deepEqual(outcome.met, everyFault);
  assert.equal(outcome.resent, times(outcome.met, 'lost'));
});

const noWidget = isWidgetHere() ? noBrowser : 'the widget is not here: npm run cjds fetches it';

test('the journey widget shows a person as it is, follows it and changes it', {
  skip: noWidget,
}, async () => {
  const outcome = await runWidget(server, await widgetPage());
  check(outcome);
  assert.deepEqual([...outcome.met].map(String).sort(), ['429', '500', 'cut']);
});
