/**
 * Doors for the libraries of Segment and RudderStack: one message to a route, batches, beacons and
 * pixels. Replies are what every one of those libraries takes: success is always a 200 with JSON, a
 * refusal has its code at the top level, and what may be sent again is told by 429 and 5xx alone.
 */

import type { Receipt } from '../ingest/receipt.ts';
import { readJson } from '../ingest/wire/json.ts';
import {
  type Arrival,
  readSegmentBatch,
  readSegmentMessage,
  type SegmentCall,
  segmentCalls,
  writeKeyOf,
} from '../ingest/wire/segment.ts';
import { readSegmentPixel } from '../ingest/wire/segmentpixel.ts';
import type { WireItem } from '../ingest/wire/store.ts';
import { AppError, type ErrorCode } from '../std/errors.ts';
import type { Front } from './context.ts';
import { gifReply } from './gif.ts';
import { errorReply, jsonReply, type Reply, textReply, withHeaders } from './reply.ts';
import type { Door, WireBatch, WireRequest } from './wire.ts';

/** RudderStack's cap. Segment's is 500 KB, but its library for Node.js sends larger ones. */
export const segmentBodyBytesMax = 4_000 * 1024;

const shared = { query: 'any', cors: 'echo', answer, refusal } as const;
const posted = {
  ...shared,
  method: 'post',
  keys: { basic: true, query: ['writeKey'], body: true },
  bodyBytesMax: segmentBodyBytesMax,
  wantsAddress: true,
} as const;

export const segmentDoors: readonly Door[] = [
  ...segmentCalls.map(
    (call): Door => ({
      ...posted,
      path: `/v1/${call}`,
      also: alsoOf(call),
      read: (request) => readMessage(request, call),
    }),
  ),
  {
    ...posted,
    path: '/v1/batch',
    also: ['/v1/batch/', '/v1/b', '/v1/b/', '/v1/import', '/v1/import/'],
    read: readBatch,
  },
  {
    ...posted,
    path: '/beacon/v1/batch',
    also: ['/beacon/v1/batch/'],
    read: readBatch,
  },
  ...(['track', 'page'] as const).map(
    (call): Door => ({
      ...shared,
      method: 'get',
      path: `/pixel/v1/${call}`,
      also: [`/pixel/v1/${call}/`],
      keys: { query: ['writeKey'] },
      read: ({ head, nowMs }) => ({ items: () => [readSegmentPixel(head.query, call, nowMs)] }),
      answer: (receipt) => asPixel(answer(receipt)),
      refusal: (error, front) => asPixel(refusal(error, front)),
    }),
  ),
];

/** With a slash at the end, as some libraries have it, and by its first letter, as the browser's has. */
function alsoOf(call: SegmentCall): readonly string[] {
  const short = call === 'merge' ? [] : [`/v1/${call[0]}`, `/v1/${call[0]}/`];
  return [`/v1/${call}/`, ...short];
}

function readMessage(request: WireRequest, call: SegmentCall): WireBatch {
  const message = readBody(request.body);
  const items = (): WireItem[] => [readSegmentMessage(message, call, arrivalOf(request))];
  return { items, key: writeKeyOf(message) };
}

function readBatch(request: WireRequest): WireBatch {
  const batch = readBody(request.body);
  return { items: () => readSegmentBatch(batch, arrivalOf(request)), key: writeKeyOf(batch) };
}

function arrivalOf({ address, headers, nowMs }: WireRequest): Arrival {
  return { address, nowMs, isResend: Number(headers.get('x-retry-count') ?? 0) > 0 };
}

/** Whatever its Content-Type says: libraries send `text/plain`, or that of a form with gzip inside. */
function readBody(body: Uint8Array): unknown {
  if (body.length <= segmentBodyBytesMax) return readJson(body);
  const message = `the body may have at most ${segmentBodyBytesMax} bytes after decompression`;
  throw new AppError('too_large', message);
}

const success = textReply(200, '{"success":true}');

/** A batch of which nothing could be taken is refused, for its sender has something to put right. */
function answer({ accepted, duplicates, rejected }: Receipt): Reply {
  const [first] = rejected;
  if (first === undefined) return success;
  if (accepted + duplicates > 0) return jsonReply(200, { success: true, rejected });
  const { code, message } = first;
  return jsonReply(400, { success: false, code, message, rejected });
}

/** Codes that these clients know by another status: they give up on 400 and come back after 429. */
const statuses: { readonly [code in ErrorCode]?: number } = {
  too_large: 400,
  unsupported_media_type: 400,
  invalid: 400,
  overloaded: 429,
};

function refusal(error: unknown, front: Front): Reply {
  const reply = errorReply(error, front.log);
  const isKnown = error instanceof AppError && error.code !== 'internal';
  const code = isKnown ? error.code : 'internal';
  const message = isKnown ? error.message : 'internal error';
  const status = statuses[code] ?? reply.status;
  const body = JSON.stringify({ success: false, code, message });
  const wait = reply.headers?.find(([name]) => name === 'Retry-After')?.[1];
  const shown = { ...reply, status, body };
  return wait === undefined ? shown : withHeaders(shown, [['X-RateLimit-Reset', wait]]);
}

/** The same reply to an image: a picture whatever happened, the truth in the status. */
function asPixel(reply: Reply): Reply {
  return gifReply(reply.status, reply.headers);
}
