/** A headless Chromium that leaves nothing behind, scripts bundled for it, and sites for it to visit. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { type Browser, type BrowserContext, chromium } from 'playwright-core';

export type { Page } from 'playwright-core';

const executablePath = '/usr/bin/chromium';
const root = fileURLToPath(new URL('../../../', import.meta.url));
const args = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // Pages of a test come from nowhere, and may still talk to a server on this machine.
  '--disable-features=LocalNetworkAccessChecks',
];

/** Why tests that need a browser are skipped; false when there is one. */
export const noBrowser = existsSync(executablePath) ? false : `there is no ${executablePath}`;

/** Runs `use` with a browser of its own, which is gone afterwards. */
export async function withBrowser<T>(use: (browser: BrowserContext) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'tapeline-browser-'));
  const browser = await chromium.launchPersistentContext(directory, { executablePath, args });
  try {
    return await use(browser);
  } finally {
    await browser.close();
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** A browser for the contexts of several visitors; to be closed. */
export function openBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath, args });
}

/** A script for a page, with the packages it imports. */
export async function bundle(contents: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: root, loader: 'ts' },
    bundle: true,
    write: false,
    format: 'iife',
    platform: 'browser',
    logLevel: 'silent',
  });
  return outputFiles[0]!.text;
}

/** A site on an origin of its own, as a shop's is. */
export interface Site {
  readonly url: string;
  close(): void;
}

/** Serves a page at every path; `html` gets the path, and so does `type`. */
export async function openSite(
  html: (path: string) => string,
  policy = '',
  type: (path: string) => string = () => 'text/html',
): Promise<Site> {
  const http = createServer((request, response) => {
    response.setHeader('Content-Type', `${type(request.url!)}; charset=utf-8`);
    if (policy !== '') response.setHeader('Content-Security-Policy', policy);
    response.end(html(request.url!));
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const { port } = http.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close() {
      http.close();
      http.closeAllConnections();
    },
  };
}
