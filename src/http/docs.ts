/** The document of the API, for programs (`/openapi.json`) and for people (`/docs`). Loaded and made when first asked for. */

import { jsonType, type Reply } from './reply.ts';
import type { Route } from './route.ts';

const cache = 'public, max-age=300';

let documentReply: Reply | undefined;
let pageReply: Reply | undefined;

export const docsRoutes: readonly Route[] = [
  // From any page: the document is the same for all.
  {
    method: 'get',
    path: '/openapi.json',
    scope: 'none',
    query: [],
    cors: 'any',
    handle: getDocument,
  },
  { method: 'get', path: '/docs', scope: 'none', query: [], handle: getPage },
  {
    method: 'get',
    path: '/',
    scope: 'none',
    query: [],
    handle: () => ({ status: 302, body: '', type: '', headers: [['Location', '/docs']] }),
  },
];

async function getDocument(): Promise<Reply> {
  const { openApiDocument } = await import('./openapi/document.ts');
  documentReply ??= {
    status: 200,
    body: Buffer.from(JSON.stringify(openApiDocument())),
    type: jsonType,
    cache,
  };
  return documentReply;
}

async function getPage(): Promise<Reply> {
  if (pageReply === undefined) {
    const { docsPage } = await import('./docs/page.ts');
    const { openApiDocument } = await import('./openapi/document.ts');
    const { html, policy } = docsPage(openApiDocument());
    pageReply = {
      status: 200,
      body: Buffer.from(html),
      type: 'text/html; charset=utf-8',
      cache,
      headers: [
        ['Content-Security-Policy', policy],
        ['Referrer-Policy', 'no-referrer'],
      ],
    };
  }
  return pageReply;
}
