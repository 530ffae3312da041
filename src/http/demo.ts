/**
 * The demo, served when the server was started with `--demo`: an online store with the browser tag, and
 * beside it the desk of the store's agent. The page gets two tokens: one that sends, and for the desk one that
 * reads the demo's workspace for five minutes (`/demo/desk` gives the next).
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { AppError } from '../std/errors.ts';
import { type DemoKey, demoToken, demoWorkspace } from '../workspaces/demo.ts';
import { isVisitor } from '../workspaces/visitors.ts';
import type { Front } from './context.ts';
import { demoPage } from './demo/page.ts';
import { jsonReply, type Reply } from './reply.ts';
import type { Route, RouteRequest } from './route.ts';

/** Served to anybody, and not part of the documented interface. */
export const demoRoutes: readonly Route[] = [
  { method: 'get', path: '/demo', scope: 'none', query: [], handle: servePage },
  { method: 'get', path: '/demo/desk', scope: 'none', query: [], handle: giveDesk },
  {
    method: 'post',
    path: '/demo/offer',
    scope: 'none',
    query: ['visitor'],
    bodyBytesMax: 1024,
    handle: sendOffer,
  },
];

let script: string | undefined;

function servePage(_request: RouteRequest, front: Front): Reply {
  script ??= readFileSync(new URL('../web/demo.js', import.meta.url), 'utf8').trim();
  const { html, scripts, styles } = demoPage(tokenOf(front, 'demo shop'), script);
  const policy = [
    "default-src 'none'",
    `script-src 'self' ${scripts.map(hashOf).join(' ')}`,
    `style-src ${styles.map(hashOf).join(' ')}`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
  return {
    status: 200,
    body: Buffer.from(html),
    type: 'text/html; charset=utf-8',
    headers: [
      ['Content-Security-Policy', policy],
      ['Referrer-Policy', 'no-referrer'],
    ],
  };
}

function hashOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}

function giveDesk(_request: RouteRequest, front: Front): Reply {
  return jsonReply(200, { token: tokenOf(front, 'demo desk') });
}

/** Always the same offer, so that it does not matter who asks for it. */
async function sendOffer(request: RouteRequest, front: Front): Promise<Reply> {
  const visitor = request.query.one('visitor') ?? '';
  if (!isVisitor(visitor)) throw new AppError('invalid', 'visitor must be a visitor of the shop');
  const workspace = demoWorkspace(front.directory);
  if (workspace === undefined) throw missing();
  const data = {
    title: 'Free delivery today',
    text: 'Order within the hour and it is with you this evening.',
    accept: 'Yes, please',
  };
  const message = { id: `delivery-${front.clock.now().toString(36)}`, kind: 'offer', data };
  await front.mailbox({ kind: 'push', workspace, visitor, message, ttlMs: 600_000 });
  return jsonReply(201, {});
}

function tokenOf({ clock, directory }: Front, name: DemoKey): string {
  const token = demoToken(directory, name, clock.now());
  if (token === undefined) throw missing();
  return token;
}

function missing(): AppError {
  return new AppError('not_found', 'the workspace of the demo is gone; the next start makes it');
}
