/**
 * No receipt before the flush. In process, with commits that the test holds; and on a real server,
 * whose system calls are watched, delayed and failed by strace. Nothing here depends on how long
 * anything takes: what counts is the order of the calls.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { AppError } from '../src/std/errors.ts';
import { parsePosition } from '../src/tape/cursor.ts';
import { Tail } from '../src/tape/tail.ts';
import { openIngest } from './support/frames.ts';
import { startServer, type TestServer, temporaryDirectory } from './support/server.ts';
import { ask, post, startTwo, tapeIds } from './support/session.ts';
import { Gate, ManualClock, ShardKit } from './support/shardkit.ts';
import { Strace, whyNoStrace } from './support/strace.ts';

const skip = whyNoStrace();
const event = { customer: 'c1', type: 'Click', id: 'e1', time: 1_763_740_000_000 };

function openKit(directory: string): ShardKit {
  return new ShardKit({ directory, shards: 2, clock: new ManualClock(1_763_740_000_000) });
}

/** How many events a stream from the beginning finds. */
function streamed({ tape }: ShardKit): number {
  let events = 0;
  const tail = new Tail(tape, [0, 1], parsePosition('0.0'));
  const count = (): boolean => {
    events += 1;
    return true;
  };
  while (tail.visitBlock(tape.horizon(), count));
  return events;
}

test('while a flush is held there is no receipt, and no reader sees the event', async (t) => {
  const directory = temporaryDirectory();
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const kit = openKit(directory);
  const gates = kit.faults.map((fault) => {
    fault.before = new Gate();
    return fault.before;
  });
  t.after(() => {
    for (const gate of gates) gate.open();
    return kit.close();
  });
  const receipts: string[] = [];
  const body = Buffer.from(JSON.stringify(event));
  kit.sendThen('json', body, 1, () => receipts.push('first'));
  const horizon = kit.tape.horizon();
  const done = kit.commit();
  kit.sendThen('json', body, 1, ({ duplicates }) => receipts.push(`duplicate ${duplicates}`));
  kit.deliver();
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(receipts, []);
  assert.deepEqual(kit.scan({ customer: 'c1' }), []);
  assert.equal(kit.tape.horizon(), horizon);
  assert.equal(streamed(kit), 0);
  for (const gate of gates) gate.open();
  await done;
  assert.deepEqual(receipts, ['first', 'duplicate 1']);
  assert.equal(kit.scan({ customer: 'c1' }).length, 1);
  assert.equal(streamed(kit), 1);
});

test('a shard that cannot write closes in order, and tries no more', async (t) => {
  const directory = temporaryDirectory();
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const kit = openKit(directory);
  for (const fault of kit.faults) fault.before = new AppError('unavailable', 'no room');
  assert.equal((await kit.store([event])).unavailable, true);
  const commits = kit.written.length;
  for (const shard of kit.shards) await shard.close();
  await kit.tape.close();
  kit.clock.advance(10_000);
  assert.equal(kit.written.length, commits);
});

function indexOfLast(lines: readonly string[], pattern: RegExp): number {
  return lines.findLastIndex((line) => pattern.test(line));
}

/** Watches one send with every flush delayed: the order in which the calls ended. */
async function watchSend(server: TestServer, send: () => Promise<void>): Promise<void> {
  const calls = 'fdatasync,pwrite64,pwritev,writev,sendto,sendmsg,write';
  const delay = 'inject=fdatasync:delay_exit=200000';
  const trace = await Strace.attach(server.process.pid!, ['-e', `trace=${calls}`, '-e', delay]);
  await send();
  const lines = await trace.detach();
  const flushed = indexOfLast(lines, /fdatasync.*(part-\d+\.mdb|resumed).* = 0/);
  const metaWritten = indexOfLast(lines, /pwrite64.*(part-\d+\.mdb|resumed).* = \d+/);
  const told = lines.findIndex((line) => /(sendto|sendmsg|write|writev)\(.*accepted/.test(line));
  const shown = lines.join('\n');
  assert.ok(flushed >= 0 && metaWritten >= 0 && told >= 0, shown);
  assert.ok(flushed < metaWritten, shown);
  assert.ok(metaWritten < told, `the receipt left before the flush:\n${shown}`);
}

test('the receipt leaves the process after fdatasync and the meta page', { skip }, async (t) => {
  const server = await startTwo();
  t.after(() => server.stop());
  await watchSend(server, async () => {
    const answer = await post(server, event);
    assert.equal(answer.text, '{"accepted":1,"duplicates":0,"rejected":[]}');
  });
  const socket = await openIngest(server);
  await watchSend(server, async () => {
    socket.text({ seq: 1, events: [{ ...event, id: 'e2' }] });
    assert.equal((await socket.next()).ack, 1);
  });
  socket.close();
});

/** Starts a server on a directory that outlives it. */
async function startOn(data: string): Promise<TestServer> {
  return startServer({ data, shards: 1, fronts: 1 });
}

/** Posts to a server that is expected to die of it. */
async function postToTheDying(server: TestServer, fault: string): Promise<void> {
  const exit = once(server.process, 'exit');
  const trace = await Strace.attach(server.process.pid!, ['-e', `inject=${fault}`]);
  const answer = await post(server, event).catch(() => undefined);
  assert.notEqual(answer?.status, 200, 'a receipt for what was not flushed');
  const [code] = await exit;
  await trace.detach();
  assert.equal(code, 70, server.log());
  assert.match(server.log(), /a thread died/);
}

for (const [what, fault] of [
  ['fdatasync fails', 'fdatasync:error=EIO'],
  ['the meta page cannot be written', 'pwrite64:error=EIO'],
  ['there is no room for the meta page', 'pwrite64:error=ENOSPC'],
] as const) {
  test(`when ${what}, the process ends without a receipt and starts again`, { skip }, async (t) => {
    const data = temporaryDirectory();
    t.after(() => rmSync(data, { recursive: true, force: true }));
    const first = await startOn(data);
    assert.equal((await post(first, { ...event, id: 'e0' })).status, 200);
    await postToTheDying(first, fault);
    const second = await startOn(data);
    t.after(() => second.stop());
    assert.deepEqual(await tapeIds(second, 'c1'), ['e0']);
    assert.match((await post(second, event)).text, /"accepted":1,/);
    assert.deepEqual(await tapeIds(second, 'c1'), ['e1', 'e0']);
  });
}

test('a full disk refuses events, says so, and is forgotten when there is room', {
  skip,
}, async (t) => {
  // One front: each learns of the store's state in its own time.
  const server = await startServer({ shards: 2, fronts: 1 });
  t.after(() => server.stop());
  const socket = await openIngest(server);
  const logs = [0, 1].flatMap((shard) => [
    '-P',
    join(server.data, `shard-${shard}`, 'part-00000001.mdb'),
  ]);
  const fault = 'inject=write,writev,pwrite64,pwritev:error=ENOSPC';
  const trace = await Strace.attach(server.process.pid!, [...logs, '-e', fault]);
  const refused = await post(server, event);
  assert.equal(refused.status, 503);
  assert.equal(refused.code, 'unavailable');
  assert.match(refused.headers['retry-after']!, /^\d+$/);
  let health = await ask(server, '/healthz');
  while (health.status !== 503) health = await ask(server, '/healthz');
  assert.match(health.text, /room/);
  socket.text({ seq: 1, events: [event] });
  const { error, nack } = await socket.next();
  assert.equal(nack, 1);
  assert.equal(`${error?.code} ${error?.retryAfterMs}`, 'unavailable 200');
  assert.deepEqual(await tapeIds(server, 'c1'), []);
  await trace.detach();
  while ((await ask(server, '/healthz')).status !== 200);
  socket.text({ seq: 2, events: [event] });
  assert.deepEqual(await socket.next(), { ack: 2, accepted: 1, duplicates: 0, rejected: [] });
  assert.deepEqual(await tapeIds(server, 'c1'), ['e1']);
  socket.close();
});
