/**
 * NATS: its text protocol. A subject per customer. A batch is published by JetStream's own batch
 * publishing, which is answered once: `fast` (NATS 2.14) for the rate, `atomic` (NATS 2.12) where the
 * server flushes, for then it flushes once a batch instead of once a message.
 *
 * Streams cannot be read backwards. A customer's newest events come by a batched direct get that walks
 * the subject forwards: the same events when it holds no more than were asked for.
 */
import { pack } from 'msgpackr';
import type { BenchEvent, Template } from '../../frames.ts';
import { type Answer, Assembly, type Wire, type WirePlan } from './wire.ts';

export const natsStream = 'tape';
export const natsSubject = 'ev';

/** Fast publishing: tell of progress so seldom that only the commit is answered. */
const flowMessages = 65_535;
const plus = 0x2b;
const minus = 0x2d;
const letterH = 0x48;
const letterI = 0x49;
const letterM = 0x4d;
const letterP = 0x50;

/** Every connection listens for its own answers. */
let inboxes = 0;

export function natsWire(plan: WirePlan, answer: Answer): Wire {
  const inbox = `_B.${process.pid}.${inboxes++}`;
  let isOpen = false;
  let pongs: Buffer | undefined;
  const deliver = deliverTo(answer);
  return {
    hello: () => Buffer.from(`${natsConnect}SUB ${inbox}.> 1\r\nPING\r\n`),
    get isOpen() {
      return isOpen;
    },
    encode: (events) => encodeBatch(events, inbox, plan.publish),
    read(customer) {
      const request = `{"batch":${plan.limit},"next_by_subj":"${natsSubject}.${customer}","seq":1,"no_hdr":false}`;
      return Buffer.from(
        `PUB $JS.API.DIRECT.GET.${natsStream} ${inbox}.r ${request.length}\r\n${request}\r\n`,
      );
    },
    take(bytes, at) {
      const lineEnd = bytes.indexOf(10, at);
      if (lineEnd === -1) return -1;
      const kind = bytes[at]!;
      if (kind === letterM || kind === letterH) {
        const line = bytes.toString('latin1', at, lineEnd - 1).split(' ');
        const bodyBytes = Number(line.at(-1));
        const headBytes = kind === letterH ? Number(line.at(-2)) : 0;
        const end = lineEnd + 1 + bodyBytes + 2;
        if (end > bytes.length) return -1;
        const bodyAt = lineEnd + 1 + headBytes;
        deliver(bytes.subarray(lineEnd + 1, bodyAt), bytes.subarray(bodyAt, end - 2));
        return end;
      }
      if (kind === minus) throw new Error(`NATS: ${bytes.toString('latin1', at, lineEnd)}`);
      if (kind === letterP && bytes[at + 1] === letterI) pongs = Buffer.from('PONG\r\n');
      else if (kind === letterP) isOpen = true;
      else if (kind !== letterI && kind !== plus) throw new Error('NATS: an unknown message');
      return lineEnd + 1;
    },
    followUp() {
      const bytes = pongs;
      pongs = undefined;
      return bytes;
    },
  };
}

/** One message: a batch's receipt, or one of the events that were asked for. */
function deliverTo(answer: Answer): (head: Buffer, body: Buffer) => void {
  let found = 0;
  return (head, body) => {
    if (head.length > 0) {
      // Event by event; a status says that there are no more (204) or none at all (404).
      const status = /^NATS\/1\.0 (\d+)/.exec(head.toString('latin1'))?.[1];
      if (status === undefined) found += 1;
      else if (status === '204' || status === '404') {
        answer(found);
        found = 0;
      } else throw new Error(`NATS: ${head.toString('latin1')}`);
      return;
    }
    const receipt = JSON.parse(body.toString()) as {
      error?: object;
      count?: number;
      type?: string;
    };
    if (receipt.error !== undefined) throw new Error(`NATS: ${body.toString()}`);
    if (receipt.type === 'gap') throw new Error(`NATS: a message was lost: ${body.toString()}`);
    if (receipt.count !== undefined) answer(receipt.count);
  };
}

export const natsConnect = `CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true}\r\n`;

function encodeBatch(
  events: readonly BenchEvent[],
  inbox: string,
  publish: WirePlan['publish'],
): Template {
  const batch = new Assembly();
  for (const [n, { customer, time, ...event }] of events.entries()) {
    const body = pack({ ...event, time: BigInt(time) });
    const one = { inbox, customer, n, isLast: n + 1 === events.length, body };
    if (publish === 'atomic') addAtomic(batch, one);
    else addFast(batch, one);
  }
  return batch.done();
}

interface One {
  readonly inbox: string;
  readonly customer: string;
  /** Place in the batch, from 0. */
  readonly n: number;
  readonly isLast: boolean;
  readonly body: Buffer;
}

/** The batch's name, the message's place and what to do are all in the reply's subject. */
function addFast(batch: Assembly, { inbox, customer, n, isLast, body }: One): void {
  const operation = isLast ? 2 : n === 0 ? 0 : 1;
  const place = `.${flowMessages}.fail.${n + 1}.${operation}.$FI`;
  batch.add(`PUB ${natsSubject}.${customer} ${inbox}.`).number().add(`${place} ${body.length}\r\n`);
  batch.withIdAndTime(body).add('\r\n');
}

function addAtomic(batch: Assembly, { inbox, customer, n, isLast, body }: One): void {
  const before = 'NATS/1.0\r\nNats-Batch-Id:';
  const after = `\r\nNats-Batch-Sequence:${n + 1}\r\n${isLast ? 'Nats-Batch-Commit:1\r\n' : ''}\r\n`;
  const headBytes = before.length + 8 + after.length;
  const reply = isLast ? ` ${inbox}.a` : '';
  batch.add(`HPUB ${natsSubject}.${customer}${reply} ${headBytes} ${headBytes + body.length}\r\n`);
  batch.add(before).number().add(after).withIdAndTime(body).add('\r\n');
}
