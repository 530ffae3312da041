/** `POST /publish/v1/api/event`: one event in, as CJDS has it; answered when it is durable. */
import type { Ingest } from '../../ingest/ingest.ts';
import { readCjdsEvent } from '../../ingest/wire/cjds.ts';
import { AppError } from '../../std/errors.ts';
import type { Front } from '../context.ts';
import type { Reply } from '../reply.ts';
import type { Route, RouteRequest } from '../route.ts';
import { acceptWire } from '../wire.ts';
import { cjdsRoute, dataReply, type Place } from './place.ts';

export function publishRoute(ingest: () => Ingest | undefined): Route {
  return cjdsRoute({
    method: 'post',
    path: '/publish/v1/api/event',
    scope: 'write',
    body: true,
    handle: (request, front, place) => publish(request, front, place, ingest()),
  });
}

function publish(
  request: RouteRequest,
  front: Front,
  place: Place,
  ingest: Ingest | undefined,
): Promise<Reply> {
  let id = '';
  const door: Parameters<typeof acceptWire>[0] = {
    read({ body }) {
      const item = readCjdsEvent(body);
      id = item.id ?? '';
      return { items: () => [item] };
    },
    answer({ duplicates, rejected }) {
      const [first] = rejected;
      if (first !== undefined) throw new AppError(first.code, first.message);
      if (duplicates > 0) throw new AppError('conflict', `Id ${id} already exists`);
      const meta = { workspaceId: place.workspace.id };
      return dataReply(200, place, { message: 'Accepted for processing' }, meta);
    },
  };
  return acceptWire(door, request, front, ingest);
}
