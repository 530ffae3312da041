/** Sources of foreign JSON: their maps, what they send, and a dry run. */
import { batchBytesMax, Envelope } from '../event/envelope.ts';
import { walkJsonEvent } from '../event/json.ts';
import { MapAllowance } from '../ingest/mapallowance.ts';
import type { Receipt } from '../ingest/receipt.ts';
import { itemsMax, type Mapped, Sources, unmapped } from '../ingest/source.ts';
import type { Taxonomy } from '../ingest/taxonomy.ts';
import { readJson, writeJson } from '../ingest/wire/json.ts';
import type { StorableItem, WireEvent } from '../ingest/wire/store.ts';
import { assert } from '../std/assert.ts';
import { AppError } from '../std/errors.ts';
import { checkSourceName, parseSourceMap, type SourceRecord } from '../workspaces/source.ts';
import { jsonFormOf } from './body.ts';
import type { Front } from './context.ts';
import { receiptReply } from './ingest.ts';
import { emptyReply, jsonReply, type Reply, textReply } from './reply.ts';
import type { Route, RouteRequest } from './route.ts';
import { foresee } from './verdict.ts';
import { acceptWire, type WireBatch, type WireRequest } from './wire.ts';

export const sourceBodyBytesMax = 64 * 1024;
export const dryRunBodyBytesMax = 1024 * 1024;
export const dryRunItemsMax = 1000;

export const sourceRoutes: readonly Route[] = [
  {
    method: 'get',
    path: '/v1/sources',
    scope: 'read',
    query: [],
    handle: ({ credential }, front) =>
      jsonReply(200, { sources: front.directory.sources(credential.workspace).map(shown) }),
  },
  {
    method: 'get',
    path: '/v1/sources/{name}',
    scope: 'read',
    query: [],
    handle: (request, front) => jsonReply(200, shown(findSource(request, front))),
  },
  {
    method: 'put',
    path: '/v1/sources/{name}',
    scope: 'admin',
    query: [],
    bodyBytesMax: sourceBodyBytesMax,
    handle: putSource,
  },
  {
    method: 'delete',
    path: '/v1/sources/{name}',
    scope: 'admin',
    query: [],
    handle: deleteSource,
  },
  {
    method: 'post',
    path: '/v1/sources/{name}/events',
    scope: 'write',
    query: [],
    bodyBytesMax: batchBytesMax,
    keyInQuery: true,
    cors: 'any',
    handle: takeItems,
  },
  {
    method: 'post',
    path: '/v1/sources/{name}/dry-run',
    scope: 'write',
    secret: true,
    query: [],
    bodyBytesMax: dryRunBodyBytesMax,
    handle: dryRun,
  },
];

async function putSource(request: RouteRequest, front: Front): Promise<Reply> {
  const name = nameOf(request);
  const map = parseSourceMap(request.json());
  const { workspace } = request.credential;
  const change = { kind: 'put' as const, name, map };
  const reply = await front.change({ kind: 'changeSources', workspace, change });
  assert(reply.kind === 'source', 'changeSources answers with a source');
  return jsonReply(reply.created ? 201 : 200, shown(reply.source));
}

async function deleteSource(request: RouteRequest, front: Front): Promise<Reply> {
  const { workspace } = request.credential;
  const change = { kind: 'delete' as const, name: nameOf(request) };
  await front.change({ kind: 'changeSources', workspace, change });
  return emptyReply;
}

/** What was mapped is stored as events are, the rest kept in quarantine. */
async function takeItems(request: RouteRequest, front: Front): Promise<Reply> {
  const record = findSource(request, front);
  const nowMs = front.clock.now();
  /** The item that each event is of. */
  const owners: number[] = [];
  const read = ({ body, head }: WireRequest): WireBatch => {
    const items: StorableItem[] = [];
    const mapped = mapAll(itemsOf(body, head.contentType, itemsMax), record);
    for (const [index, { item, result }] of mapped.entries()) {
      const made =
        'reason' in result ? [unmapped(item, record.name, result.reason, nowMs)] : result.events;
      for (const each of made) {
        items.push(each);
        owners.push(index);
      }
    }
    return { items: () => items };
  };
  const answer = (stored: Receipt): Reply => {
    const rejected = stored.rejected.map((each) => ({ ...each, index: owners[each.index]! }));
    return receiptReply({ ...stored, rejected });
  };
  return acceptWire({ read, answer }, request, front, front.ingest());
}

const sources = new Sources();

/** A map that this thread has compiled. */
export function sourceOf(record: SourceRecord): ReturnType<Sources['of']> {
  return sources.of(record);
}

interface MappedItem {
  readonly item: unknown;
  readonly result: Exclude<Mapped, { readonly spent: string }>;
}

/** @throws AppError too_large, before anything is stored, when the items together take too much. */
function mapAll(items: readonly unknown[], record: SourceRecord): MappedItem[] {
  const source = sourceOf(record);
  const allowance = new MapAllowance();
  return items.map((item) => {
    const result = source.map(item, allowance);
    if ('spent' in result) {
      throw new AppError('too_large', `${result.spent}; send fewer items at once`);
    }
    return { item, result };
  });
}

/** @throws AppError unsupported_media_type, malformed, too_large. */
function itemsOf(body: Uint8Array, contentType: string, most: number): readonly unknown[] {
  const items = readItems(body, contentType);
  if (items.length > most) {
    throw new AppError('too_large', `a body may have at most ${most} items`);
  }
  return items;
}

function readItems(body: Uint8Array, contentType: string): readonly unknown[] {
  if (jsonFormOf(contentType) === 'json') {
    const value = readJson(body);
    return Array.isArray(value) ? value : [value];
  }
  const lines = Buffer.from(body).toString('utf8').split('\n');
  return lines.filter((line) => line.trim() !== '').map((line) => readJson(line));
}

const envelope = new Envelope();

/** The events that items would become, and what would happen to them. */
function dryRun(request: RouteRequest, front: Front): Reply {
  const record = findSource(request, front);
  const { body, credential, head } = request;
  const taxonomy = front.taxonomies.of(credential.workspace);
  const nowMs = front.clock.now();
  const mapped = mapAll(itemsOf(body, head.contentType, dryRunItemsMax), record);
  const texts = mapped.map(({ item, result }, index) => {
    if ('reason' in result) {
      const kept = unmapped(item, record.name, result.reason, nowMs);
      if ('apart' in kept) return JSON.stringify({ index, outcome: 'quarantined', ...result });
      const { code, message } = kept.refused;
      return JSON.stringify({ index, outcome: 'rejected', code, reason: message });
    }
    const events = result.events.map((event) => foreseen(event, taxonomy, nowMs));
    return `{"index":${index},"events":[${events.join(',')}]}`;
  });
  return textReply(200, `{"items":[${texts.join(',')}]}`);
}

function foreseen(event: WireEvent, taxonomy: Taxonomy | undefined, nowMs: number): string {
  const text = writeJson(event);
  const bytes = Buffer.from(text);
  walkJsonEvent(bytes, 0, bytes.length, nowMs, envelope);
  const facts = foresee(bytes, envelope, taxonomy);
  return `{"event":${text},${JSON.stringify(facts).slice(1)}`;
}

function nameOf(request: RouteRequest): string {
  const name = request.param('name');
  checkSourceName(name);
  return name;
}

function findSource(request: RouteRequest, front: Front): SourceRecord {
  const name = nameOf(request);
  const source = front.directory.source(request.credential.workspace, name);
  if (source === undefined) throw new AppError('not_found', `there is no source '${name}'`);
  return source;
}

function shown({ map, name, updatedAt }: SourceRecord): Record<string, unknown> {
  return { name, ...map, updatedAt };
}
