/** What a workspace has set for its identities: the plan of a change. */
import { checkIdentityWish, type IdentityWish } from '../identity/settings.ts';
import { type Meta, type Plan, type Tenant, workspaceKey } from './records.ts';
import type { Workspace } from './types.ts';

/** @throws AppError invalid. */
export function planPutIdentities(tenant: Tenant, meta: Meta, identities: IdentityWish): Plan {
  checkIdentityWish(identities);
  const { identities: _, ...rest } = tenant.workspace;
  const isEmpty = Object.keys(identities).length === 0;
  const workspace: Workspace = isEmpty ? rest : { ...rest, identities };
  return {
    changes: [[workspaceKey(workspace.number), workspace]],
    meta,
    apply: (all) => all.set(workspace.number, { ...tenant, workspace }),
    reply: { kind: 'workspaceChanged', workspace },
  };
}
