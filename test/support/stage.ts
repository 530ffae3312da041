/**
 * A page with the browser tag, in a workspace of its own: what the page does, and what is on the tapes then.
 */
import assert from 'node:assert/strict';
import { after } from 'node:test';
import type { BrowserContext, Page } from 'playwright-core';
import { noBrowser, openBrowser, openSite, type Site } from './browser.ts';
import { ask, type StoredEvent, startTwo, until } from './session.ts';

/** An event that does not come fails its test, and not the whole file. */
const patienceMs = 60_000;

export interface Stage {
  readonly key: string;
  readonly admin: string;
  readonly site: Site;
  readonly context: BrowserContext;
  readonly page: Page;
  /** Everything on the tapes of the workspace so far, in commit order. */
  readonly events: readonly StoredEvent[];
  /** Waits until `count` events are on the tapes. */
  seen(count: number): Promise<readonly StoredEvent[]>;
  /** Waits for the first event of a type. */
  first(type: string): Promise<StoredEvent>;
}

export interface StageOptions {
  /** Content-Security-Policy of the page; SERVER stands for the server's origin. */
  readonly policy?: string;
  readonly body?: string;
  /** Runs before any script of the page. */
  readonly before?: string;
}

/** Starts a server and a browser for the tests of one file; both end with it. */
export async function openStages() {
  const server = await startTwo();
  const browser = noBrowser === false ? await openBrowser() : undefined;
  const sites: Site[] = [];
  after(async () => {
    for (const site of sites) site.close();
    await browser?.close();
    await server.stop();
  });
  const makeKey = async (key: string, scopes: readonly string[]): Promise<string> => {
    const answer = await ask(server, '/v1/keys', { key, body: { scopes } });
    return (answer.json as { key: string }).key;
  };
  /** @param calls the page's own; KEY stands for its publish key. */
  const stage = async (calls: string, options: StageOptions = {}): Promise<Stage> => {
    const name = `web-${sites.length}`;
    const made = await ask(server, '/v1/workspaces', { key: server.keys.admin, body: { name } });
    const admin = (made.json as { key: { key: string } }).key.key;
    const key = await makeKey(admin, ['publish']);
    const events: StoredEvent[] = [];
    const query = `from=earliest&key=${await makeKey(admin, ['read'])}`;
    void follow(await fetch(`${server.url}/v1/live/sse?${query}`), events);
    const page = pageWith(calls.replaceAll('KEY', key), options.body ?? '', server.url);
    const site = await openSite(page, options.policy?.replaceAll('SERVER', server.url));
    sites.push(site);
    const context = await browser!.newContext();
    if (options.before !== undefined) await context.addInitScript(options.before);
    const wait = async (what: string, holds: () => boolean): Promise<void> => {
      const patienceEnds = Date.now() + patienceMs;
      await until(() => Promise.resolve(holds() || Date.now() > patienceEnds));
      assert.ok(holds(), `no ${what} among ${events.map(({ type }) => type).join(', ')}`);
    };
    const first = async (type: string): Promise<StoredEvent> => {
      await wait(type, () => events.some((event) => event.type === type));
      return events.find((event) => event.type === type)!;
    };
    const seen = async (count: number): Promise<readonly StoredEvent[]> => {
      await wait(`${count} events`, () => events.length >= count);
      return events;
    };
    return { key, admin, site, context, page: await openPage(context), events, seen, first };
  };
  return { server, stage };
}

/** A page of which no error of the tag may be seen. */
export async function openPage(context: BrowserContext): Promise<Page> {
  const page = await context.newPage();
  page.on('pageerror', (error) => assert.fail(`the page saw ${error.message}`));
  return page;
}

function pageWith(calls: string, body: string, server: string): (path: string) => string {
  return (path) => `<!doctype html><title>Shop ${path.split('?')[0]}</title><body>${body}
<script>
window.Cjtag=window.Cjtag||function(){(Cjtag.q=Cjtag.q||[]).push(arguments)};
${calls}
</script>
<script async src="${server}/cj.js"></script>`;
}

async function follow(response: Response, events: StoredEvent[]): Promise<void> {
  let text = '';
  const decoder = new TextDecoder();
  try {
    for await (const chunk of response.body!) {
      text += decoder.decode(chunk as Uint8Array, { stream: true });
      const blocks = text.split('\n\n');
      text = blocks.pop()!;
      for (const block of blocks) {
        const json = /^data: (.*)$/m.exec(block)?.[1];
        if (json !== undefined) events.push(JSON.parse(json) as StoredEvent);
      }
    }
  } catch {
    // The server went away at the end of the tests.
  }
}

/** Calls the tag on a page, as the page would. */
export function call(page: Page, ...args: unknown[]): Promise<unknown> {
  return page.evaluate(`Cjtag(...${JSON.stringify(args)})`);
}

/** Waits until the tag itself has taken over. */
export async function tagRuns(page: Page): Promise<void> {
  await page.waitForFunction('Cjtag.on === true');
}

/** The names of what the tag has stored on a page's site. */
export async function storedBy(page: Page): Promise<string[]> {
  const names = await page.evaluate('Object.keys(localStorage)');
  return (names as string[]).filter((name) => name.startsWith('cj.')).sort();
}
