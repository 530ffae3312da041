/**
 * offer: customers stall in a journey; how soon after their last second is the offer visible in their page,
 * in a real Chromium?
 *
 *     last event (its commit) ── silent for 30 s ──▶ timer ─▶ decision ─▶ message ─▶ page: the offer is there
 *                                                │◀──────────── measured ─────────────────────────────▶│
 *
 * Each customer is a page with the browser tag in a context of its own; they stall one after the other.
 */
import { createHash } from 'node:crypto';
import { Stage } from '../scripts/demo/stage.ts';
import { home, prepare, quoteMap, walkInRule } from '../scripts/demo/stories/insurance.ts';
import { systemClock } from '../src/std/clock.ts';
import { noBrowser, openBrowser, openSite, type Page } from '../test/support/browser.ts';
import type { TestServer } from '../test/support/server.ts';
import { ask, tape } from '../test/support/session.ts';
import { count, print, type Quantiles, quantiles, type Row, spread } from './report.ts';
import { withServer } from './server.ts';
import type { Settings } from './settings.ts';

const usualCustomers = 10;
const usualSilentSeconds = 30;
/** Between one customer's last event and the next one's. */
const staggerMs = 1000;
const pageTitle = 'Shall we go through it together?';

interface Measured {
  /** From the end of the silence to the offer in the page. */
  readonly visibleMs: Quantiles;
  readonly early: number;
}

export async function offer(settings: Settings): Promise<void> {
  if (noBrowser !== false) throw new Error(noBrowser);
  const customers = settings.customers ?? (settings.smoke ? 2 : usualCustomers);
  const silentSeconds = settings.smoke ? 1 : usualSilentSeconds;
  await withServer(settings, async (server) => {
    const tell = (): void => undefined;
    const { keys, url } = server;
    const stage = new Stage({ url, key: keys.admin, clock: systemClock, silentSeconds, tell });
    await prepare(stage);
    const measured = await withPages(server, customers, (pages) =>
      stall(server, pages, silentSeconds),
    );
    report({ ...settings, customers }, silentSeconds, measured);
  });
}

async function withPages<Result>(
  server: TestServer,
  customers: number,
  use: (pages: readonly Page[]) => Promise<Result>,
): Promise<Result> {
  const wish = { key: server.keys.admin, body: { scopes: ['publish'] } };
  const { key } = (await ask(server, '/v1/keys', wish)).json as { key: string };
  const site = await openSite(
    () => `<!doctype html><title>Quote</title><body><script>
window.Cjtag=function(){(Cjtag.q=Cjtag.q||[]).push(arguments)};
Cjtag('${key}'); Cjtag('config','OFFERS',true);
</script><script async src="${server.url}/cj.js"></script>`,
  );
  const browser = await openBrowser();
  try {
    const pages: Page[] = [];
    while (pages.length < customers) {
      const context = await browser.newContext();
      pages.push(await openCustomer(await context.newPage(), site.url));
    }
    return await use(pages);
  } finally {
    await browser.close();
    site.close();
  }
}

/** A page whose tag runs and whose channel is open. */
async function openCustomer(page: Page, url: string): Promise<Page> {
  const channel = page.waitForResponse((response) =>
    response.url().includes('/v1/visitor/channel'),
  );
  await page.goto(url);
  await page.waitForFunction('Cjtag.on === true');
  await post(page, 'Quote Started', home);
  await channel;
  await post(page, 'Vehicle Entered', { vehicle: 'Honda Civic' });
  await post(page, 'Driver Entered', {});
  return page;
}

function post(page: Page, type: string, data: object): Promise<unknown> {
  return page.evaluate(`Cjtag('post', ${JSON.stringify({ type, data })})`);
}

async function stall(
  server: TestServer,
  pages: readonly Page[],
  silentSeconds: number,
): Promise<Measured> {
  const seen: Promise<number>[] = [];
  for (const page of pages) {
    await post(page, 'Price Shown', { price: 840 });
    seen.push(visibleAt(page));
    await page.waitForTimeout(staggerMs);
  }
  const visible = await Promise.all(seen);
  const lateMs: number[] = [];
  for (const [index, page] of pages.entries()) {
    const received = await receivedAt(server, page);
    lateMs.push(visible[index]! - received - silentSeconds * 1000);
  }
  return { visibleMs: quantiles(lateMs), early: lateMs.filter((ms) => ms <= 0).length };
}

/** When the page has the offer, looked at every 10 ms: its own clock, which is the server's on one machine. */
function visibleAt(page: Page): Promise<number> {
  const look = `new Promise((resolve) => {
    const look = () => {
      for (const each of document.body.children) {
        const section = each.shadowRoot?.querySelector('section');
        if (section?.getAttribute('aria-label') === ${JSON.stringify(pageTitle)} && section.offsetHeight > 0) {
          resolve(Date.now());
          return;
        }
      }
      setTimeout(look, 10);
    };
    look();
  })`;
  return page.evaluate(look) as Promise<number>;
}

/** When the customer's last event was committed. */
async function receivedAt(server: TestServer, page: Page): Promise<number> {
  const visitor = (await page.evaluate(
    `Object.values(localStorage).join(' ').match(/cookie:[0-9A-Za-z]+/)[0]`,
  )) as string;
  const { events } = await tape(server, visitor, 'type=Price%20Shown');
  return events[0]!.received;
}

function report(settings: Settings, silentSeconds: number, { early, visibleMs }: Measured): void {
  const { customers, fronts, seed, shards } = settings;
  const story = JSON.stringify([quoteMap, walkInRule(silentSeconds)]);
  const rows: Row[] = [
    ['stalled customers', `${count(customers!)}, silent for ${silentSeconds} s`],
    ['from then to the offer in the page', spread(visibleMs)],
    ['too early', count(early)],
  ];
  print({
    workload: 'offer',
    settings: { customers, silentSeconds, shards, fronts, seed },
    work: createHash('sha256').update(story).digest('hex').slice(0, 12),
    rows,
    figures: { visibleMs, early },
  });
}
