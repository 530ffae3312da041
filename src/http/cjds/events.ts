/** `GET /v1/api/events/…`: what happened to somebody, as CloudEvents, filtered by RSQL. */
import { customerBytesMax, reservedTypePrefix } from '../../event/envelope.ts';
import type { Rsql } from '../../event/rsql.ts';
import { parseTime } from '../../event/time.ts';
import { type CjdsEvent, cjdsEventOf } from '../../ingest/wire/cjds.ts';
import { readJson } from '../../ingest/wire/json.ts';
import { AppError } from '../../std/errors.ts';
import type { Front, TapeQuery } from '../context.ts';
import { bounded } from '../names.ts';
import type { Query } from '../query.ts';
import type { Reply } from '../reply.ts';
import type { Route, RouteRequest } from '../route.ts';
import { filterIn, isDescending, memberOf, pageIn, pageSizeIn, sortedBy, valueIn } from './list.ts';
import { cjdsRoute, dataReply, inWorkspace, type Place } from './place.ts';

export const eventsPageSizeDefault = 100;
/** One answer may look at so many events. */
export const eventsReadMax = 50_000;
const stepEvents = 1000;

export const eventRoutes: readonly Route[] = [
  cjdsRoute({
    method: 'get',
    path: `/v1/api/events/${inWorkspace}`,
    scope: 'read',
    handle: readEvents,
  }),
];

async function readEvents(request: RouteRequest, front: Front, place: Place): Promise<Reply> {
  const { credential, query } = request;
  const identity = identityIn(query);
  const filters = eventFilters(query);
  const size = pageSizeIn(query) ?? eventsPageSizeDefault;
  const from = pageIn(query) * size;
  const sortBy = query.one('sortBy')?.toLowerCase() ?? 'time';
  const descending = isDescending(query);
  const isTapeOrder = sortBy === 'time' && descending;
  const wanted = isTapeOrder ? from + size : Number.POSITIVE_INFINITY;
  const { workspace } = credential;
  const found = await matching(front, { workspace, identity, filters, wanted });
  const sorted = isTapeOrder ? found : sortedBy(found, sortBy, descending);
  const data = sorted.slice(from, from + size);
  const meta = { workspaceId: place.workspace.id, resultCount: data.length, identity };
  return dataReply(200, place, data, meta);
}

/** An unescaped `+` of a phone number arrives as a space. @throws AppError invalid. */
function identityIn(query: Query): string {
  const identity =
    query
      .one('identity')
      ?.replace(/^ (?=\d)/, '+')
      .trim() ?? '';
  if (identity === '') throw new AppError('invalid', 'Identity cannot be null');
  return bounded(identity, 'identity', customerBytesMax);
}

export interface EventFilters {
  /** Over the envelope. */
  readonly filter: Rsql | undefined;
  readonly data: Rsql | undefined;
}

/** @throws AppError invalid. */
export function eventFilters(query: Query): EventFilters {
  return { filter: filterIn(query, 'filter'), data: filterIn(query, 'data') };
}

/** The event as its readers see it; undefined when they do not: it is the server's own, or filtered out. */
export function shownEvent(stored: unknown, { data, filter }: EventFilters): CjdsEvent | undefined {
  const event = cjdsEventOf(stored as Readonly<Record<string, unknown>>);
  if (event.type.startsWith(reservedTypePrefix)) return undefined;
  if (filter !== undefined && !filter.meets(memberOf(event))) return undefined;
  return data === undefined || data.meets(valueIn(event['data'])) ? event : undefined;
}

interface Wish {
  readonly workspace: number;
  readonly identity: string;
  readonly filters: EventFilters;
  /** More are not looked for. */
  readonly wanted: number;
}

/** Newest first. @throws AppError invalid when too many events would have to be looked at. */
async function matching(front: Front, wish: Wish): Promise<CjdsEvent[]> {
  const { filters, identity, wanted, workspace } = wish;
  const bounds = boundsOf(filters.filter);
  const found: CjdsEvent[] = [];
  let before: string | undefined;
  for (let read = 0; read < eventsReadMax; read += stepEvents) {
    const query: TapeQuery = {
      workspace,
      customer: identity,
      limit: stepEvents,
      before,
      channels: [],
      form: 'json',
      ...bounds,
    };
    const page = readJson(await front.readTape(query)) as {
      readonly events: readonly unknown[];
      readonly next: string | null;
    };
    for (const stored of page.events) {
      const event = shownEvent(stored, filters);
      if (event !== undefined) found.push(event);
      if (found.length === wanted) return found;
    }
    if (page.next === null) return found;
    before = page.next;
  }
  const message = `more than ${eventsReadMax} events would have to be read: narrow the filter, such as time=ge=2025-11-01`;
  throw new AppError('invalid', message);
}

/** What of a filter the tape itself can look for. */
function boundsOf(filter: Rsql | undefined): Pick<TapeQuery, 'types' | 'since' | 'until'> {
  let types: readonly string[] = [];
  let since: number | undefined;
  let until: number | undefined;
  for (const { operator, selector, values } of filter?.required ?? []) {
    const name = selector.toLowerCase();
    const isPlain = operator === '=in=' || (operator === '==' && !values[0]!.includes('*'));
    if (name === 'type' && isPlain) types = values;
    if (name !== 'time') continue;
    const time = parseTime(values[0]!);
    if (Number.isNaN(time)) continue;
    if (operator === '=ge=' || operator === '=gt=') since = Math.max(since ?? time, time);
    if (operator === '=le=' || operator === '=lt=') until = Math.min(until ?? time, time);
  }
  return { types, since, until };
}
