/** What workspaces have published, as the engine asks for it. */
import type { Directory } from '../../workspaces/directory.ts';
import type { DefinitionSource, WantedVersion } from './inforce.ts';

export function publishedIn(directory: Directory): DefinitionSource {
  return {
    *wanted(): Iterable<WantedVersion> {
      for (const { number } of directory.workspaces()) {
        for (const { current, kind, name, revision } of directory.definitions(number)) {
          yield { workspace: number, kind, name, version: current, revision };
        }
      }
    },
    current: (workspace, kind, name) => directory.definition(workspace, kind, name)?.current ?? 0,
    published(workspace, kind, name, version) {
      const record = directory.definition(workspace, kind, name);
      return record?.versions.find((each) => each.version === version)?.text;
    },
    shown(workspace, view) {
      const fields = directory.view(workspace, view)?.template.fields ?? [];
      return [...new Set(fields.map(({ event }) => event))].filter((type) => type !== '*');
    },
  };
}
