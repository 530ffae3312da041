/** What the peers bench says to other systems and understands of their answers. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeBatches, patchTemplate } from '../bench/frames.ts';
import { startProgram } from '../bench/peers/process.ts';
import { crc32c } from '../bench/peers/wires/crc32c.ts';
import { type WireName, wires } from '../bench/peers/wires/open.ts';
import type { Wire } from '../bench/peers/wires/wire.ts';
import { seededRandom } from '../src/std/random.ts';
import { temporaryDirectory } from './support/server.ts';

const batch = 5;
const plan = { lane: 1, batch, limit: 50, key: 'rk' };

test('the checksum is CRC-32C, at every length and place', () => {
  assert.equal(crc32c(Buffer.from('123456789')), 0xe3069283);
  assert.equal(crc32c(Buffer.alloc(32)), 0x8a9136aa);
  const seed = Date.now() % 1e6;
  console.log(`seed ${seed}`);
  const random = seededRandom(seed);
  const bytes = Uint8Array.from({ length: 200 }, () => random.below(256));
  for (let n = 0; n < 300; n++) {
    const from = random.below(100);
    const end = from + random.below(100);
    assert.equal(crc32c(bytes, from, end), bitByBit(bytes.subarray(from, end)));
  }
});

function bitByBit(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
}

test('a batch has every event once, with the number and time of its sending', () => {
  const frame = { shape: 'cart', batch, customers: 20, frames: 1, seed: 1 } as const;
  const [events] = makeBatches({ ...frame, share: { of: 4, from: 1 } });
  for (const { customer } of events!) assert.equal(Number(customer.slice(-6)) % 4, 1);
  const timeMs = 1_763_740_000_000;
  const time = Buffer.alloc(8);
  time.writeBigInt64BE(BigInt(timeMs));
  for (const name of ['kafka', 'nats', 'postgres', 'redis'] as const) {
    const template = wires[name](plan, () => undefined).encode!(events!);
    patchTemplate(template, 'msgpack', { number: 0x1234abcd, timeMs });
    const text = template.bytes.toString('latin1');
    for (const n of events!.keys()) {
      const id = `evt-1234abcd-000${n}`;
      assert.equal(text.split(id).length, 2, `${name} has ${id} once`);
    }
    assert.ok(text.includes(time.toString('latin1')), `${name} has the time`);
    for (const { customer } of events!) assert.ok(text.includes(customer), name);
  }
});

test('a batch of Kafka carries its checksum', () => {
  const frame = { shape: 'cart', batch, customers: 20, frames: 1, seed: 1 } as const;
  const wire = wires.kafka(plan, () => undefined);
  const template = wire.encode!(makeBatches(frame)[0]!);
  wire.seal!(template);
  const { bytes } = template;
  assert.equal(bytes.readInt32BE(0), bytes.length - 4, 'the request says its length');
  // The batch is what ends the request: magic 2, then the checksum of all that follows.
  const magicAt = bytes.indexOf(Buffer.from([0, 0, 0, 0, 2])) + 4;
  assert.equal(bytes.readUInt32BE(magicAt + 1), crc32c(bytes, magicAt + 5));
});

const row = Buffer.from('D\0\0\0\x06\0\0', 'latin1');
const answers: readonly [WireName, Buffer, events: number][] = [
  ['redis', Buffer.from('$15\r\n1763740000000-0\r\n'), 1],
  [
    'redis',
    Buffer.from(
      '*2\r\n*2\r\n$3\r\n2-0\r\n*2\r\n$1\r\ne\r\n$4\r\na\r\nb\r\n*2\r\n$3\r\n1-0\r\n*0\r\n',
    ),
    2,
  ],
  [
    'postgres',
    Buffer.concat([row, row, Buffer.from('C\0\0\0\x0dSELECT 2\0Z\0\0\0\x05I', 'latin1')]),
    2,
  ],
  [
    'postgres',
    Buffer.from('G\0\0\0\x07\x01\0\0C\0\0\0\x0eCOPY 1000\0Z\0\0\0\x05I', 'latin1'),
    1000,
  ],
  ['nats', Buffer.from('MSG _B.1 1 35\r\n{"stream":"tape","seq":9,"count":7}\r\n'), 7],
  [
    'nats',
    Buffer.from(
      'HMSG _B.r 1 12 14\r\nNATS/1.0\r\n\r\nhi\r\nHMSG _B.r 1 20 20\r\nNATS/1.0 204 EOB\r\n\r\n\r\n',
    ),
    1,
  ],
  [
    'tapeline',
    Buffer.from(
      'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n\x81\xa6events\x92\x01\x02',
      'latin1',
    ),
    2,
  ],
];

/** A wire that a peer has let in, and what it has answered so far. */
function openWire(name: WireName): { readonly wire: Wire; readonly found: number[] } {
  const found: number[] = [];
  const wire = wires[name](plan, (events) => found.push(events!));
  if (name === 'postgres') {
    const ready = Buffer.from('Z\0\0\0\x05IZ\0\0\0\x05I', 'latin1');
    wire.take(ready, 0);
    wire.take(ready, 6);
    assert.ok(wire.isOpen);
  }
  return { wire, found };
}

test('answers are understood wherever they are cut', () => {
  for (const [name, bytes, events] of answers) {
    for (let cut = 0; cut <= bytes.length; cut++) {
      const { found, wire } = openWire(name);
      let at = 0;
      for (const held of [bytes.subarray(0, cut), bytes]) {
        for (;;) {
          const end = at < held.length ? wire.take(held, at) : -1;
          if (end === -1) break;
          at = end;
        }
        assert.ok(held === bytes || at <= cut);
      }
      assert.deepEqual(found, [events], `${name} cut at ${cut}`);
      assert.equal(at, bytes.length);
    }
  }
});

test('what a peer refuses ends the run', () => {
  const refusals: readonly [WireName, string, RegExp][] = [
    ['redis', '-LOADING the dataset\r\n', /LOADING/],
    ['postgres', 'E\0\0\0\x10SERROR\0Mno\0\0\0', /Mno/],
    ['nats', "-ERR 'Permissions Violation'\r\n", /Permissions/],
    ['nats', 'MSG _B.1 1 24\r\n{"error":{"code":10000}}\r\n', /10000/],
    ['tapeline', 'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n', /503/],
  ];
  for (const [name, text, message] of refusals) {
    const { wire } = openWire(name);
    assert.throws(() => wire.take(Buffer.from(text, 'latin1'), 0), message);
  }
});

test('a peer is ended with all that it started, in whatever sessions', async (t) => {
  if (!existsSync('/proc')) return t.skip('needs /proc');
  const directory = temporaryDirectory();
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const file = join(directory, 'pid');
  const script = `setsid sh -c 'echo $$ > ${file}; exec sleep 1000' & wait`;
  const log = join(directory, 'log');
  const readPid = async (): Promise<string> => {
    const pid = readFileSync(file, 'utf8').trim();
    assert.ok(existsSync(`/proc/${pid}`));
    return pid;
  };
  const program = await startProgram({ command: 'sh', args: ['-c', script], log }, readPid);
  const pid = await readPid();
  assert.ok(program.cpuMicros() >= 0);
  await program.kill();
  const state = existsSync(`/proc/${pid}`) ? readFileSync(`/proc/${pid}/stat`, 'utf8') : ') Z';
  assert.match(state, /\) Z/);
});
