/** Changes to a workspace's sources: checked and worked out, not yet done; see `plan.ts`. */
import type { Clock } from '../std/clock.ts';
import { AppError } from '../std/errors.ts';
import { type Meta, type Plan, sourceKey, type Tenant } from './records.ts';
import {
  checkSourceName,
  parseSourceMap,
  type SourceChange,
  type SourceRecord,
  sourcesPerWorkspaceMax,
} from './source.ts';

/** @throws AppError not_found, conflict, invalid. */
export function planSources(
  { sources, workspace }: Tenant,
  meta: Meta,
  change: SourceChange,
  clock: Clock,
): Plan {
  const { name } = change;
  const held = sources.get(name);
  if (change.kind === 'delete') {
    if (held === undefined) throw new AppError('not_found', 'there is no such source');
    return {
      changes: [[sourceKey(held), undefined]],
      meta,
      apply: () => sources.delete(name),
      reply: { kind: 'done' },
    };
  }
  checkSourceName(name);
  if (held === undefined && sources.size >= sourcesPerWorkspaceMax) {
    throw new AppError('conflict', `a workspace has at most ${sourcesPerWorkspaceMax} sources`);
  }
  const source: SourceRecord = {
    workspace: workspace.number,
    name,
    map: parseSourceMap(change.map),
    revision: meta.revision,
    updatedAt: clock.now(),
  };
  return {
    changes: [[sourceKey(source), source]],
    meta,
    apply: () => sources.set(name, source),
    reply: { kind: 'source', source, created: held === undefined },
  };
}
