/** The libraries for web pages, in a Chromium: bundled as a shop would, on a page of another origin. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { bundle, noBrowser, withBrowser } from '../../test/support/browser.ts';
import { type Course, type Library, Missing } from './library.ts';
import type { Message } from './messages.ts';
import { versionOf } from './node.ts';

/**
 * What the page does with either library: a visitor looks around, logs in and goes on. It tells what it
 * has sent, with the anonymous id that the library made up.
 */
const visit = `
  async function visit(api, { isLeft, stem, visitors }) {
    const userId = stem + '-user';
    const anonymousId = api.visitor();
    const sent = [];
    const tried = [];
    const send = (message) => {
      const details = message.call === 'alias' ? undefined : { n: sent.length, ...message.details };
      const whole = { ...message, ...(details && { details }) };
      sent.push({ ...whole, anonymousId, ...(message.userId === undefined && { laterUserId: userId }) });
      tried.push(api[message.call](whole));
    };
    send({ call: 'page', name: 'Landing', details: { title: 'Grüße 👋' } });
    send({ call: 'track', name: 'Product Viewed', details: { price: 12.25, tags: ['a'] } });
    send({ call: 'identify', userId, details: { plan: 'pro' } });
    for (let n = 0; n < visitors * 4; n++) {
      send({ call: 'track', userId, name: 'Product Added', details: { shop: { id: n } } });
    }
    send({ call: 'group', userId, groupId: stem + '-group', details: { employees: 7 } });
    if (api.screen) send({ call: 'screen', userId, name: 'Orders' });
    send({ call: 'page', userId, name: 'Account' });
    send({ call: 'alias', userId, previousId: stem + '-old' });
    if (isLeft) await Promise.all(tried);
    return sent;
  }`;

const segmentPage = `
  import { AnalyticsBrowser } from '@segment/analytics-next';
  ${visit}
  window.load = ({ options, url, writeKey }) => AnalyticsBrowser.load({ writeKey, cdnURL: url }, options);
  window.send = async (course) => {
    const [analytics] = await window.load(course);
    return visit({
      visitor: () => analytics.user().anonymousId(),
      page: ({ name, details }) => analytics.page(name, details),
      screen: ({ name, details }) => analytics.screen(name, details),
      track: ({ name, details }) => analytics.track(name, details),
      identify: ({ userId, details }) => analytics.identify(userId, details),
      group: ({ groupId, details }) => analytics.group(groupId, details),
      alias: ({ userId, previousId }) => analytics.alias(userId, previousId),
    }, course);
  };`;

const rudderPage = `
  import { RudderAnalytics } from '@rudderstack/analytics-js/bundled';
  ${visit}
  window.send = async (course) => {
    const { options, url, writeKey } = course;
    const analytics = new RudderAnalytics();
    await new Promise((onLoaded) => {
      analytics.load(writeKey, url, { configUrl: url, onLoaded, ...options });
    });
    return visit({
      visitor: () => analytics.getAnonymousId(),
      page: ({ name, details }) => analytics.page(name, details),
      track: ({ name, details }) => analytics.track(name, details),
      identify: ({ userId, details }) => analytics.identify(userId, details),
      group: ({ groupId, details }) => analytics.group(groupId, details),
      alias: ({ userId, previousId }) => analytics.alias(userId, previousId),
    }, course);
  };`;

/** Every message is tried once, then the page is left: what has failed waits in the browser's storage. */
export const segmentBrowserLeft: Library = {
  ...inBrowser('@segment/analytics-next', segmentPage, {}, true),
  name: '@segment/analytics-next, page left',
};

const batching = { strategy: 'batching', config: { size: 4, timeout: 300 } };

export const segmentBrowser = inBrowser('@segment/analytics-next', segmentPage);

export const segmentBrowserBatches: Library = {
  ...inBrowser('@segment/analytics-next', segmentPage, {
    integrations: { 'Segment.io': { deliveryStrategy: batching } },
  }),
  name: '@segment/analytics-next, batches',
  // What is sent again goes together with what has come since, so that there are few requests.
  faults: [429, 'lost', 500],
};

export const rudderBrowser = inBrowser('@rudderstack/analytics-js', rudderPage, {
  queueOptions: { minRetryDelay: 200, maxRetryDelay: 1000 },
});

/** What a beacon carries away nobody sends again: these meet no faults. */
export const rudderBeacons: Library = {
  ...inBrowser('@rudderstack/analytics-js', rudderPage, {
    useBeacon: true,
    beaconQueueOptions: { maxItems: 4, flushQueueInterval: 300 },
  }),
  name: '@rudderstack/analytics-js, beacons',
  faults: [],
};

function inBrowser(module: string, page: string, options: object = {}, isLeft = false): Library {
  return {
    name: module,
    async prepare() {
      if (noBrowser !== false) throw new Missing(noBrowser);
      const script = await bundle(page);
      return {
        version: versionOf(module),
        send: (course, stored) => sendFromPage(script, { ...course, isLeft, options }, stored),
      };
    },
  };
}

/** The page, or the one after it, stays open until everything is stored: it sends again what was lost. */
async function sendFromPage(
  script: string,
  course: Course & { isLeft: boolean; options: object },
  stored: (sent: readonly Message[]) => Promise<void>,
): Promise<void> {
  const site = createServer((request, reply) => {
    const isScript = request.url === '/page.js';
    reply.writeHead(200, { 'Content-Type': isScript ? 'text/javascript' : 'text/html' });
    reply.end(
      isScript ? script : '<!doctype html><title>Shop</title><script src="/page.js"></script>',
    );
  });
  site.listen(0, '127.0.0.1');
  await once(site, 'listening');
  const { port } = site.address() as AddressInfo;
  try {
    await withBrowser(async (browser) => {
      const page = await browser.newPage();
      await page.goto(`http://127.0.0.1:${port}/shop?utm_source=mail`);
      const sent = await page.evaluate<Message[]>(`window.send(${JSON.stringify(course)})`);
      if (course.isLeft) {
        await page.goto(`http://127.0.0.1:${port}/cart`);
        await page.evaluate(`window.load(${JSON.stringify(course)}).then(() => undefined)`);
      }
      await stored(sent);
    });
  } finally {
    site.close();
    site.closeAllConnections();
  }
}
