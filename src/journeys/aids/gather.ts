/**
 * Which definitions a dry run or a trace needs: what is asked for, stored or not, and what that asks for in
 * turn (the map of a rule, maps that are steps of others, views). Texts, on their way to another thread.
 */
import { AppError } from '../../std/errors.ts';
import type { KeptView } from '../../views/kept.ts';
import type { DefinitionKind, DefinitionRecord } from '../../workspaces/definition.ts';
import type { Directory } from '../../workspaces/directory.ts';
import { parseJourneyMap, parseRule } from '../check/check.ts';
import { viewOf } from '../compile/rule.ts';
import type { JourneyMap, Rule } from '../definition.ts';
import type { Compilable } from './compilable.ts';
import type { PastDefinitions, PastVersion } from './forces.ts';

/** Rules that are tried out together. */
export const rulesTriedMax = 50;
/** Maps that are steps of others, all of them. */
const mapsMax = 100;

/** One of: a definition that need not be stored, its draft, a version. None: what is in force, else the newest. */
export interface Chosen {
  readonly name: string;
  readonly value?: unknown;
  readonly draft?: boolean;
  readonly version?: number;
}

export interface Gathered {
  readonly maps: readonly Compilable[];
  readonly rules: readonly Compilable[];
  readonly views: readonly KeptView[];
}

export class Gathering {
  readonly #directory: Directory;
  readonly #workspace: number;
  readonly #maps = new Map<string, Compilable>();
  readonly #rules = new Map<string, Compilable>();
  readonly #views = new Map<string, KeptView>();

  constructor(directory: Directory, workspace: number) {
    this.#directory = directory;
    this.#workspace = workspace;
  }

  get gathered(): Gathered {
    return {
      maps: [...this.#maps.values()],
      rules: [...this.#rules.values()],
      views: [...this.#views.values()],
    };
  }

  /** A map, with those that are steps of it. @throws AppError not_found, invalid. */
  addMap(chosen: Chosen): void {
    const { name } = chosen;
    if (this.#maps.has(name)) return;
    if (this.#maps.size === mapsMax) {
      throw new AppError('invalid', `at most ${mapsMax} maps are tried out together`);
    }
    const map = this.#find('journey', chosen, (value) =>
      JSON.stringify(parseJourneyMap(value, name).map),
    );
    this.#maps.set(name, map);
    for (const journey of journeysIn(JSON.parse(map.text) as JourneyMap)) {
      if (this.#record('journey', journey) !== undefined) this.addMap({ name: journey });
    }
  }

  /** A rule, with its view and, unless it is there, its map. @throws AppError not_found, invalid. */
  addRule(chosen: Chosen): void {
    const { name } = chosen;
    if (this.#rules.has(name)) return;
    if (this.#rules.size === rulesTriedMax) {
      throw new AppError('invalid', `at most ${rulesTriedMax} rules are tried out together`);
    }
    const found = this.#find('rule', chosen, (value) =>
      JSON.stringify(parseRule(value, name).rule),
    );
    const rule = JSON.parse(found.text) as Rule;
    const view = viewOf(rule);
    if (view !== undefined) this.#addView(view);
    if (rule.journey !== undefined) this.addMap({ name: rule.journey });
    const shown = this.#views.get(view ?? '')?.template.fields.map(({ event }) => event) ?? [];
    this.#rules.set(name, { ...found, shown: shown.filter((type) => type !== '*') });
  }

  /** The rules in force that are about a map. */
  addRulesAbout(journey: string): void {
    for (const { current, kind, name, versions } of this.#definitions) {
      if (kind !== 'rule' || current === 0) continue;
      const text = versions.find(({ version }) => version === current)?.text;
      if (text === undefined || (JSON.parse(text) as Rule).journey !== journey) continue;
      this.addRule({ name });
    }
  }

  get #definitions(): readonly DefinitionRecord[] {
    return this.#directory.definitions(this.#workspace);
  }

  #record(kind: DefinitionKind, name: string): DefinitionRecord | undefined {
    return this.#directory.definition(this.#workspace, kind, name);
  }

  #addView(name: string): void {
    const record = this.#directory.view(this.#workspace, name);
    if (record === undefined) throw new AppError('not_found', `there is no view '${name}'`);
    const { template, version } = record;
    this.#views.set(name, { name, template, version, variant: '' });
  }

  #find(
    kind: DefinitionKind,
    { draft, name, value, version }: Chosen,
    parse: (value: unknown) => string,
  ): Compilable {
    const record = this.#record(kind, name);
    const next = (record?.versions[0]?.version ?? 0) + 1;
    if (value !== undefined) return { name, version: next, text: parse(value) };
    if (record === undefined) throw new AppError('not_found', `there is no ${kind} '${name}'`);
    if (draft === true) {
      if (record.draft !== undefined) return { name, version: next, text: record.draft.text };
      throw new AppError('not_found', `the ${kind} '${name}' has no draft`);
    }
    const wanted = version ?? (record.current > 0 ? record.current : record.versions[0]?.version);
    const found = record.versions.find((each) => each.version === wanted);
    if (found !== undefined) return { name, version: found.version, text: found.text };
    if (version === undefined && record.draft !== undefined) {
      return { name, version: next, text: record.draft.text };
    }
    throw new AppError('not_found', `the ${kind} '${name}' has no such version`);
  }
}

/** Maps that are steps of a map. */
function journeysIn({ stages }: JourneyMap): string[] {
  return stages.flatMap(({ steps }) => steps.flatMap(({ journey }) => journey ?? []));
}

/** Everything that was published of a map, of those that are steps of it, and of rules about it. */
export function pastOf(directory: Directory, workspace: number, journey: string): PastDefinitions {
  const maps = new Map<string, readonly PastVersion[]>();
  const add = (name: string): void => {
    const record = directory.definition(workspace, 'journey', name);
    if (record === undefined || maps.has(name)) return;
    maps.set(name, versionsOf(record));
    for (const { text } of record.versions) {
      for (const each of journeysIn(JSON.parse(text) as JourneyMap)) add(each);
    }
  };
  add(journey);
  const rules = directory.definitions(workspace).filter(({ kind, versions }) => {
    if (kind !== 'rule' || versions[0] === undefined) return false;
    return (JSON.parse(versions[0].text) as Rule).journey === journey;
  });
  return { maps: [...maps.values()].flat(), rules: rules.flatMap(versionsOf) };
}

function versionsOf({ name, versions }: DefinitionRecord): PastVersion[] {
  return versions.map(({ publishedAt, text, version }) => ({ name, version, text, publishedAt }));
}
