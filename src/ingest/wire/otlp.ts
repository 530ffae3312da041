/**
 * OTLP log records → native events. A record with an event name is an event; any other is a log line and
 * refused. Attributes become `data`, their dots levels; the rest of the record stands in `data.otel`.
 *
 *     eventName ──▶ type      service.name ──▶ source      timeUnixNano, observedTimeUnixNano ──▶ time
 *     enduser.id, user.id, enduser.pseudo.id, session.id: the first ──▶ customer
 *     enduser.pseudo.id, session.id: the first that is another ──▶ previous
 *     log.record.uid, or else a digest of the record ──▶ id
 */
import { createHash } from 'node:crypto';
import { dataDepthMax, eventBytesMax } from '../../event/envelope.ts';
import { dataTooDeep } from '../../event/refusal.ts';
import { AppError } from '../../std/errors.ts';
import { numberOf, objectOf, readJson, textOf, writeJson } from './json.ts';
import type { WireItem, WireSource } from './store.ts';

type Members = Readonly<Record<string, unknown>>;
type Pairs = ReadonlyMap<string, unknown>;

const known = ['customer', 'enduser.id', 'user.id'];
const anonymous = ['enduser.pseudo.id', 'session.id'];
/** What `data.otel` keeps of a record. */
const kept = [
  'timeUnixNano',
  'observedTimeUnixNano',
  'severityNumber',
  'severityText',
  'traceId',
  'spanId',
  'flags',
  'droppedAttributesCount',
];
/** Nested values deeper than that are not read: no event may have them. */
const depthMax = 64;
/** An attribute with a longer name, or one of more steps, keeps it as it is: half the levels are for its value. */
export const nestedKeyCharactersMax = 256;
export const nestedStepsMax = dataDepthMax / 2;

/** Where a record comes from; the same for its neighbours, and so made once for all of them. */
interface Origin {
  readonly resource: Pairs;
  /** As they stand in `data.otel`. */
  readonly said: { readonly resource: Members; readonly scope?: Members };
  readonly digest: string;
}

/** What makes an item for every record of a request, in order. @throws AppError malformed. */
export function otlpItems(body: unknown): readonly WireSource[] {
  const request = objectOf(body);
  if (request === undefined) throw new AppError('malformed', 'the body must be an object');
  const items: WireSource[] = [];
  const seen = new Map<string, number>();
  for (const group of listOf(request['resourceLogs'])) {
    const resource = once(() =>
      resourceOf(objectOf(objectOf(group)?.['resource'])?.['attributes']),
    );
    for (const inner of listOf(objectOf(group)?.['scopeLogs'])) {
      const origin = once(() => originOf(resource(), objectOf(objectOf(inner)?.['scope'])));
      for (const record of listOf(objectOf(inner)?.['logRecords'])) {
        items.push(() => recordItem(record, origin(), seen));
      }
    }
  }
  return items;
}

/** Calls `make` at most once; what it throws is thrown again each time. */
function once<Made>(make: () => Made): () => Made {
  let outcome: { made: Made } | { error: unknown } | undefined;
  return () => {
    if (outcome === undefined) {
      try {
        outcome = { made: make() };
      } catch (error) {
        outcome = { error };
      }
    }
    if ('error' in outcome) throw outcome.error;
    return outcome.made;
  };
}

interface Resource {
  readonly pairs: Pairs;
  readonly said: Members;
  readonly bytes: number;
  readonly digest: string;
}

function resourceOf(attributes: unknown): Resource {
  const pairs = pairsOf(attributes, 0);
  const said = nested(pairs);
  const bytes = Buffer.byteLength(writeJson(said));
  return { pairs, said, bytes, digest: hashOf(writeJson([...pairs])) };
}

/** @throws AppError too_large when no record can carry it. */
function originOf({ bytes, digest, pairs, said }: Resource, scope: Members | undefined): Origin {
  const saidScope = scope === undefined ? undefined : scopeOf(scope);
  const scopeBytes = saidScope === undefined ? 0 : Buffer.byteLength(writeJson(saidScope));
  if (bytes + scopeBytes > eventBytesMax) {
    const message = `resource and scope of a record may be at most ${eventBytesMax} bytes`;
    throw new AppError('too_large', message);
  }
  return {
    resource: pairs,
    said: { ...(saidScope !== undefined && { scope: saidScope }), resource: said },
    digest: hashOf(digest + (scope === undefined ? '' : writeJson(scope))),
  };
}

/** A field that is repeated: absent and null are empty. @throws AppError malformed. */
function listOf(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value;
  throw new AppError('malformed', 'what the protocol repeats must be a list');
}

function recordItem(value: unknown, origin: Origin, seen: Map<string, number>): WireItem {
  const record = objectOf(value);
  if (record === undefined) return refused('a log record must be an object');
  const attributes = pairsOf(record['attributes'], 0);
  const type = textOf(record['eventName']) ?? textOf(attributes.get('event.name'));
  if (type === undefined) return refused('a log record without an event name is no event');
  const find = (names: readonly string[]): string | undefined =>
    names
      .flatMap((name) => [attributes.get(name), origin.resource.get(name)])
      .map((each) => (typeof each === 'number' ? String(each) : textOf(each)))
      .find(Boolean);
  const customer = find([...known, ...anonymous]);
  const other = anonymous.map((name) => find([name])).find((each) => each && each !== customer);
  return {
    id: textOf(attributes.get('log.record.uid')) ?? digestOf(record, origin, seen),
    customer,
    previous: other,
    type,
    time: timeOf(record),
    channel: textOf(attributes.get('channel')),
    source: textOf(origin.resource.get('service.name')),
    data: dataOf(record, attributes, origin),
  };
}

function dataOf(record: Members, attributes: Pairs, { said: origin }: Origin): Members {
  const said = nested(attributes);
  const body = anyOf(record['body'], 0);
  const hasBody = body !== undefined;
  const { otel: own } = said;
  const otel = {
    ...(own === undefined ? {} : (objectOf(own) ?? { value: own })),
    ...Object.fromEntries(kept.flatMap((name) => (name in record ? [[name, record[name]]] : []))),
    ...origin,
  };
  // An attribute of the name stays where it is looked for.
  if ('body' in said) return { ...said, otel: { ...otel, ...(hasBody && { body }) } };
  return { ...said, ...(hasBody && { body }), otel };
}

/**
 * The protocol has no ids. A request that is sent again says the same again, so records are known by
 * all they say; of several that say the same in one request, by their number among them.
 */
function digestOf(record: Members, origin: Origin, seen: Map<string, number>): string {
  const digest = hashOf(origin.digest + writeJson(record)).slice(0, 40);
  const before = seen.get(digest) ?? 0;
  seen.set(digest, before + 1);
  return before === 0 ? digest : `${digest}.${before}`;
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** Milliseconds of the first time that is set; zero means unknown. */
function timeOf(record: Members): number | undefined {
  for (const name of ['timeUnixNano', 'observedTimeUnixNano']) {
    const nanos = record[name];
    const text = typeof nanos === 'string' ? nanos : String(numberOf(nanos) ?? '');
    if (/^\d{1,20}$/.test(text) && !/^0+$/.test(text)) return Number(BigInt(text) / 1_000_000n);
  }
  return undefined;
}

function scopeOf({ attributes, name, version }: Members): Members {
  const pairs = pairsOf(attributes, 0);
  return { name, version, ...(pairs.size > 0 && { attributes: nested(pairs) }) };
}

/** A list of `{key, value}`. @throws AppError malformed. */
function pairsOf(value: unknown, depth: number): Pairs {
  const pairs = new Map<string, unknown>();
  for (const each of listOf(value)) {
    const pair = objectOf(each);
    const key = textOf(pair?.['key']);
    if (key !== undefined) pairs.set(key, anyOf(pair?.['value'], depth + 1) ?? null);
  }
  return pairs;
}

/** An AnyValue; undefined when there is none. */
function anyOf(value: unknown, depth: number): unknown {
  const any = objectOf(value);
  if (any === undefined) return undefined;
  if (depth > depthMax) throw new AppError('invalid', dataTooDeep.message);
  if ('intValue' in any) return integerOf(any['intValue']);
  if ('arrayValue' in any) {
    return listOf(objectOf(any['arrayValue'])?.['values']).map(
      (each) => anyOf(each, depth + 1) ?? null,
    );
  }
  if ('kvlistValue' in any) {
    return Object.fromEntries(pairsOf(objectOf(any['kvlistValue'])?.['values'], depth));
  }
  return any['stringValue'] ?? any['boolValue'] ?? any['doubleValue'] ?? any['bytesValue'];
}

/** 64 bits come as text; they keep their digits. */
function integerOf(value: unknown): unknown {
  if (typeof value !== 'string' || !/^-?(?:0|[1-9]\d{0,19})$/.test(value)) return value;
  return (readJson(`[${value}]`) as unknown[])[0];
}

/** `order.total` becomes `total` in `order`, unless something else stands there or the name has too much. */
function nested(pairs: Pairs): Members {
  // Names without a dot first: they stay what they are, whatever else begins with them.
  const root = new Map([...pairs].filter(([key]) => !key.includes('.')));
  for (const [key, value] of pairs) {
    if (!key.includes('.')) continue;
    const path = key.length > nestedKeyCharactersMax ? [] : key.split('.');
    const last = path.pop();
    if (last === undefined || path.length >= nestedStepsMax) {
      root.set(key, value);
      continue;
    }
    let level: Map<string, unknown> | undefined = root;
    for (const name of path) {
      if (!level.has(name)) level.set(name, new Map());
      const next: unknown = level.get(name);
      level = next instanceof Map ? next : undefined;
      if (level === undefined) break;
    }
    if (level === undefined || level.has(last)) root.set(key, value);
    else level.set(last, value);
  }
  return plain(root);
}

function plain(level: ReadonlyMap<string, unknown>): Members {
  const entries = [...level].map(([name, value]) => [
    name,
    value instanceof Map ? plain(value) : value,
  ]);
  return Object.fromEntries(entries) as Members;
}

function refused(message: string): WireItem {
  return { refused: { code: 'invalid', message } };
}
