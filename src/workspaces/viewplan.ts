/** Changes to a workspace's views: checked and worked out, not yet done; see `plan.ts`. */
import type { Clock } from '../std/clock.ts';
import { AppError } from '../std/errors.ts';
import { refuseCjds, refuseWithActions } from './cjdsplan.ts';
import { refuseNamedView } from './definitionfit.ts';
import { type Meta, type Plan, type Tenant, viewKey } from './records.ts';
import type { ViewRecord, WorkspaceCommand } from './types.ts';
import { parseViewTemplate, viewNameProblem } from './view.ts';

export const viewsPerWorkspaceMax = 1000;

export function planPutView(
  tenant: Tenant,
  meta: Meta,
  command: Extract<WorkspaceCommand, { kind: 'putView' }>,
  clock: Clock,
): Plan {
  checkViewName(command.name);
  refuseCjds(tenant.views.get(command.name));
  const isNew = !tenant.views.has(command.name);
  if (isNew && tenant.views.size >= viewsPerWorkspaceMax) {
    throw new AppError('conflict', `a workspace has at most ${viewsPerWorkspaceMax} views`);
  }
  const view: ViewRecord = {
    workspace: tenant.workspace.number,
    name: command.name,
    template: parseViewTemplate(command.template),
    version: meta.revision,
    updatedAt: clock.now(),
  };
  return {
    changes: [[viewKey(view), view]],
    meta,
    apply: () => tenant.views.set(view.name, view),
    reply: { kind: 'view', view, created: isNew },
  };
}

export function planDeleteView(tenant: Tenant, meta: Meta, name: string): Plan {
  const view = tenant.views.get(name);
  if (view === undefined) throw new AppError('not_found', 'there is no such view');
  refuseWithActions(view);
  refuseNamedView(name, tenant.definitions.values());
  return {
    changes: [[viewKey(view), undefined]],
    meta,
    apply: () => tenant.views.delete(name),
    reply: { kind: 'done' },
  };
}

export function checkViewName(name: string): void {
  const problem = viewNameProblem(name);
  if (problem !== undefined) throw new AppError('invalid', problem);
}
