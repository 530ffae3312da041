/** The file of the browser tag: small, cached by its bytes, and the one that `/v1/tag` describes. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { request } from 'node:http';
import { after, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { tagGzipBytesMax } from '../src/http/tag.ts';
import { call } from './support/call.ts';
import { serveFront } from './support/front.ts';

const server = await serveFront();
after(() => server.close());

interface Raw {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** As sent: `fetch` would inflate it. */
function raw(path: string, headers: Record<string, string> = {}): Promise<Raw> {
  return new Promise((resolve, reject) => {
    const sent = request(server.url + path, { headers, agent: false }, async (response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk);
      const { headers: received, statusCode } = response;
      resolve({ status: statusCode!, headers: received, body: Buffer.concat(chunks) });
    });
    sent.on('error', reject).end();
  });
}

const zipped = { 'accept-encoding': 'gzip, deflate, br' };

test('the tag is at most 6 KiB on its way, and asks for nothing else', async () => {
  const { body, headers } = await raw('/cj.js', zipped);
  assert.equal(tagGzipBytesMax, 6144);
  assert.ok(body.length <= tagGzipBytesMax, `${body.length} bytes`);
  assert.equal(headers['content-encoding'], 'gzip');
  assert.match(String(headers['content-type']), /^text\/javascript/);
  const plain = await raw('/cj.js');
  assert.equal(plain.headers['content-encoding'], undefined);
  assert.deepEqual(gunzipSync(body), plain.body);
  assert.doesNotMatch(plain.body.toString(), /\bimport\b|\brequire\(|\beval\(|sourceMappingURL/);
});

test('encodings are chosen by what the asker takes', async () => {
  const encodings: readonly [string, string | undefined][] = [
    ['gzip', 'gzip'],
    ['br;q=1.0, gzip;q=0.8', 'gzip'],
    ['GZIP', 'gzip'],
    ['identity', undefined],
    ['gzip;q=0', undefined],
    ['gzip;q=0.0, br', undefined],
    ['xgzip', undefined],
  ];
  for (const [accepted, expected] of encodings) {
    const { headers } = await raw('/cj.js', { 'accept-encoding': accepted });
    assert.equal(headers['content-encoding'], expected, accepted);
    assert.equal(headers['vary'], 'Accept-Encoding');
  }
});

test('a cache asks again with the strong tag of what it holds', async () => {
  const first = await raw('/cj.js', zipped);
  const etag = String(first.headers['etag']);
  assert.match(etag, /^"[0-9a-f]{16}-gzip"$/);
  assert.match(String(first.headers['cache-control']), /^public, max-age=86400, stale-while/);
  for (const held of [etag, `"x", ${etag}`, `W/${etag}`, '*']) {
    const again = await raw('/cj.js', { ...zipped, 'if-none-match': held });
    assert.equal(again.status, 304, held);
    assert.equal(again.body.length, 0);
    assert.equal(again.headers['etag'], etag);
  }
  const plain = await raw('/cj.js', { 'if-none-match': etag });
  assert.equal(plain.status, 200, 'other bytes have another tag');
  assert.notEqual(plain.headers['etag'], etag);
});

test('a 304 leaves the connection usable', async () => {
  const { headers } = await call(server, '/cj.js');
  const etag = headers.get('etag')!;
  for (const _ of [1, 2, 3]) {
    const again = await call(server, '/cj.js', { headers: { 'if-none-match': etag } });
    assert.equal(again.status, 304);
  }
  assert.equal((await call(server, '/healthz')).status, 200);
});

test('a page can name the very file: by version for ever, by hash for certain', async () => {
  const { text } = await call(server, '/v1/tag');
  const tag = JSON.parse(text) as {
    version: string;
    integrity: string;
    bytes: number;
    gzipBytes: number;
    snippet: string;
  };
  const { body, headers } = await raw(`/cj.js?v=${tag.version}`);
  const hash = createHash('sha384').update(body).digest('base64');
  assert.equal(tag.integrity, `sha384-${hash}`);
  assert.equal(tag.bytes, body.length);
  assert.ok(tag.gzipBytes <= tagGzipBytesMax);
  assert.match(String(headers['cache-control']), /immutable/);
  assert.match(tag.snippet, /Cjtag\.q/);
  assert.equal((await call(server, '/cj.js?v=0123456789abcdef')).code, 'not_found');
  assert.equal((await call(server, '/cj.js?w=1')).code, 'invalid');
});

test('any page may load it, whether it asks with an origin or not', async () => {
  for (const headers of [{}, { origin: 'https://shop.example' }]) {
    const answer = await call(server, '/cj.js', { headers });
    assert.equal(answer.headers.get('access-control-allow-origin'), '*');
    assert.equal(answer.headers.get('cross-origin-resource-policy'), 'cross-origin');
  }
});
