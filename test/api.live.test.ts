/** Live streams over WebSocket and Server-Sent Events: from where, which events, in which order. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import {
  type FrameSocket,
  openFrames,
  openIngest,
  openLive,
  refusedUpgrade,
} from './support/frames.ts';
import {
  ask,
  count,
  fresh,
  metric,
  type StoredEvent,
  startTwo,
  store,
  tape,
  until,
} from './support/session.ts';
import { openStream } from './support/stream.ts';

const server = await startTwo();
after(() => server.stop());

function ids(events: readonly StoredEvent[]): string[] {
  return events.map(({ id }) => id);
}

/** Reads until the event with this id, which is left out. */
async function readTo(socket: FrameSocket, id: string): Promise<StoredEvent[]> {
  const events: StoredEvent[] = [];
  for (;;) {
    const { event } = await socket.live();
    if (event.id === id) return events;
    events.push(event);
  }
}

test('a message has the event as the tape has it, and its cursor', async () => {
  const customer = fresh('shape');
  const live = await openLive(server, `customer=${customer}`);
  const stream = await openStream(server, `customer=${customer}`);
  const data = { text: 'line\nbreak "quoted" ü', deep: [{ n: 1.5 }] };
  await store(server, [
    { id: 'a', customer, type: 'T', channel: 'web', source: 's', previous: 'p', time: 5, data },
  ]);
  const [stored] = (await tape(server, customer)).events;
  const said = await live.raw();
  assert.equal(typeof said, 'string', 'a text message');
  assert.deepEqual(JSON.parse(String(said)), { cursor: stored!.cursor, event: stored });
  const message = await stream.next();
  assert.deepEqual(message, { id: stored!.cursor, event: 'event', data: stored });
  assert.equal(stream.response.headers['content-type'], 'text/event-stream; charset=utf-8');
  assert.equal(stream.response.headers['cache-control'], 'no-store');
  live.close();
  stream.close();
});

test('from is now, earliest or a cursor', async () => {
  const customer = fresh('from');
  const events = ['a', 'b', 'c'].map((id) => ({ id, customer, type: 'T' }));
  for (const event of events) await store(server, [event]);
  const starts: Record<string, string[]> = {
    '': ['next'],
    'from=now': ['next'],
    'from=earliest': ['a', 'b', 'c', 'next'],
  };
  const { events: stored } = await tape(server, customer);
  for (const [index, { cursor }] of [...stored].reverse().entries()) {
    starts[`from=${cursor}`] = ['a', 'b', 'c', 'next'].slice(index + 1);
  }
  const queries = Object.keys(starts).map((query) => `customer=${customer}&${query}`);
  const sockets = await Promise.all(queries.map((query) => openLive(server, query)));
  const streams = await Promise.all(queries.map((query) => openStream(server, query)));
  await store(server, [{ id: 'next', customer, type: 'T' }]);
  for (const [index, expected] of Object.values(starts).entries()) {
    assert.deepEqual(ids(await sockets[index]!.events(expected.length)), expected);
    for (const id of expected) assert.equal((await streams[index]!.next()).data.id, id);
  }
  for (const open of [...sockets, ...streams]) open.close();
});

test('Last-Event-ID resumes after any cursor, and wins over from', async () => {
  const customer = fresh('last');
  const filter = `customer=${customer}`;
  const first = await openStream(server, filter);
  const live = await openLive(server, filter);
  const { live: empty } = await tape(server, customer);
  const ids = count(5).map(String);
  for (const id of ids) await store(server, [{ id, customer, type: 'T' }]);
  // Each with the id of the first event that comes after it.
  const resumed: [id: string, next: number][] = [
    [await first.start(), 0],
    [empty, 0],
    [(await first.next()).id, 1],
    [(await first.next()).id, 2],
    [(await live.live()).cursor, 1],
    ...(await tape(server, customer)).events
      .slice(1)
      .map(({ cursor, id }): [string, number] => [cursor, Number(id) + 1]),
  ];
  for (const [id, next] of resumed) {
    for (const from of ['', '&from=earliest']) {
      const second = await openStream(server, filter + from, { 'last-event-id': id });
      for (const expected of ids.slice(next)) {
        assert.equal((await second.next()).data.id, expected, `${id}${from}`);
      }
      second.close();
    }
  }
  for (const open of [first, live]) open.close();
});

test('a stream that is lost before its first event resumes without a gap too', async () => {
  const customer = fresh('early');
  const first = await openStream(server, `customer=${customer}`);
  const id = await first.start();
  first.close();
  await store(server, [{ id: 'missed', customer, type: 'T' }]);
  const second = await openStream(server, `customer=${customer}`, { 'last-event-id': id });
  assert.equal((await second.next()).data.id, 'missed');
  second.close();
});

test('filters: repeats are or-ed, different ones and-ed', async () => {
  const [anna, ben] = [fresh('anna & co'), fresh('ben')];
  const events = [
    { id: '1', customer: anna, type: 'Click', channel: 'web' },
    { id: '2', customer: anna, type: 'Call Wrap', channel: 'voice' },
    { id: '3', customer: ben, type: 'Click', channel: 'email' },
    { id: '4', customer: ben, type: 'Click' },
    { id: '5', customer: fresh('other'), type: 'Click', channel: 'web' },
  ];
  const a = `customer=${encodeURIComponent(anna)}`;
  const cases: [query: string, expected: string][] = [
    [a, '1,2'],
    [`${a}&customer=${ben}`, '1,2,3,4'],
    ['type=Click', '1,3,4,5'],
    ['type=Click&type=Call+Wrap', '1,2,3,4,5'],
    ['channel=web&channel=email', '1,3,5'],
    [`${a}&type=Click`, '1'],
    [`${a}&customer=${ben}&channel=web&channel=email&type=Click`, '1,3'],
    ['type=click', ''],
  ];
  for (const isNow of [true, false]) {
    const start = isNow ? 'now' : (await tape(server, anna)).live;
    const queries = cases.map(([query]) => `${query}&from=${start}`);
    const sockets = await Promise.all(queries.map((query) => openLive(server, query)));
    const streams = await Promise.all(queries.map((query) => openStream(server, query)));
    for (const event of events) await store(server, [{ ...event, id: start + event.id }]);
    // Every case ends with an event of its own, which others may get as well.
    for (const [index, [query]] of cases.entries()) {
      const wanted = new URLSearchParams(query);
      const end = {
        id: `${start} end ${index}`,
        customer: wanted.get('customer') ?? ben,
        type: wanted.get('type') ?? 'End',
        channel: wanted.get('channel') ?? 'end',
      };
      await store(server, [end]);
    }
    for (const [index, [query, expected]] of cases.entries()) {
      const got = ids(await readTo(sockets[index]!, `${start} end ${index}`));
      const own = got.filter((id) => !id.includes(' end '));
      assert.equal(own.map((id) => id.at(-1)).join(), expected, query);
      for (const id of [...got, `${start} end ${index}`]) {
        assert.equal((await streams[index]!.next()).data.id, id, `${query} as a stream`);
      }
    }
    for (const open of [...sockets, ...streams]) open.close();
  }
});

test('bad cursors and parameters are refused, at both doors', async () => {
  const wrong = [
    'from=',
    'from=yesterday',
    'from=-1',
    'from=1',
    'from=zzzzzzzzzz.1',
    'from=zzzzzzzzzzz.zzzz.zzzzzzzzzzz',
    'from=1.2.3.4',
    'from=1.A',
    'from=NOW',
    'from=now%20',
    `from=${'1'.repeat(2000)}`,
    'from=now&from=earliest',
    'customer=',
    `customer=${'x'.repeat(257)}`,
    'type=',
    `type=${'x'.repeat(129)}`,
    'channel=',
    `channel=${'x'.repeat(65)}`,
    Array(101).fill('type=T').join('&'),
    'typ=Click',
    'limit=1',
  ];
  const { read: key } = server.keys;
  for (const query of wrong) {
    const refusal = await refusedUpgrade(server, `/v1/live?${query}`, { key });
    assert.equal(`${refusal.status} ${refusal.code}`, '422 invalid', query);
    const stream = await ask(server, `/v1/live/sse?${query}`, { key });
    assert.equal(`${stream.status} ${stream.code}`, '422 invalid', query);
  }
  for (const query of ['type=%ff', 'from=%zz']) {
    const refusal = await refusedUpgrade(server, `/v1/live?${query}`, { key });
    const stream = await ask(server, `/v1/live/sse?${query}`, { key });
    for (const { code, status } of [refusal, stream]) {
      assert.equal(`${status} ${code}`, '400 malformed', query);
    }
  }
  for (const id of [
    'nonsense',
    '1',
    '-1.0',
    'zzzzzzzzzz.1',
    '1.2.3.4',
    '"1.0"',
    '1'.repeat(2000),
  ]) {
    const headers = { 'last-event-id': id };
    const stream = await ask(server, '/v1/live/sse?from=earliest', { key, headers });
    assert.equal(`${stream.status} ${stream.code}`, '422 invalid', id);
  }
});

test('parameters at their bounds are taken, at both doors', async () => {
  const [customer, type, channel] = ['c'.repeat(256), 't'.repeat(128), 'h'.repeat(64)];
  const filter = `customer=${customer}&type=${type}&channel=${channel}`;
  const many = `customer=${customer}&type=${type}&${Array(99).fill('type=T').join('&')}`;
  // From the first place, from one that no event has, and from the beginning.
  const wanted = [`${filter}&from=0.0`, `${filter}&from=0.5`, `${many}&from=earliest`];
  await store(server, [{ id: 'a', customer, type, channel }]);
  for (const query of wanted) {
    const live = await openLive(server, query);
    const stream = await openStream(server, query, { 'last-event-id': '' });
    assert.equal((await live.live()).event.id, 'a');
    assert.equal((await stream.next()).data.id, 'a');
    for (const open of [live, stream]) open.close();
  }
});

test('a subscriber may say nothing, and the server does not mind if it does', async () => {
  const customer = fresh('talker');
  const live = await openLive(server, `customer=${customer}`);
  live.text('hello?');
  live.binary(Buffer.from([1, 2, 3]));
  await store(server, [{ id: 'a', customer, type: 'T' }]);
  assert.deepEqual(ids(await live.events(1)), ['a']);
  live.close();
});

test('every subscriber on every front sees one order, each customer’s that of its commits', async () => {
  const customers = count(10).map(() => fresh('order'));
  const end = fresh('end');
  const from = (await tape(server, end)).live;
  const sockets = await Promise.all(count(6).map(() => openLive(server, `from=${from}`)));
  // Four connections, on either front; each customer is sent by one of them only, in order.
  const senders = await Promise.all(count(4).map(() => openIngest(server)));
  for (const seq of count(25)) {
    for (const [index, sender] of senders.entries()) {
      const mine = customers.filter((_, at) => at % senders.length === index);
      const events = mine.flatMap((customer) =>
        count(4).map((n) => ({ id: String(seq * 4 + n), customer, type: 'T', time: 1000 - seq })),
      );
      sender.text({ seq: seq + 1, events });
    }
  }
  for (const sender of senders) for (const _ of count(25)) assert.ok((await sender.next()).ack);
  await store(server, [{ id: end, customer: end, type: 'T' }]);
  const orders: string[] = [];
  for (const socket of sockets) {
    const events = await readTo(socket, end);
    assert.equal(events.length, 1000);
    for (const customer of customers) {
      const own = events.filter((event) => event.customer === customer);
      assert.deepEqual(ids(own), count(100).map(String));
    }
    orders.push(events.map(({ customer, id }) => `${customer} ${id}`).join());
    socket.close();
  }
  // A replay has the order that the live readers had.
  const replay = await openLive(server, `from=${from}`);
  const events = await readTo(replay, end);
  orders.push(events.map(({ customer, id }) => `${customer} ${id}`).join());
  replay.close();
  assert.equal(new Set(orders).size, 1);
  for (const sender of senders) sender.close();
});

test('subscribers of the same get messages of every size in order, over either protocol', async () => {
  const type = fresh('sizes');
  const sockets = await Promise.all(count(4).map(() => openLive(server, `type=${type}`)));
  const stream = await openStream(server, `type=${type}`);
  // Below and above what uWS takes for a message that is to be sent at once.
  const sizes = [10, 300, 15_000, 17_000, 31_000, 5];
  const events = count(120).map((n) => {
    const text = '"\u0001ü'.repeat(sizes[n % sizes.length]! / 10);
    return { id: String(n), customer: `${type}-${n % 2}`, type, data: { text } };
  });
  for (const start of [0, 40, 80]) await store(server, events.slice(start, start + 40));
  const orders = await Promise.all(
    sockets.map(async (socket) => {
      const got = await socket.events(events.length);
      for (const { data, id } of got) assert.deepEqual(data, events[Number(id)]!.data);
      return ids(got).join();
    }),
  );
  const streamed: string[] = [];
  for (const _ of events) streamed.push((await stream.next()).data.id);
  assert.deepEqual(new Set(orders), new Set([streamed.join()]));
  assert.equal(new Set(streamed).size, events.length);
  for (const open of [...sockets, stream]) open.close();
});

test('a subscriber that reconnects again and again misses nothing while both fronts take events', async () => {
  const stem = fresh('gap');
  let { live: cursor } = await tape(server, stem);
  const total = 3000;
  const sending = Promise.all(
    count(2).map(async (half) => {
      const sender = await openIngest(server);
      for (const index of count(total / 20)) {
        const events = count(10).map((n) => {
          const id = half * (total / 2) + index * 10 + n;
          return { id: String(id), customer: `${stem}-${id % 40}`, type: stem };
        });
        sender.text({ seq: index + 1, events });
        assert.equal((await sender.next()).accepted, 10);
      }
      sender.close();
    }),
  );
  const seen: string[] = [];
  let isSse = false;
  while (seen.length < total) {
    const query = `type=${stem}&from=${cursor}`;
    const wanted = Math.min(200, total - seen.length);
    if (isSse) {
      const stream = await openStream(server, query);
      for (const _ of count(wanted)) {
        const { data, id } = await stream.next();
        seen.push(data.id);
        cursor = id;
      }
      stream.close();
    } else {
      const live = await openLive(server, query);
      for (const _ of count(wanted)) {
        const said = await live.live();
        seen.push(said.event.id);
        cursor = said.cursor;
      }
      live.close();
    }
    isSse = !isSse;
  }
  await sending;
  assert.equal(new Set(seen).size, total, 'each once, as a cursor names the last one seen');
});

test('a workspace-wide cursor covers all shards', async () => {
  const stem = fresh('shards');
  const customers = count(20).map((index) => `${stem}-${index}`);
  for (const customer of customers) await store(server, [{ id: customer, customer, type: stem }]);
  const whole = await openLive(server, `from=earliest&type=${stem}`);
  const said = [];
  for (const _ of customers) said.push(await whole.live());
  assert.deepEqual(
    said.map(({ event }) => event.id),
    customers,
    'one after the other, whichever shard has them',
  );
  for (const [index, { cursor }] of said.slice(0, -1).entries()) {
    const rest = await openFrames(server, `/v1/live?from=${cursor}&type=${stem}`, {
      key: server.keys.read,
    });
    const wanted = customers.slice(index + 1);
    assert.deepEqual(ids(await rest.events(wanted.length)), wanted);
    const stream = await openStream(server, `type=${stem}`, { 'last-event-id': cursor });
    for (const id of wanted) assert.equal((await stream.next()).data.id, id);
    for (const open of [rest, stream]) open.close();
  }
  whole.close();
});

test('subscribers that left are forgotten', { timeout: 30_000 }, async () => {
  await until(async () => (await metric(server, 'live_subscribers')) === 0);
});
