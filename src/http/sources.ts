/** Sources of foreign JSON: their maps, what they send, and a dry run. */
import { batchBytesMax, Envelope, encodingJson } from '../event/envelope.ts';
import { walkJsonEvent } from '../event/json.ts';
import type { Receipt } from '../ingest/receipt.ts';
import {
  itemsMax,
  type Mapped,
  Sources,
  storeUnmapped,
  type UnmappedItem,
} from '../ingest/source.ts';
import type { Taxonomy } from '../ingest/taxonomy.ts';
import { readJson, writeJson } from '../ingest/wire/json.ts';
import type { WireEvent } from '../ingest/wire/store.ts';
import { assert } from '../std/assert.ts';
import { AppError } from '../std/errors.ts';
import { checkSourceName, parseSourceMap, type SourceRecord } from '../workspaces/source.ts';
import { mayLink } from './auth.ts';
import type { Front } from './context.ts';
import { mediaType } from './head.ts';
import { checkServing, notStored, receiptReply } from './ingest.ts';
import { emptyReply, jsonReply, type Reply, textReply } from './reply.ts';
import type { Route, RouteRequest } from './route.ts';
import { acceptWire } from './wire.ts';

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

/** What was mapped is stored as events are; the rest is kept in quarantine. One receipt for both. */
async function takeItems(request: RouteRequest, front: Front): Promise<Reply> {
  const record = findSource(request, front);
  const ingest = front.ingest();
  checkServing(front, ingest);
  const unmapped: UnmappedItem[] = [];
  /** The item that each event is of. */
  const owners: number[] = [];
  let receipt: Receipt | undefined;
  await acceptWire(
    {
      read: ({ body, head }) => {
        const items: WireEvent[] = [];
        const mapped = mapAll(itemsOf(body, head.contentType, itemsMax), record);
        for (const [index, { item, result }] of mapped.entries()) {
          if ('reason' in result) unmapped.push({ index, item, reason: result.reason });
          else {
            for (const event of result.events) {
              items.push(event);
              owners.push(index);
            }
          }
        }
        return { items };
      },
      answer: (stored) => {
        const rejected = stored.rejected.map((each) => ({ ...each, index: owners[each.index]! }));
        receipt = { ...stored, rejected };
        return emptyReply;
      },
    },
    request,
    front,
    ingest,
  );
  assert(receipt !== undefined, 'what is accepted is answered');
  if (unmapped.length === 0) return receiptReply(receipt);
  const kept = await storeUnmapped(unmapped, record.name, {
    ingest,
    quotas: front.quotas,
    metrics: front.metrics,
    workspace: request.credential.workspace,
    isTrusted: mayLink(request.credential),
    limits: front.directory.limits(request.credential.keyId),
    nowMs: front.clock.now(),
  });
  // Sent again, all of it is found to be there or kept.
  if (kept.rejected.some(({ code }) => code === 'unavailable')) throw notStored(front.metrics);
  return receiptReply(added(receipt, kept));
}

function added(one: Receipt, other: Receipt): Receipt {
  return {
    accepted: one.accepted + other.accepted,
    duplicates: one.duplicates + other.duplicates,
    rejected: [...one.rejected, ...other.rejected].sort((a, b) => a.index - b.index),
    quarantined: one.quarantined + other.quarantined,
    flagged: one.flagged + other.flagged,
    unavailable: false,
  };
}

const sources = new Sources();

/** A map that this thread has compiled. */
export function sourceOf(record: SourceRecord): ReturnType<Sources['of']> {
  return sources.of(record);
}

interface MappedItem {
  readonly item: unknown;
  readonly result: Mapped;
}

function mapAll(items: readonly unknown[], record: SourceRecord): MappedItem[] {
  const source = sourceOf(record);
  return items.map((item) => ({ item, result: source.map(item) }));
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
  switch (mediaType(contentType)) {
    case 'application/json':
    case 'text/plain': {
      const value = readJson(body);
      return Array.isArray(value) ? value : [value];
    }
    case 'application/x-ndjson': {
      const lines = Buffer.from(body).toString('utf8').split('\n');
      return lines.filter((line) => line.trim() !== '').map((line) => readJson(line));
    }
    default:
      throw new AppError(
        'unsupported_media_type',
        'Content-Type must be application/json or application/x-ndjson',
      );
  }
}

const envelope = new Envelope();
const outcomes = { flag: 'flagged', quarantine: 'quarantined', reject: 'rejected' } as const;

/** The events that items would become, and what would happen to them. */
function dryRun(request: RouteRequest, front: Front): Reply {
  const record = findSource(request, front);
  const { body, credential, head } = request;
  const taxonomy = front.taxonomies.of(credential.workspace);
  const nowMs = front.clock.now();
  const mapped = mapAll(itemsOf(body, head.contentType, dryRunItemsMax), record);
  const texts = mapped.map(({ result }, index) => {
    if ('reason' in result) return writeJson({ index, outcome: 'quarantined', ...result });
    const events = result.events.map((event) => foresee(event, taxonomy, nowMs));
    return `{"index":${index},"events":[${events.join(',')}]}`;
  });
  return textReply(200, `{"items":[${texts.join(',')}]}`);
}

function foresee(event: WireEvent, taxonomy: Taxonomy | undefined, nowMs: number): string {
  const text = writeJson(event);
  const bytes = Buffer.from(text);
  walkJsonEvent(bytes, 0, bytes.length, nowMs, envelope);
  const isEvent = envelope.rejection === undefined;
  const verdict = isEvent ? taxonomy?.judge(bytes, envelope, encodingJson) : undefined;
  let facts: object = { outcome: 'accepted' };
  if (envelope.rejection !== undefined) {
    facts = { outcome: 'rejected', reason: envelope.rejection.message };
  } else if (verdict !== undefined) {
    facts = { outcome: outcomes[verdict.mode], reason: verdict.reason };
  }
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
