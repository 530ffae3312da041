/** Reading one customer's tape. */
import { channelBytesMax, typeBytesMax } from '../event/envelope.ts';
import { AppError } from '../std/errors.ts';
import type { Front, TapeQuery } from './context.ts';
import { accepts } from './head.ts';
import { customerOf } from './names.ts';
import type { Query } from './query.ts';
import { msgpackType, type Reply, textReply } from './reply.ts';
import type { Route, RouteRequest } from './route.ts';

export const tapeLimitDefault = 50;
export const tapeLimitMax = 1000;
/** How many values a repeatable filter may have. */
export const filterValuesMax = 100;
export const cursorBytesMax = 1024;

export const tapeRoutes: readonly Route[] = [
  {
    method: 'get',
    path: '/v1/customers/{customer}/tape',
    scope: 'read',
    query: ['limit', 'before', 'since', 'until', 'type', 'channel'],
    handle: getTape,
  },
];

async function getTape(request: RouteRequest, front: Front): Promise<Reply> {
  const { query } = request;
  const tapeQuery: TapeQuery = {
    workspace: request.credential.workspace,
    customer: customerOf(request),
    limit: query.integer('limit', { min: 1, max: tapeLimitMax }) ?? tapeLimitDefault,
    before: cursorOf(query),
    since: query.time('since'),
    until: query.time('until'),
    types: filterOf(query.all('type'), { name: 'type', bytesMax: typeBytesMax }),
    channels: filterOf(query.all('channel'), { name: 'channel', bytesMax: channelBytesMax }),
    form: accepts(request.head.accept, msgpackType) ? 'msgpack' : 'json',
  };
  const body = await front.readTape(tapeQuery);
  return tapeQuery.form === 'json'
    ? textReply(200, body)
    : { status: 200, body, type: msgpackType };
}

/** Where the page before ended. @throws AppError invalid. */
export function cursorOf(query: Query): string | undefined {
  const before = query.one('before');
  if (before !== undefined && (before === '' || before.length > cursorBytesMax)) {
    throw new AppError('invalid', 'before must be a cursor, as `next` gives it');
  }
  return before;
}

/** The values of a repeatable filter, each within the limits of its field. @throws AppError invalid. */
export function filterOf(
  values: readonly string[],
  field: { name: string; bytesMax: number },
): readonly string[] {
  if (values.length > filterValuesMax) {
    throw new AppError('invalid', `${field.name} may be given at most ${filterValuesMax} times`);
  }
  for (const value of values) {
    const bytes = Buffer.byteLength(value);
    if (bytes < 1 || bytes > field.bytesMax) {
      throw new AppError('invalid', `${field.name} must be 1 to ${field.bytesMax} bytes`);
    }
  }
  return values;
}
