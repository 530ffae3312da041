/** Reading the quarantine, and sending what is in it through again. */
import { customerBytesMax, typeBytesMax } from '../event/envelope.ts';
import { MapAllowance } from '../ingest/mapallowance.ts';
import { type QuarantinedEvent, type Renewal, replay } from '../ingest/replay.ts';
import { unmappedType } from '../ingest/source.ts';
import { readJson } from '../ingest/wire/json.ts';
import { AppError } from '../std/errors.ts';
import type { QuarantineQuery, QuarantineStatus } from '../tape/quarantine.ts';
import { checkReplayWish } from './check.ts';
import type { Front } from './context.ts';
import { checkServing } from './ingest.ts';
import { jsonReply, type Reply, textReply } from './reply.ts';
import type { Route, RouteRequest } from './route.ts';
import { sourceOf } from './sources.ts';
import { cursorOf, filterOf, tapeLimitDefault, tapeLimitMax } from './tape.ts';

export const replayBodyBytesMax = 1024 * 1024;

const statuses: readonly QuarantineStatus[] = ['waiting', 'replayed', 'all'];

export const quarantineRoutes: readonly Route[] = [
  {
    method: 'get',
    path: '/v1/quarantine',
    scope: 'admin',
    query: ['limit', 'before', 'since', 'until', 'type', 'customer', 'status'],
    handle: getQuarantine,
  },
  {
    method: 'post',
    path: '/v1/quarantine/replay',
    scope: 'admin',
    query: [],
    bodyBytesMax: replayBodyBytesMax,
    handle: replayQuarantine,
  },
];

/** An event is sent as it is; an item that could not be mapped goes through its source's map again. */
function renewed(
  event: QuarantinedEvent,
  workspace: number,
  front: Front,
  allowance: MapAllowance,
): Renewal {
  if (event.type !== unmappedType) return { events: [event] };
  const record = front.directory.source(workspace, event.source ?? '');
  if (record === undefined) return { reason: 'its source has no map any more' };
  const mapped = sourceOf(record).map(event.data?.['item'], allowance);
  if (!('events' in mapped)) return mapped;
  const events = mapped.events.map((each, number) => ({
    ...each,
    // Where the map gives none, what is replayed twice must still be one event.
    id: each.id ?? (number === 0 ? event.id : `${event.id}/${number}`),
    time: each.time ?? event.received,
  }));
  return { events };
}

async function getQuarantine(request: RouteRequest, front: Front): Promise<Reply> {
  const { query } = request;
  const status = query.one('status') ?? 'waiting';
  const known = statuses.find((each) => each === status);
  if (known === undefined) {
    throw new AppError('invalid', `status must be one of ${statuses.join(', ')}`);
  }
  const wanted: QuarantineQuery = {
    workspace: request.credential.workspace,
    limit: query.integer('limit', { min: 1, max: tapeLimitMax }) ?? tapeLimitDefault,
    before: cursorOf(query),
    since: query.time('since'),
    until: query.time('until'),
    types: filterOf(query.all('type'), { name: 'type', bytesMax: typeBytesMax }),
    customers: filterOf(query.all('customer'), { name: 'customer', bytesMax: customerBytesMax }),
    ids: [],
    status: known,
  };
  return textReply(200, await front.readQuarantine(wanted));
}

/** One page of it, or as much as may be mapped at once; `next` goes on. */
async function replayQuarantine(request: RouteRequest, front: Front): Promise<Reply> {
  const wish = checkReplayWish(request.json());
  const ingest = front.ingest();
  checkServing(front, ingest);
  const { keyId, workspace } = request.credential;
  const page = await front.readQuarantine({
    workspace,
    limit: wish.limit ?? tapeLimitMax,
    before: wish.before,
    since: undefined,
    until: undefined,
    types: filterOf(wish.types ?? [], { name: 'types', bytesMax: typeBytesMax }),
    customers: filterOf(wish.customers ?? [], { name: 'customers', bytesMax: customerBytesMax }),
    ids: wish.ids ?? [],
    status: 'waiting',
  });
  const { events, next } = readJson(page) as {
    readonly events: readonly QuarantinedEvent[];
    readonly next: string | null;
  };
  const allowance = new MapAllowance();
  const { done, failed, replayed } = await replay(events, {
    ingest,
    quotas: front.quotas,
    metrics: front.metrics,
    workspace,
    // Nobody knows any more with which key they came.
    isTrusted: false,
    limits: front.directory.limits(keyId),
    nowMs: front.clock.now(),
    taxonomy: front.taxonomies.of(workspace),
    renew: (event) => renewed(event, workspace, front, allowance),
  });
  const isCut = done < events.length;
  return jsonReply(200, { replayed, failed, next: isCut ? events[done - 1]!.cursor : next });
}
