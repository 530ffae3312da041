/**
 * CloudEvents 1.0 over HTTP: `POST /v1/cloudevents`, and `POST /v1/events` for what says that it is one.
 * The mode is told by the content type, or by `ce-` headers:
 *
 *     application/cloudevents-batch+json   batched: a list of events
 *     application/cloudevents+json         structured: one event
 *     anything else, with ce- headers      binary: the body is the data, the headers are the rest
 */
import { batchBytesMax } from '../event/envelope.ts';
import { binaryItem, structuredItem } from '../ingest/wire/cloudevents.ts';
import { readJson } from '../ingest/wire/json.ts';
import type { WireItem, WireSource } from '../ingest/wire/store.ts';
import { AppError } from '../std/errors.ts';
import { mediaType } from './head.ts';
import { receiptReply } from './ingest.ts';
import type { Door, WireRequest } from './wire.ts';

const batched = 'application/cloudevents-batch';
const structured = 'application/cloudevents';
const headerPrefix = 'ce-';

/** The webhook specification lets a sender pass its key as `?access_token=`. */
export const cloudEventsDoor: Door = {
  method: 'post',
  path: '/v1/cloudevents',
  query: ['customer'],
  keys: { basic: true, query: ['access_token'] },
  cors: 'echo',
  bodyBytesMax: batchBytesMax,
  read: (request) => ({ items: () => itemsOf(request) }),
  answer: receiptReply,
};

function itemsOf(request: WireRequest): readonly WireSource[] {
  const { body, head, headers, query } = request;
  const customer = query.one('customer');
  const type = mediaType(head.contentType);
  if (!type.startsWith(structured)) return [headerItem(headers, { bytes: body, customer, head })];
  if (type === `${structured}+json`) return [structuredItem(readJson(body), customer)];
  if (type !== `${batched}+json`) {
    throw new AppError('unsupported_media_type', 'of the formats of CloudEvents only JSON is read');
  }
  const list = readJson(body);
  if (!Array.isArray(list)) throw new AppError('malformed', 'a batch must be a list of events');
  return list.map((value) => () => structuredItem(value, customer));
}

function headerItem(
  headers: WireRequest['headers'],
  parts: Pick<WireRequest, 'head'> & { bytes: Uint8Array; customer: string | undefined },
): WireItem {
  const attributes: Record<string, string> = {};
  for (const [name, value] of headers) {
    if (!name.startsWith(headerPrefix)) continue;
    attributes[name.slice(headerPrefix.length)] = headerText(value, name);
  }
  if (Object.keys(attributes).length === 0) {
    const message = `send ${structured}+json, ${batched}+json, or headers that begin with ${headerPrefix}`;
    throw new AppError('unsupported_media_type', message);
  }
  const type = parts.head.contentType;
  if (type !== '') attributes['datacontenttype'] = type;
  return binaryItem(attributes, { bytes: parts.bytes, type }, parts.customer);
}

/** A value as HTTP carries it: perhaps quoted, and percent-encoded once. @throws AppError malformed. */
function headerText(value: string, name: string): string {
  const inner = /^"(.*)"$/s.exec(value)?.[1]?.replace(/\\(.)/gs, '$1') ?? value;
  try {
    // A percent sign that is none of an encoding stands for itself: not every sender encodes.
    return inner.replace(/(?:%[0-9a-fA-F]{2})+/g, (encoded) => decodeURIComponent(encoded));
  } catch (cause) {
    throw new AppError('malformed', `${name} is not percent-encoded UTF-8`, { cause });
  }
}
