/**
 * PostgreSQL: its protocol, version 3. A batch is one binary COPY, which is one transaction; a read is
 * a prepared statement that walks the primary key backwards.
 */
import { pack } from 'msgpackr';
import type { BenchEvent, Template } from '../../frames.ts';
import { type Answer, Assembly, int16, int32, type Wire, type WirePlan } from './wire.ts';

export const postgresUser = 'bench';

const statement = 'newest';
const dataRow = 0x44;
const commandComplete = 0x43;
const readyForQuery = 0x5a;
const errorResponse = 0x45;
const copyHead = Buffer.concat([
  Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'),
  Buffer.alloc(8), // no flags, no extension
]);

export function postgresWire(plan: WirePlan, answer: Answer): Wire {
  let isOpen = false;
  /** Two messages make a connection ready: the first login, the second the statement. */
  let readyCount = 0;
  let rows = 0;
  return {
    hello: () => Buffer.concat([startup(), prepare(plan.limit)]),
    get isOpen() {
      return isOpen;
    },
    encode: encodeCopy,
    read: executeFor,
    take(bytes, at) {
      if (at + 5 > bytes.length) return -1;
      const end = at + 1 + bytes.readInt32BE(at + 1);
      if (end > bytes.length) return -1;
      const kind = bytes[at]!;
      if (kind === dataRow) rows += 1;
      else if (kind === commandComplete) {
        const [verb, count] = bytes.toString('latin1', at + 5, end - 1).split(' ');
        if (verb === 'COPY') rows = Number(count);
      } else if (kind === readyForQuery) {
        if (isOpen) answer(rows);
        readyCount += 1;
        isOpen = readyCount >= 2;
        rows = 0;
      } else if (kind === errorResponse) {
        const fields = bytes.toString('utf8', at + 5, end).split('\0');
        throw new Error(`PostgreSQL: ${fields.find((field) => field.startsWith('M'))}`);
      }
      return end;
    },
  };
}

function encodeCopy(events: readonly BenchEvent[]): Template {
  const rowsOf = new Assembly();
  rowsOf.add(message('Q', 'COPY tape FROM STDIN BINARY\0'));
  const tuples = events.map(({ customer, id, time: _, ...event }) => {
    return { customer, id, body: pack(event) };
  });
  const bytes = tuples.reduce(
    (sum, { customer, id, body }) =>
      sum + 2 + 4 * 4 + customer.length + 8 + id.length + body.length,
    copyHead.length + 2,
  );
  rowsOf
    .add('d')
    .add(int32(4 + bytes))
    .add(copyHead);
  for (const { customer, id, body } of tuples) {
    rowsOf.add(int16(4)).add(int32(customer.length)).add(customer);
    rowsOf.add(int32(8)).time().add(int32(id.length)).withId(id);
    rowsOf.add(int32(body.length)).add(body);
  }
  return rowsOf.add(int16(-1)).add(message('c', '')).done();
}

function executeFor(customer: string): Buffer {
  const bind = Buffer.concat([
    Buffer.from(`\0${statement}\0`),
    int16(0),
    int16(1),
    int32(customer.length),
    Buffer.from(customer),
    int16(1),
    int16(1), // every column in binary
  ]);
  return Buffer.concat([
    message('B', bind),
    message('E', Buffer.concat([Buffer.from('\0'), int32(0)])),
    message('S', ''),
  ]);
}

function startup(): Buffer {
  const body = Buffer.from(`user\0${postgresUser}\0database\0postgres\0\0`);
  return Buffer.concat([int32(8 + body.length), int32(3 << 16), body]);
}

function prepare(limit: number): Buffer {
  const query =
    'SELECT time, id, event FROM tape WHERE customer = $1 ' +
    `ORDER BY time DESC, id DESC LIMIT ${limit}`;
  const parse = Buffer.concat([Buffer.from(`${statement}\0${query}\0`), int16(0)]);
  return Buffer.concat([message('P', parse), message('S', '')]);
}

function message(kind: string, body: Buffer | string): Buffer {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  return Buffer.concat([Buffer.from(kind), int32(4 + bytes.length), bytes]);
}
