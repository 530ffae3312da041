/** Changes made while a server still starts: the fronts listen before the other threads are there. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'node:test';
import { startServer, testKeys } from './support/server.ts';

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

test('a change made before the server is ready is answered, and in force', async () => {
  const port = await freePort();
  const path = `http://127.0.0.1:${port}/v1/views/early`;
  const headers = { authorization: `Bearer ${testKeys.admin}`, 'content-type': 'application/json' };
  const body = JSON.stringify({ fields: [{ name: 'seen', event: '*', type: 'count' }] });
  const starting = startServer({ port });
  // None but refused connections until a front listens, which is long before the server is ready.
  let answer: Response | undefined;
  while (answer === undefined) {
    answer = await fetch(path, { method: 'PUT', headers, body }).catch(() => undefined);
  }
  const server = await starting;
  try {
    assert.equal(answer.status, 201, await answer.text());
    const stored = await fetch(path, { headers });
    assert.equal(stored.status, 200);
  } finally {
    await server.stop();
  }
});
