/** The live subscribers of a front have a limit, and those of one workspace leave room for another's. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { liveSubscribersMax } from '../src/http/livesubscribers.ts';
import { type FrameSocket, openFrames, refusedUpgrade } from './support/frames.ts';
import { ask, count, metric, startTwo } from './support/session.ts';

test('the subscribers of one workspace leave room for those of another', async (t) => {
  const alone = await startTwo({ fronts: 1 });
  t.after(() => alone.stop());
  const { admin, read } = alone.keys;
  const sockets: FrameSocket[] = [];
  t.after(() => {
    for (const socket of sockets) socket.close();
  });
  while (sockets.length < liveSubscribersMax / 2) {
    const opened = count(50).map((n) => openFrames(alone, `/v1/live?type=t${n}`, { key: read }));
    sockets.push(...(await Promise.all(opened)));
  }
  const refusal = await refusedUpgrade(alone, '/v1/live', { key: read });
  assert.equal(`${refusal.status} ${refusal.code}`, '503 overloaded');
  assert.equal(refusal.headers['retry-after'], '1');
  const stream = await ask(alone, '/v1/live/sse', { key: read });
  assert.equal(`${stream.status} ${stream.code}`, '503 overloaded');
  assert.equal(stream.headers['retry-after'], '1');
  const made = await ask(alone, '/v1/workspaces', { key: admin, body: { name: 'other' } });
  const { key: other } = made.json as { key: { key: string } };
  for (const _ of count(10)) {
    sockets.push(await openFrames(alone, '/v1/live', { key: other.key }));
  }
  await refusedUpgrade(alone, '/v1/live', { key: read });
  for (const socket of sockets.splice(0, 20)) socket.close();
  const left = sockets.length;
  while ((await metric(alone, 'live_subscribers')) > left) await new Promise(setImmediate);
  sockets.push(await openFrames(alone, '/v1/live', { key: read }));
});
