/**
 * CloudEvents 1.0 → native events. What the envelope has a place for goes there; the other context
 * attributes stand in `data.ce`, so that nothing is lost.
 *
 *     source + id ──▶ id            identity, or else subject ──▶ customer      channel ──▶ channel
 *     type, time, source ──▶ the same                  previousidentity ──▶ previous
 *     data ──▶ data if it is an object, otherwise data.value (text, JSON) or data.base64 (bytes)
 */
import { createHash } from 'node:crypto';
import { idBytesMax } from '../../event/envelope.ts';
import { AppError } from '../../std/errors.ts';
import { objectOf, readJson, textOf } from './json.ts';
import type { WireItem } from './store.ts';

type Members = Readonly<Record<string, unknown>>;

/** Context attributes by name; null stands for absent. */
export type Attributes = Members;

const attributeName = /^[a-z0-9]+$/;
/** These have a place in the envelope of their own; `id` is only half of what stands there. */
const placed = new Set(['source', 'type', 'time', 'identity', 'previousidentity', 'channel']);
const texts = ['subject', 'identity', 'previousidentity', 'channel', 'time', 'datacontenttype'];
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/**
 * One event in JSON format (structured mode, or one of a batch).
 * @param customer whose event it is when it names nobody.
 */
export function structuredItem(value: unknown, customer: string | undefined): WireItem {
  const event = objectOf(value);
  if (event === undefined) return refused(undefined, 'a CloudEvent must be an object');
  const { data, data_base64: encoded, ...attributes } = event;
  if (encoded === undefined || encoded === null) {
    return eventItem(attributes, isPresent(data) ? membersOf(data) : {}, customer);
  }
  if (isPresent(data)) return refused(event, 'data and data_base64 exclude each other');
  if (typeof encoded !== 'string' || !base64.test(encoded)) {
    return refused(event, 'data_base64 must be base64');
  }
  const type = textOf(event['datacontenttype']) ?? 'application/octet-stream';
  return binaryItem(attributes, { bytes: Buffer.from(encoded, 'base64'), type }, customer);
}

/** One event of which the data are bytes of a media type; an empty type means that of JSON. */
export function binaryItem(
  attributes: Attributes,
  { bytes, type }: { readonly bytes: Uint8Array; readonly type: string },
  customer: string | undefined,
): WireItem {
  if (bytes.length === 0) return eventItem(attributes, {}, customer);
  let members: Members;
  try {
    members = decoded(bytes, type);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const message = `the data are not what the content type says (${type === '' ? 'none: JSON' : type})`;
    return refused(attributes, message, 'malformed');
  }
  return eventItem(attributes, members, customer);
}

/** @throws AppError malformed. */
function decoded(bytes: Uint8Array, contentType: string): Members {
  const [media = '', ...parameters] = contentType.toLowerCase().split(';');
  const type = media.trim();
  if (type === '' || /[/+]json$/.test(type)) return membersOf(readJson(bytes));
  if (!/^text\/|[/+]xml$|^application\/x-www-form-urlencoded$/.test(type)) {
    return { base64: Buffer.from(bytes).toString('base64') };
  }
  const charset = parameters
    .map((each) => /^ *charset="?([^"]+)"? *$/.exec(each)?.[1])
    .find(Boolean);
  try {
    return { value: new TextDecoder(charset ?? 'utf-8', { fatal: true }).decode(bytes) };
  } catch (cause) {
    throw new AppError('malformed', 'the text is not of its character set', { cause });
  }
}

/** An object as it is, unless its `ce` were in the way of ours. */
function membersOf(value: unknown): Members {
  const object = objectOf(value);
  return object !== undefined && !Object.hasOwn(object, 'ce') ? object : { value };
}

function eventItem(given: Attributes, members: Members, fallback: string | undefined): WireItem {
  const attributes: Members = Object.fromEntries(
    Object.entries(given).filter(([, value]) => isPresent(value)),
  );
  const problem = problemOf(attributes);
  if (problem !== undefined) return refused(attributes, problem);
  const text = (name: string): string | undefined => textOf(attributes[name]);
  const source = text('source')!;
  const context = Object.entries(attributes).filter(([name]) => !placed.has(name));
  return {
    id: idOf(source, text('id')!),
    customer: text('identity') ?? text('subject') ?? fallback,
    previous: text('previousidentity'),
    type: text('type'),
    time: text('time'),
    channel: text('channel'),
    source,
    data: { ...members, ce: Object.fromEntries(context) },
  };
}

/** What the specification has against it. */
function problemOf(attributes: Attributes): string | undefined {
  for (const name of ['id', 'source', 'type', 'specversion']) {
    if (textOf(attributes[name]) === undefined) return `${name} is required, a string`;
  }
  if (attributes['specversion'] !== '1.0') return 'specversion must be 1.0';
  if (/\s/.test(String(attributes['source']))) return 'source must be a URI reference';
  for (const [name, value] of Object.entries(attributes)) {
    if (!attributeName.test(name)) return `'${name.slice(0, 64)}' is no name of an attribute`;
    if (texts.includes(name) && typeof value !== 'string') return `${name} must be a string`;
    if (typeof value === 'object') return `${name} must be a string, a number or a boolean`;
  }
  return undefined;
}

/** Together they are unique. A source has no spaces, so no two pairs give the same text. */
function idOf(source: string, id: string): string {
  const both = `${source} ${id}`;
  if (Buffer.byteLength(both) <= idBytesMax) return both;
  return `sha256:${createHash('sha256').update(both).digest('hex')}`;
}

function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function refused(
  event: Members | undefined,
  message: string,
  code: 'invalid' | 'malformed' = 'invalid',
): WireItem {
  return { id: textOf(event?.['id']), refused: { code, message } };
}
