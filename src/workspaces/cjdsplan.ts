/** Changes in the manner of CJDS: templates with their actions, and what a workspace is called; see `plan.ts`. */
import type { Clock } from '../std/clock.ts';
import { AppError } from '../std/errors.ts';
import type { Random } from '../std/random.ts';
import type { CjdsChange, CjdsTemplate, JourneyAction } from './cjds.ts';
import { actionsPerTemplateMax, checkActionFits } from './cjdsaction.ts';
import { shownOf } from './cjdsthreshold.ts';
import {
  type Change,
  type Meta,
  type Plan,
  type Tenant,
  viewKey,
  workspaceKey,
} from './records.ts';
import type { ViewRecord, Workspace } from './types.ts';
import { refuse, viewNameProblem } from './view.ts';

export const templatesPerWorkspaceMax = 1000;
export const workspaceDescriptionCharactersMax = 1024;

type ChangeOf<Kind extends CjdsChange['kind']> = Extract<CjdsChange, { kind: Kind }>;

interface Parts {
  readonly clock: Clock;
  readonly random: Random;
  readonly tenants: ReadonlyMap<number, Tenant>;
}

/** @throws AppError not_found, conflict, invalid. */
export function planCjds(
  tenants: ReadonlyMap<number, Tenant>,
  meta: Meta,
  { change, workspace }: { readonly change: CjdsChange; readonly workspace: number },
  context: Omit<Parts, 'tenants'>,
): Plan {
  const tenant = tenants.get(workspace);
  if (tenant === undefined) throw new AppError('not_found', 'there is no such workspace');
  const parts = { ...context, tenants };
  switch (change.kind) {
    case 'putTemplate':
      return planPutTemplate(tenant, meta, change, parts);
    case 'putAction':
      return planPutAction(tenant, meta, change, parts);
    case 'deleteAction':
      return planDeleteAction(tenant, meta, change);
    case 'describe':
      return planDescribe(tenant, meta, change, parts);
  }
}

function planPutTemplate(
  tenant: Tenant,
  meta: Meta,
  change: ChangeOf<'putTemplate'>,
  { clock, random }: Parts,
): Plan {
  const { attributes, by, id, name, template } = change;
  const problem = viewNameProblem(name);
  if (problem !== undefined) refuse(problem);
  const held = id === undefined ? undefined : templateOf(tenant, id);
  const namesake = tenant.views.get(name);
  if (namesake !== undefined && namesake !== held) {
    throw new AppError('conflict', `Name ${name} already exists`);
  }
  if (held === undefined && tenant.views.size >= templatesPerWorkspaceMax) {
    throw new AppError('conflict', `a workspace has at most ${templatesPerWorkspaceMax} views`);
  }
  const updatedAt = clock.now();
  const cjds: CjdsTemplate = {
    id: held?.cjds.id ?? idOf(random),
    attributes,
    actions: held?.cjds.actions ?? [],
    createdAt: held?.cjds.createdAt ?? updatedAt,
    createdBy: held?.cjds.createdBy ?? by,
    updatedBy: by,
  };
  const shown = shownOf(attributes, template);
  for (const action of cjds.actions) checkActionFits(action, shown);
  const { number: workspace } = tenant.workspace;
  const view: ViewRecord = { workspace, name, template, version: meta.revision, updatedAt, cjds };
  const isRenamed = held !== undefined && held.name !== name;
  const removed: Change[] = isRenamed ? [[viewKey(held), undefined]] : [];
  return {
    changes: [...removed, [viewKey(view), view]],
    meta,
    apply: () => {
      if (isRenamed) tenant.views.delete(held.name);
      tenant.views.set(name, view);
    },
    reply: { kind: 'view', view, created: held === undefined },
  };
}

function planPutAction(
  tenant: Tenant,
  meta: Meta,
  { action, by, id, templateId }: ChangeOf<'putAction'>,
  { clock, random }: Parts,
): Plan {
  const held = templateOf(tenant, templateId);
  const { actions, attributes } = held.cjds;
  const before = id === undefined ? undefined : actions.find((each) => each.id === id);
  if (id !== undefined && before === undefined) throw noAction();
  checkActionFits(action, shownOf(attributes, held.template));
  if (actions.some((each) => each.name === action.name && each !== before)) {
    throw new AppError('conflict', `Name ${action.name} already exists`);
  }
  if (before === undefined && actions.length >= actionsPerTemplateMax) {
    throw new AppError('conflict', `a template has at most ${actionsPerTemplateMax} actions`);
  }
  const updatedAt = clock.now();
  const after: JourneyAction = {
    ...action,
    id: before?.id ?? idOf(random),
    createdAt: before?.createdAt ?? updatedAt,
    createdBy: before?.createdBy ?? by,
    updatedAt,
    updatedBy: by,
  };
  const others = actions.filter((each) => each !== before);
  return withActions(tenant, meta, held, [...others, after], before === undefined);
}

function planDeleteAction(
  tenant: Tenant,
  meta: Meta,
  { id, templateId }: ChangeOf<'deleteAction'>,
): Plan {
  const held = templateOf(tenant, templateId);
  const left = held.cjds.actions.filter((each) => each.id !== id);
  if (left.length === held.cjds.actions.length) throw noAction();
  return withActions(tenant, meta, held, left, false);
}

/** The view stays what it is, and so does its version. */
function withActions(
  tenant: Tenant,
  meta: Meta,
  held: TemplateRecord,
  actions: readonly JourneyAction[],
  created: boolean,
): Plan {
  const view: ViewRecord = { ...held, cjds: { ...held.cjds, actions } };
  return {
    changes: [[viewKey(view), view]],
    meta,
    apply: () => tenant.views.set(view.name, view),
    reply: { kind: 'view', view, created },
  };
}

function planDescribe(
  tenant: Tenant,
  meta: Meta,
  { description, name }: ChangeOf<'describe'>,
  { tenants }: Parts,
): Plan {
  const isTaken = [...tenants.values()].some(
    (other) => other !== tenant && other.workspace.name === name,
  );
  if (isTaken) throw new AppError('conflict', `Name ${name} already exists`);
  if (description.length > workspaceDescriptionCharactersMax) {
    refuse(`description must have at most ${workspaceDescriptionCharactersMax} characters`);
  }
  const { description: _, ...rest } = tenant.workspace;
  const workspace: Workspace = { ...rest, name, ...(description !== '' && { description }) };
  return {
    changes: [[workspaceKey(workspace.number), workspace]],
    meta,
    apply: (all) => all.set(workspace.number, { ...tenant, workspace }),
    reply: { kind: 'workspaceChanged', workspace },
  };
}

type TemplateRecord = ViewRecord & { readonly cjds: CjdsTemplate };

function templateOf({ views }: Tenant, id: string): TemplateRecord {
  for (const view of views.values()) {
    if (view.cjds?.id === id) return view as TemplateRecord;
  }
  throw new AppError('not_found', `Id ${id} not found`);
}

function noAction(): AppError {
  return new AppError('not_found', 'there is no such action');
}

/** As long as its clients know them: 24 hexadecimal digits. */
function idOf(random: Random): string {
  return Buffer.from(random.bytes(12)).toString('hex');
}

/** What was written through CJDS is changed there, or its id and actions would be lost. @throws AppError conflict. */
export function refuseCjds(view: ViewRecord | undefined): void {
  if (view?.cjds === undefined) return;
  throw new AppError('conflict', 'this view was written through CJDS: change it there');
}

/** @throws AppError conflict. */
export function refuseWithActions({ cjds }: ViewRecord): void {
  if (cjds === undefined || cjds.actions.length === 0) return;
  throw new AppError('conflict', 'the template has journey actions: delete them first');
}
