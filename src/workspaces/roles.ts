/** Changes to roles, planned as `plan.ts` plans those to everything else. */
import type { Clock } from '../std/clock.ts';
import { AppError } from '../std/errors.ts';
import { type Meta, type Plan, roleKey, type Tenant } from './records.ts';
import { checkRoleName, parseRole } from './role.ts';
import type { RoleRecord, WorkspaceCommand } from './types.ts';

export const rolesPerWorkspaceMax = 100;

/** @throws AppError invalid, conflict. */
export function planPutRole(
  tenant: Tenant,
  meta: Meta,
  command: Extract<WorkspaceCommand, { kind: 'putRole' }>,
  clock: Clock,
): Plan {
  checkRoleName(command.name);
  const isNew = !tenant.roles.has(command.name);
  if (isNew && tenant.roles.size >= rolesPerWorkspaceMax) {
    throw new AppError('conflict', `a workspace has at most ${rolesPerWorkspaceMax} roles`);
  }
  const role: RoleRecord = {
    workspace: tenant.workspace.number,
    name: command.name,
    template: parseRole(command.template),
    version: meta.revision,
    updatedAt: clock.now(),
  };
  return {
    changes: [[roleKey(role), role]],
    meta,
    apply: () => tenant.roles.set(role.name, role),
    reply: { kind: 'role', role, created: isNew },
  };
}

/** A role that keys have stays: they would be left without, or with more than they should. @throws AppError. */
export function planDeleteRole(tenant: Tenant, meta: Meta, name: string): Plan {
  const role = tenant.roles.get(name);
  if (role === undefined) throw new AppError('not_found', 'there is no such role');
  for (const key of tenant.keys.values()) {
    if (key.role === name) throw new AppError('conflict', `the key ${key.id} has this role`);
  }
  return {
    changes: [[roleKey(role), undefined]],
    meta,
    apply: () => tenant.roles.delete(name),
    reply: { kind: 'done' },
  };
}
