/** Tapeline's reads: HTTP, a tape page in MessagePack, as its events were sent. It is filled by the lanes of the other benches. */
import { unpack } from 'msgpackr';
import { type Answer, nothing, type Wire, type WirePlan } from './wire.ts';

/** Counting an answer's events costs as much as handling it: one in so many is counted. */
const countEvery = 16;

export function tapelineWire(plan: WirePlan, answer: Answer): Wire {
  let answers = 0;
  return {
    hello: () => nothing,
    isOpen: true,
    read: (customer) =>
      Buffer.from(
        `GET /v1/customers/${customer}/tape?limit=${plan.limit} HTTP/1.1\r\n` +
          `Host: 127.0.0.1\r\nAuthorization: Bearer ${plan.key}\r\n` +
          'Accept: application/msgpack\r\n\r\n',
      ),
    take(bytes, at) {
      const headEnd = bytes.indexOf('\r\n\r\n', at);
      if (headEnd === -1) return -1;
      const head = bytes.toString('latin1', at, headEnd);
      const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
      if (!head.startsWith('HTTP/1.1 200') || length === undefined) throw new Error(head);
      const end = headEnd + 4 + Number(length);
      if (end > bytes.length) return -1;
      const isCounted = plan.countsAll === true || answers++ % countEvery === 0;
      answer(isCounted ? eventsOf(bytes, headEnd + 4, end) : undefined);
      return end;
    },
  };
}

function eventsOf(bytes: Buffer, from: number, end: number): number {
  return (unpack(bytes.subarray(from, end)) as { events: unknown[] }).events.length;
}
