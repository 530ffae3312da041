/**
 * The browser tag: `GET /cj.js`, built from `src/web/cj.ts`, and `GET /v1/tag`, which says how to put it
 * into a page. The file is the same for everybody: it holds no key.
 *
 *     /cj.js              a day in caches, then revalidated by its ETag
 *     /cj.js?v=<version>  that very file for ever, for pages that name its hash (`integrity`)
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { AppError } from '../std/errors.ts';
import type { Front } from './context.ts';
import { jsonReply, type Reply } from './reply.ts';
import type { Route, RouteRequest } from './route.ts';

/** What the tag may weigh on its way into a page. */
export const tagGzipBytesMax = 6144;
const daily = 'public, max-age=86400, stale-while-revalidate=604800';
const forEver = 'public, max-age=31536000, immutable';
const versionCharacters = 16;

interface TagFile {
  readonly plain: Buffer;
  readonly zipped: Buffer;
  readonly version: string;
  readonly integrity: string;
}

let file: TagFile | undefined;

export const tagRoutes: readonly Route[] = [
  { method: 'get', path: '/cj.js', scope: 'none', query: ['v'], cors: 'any', handle: serveTag },
  { method: 'get', path: '/v1/tag', scope: 'none', query: [], cors: 'any', handle: describeTag },
];

function readTag(): TagFile {
  if (file === undefined) {
    const plain = readFileSync(new URL('../web/cj.js', import.meta.url));
    const hash = createHash('sha384').update(plain).digest();
    file = {
      plain,
      zipped: gzipSync(plain, { level: 9 }),
      version: hash.toString('hex').slice(0, versionCharacters),
      integrity: `sha384-${hash.toString('base64')}`,
    };
  }
  return file;
}

function serveTag({ head, query }: RouteRequest): Reply {
  const { plain, version, zipped } = readTag();
  const wanted = query.one('v');
  if (wanted !== undefined && wanted !== version) {
    throw new AppError('not_found', `this server has version ${version} of the tag; see /v1/tag`);
  }
  const isZipped = /(^|[\s,])gzip\s*(,|;(?!\s*q=0(\.0+)?\s*(,|$))|$)/i.test(head.acceptEncoding);
  // Strong: the two encodings are different bytes.
  const etag = isZipped ? `"${version}-gzip"` : `"${version}"`;
  const headers: [string, string][] = [
    ['ETag', etag],
    ['Vary', 'Accept-Encoding'],
    ['Cross-Origin-Resource-Policy', 'cross-origin'],
  ];
  // One copy in a cache serves pages that ask with an origin and pages that do not.
  if (head.origin === '') headers.push(['Access-Control-Allow-Origin', '*']);
  const reply = { type: 'text/javascript; charset=utf-8', cache: wanted ? forEver : daily };
  if (isHeld(head.ifNoneMatch, etag)) return { status: 304, body: '', ...reply, headers };
  if (isZipped) headers.push(['Content-Encoding', 'gzip']);
  return { status: 200, body: isZipped ? zipped : plain, ...reply, headers };
}

/** Whether the asker's cache has it: `If-None-Match` is a list, compared weakly (RFC 9110, 13.1.2). */
function isHeld(ifNoneMatch: string, etag: string): boolean {
  if (ifNoneMatch === '') return false;
  const held = ifNoneMatch.split(',').map((each) => each.trim().replace(/^W\//, ''));
  return held.includes(etag) || held.includes('*');
}

function describeTag(_request: RouteRequest, _front: Front): Reply {
  const { integrity, plain, version, zipped } = readTag();
  return jsonReply(200, {
    version,
    integrity,
    bytes: plain.length,
    gzipBytes: zipped.length,
    snippet: snippet.trim(),
  });
}

const snippet = `
<script>
window.Cjtag=window.Cjtag||function(){(Cjtag.q=Cjtag.q||[]).push(arguments)};
Cjtag('PUBLISH_KEY');
Cjtag('config','PAGE_TRACK',true);
</script>
<script async src="/cj.js"></script>
`;
