/**
 * The workspace of the demo page: its own, so that whoever tries the page meets no real customer. Its two
 * keys are made for their ids alone: nobody ever sees them, and the page gets tokens that end by themselves.
 */
import { assert } from '../std/assert.ts';
import type { Directory } from './directory.ts';
import type { Quota } from './quota.ts';
import type { Retention } from './retention.ts';
import type { Credential, Scope, Workspace } from './types.ts';
import type { Workspaces } from './workspaces.ts';

const workspaceName = 'tapeline.demo';
/** What the shop's page may do, and what the agent's desk beside it. */
const scopeOf = { 'demo shop': 'publish', 'demo desk': 'read' } as const satisfies Record<
  string,
  Scope
>;
export type DemoKey = keyof typeof scopeOf;
const tokenSeconds: Record<DemoKey, number> = { 'demo shop': 86_400, 'demo desk': 300 };

/** Anybody may write there: not much at once, and not for long. */
const quota: Quota = { eventsPerSecond: 100, bytesPerSecond: 1_000_000 };
const retention: Retention = { days: 7 };

/** Makes what is missing of the workspace and its keys. */
export async function prepareDemo(workspaces: Workspaces): Promise<void> {
  const workspace = (await findOrMake(workspaces)).number;
  for (const [name, scope] of Object.entries(scopeOf)) {
    const { keys } = workspaces.snapshot();
    if (keys.some((key) => key.workspace === workspace && key.name === name)) continue;
    await workspaces.execute({ kind: 'createKey', workspace, name, scopes: [scope] });
  }
}

async function findOrMake(workspaces: Workspaces): Promise<Workspace> {
  const known = workspaces.snapshot().workspaces.find(({ name }) => name === workspaceName);
  if (known !== undefined) return known;
  const made = await workspaces.execute({ kind: 'createWorkspace', name: workspaceName, quota });
  assert(made.kind === 'workspace', 'createWorkspace answers with a workspace');
  const { workspace } = made;
  await workspaces.execute({ kind: 'putRetention', id: workspace.id, retention });
  return workspace;
}

/** The number of the workspace; undefined when somebody has deleted it. */
export function demoWorkspace(directory: Directory): number | undefined {
  return directory.workspaces().find(({ name }) => name === workspaceName)?.number;
}

/** A token of one of its keys; undefined when the key was deleted. */
export function demoToken(directory: Directory, name: DemoKey, nowMs: number): string | undefined {
  const workspace = demoWorkspace(directory);
  if (workspace === undefined) return undefined;
  const record = directory.keys(workspace).find((key) => key.name === name);
  if (record === undefined) return undefined;
  const scope = scopeOf[name];
  assert(record.scopes.includes(scope), 'the demo made its key');
  const scopes = new Set(record.scopes);
  const credential: Credential = { workspace, keyId: record.id, scopes, views: undefined };
  return directory.mintToken(credential, [scope], tokenSeconds[name], nowMs).token;
}
