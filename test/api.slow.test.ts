/** Readers that do not keep up: served from the log later, never in the way of the others. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { type FrameSocket, openIngest, openLive } from './support/frames.ts';
import { count, fresh, metric, startTwo, store, tape, until } from './support/session.ts';
import { openStream, type Stream, type StreamMessage } from './support/stream.ts';

const server = await startTwo();
after(() => server.stop());

const customers = count(20).map((index) => `slow-${index}`);
const perCustomer = 2500;
const padding = 'x'.repeat(200);

/** 50,000 events of twenty customers, through two connections. */
async function storeMany(type: string): Promise<void> {
  const senders = await Promise.all(count(2).map(() => openIngest(server)));
  const sends = senders.map(async (sender, half) => {
    const mine = customers.filter((_, index) => index % 2 === half);
    for (const step of count(perCustomer / 100)) {
      const events = count(100).flatMap((n) =>
        mine.map((customer) => {
          const id = `${type}-${step * 100 + n}`;
          return { id, customer, type, data: { padding } };
        }),
      );
      sender.text({ seq: step + 1, events });
      assert.equal((await sender.next()).accepted, events.length);
    }
    sender.close();
  });
  await Promise.all(sends);
}

/** Checks that every customer's events come once and in order. */
class Checker {
  readonly #next = new Map(customers.map((customer) => [customer, 0]));
  seen = 0;

  take(type: string, event: { readonly customer: string; readonly id: string }): void {
    const next = this.#next.get(event.customer)!;
    assert.equal(event.id, `${type}-${next}`, `of ${event.customer}`);
    this.#next.set(event.customer, next + 1);
    this.seen += 1;
  }
}

async function readAll(socket: FrameSocket, type: string): Promise<void> {
  const checker = new Checker();
  while (checker.seen < customers.length * perCustomer) {
    checker.take(type, (await socket.live()).event);
  }
  socket.close();
}

/** Opened first, so that its ten seconds run while the other tests do. */
const stalled: Stream = await openStream(server, 'type=first');
const idle: Stream = await openStream(server, 'type=nothing');
stalled.response.pause();

test('a WebSocket that does not read gets every event in order later', async () => {
  const type = 'first';
  const keen = await openLive(server, `type=${type}`);
  const slow = await openLive(server, `type=${type}`);
  slow.tcp.pause();
  const keenDone = readAll(keen, type);
  await storeMany(type);
  await keenDone;
  assert.ok((await metric(server, 'live_lagging_total')) > 0, 'it fell behind');
  slow.tcp.resume();
  await readAll(slow, type);
});

test('one that reads now and then catches up while more arrives', async () => {
  const type = 'second';
  const slow = await openLive(server, `type=${type}`);
  const sending = storeMany(type);
  const checker = new Checker();
  while (checker.seen < customers.length * perCustomer) {
    slow.tcp.pause();
    await new Promise((resolve) => setImmediate(resolve));
    slow.tcp.resume();
    for (const _ of count(500)) checker.take(type, (await slow.live()).event);
  }
  await sending;
  slow.close();
});

test('a replay from the earliest event is in order too, for one customer and for all', async () => {
  const all = await openLive(server, 'from=earliest&type=first');
  await readAll(all, 'first');
  const one = await openLive(server, `from=earliest&type=second&customer=${customers[3]}`);
  for (const index of count(perCustomer)) {
    assert.equal((await one.live()).event.id, `second-${index}`);
  }
  one.close();
});

test('an idle stream hears a comment every few seconds', async () => {
  await idle.untilComments(2);
  idle.close();
});

test('a stream that takes nothing is cut, and resumes where it stopped', async () => {
  const subscribers = (): Promise<number> => metric(server, 'live_subscribers');
  await until(async () => (await subscribers()) === 0);
  stalled.response.resume();
  const checker = new Checker();
  const messages: StreamMessage[] = await stalled.rest();
  for (const { data } of messages) checker.take('first', data);
  const total = customers.length * perCustomer;
  assert.ok(messages.length > 0 && messages.length < total, `${messages.length} before the cut`);
  const headers = { 'last-event-id': messages.at(-1)!.id };
  const resumed = await openStream(server, 'type=first', headers);
  while (checker.seen < total) checker.take('first', (await resumed.next()).data);
  resumed.close();
});

test('many subscribers that never read do not stop the others', async () => {
  const customer = fresh('free');
  const { live: from } = await tape(server, customer);
  const silent = await Promise.all(count(50).map(() => openLive(server, 'from=earliest')));
  const deaf = await Promise.all(count(50).map(() => openStream(server, 'from=earliest')));
  for (const socket of silent) socket.tcp.pause();
  for (const stream of deaf) stream.response.pause();
  const keen = await openLive(server, `from=${from}&customer=${customer}`);
  for (const index of count(100)) {
    await store(server, [{ id: String(index), customer, type: 'T' }]);
    assert.equal((await keen.live()).event.id, String(index));
  }
  for (const open of [...silent, ...deaf, keen]) open.close();
});
