/** Frames that are stored in part: what could not be written goes again, and the receipts are one. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { pack, unpack } from 'msgpackr';
import { type IngestClient, type IngestOptions, openIngest } from '../src/client/ingest.ts';
import { pick } from '../src/client/pick.ts';
import { nodeSocket } from '../src/client/socket.ts';
import type { Event, Refusal, WireEncoding } from '../src/client/types.ts';
import { encodeBatch } from '../src/client/wire.ts';
import { systemClock } from '../src/std/clock.ts';
import { type Door, type DoorOptions, type Frame, openDoor } from './support/door.ts';

async function open(
  t: TestContext,
  doorOptions: DoorOptions = {},
  options: Partial<IngestOptions> = {},
): Promise<{ door: Door; client: IngestClient }> {
  const door = await openDoor(doorOptions);
  const base = { url: door.url, key: 'k', openSocket: nodeSocket, clock: systemClock };
  const client = openIngest({ ...base, ...options });
  t.after(async () => {
    await client.close();
    await door.close();
  });
  return { door, client };
}

function makeEvents(count: number, start = 0): Event[] {
  return Array.from({ length: count }, (_, i) => ({
    id: `e${start + i}`,
    customer: `c${(start + i) % 7}`,
    type: 'Click',
    time: 1_700_000_000_000 + i,
    data: { n: i, half: i / 2, none: undefined },
  }));
}

/** Answers a frame: these ids cannot be written or are invalid, these are there already. */
function answerPartly(
  frame: Frame,
  of: { unavailable?: string[]; invalid?: string[]; duplicates?: string[] },
): void {
  const rejected: Refusal[] = [];
  let duplicates = 0;
  for (const [index, { id }] of frame.events.entries()) {
    const code = of.unavailable?.includes(id!) ? 'unavailable' : 'invalid';
    if (code === 'unavailable' || of.invalid?.includes(id!)) {
      rejected.push({ index, id: id!, code, message: code });
    } else if (of.duplicates?.includes(id!)) duplicates += 1;
  }
  const accepted = frame.events.length - rejected.length - duplicates;
  frame.answer({ ack: frame.seq, accepted, duplicates, rejected });
}

function idsOf(frame: Frame): (string | undefined)[] {
  return frame.events.map(({ id }) => id);
}

for (const encoding of ['msgpack', 'json'] as const satisfies readonly WireEncoding[]) {
  test(`events that could not be written go again, and the receipts are one, in ${encoding}`, async (t) => {
    const delaysMs: number[] = [];
    const onFrame = (frame: Frame): void => {
      if (frame.seq === 1) {
        answerPartly(frame, {
          unavailable: ['e1', 'e3', 'e4', 'e6'],
          invalid: ['e5'],
          duplicates: ['e0'],
        });
      } else if (frame.seq === 2) {
        answerPartly(frame, { unavailable: ['e4', 'e6'], invalid: ['e3'] });
      } else if (frame.seq === 3) {
        const error = { code: 'unavailable', message: 'later', retryAfterMs: 5 };
        frame.answer({ nack: 3, error });
      } else if (frame.seq === 4) {
        answerPartly(frame, { unavailable: ['e4', 'e6'] });
      } else answerPartly(frame, { duplicates: ['e4'] });
    };
    const retrying = (_: unknown, delayMs: number): void => void delaysMs.push(delayMs);
    const { door, client } = await open(t, { onFrame }, { encoding, retrying });
    const { receipt } = await client.send(makeEvents(8));
    await client.drain();
    assert.deepEqual(await receipt, {
      accepted: 4,
      duplicates: 2,
      rejected: [
        { index: 3, id: 'e3', code: 'invalid', message: 'invalid' },
        { index: 5, id: 'e5', code: 'invalid', message: 'invalid' },
      ],
    });
    const rest = ['e4', 'e6'];
    assert.deepEqual(door.frames.slice(1).map(idsOf), [['e1', 'e3', 'e4', 'e6'], rest, rest, rest]);
    const before = door.frames[0]!.events;
    assert.deepEqual(door.frames[4]!.events, [before[4], before[6]]);
    assert.deepEqual(delaysMs, [200, 200, 5, 200]);
    assert.equal(client.stats.resentFrames, 4);
  });

  test(`a picked batch holds the very events that were encoded, in ${encoding}`, () => {
    const event = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 }), { maxKeys: 20 });
    const chosen = fc.array(fc.tuple(event, fc.boolean()), { maxLength: 40 });
    fc.assert(
      fc.property(chosen, (pairs) => {
        const all = pairs.map(([one]) => one as unknown as Event);
        const indexes = [...pairs.keys()].filter((index) => pairs[index]![1]);
        const batch = pick(encodeBatch(encoding, all), indexes);
        assert.equal(batch.events, indexes.length);
        const whole = encodeBatch(
          encoding,
          indexes.map((index) => all[index]!),
        );
        const decode = ({ body }: typeof batch): unknown =>
          typeof body === 'string' ? JSON.parse(body) : unpack(body);
        assert.deepEqual(decode(batch), decode(whole));
      }),
    );
  });
}

test('a MessagePack batch of values of every kind is picked apart', () => {
  const bytes = (...parts: (number | Uint8Array)[]): Uint8Array =>
    Buffer.concat(parts.map((part) => (typeof part === 'number' ? Uint8Array.of(part) : part)));
  const zeros = (count: number): Uint8Array => new Uint8Array(count);
  const values = [
    ...[0x00, 0x7f, 0xe0, 0xff, 0xc0, 0xc2, 0xc3].map((head) => bytes(head)),
    ...[4, 8, 1, 2, 4, 8, 1, 2, 4, 8].map((size, i) => bytes(0xca + i, zeros(size))),
    ...[1, 2, 4, 8, 16].map((size, i) => bytes(0xd4 + i, zeros(1 + size))),
    ...[0xc4, 0xd9].map((head) => bytes(head, 3, zeros(3))),
    ...[0xc5, 0xda].map((head) => bytes(head, 1, 0, zeros(256))),
    ...[0xc6, 0xdb].map((head) => bytes(head, 0, 1, 0, 0, zeros(65_536))),
    bytes(0xc7, 3, zeros(4)),
    bytes(0xc8, 1, 0, zeros(257)),
    bytes(0xc9, 0, 0, 1, 0, zeros(257)),
    bytes(0xa3, zeros(3)),
    bytes(0x92, 0xa1, 0x78, 0x81, 0x01, 0x02),
    bytes(0xdc, 0, 2, 1, 2),
    bytes(0xdd, 0, 0, 0, 2, 1, 0x90),
    bytes(0xde, 0, 1, 1, 2),
    bytes(0xdf, 0, 0, 0, 1, 1, 0x80),
  ];
  const body = bytes(0xdc, 0, values.length, ...values);
  const batch = { encoding: 'msgpack', body, events: values.length } as const;
  for (const [index, value] of values.entries()) {
    const picked = pick(batch, [index]);
    assert.deepEqual(Buffer.from(picked.body as Uint8Array), bytes(0xdd, 0, 0, 0, 1, value));
  }
  assert.throws(() => pick(batch, [values.length]), RangeError);
  assert.throws(() => pick({ ...batch, body: pack({ not: 'an array' }) }, [0]), RangeError);
});

test('events that can never be written are given up alone, by their place in the batch', async (t) => {
  const onFrame = (frame: Frame): void => {
    if (frame.seq === 1) answerPartly(frame, { unavailable: ['e2', 'e3'] });
    else if (idsOf(frame).includes('e9')) frame.ack();
    else answerPartly(frame, { unavailable: ['e3'] });
  };
  const { client } = await open(t, { onFrame }, { giveUpMs: 150 });
  const { receipt } = await client.send(makeEvents(5));
  const rejected = [{ index: 3, id: 'e3', code: 'unavailable', message: 'unavailable' }];
  assert.deepEqual(await receipt, { accepted: 4, duplicates: 0, rejected });
  await client.drain();
  const { accepted } = await (await client.send(makeEvents(1, 9))).receipt;
  assert.equal(accepted, 1);
});

test('what could not be written survives a lost connection', async (t) => {
  const onFrame = (frame: Frame): void => {
    if (frame.connection > 1) frame.ack();
    else if (frame.seq === 1) answerPartly(frame, { unavailable: ['e1'] });
    else frame.cut();
  };
  const { door, client } = await open(t, { onFrame });
  const { receipt } = await client.send(makeEvents(3));
  assert.deepEqual(await receipt, { accepted: 3, duplicates: 0, rejected: [] });
  assert.deepEqual(door.frames.map(idsOf), [['e0', 'e1', 'e2'], ['e1'], ['e1']]);
});

test('a refusal of an event that was not sent ends the client', async (t) => {
  const { client } = await open(t, {
    onFrame(frame) {
      const rejected = [{ index: 2, code: 'unavailable', message: 'no' }];
      frame.answer({ ack: frame.seq, accepted: 1, duplicates: 0, rejected });
    },
  });
  const { receipt } = await client.send(makeEvents(2));
  await assert.rejects(receipt, { code: 'protocol' });
});
