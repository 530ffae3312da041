/** Reading a tape: its order, its pages, its filters, and the way on into the live stream. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { openLive } from './support/frames.ts';
import {
  ask,
  count,
  fresh,
  type Page,
  type StoredEvent,
  startTwo,
  store,
  tape,
  tapeIds,
  tapePath,
} from './support/session.ts';
import { openStream } from './support/stream.ts';

const server = await startTwo();
after(() => server.stop());

interface Sent {
  readonly id: string;
  readonly time: number | string;
  readonly type?: string;
  readonly channel?: string;
}

/** Stores events one by one, so that each is a commit of its own. */
async function storeEach(customer: string, events: readonly Sent[]): Promise<void> {
  for (const event of events) await store(server, [{ customer, type: 'T', ...event }]);
}

/** Follows `next` to the end. */
async function walk(
  customer: string,
  query: string,
  between: () => Promise<void> = async () => {},
): Promise<StoredEvent[]> {
  const events: StoredEvent[] = [];
  let page = await tape(server, customer, query);
  for (;;) {
    events.push(...page.events);
    if (page.next === null) return events;
    await between();
    page = await tape(server, customer, `${query}&before=${page.next}`);
  }
}

test('newest first by time, whatever order they came in', async () => {
  const customer = fresh('late');
  await storeEach(customer, [
    { id: 'c', time: 3000 },
    { id: 'a', time: 1000 },
    { id: 'd', time: 4000 },
    { id: 'b', time: '1970-01-01T00:00:02Z' },
    { id: 'zero', time: 0 },
  ]);
  assert.deepEqual(await tapeIds(server, customer), ['d', 'c', 'b', 'a', 'zero']);
});

test('equal times stand in commit order, within a batch and between batches', async () => {
  const customer = fresh('equal');
  await storeEach(customer, [
    { id: '1', time: 1000 },
    { id: 'later', time: 2000 },
    { id: '2', time: 1000 },
  ]);
  const batch = ['3', '4', '5'].map((id) => ({ id, customer, type: 'T', time: 1000 }));
  await store(server, batch);
  const ids = ['later', '5', '4', '3', '2', '1'];
  assert.deepEqual(await tapeIds(server, customer), ids);
  const walked = await walk(customer, 'limit=1');
  assert.deepEqual(
    walked.map(({ id }) => id),
    ids,
  );
});

test('pages follow each other, and the last says so', async () => {
  const customer = fresh('pages');
  await store(
    server,
    count(120).map((index) => ({ id: String(index), customer, type: 'T', time: index })),
  );
  const all = count(120)
    .map((index) => String(119 - index))
    .join();
  assert.equal((await tape(server, customer)).events.length, 50, 'the default limit');
  for (const limit of [1, 7, 60, 119, 120, 121, 1000]) {
    const walked = await walk(customer, `limit=${limit}`);
    assert.equal(walked.map(({ id }) => id).join(), all, String(limit));
  }
  assert.equal((await tape(server, customer, 'limit=120')).next, null);
  assert.equal(typeof (await tape(server, customer, 'limit=119')).next, 'string');
});

test('a page has up to 1000 events', async () => {
  const customer = fresh('long');
  await store(
    server,
    count(1001).map((index) => ({ id: String(index), customer, type: 'T', time: index })),
  );
  const page = await tape(server, customer, 'limit=1000');
  assert.deepEqual([page.events.length, page.events.at(-1)!.id], [1000, '1']);
  assert.deepEqual(await tapeIds(server, customer, `limit=1000&before=${page.next}`), ['0']);
});

test('before takes the cursor of any event, wherever it was met, and filters go on holding', async () => {
  const [customer, other] = [fresh('before'), fresh('other')];
  const cursors = new Map<string, string>();
  const [live, stream] = await Promise.all([
    openLive(server, `customer=${customer}&customer=${other}`),
    openStream(server, `customer=${customer}&customer=${other}`),
  ]);
  const times = [3, 1, 3, 2, 3];
  for (const [index, time] of times.entries()) {
    const type = index % 2 === 0 ? 'Even' : 'Odd';
    await storeEach(index === 3 ? other : customer, [{ id: String(index), time, type }]);
    const said = await live.live();
    assert.equal((await stream.next()).id, said.cursor);
    cursors.set(said.event.id, said.cursor);
  }
  for (const open of [live, stream]) open.close();
  for (const { cursor, id } of (await tape(server, customer)).events) {
    assert.equal(cursor, cursors.get(id), 'a page and the streams name an event the same');
  }
  const pages: [before: string, query: string, ids: string][] = [
    ['4', '', '2,0,1'],
    ['2', '', '0,1'],
    ['0', '', '1'],
    ['1', '', ''],
    // It is a place in the order: of another customer's event as well.
    ['3', '', '1'],
    ['4', '&type=Odd', '1'],
    ['4', '&type=Even&limit=1', '2'],
    ['4', '&since=2', '2,0'],
    ['4', '&until=2', '1'],
  ];
  for (const [before, query, ids] of pages) {
    const found = await tapeIds(server, customer, `before=${cursors.get(before)}${query}`);
    assert.equal(found.join(), ids, `${before}${query}`);
  }
});

test('following next visits what was there exactly once, whatever arrives meanwhile', async () => {
  const customer = fresh('busy');
  const old = count(100).map((index) => {
    return { id: `old-${index}`, customer, type: 'T', time: 1000 + (index % 10) };
  });
  await store(server, old);
  let arrived = 0;
  const walked = await walk(customer, 'limit=9', async () => {
    const times = [0, 1003, 1009, 5000];
    const late = times.map((time) => ({ id: `new-${++arrived}`, customer, type: 'T', time }));
    await store(server, late);
  });
  const ids = walked.map(({ id }) => id).filter((id) => id.startsWith('old-'));
  assert.deepEqual([...ids].sort(), old.map(({ id }) => id).sort());
  assert.equal(new Set(walked.map(({ id }) => id)).size, walked.length, 'nothing comes twice');
});

test('since and until include their ends, as RFC 3339 or milliseconds', async () => {
  const customer = fresh('range');
  const at = 1_763_740_000_000;
  await store(
    server,
    count(5).map((index) => ({ id: String(index), customer, type: 'T', time: at + index })),
  );
  const ranges: [query: string, ids: string][] = [
    [`since=${at + 1}&until=${at + 3}`, '3,2,1'],
    [`since=${at + 4}`, '4'],
    [`since=${at + 5}`, ''],
    [`until=${at}`, '0'],
    [`until=${at - 1}`, ''],
    [`since=${at + 2}&until=${at + 2}`, '2'],
    [`since=${at + 3}&until=${at + 1}`, ''],
    ['since=2025-11-21T15:46:40.003Z', '4,3'],
    ['until=2025-11-21T15:46:40Z', '0'],
    ['until=2025-11-21T17:46:40%2B02:00', '0'],
    ['since=1970-01-01T00:00:00Z&until=1999-01-01T00:00:00Z', ''],
  ];
  for (const [query, ids] of ranges) {
    assert.equal((await tapeIds(server, customer, query)).join(), ids, query);
    const walked = await walk(customer, `limit=1&${query}`);
    assert.equal(walked.map(({ id }) => id).join(), ids, `${query} by pages`);
  }
});

test('type and channel filter, repeats are or-ed, different ones and-ed', async () => {
  const customer = fresh('filter');
  await storeEach(customer, [
    { id: '1', time: 1, type: 'Click', channel: 'web' },
    { id: '2', time: 2, type: 'Click', channel: 'email' },
    { id: '3', time: 3, type: 'Call Wrap', channel: 'voice' },
    { id: '4', time: 4, type: 'Größe & Co', channel: 'web' },
    { id: '5', time: 5, type: 'Click' },
  ]);
  const filters: [query: string, ids: string][] = [
    ['type=Click', '5,2,1'],
    ['type=Click&type=Call%20Wrap', '5,3,2,1'],
    ['type=Call+Wrap', '3'],
    [`type=${encodeURIComponent('Größe & Co')}`, '4'],
    ['type=click', ''],
    ['type=Cli', ''],
    ['type=*', ''],
    ['channel=web', '4,1'],
    ['channel=web&channel=voice', '4,3,1'],
    ['type=Click&channel=web', '1'],
    ['type=Click&type=Call+Wrap&channel=voice&channel=email', '3,2'],
    ['type=Click&since=2', '5,2'],
    ['type=None', ''],
  ];
  for (const [query, ids] of filters) {
    assert.equal((await tapeIds(server, customer, query)).join(), ids, query);
    const walked = await walk(customer, `limit=1&${query}`);
    assert.equal(walked.map(({ id }) => id).join(), ids, `${query} by pages`);
  }
});

test('parameters out of bounds, unknown or doubled are refused', async () => {
  const wrong = [
    'limit=0',
    'limit=1001',
    'limit=-1',
    'limit=1.5',
    'limit=ten',
    'limit=',
    'limit=1&limit=2',
    'since=yesterday',
    'since=',
    'until=2025-13-01T00:00:00Z',
    'since=1&since=2',
    'before=',
    'before=nonsense',
    'before=1.2',
    'before=1.2.3.4',
    'before=A.0.0',
    'before=now',
    `before=${'x'.repeat(2000)}`,
    'before=1.0.0&before=1.0.0',
    'type=',
    `type=${'x'.repeat(129)}`,
    `type=${encodeURIComponent('ü'.repeat(65))}`,
    'channel=',
    `channel=${'x'.repeat(65)}`,
    Array(101).fill('type=T').join('&'),
    'chanel=web',
    'from=now',
    'key=k',
  ];
  for (const query of wrong) {
    const answer = await ask(server, tapePath('c', query), { key: server.keys.read });
    assert.equal(`${answer.status} ${answer.code}`, '422 invalid', query);
  }
  const broken = await ask(server, tapePath('c', 'type=%ff'), { key: server.keys.read });
  assert.equal(`${broken.status} ${broken.code}`, '400 malformed');
  const right = [
    'limit=1',
    'limit=1000',
    `type=${'x'.repeat(128)}`,
    `type=${encodeURIComponent('ü'.repeat(64))}`,
    `channel=${'x'.repeat(64)}`,
    Array(100).fill('type=T').join('&'),
    'since=-1&until=9007199254740991',
    // Places that no event has, behind the first and ahead of the last.
    'before=0.0.0',
    'before=zzzzzzzzzzz.zzzz.zzzzzzzzzzz',
  ];
  for (const query of right) await tape(server, fresh('nobody'), query);
});

test('a customer is any identity, percent-encoded', async () => {
  const customers = [
    'anna@example.com',
    'mailto:anna+shop@example.com',
    '+49 30 1234',
    'a/b/c',
    '..',
    '100%',
    'a?b#c&d=e',
    'Jürgen Groß',
    '日本語',
    '😀',
    '"quoted" \\ back',
    'tab\tnew\nline',
    // Composed and decomposed are different identities: bytes count.
    '\u00e9',
    'e\u0301',
    'x'.repeat(256),
    'é'.repeat(128),
    'constructor',
  ];
  await store(
    server,
    customers.map((customer, index) => ({ id: String(index), customer, type: 'T' })),
  );
  for (const [index, customer] of customers.entries()) {
    const page = await tape(server, customer);
    assert.equal(page.customer, customer);
    assert.deepEqual(
      page.events.map(({ id, customer: own }) => [id, own]),
      [[String(index), customer]],
    );
  }
});

test('an answer has the customer, the events and both cursors; an unknown customer has an empty tape', async () => {
  const [customer, unknown] = [fresh('known'), fresh('nobody')];
  await store(
    server,
    count(2).map((index) => ({ id: String(index), customer, type: 'T', time: index })),
  );
  const answerOf = async (name: string): Promise<string> =>
    (await ask(server, tapePath(name, 'limit=1'), { key: server.keys.read })).text;
  const event = `\\{"id":"1","customer":"${customer}","type":"T","time":1,"received":\\d{13},"cursor":"[\\w.]+"\\}`;
  assert.match(
    await answerOf(customer),
    new RegExp(
      `^\\{"customer":"${customer}","events":\\[${event}\\],"next":"[\\w.]+","live":"[\\w.]+"\\}$`,
    ),
  );
  assert.match(
    await answerOf(unknown),
    new RegExp(`^\\{"customer":"${unknown}","events":\\[\\],"next":null,"live":"[\\w.]+"\\}$`),
  );
  const long = await ask(server, tapePath('x'.repeat(257)), { key: server.keys.read });
  assert.equal(`${long.status} ${long.code}`, '422 invalid');
});

test('live goes on after the page without a gap, at both doors', async () => {
  const customer = fresh('on');
  await store(server, [{ id: 'before', customer, type: 'T' }]);
  const page = await tape(server, customer);
  // A late one too: the stream follows the order of commits, not of times.
  await storeEach(customer, [
    { id: 'one', time: 5 },
    { id: 'two', time: 1_763_740_000_000 },
  ]);
  const live = await openLive(server, `customer=${customer}&from=${page.live}`);
  const filter = `customer=${customer}`;
  const streams = await Promise.all([
    openStream(server, `${filter}&from=${page.live}`),
    openStream(server, filter, { 'last-event-id': page.live }),
  ]);
  await storeEach(customer, [{ id: 'three', time: 1 }]);
  for (const id of ['one', 'two', 'three']) {
    assert.equal((await live.live()).event.id, id);
    for (const stream of streams) assert.equal((await stream.next()).data.id, id);
  }
  for (const open of [live, ...streams]) open.close();
});

test('the page and the stream together have everything, while it arrives', async () => {
  const customer = fresh('both');
  const writes = count(40).map((index) =>
    store(server, [{ id: String(index), customer, type: 'T' }]),
  );
  const pages: Page[] = [];
  for (const _ of count(10)) pages.push(await tape(server, customer));
  await Promise.all(writes);
  for (const page of pages) {
    const live = await openLive(server, `customer=${customer}&from=${page.live}`);
    const seen = new Set(page.events.map(({ id }) => id));
    while (seen.size < 40) seen.add((await live.live()).event.id);
    live.close();
  }
});

test('a tape is the same for every reader, on every front', async () => {
  const customer = fresh('same');
  await Promise.all(
    count(20).map((batch) =>
      store(
        server,
        count(20).map((index) => {
          return { id: `${batch}-${index}`, customer, type: 'T', time: 1000 + (index % 3) };
        }),
      ),
    ),
  );
  const first = await tapeIds(server, customer, 'limit=1000');
  assert.equal(first.length, 400);
  for (const _ of count(8)) {
    assert.deepEqual(await tapeIds(server, customer, 'limit=1000'), first);
  }
});
