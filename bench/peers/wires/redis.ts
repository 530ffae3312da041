/** Redis: RESP. One stream per customer, one XADD per event, all of a batch in one write. */
import { pack } from 'msgpackr';
import { type Answer, Assembly, nothing, type Wire, type WirePlan } from './wire.ts';

const star = 0x2a;
const dollar = 0x24;
const minus = 0x2d;

export function redisWire(plan: WirePlan, answer: Answer): Wire {
  return {
    hello: () => nothing,
    isOpen: true,
    encode(events) {
      const batch = new Assembly();
      for (const { customer, time, ...event } of events) {
        // The customer is the stream's name: it is not stored twice.
        const body = pack({ ...event, time: BigInt(time) });
        const head = `*5\r\n$4\r\nXADD\r\n$${customer.length}\r\n${customer}\r\n$1\r\n*\r\n$1\r\ne\r\n`;
        batch.add(`${head}$${body.length}\r\n`).withIdAndTime(body).add('\r\n');
      }
      return batch.done();
    },
    read: (customer) =>
      Buffer.from(
        `*6\r\n$9\r\nXREVRANGE\r\n$${customer.length}\r\n${customer}\r\n$1\r\n+\r\n$1\r\n-\r\n` +
          `$5\r\nCOUNT\r\n$${String(plan.limit).length}\r\n${plan.limit}\r\n`,
      ),
    take(bytes, at) {
      const end = replyEnd(bytes, at);
      // An XADD is answered by its id, a read by an array.
      if (end !== -1) answer(bytes[at] === star ? lineNumber(bytes, at + 1) : 1);
      return end;
    },
  };
}

/** Where the reply at `at` ends: `more` counts the values that are still to come. */
export function replyEnd(bytes: Buffer, at: number): number {
  let more = 1;
  while (more > 0) {
    const lineEnd = bytes.indexOf(10, at);
    if (lineEnd === -1) return -1;
    const kind = bytes[at]!;
    more -= 1;
    if (kind === minus) throw new Error(`Redis: ${bytes.toString('latin1', at + 1, lineEnd - 1)}`);
    const value = kind === star || kind === dollar ? lineNumber(bytes, at + 1) : 0;
    at = lineEnd + 1;
    if (kind === star) more += Math.max(0, value);
    else if (kind === dollar && value >= 0) at += value + 2;
  }
  return at <= bytes.length ? at : -1;
}

/** The integer at `at`, up to the end of its line. */
function lineNumber(bytes: Buffer, at: number): number {
  if (bytes[at] === minus) return -1;
  let value = 0;
  for (; bytes[at] !== 13; at++) value = value * 10 + bytes[at]! - 0x30;
  return value;
}
