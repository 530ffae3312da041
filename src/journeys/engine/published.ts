/** What workspaces have published, as the engine asks for it. */
import type { DefinitionRecord } from '../../workspaces/definition.ts';
import type { Directory } from '../../workspaces/directory.ts';
import type { DefinitionSource, WantedVersion } from './inforce.ts';

export function publishedIn(directory: Directory): DefinitionSource {
  return {
    *wanted(): Iterable<WantedVersion> {
      for (const { number } of directory.workspaces()) {
        for (const record of directory.definitions(number)) yield wantedOf(directory, record);
      }
    },
    current: (workspace, kind, name) => directory.definition(workspace, kind, name)?.current ?? 0,
    published(workspace, kind, name, version) {
      const record = directory.definition(workspace, kind, name);
      return record?.versions.find((each) => each.version === version)?.text;
    },
  };
}

function wantedOf(directory: Directory, record: DefinitionRecord): WantedVersion {
  const { current: version, kind, name, revision, versions, workspace } = record;
  const wanted = { workspace, kind, name, version, revision: String(revision) };
  const asks = versions.find((each) => each.version === version)?.outline.asks ?? [];
  const watched = asks.find(({ what }) => what === 'shown')?.name;
  if (typeof watched !== 'string') return wanted;
  const view = directory.view(workspace, watched);
  const types = new Set((view?.template.fields ?? []).map(({ event }) => event));
  const shown = [...types].filter((type) => type !== '*').sort();
  return { ...wanted, shown, revision: `${revision}.${view?.version ?? 0}` };
}
