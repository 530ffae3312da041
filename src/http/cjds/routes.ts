/** The routes of CJDS that are plain request and reply; its streams are in `streams.ts`. */
import type { Ingest } from '../../ingest/ingest.ts';
import type { Route } from '../route.ts';
import { actionRoutes } from './actions.ts';
import { eventRoutes } from './events.ts';
import { personRoutes } from './persons.ts';
import { cjdsRoute, dataReply, inWorkspace } from './place.ts';
import { publishRoute } from './publish.ts';
import { templateRoutes } from './templates.ts';
import { viewRoutes } from './view.ts';
import { workspaceRoutes } from './workspaces.ts';

/** Events come by being published alone: there are no subscriptions to a contact centre. */
const subscriptionRoute = cjdsRoute({
  method: 'get',
  path: `/admin/v1/api/wxcc-subscription/${inWorkspace}`,
  scope: 'read',
  handle: (_request, _front, place) => dataReply(200, place, []),
});

/** @param ingest undefined while the front is not ready. */
export function cjdsRoutes(ingest: () => Ingest | undefined): readonly Route[] {
  return [
    publishRoute(ingest),
    ...eventRoutes,
    ...viewRoutes,
    ...templateRoutes,
    ...actionRoutes,
    ...personRoutes,
    ...workspaceRoutes,
    subscriptionRoute,
  ];
}
