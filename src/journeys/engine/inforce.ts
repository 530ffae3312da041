/**
 * Which versions of maps and rules are in force where, as the tape says: `tapeline.definition` events. What
 * a version consists of is asked of the workspace's definitions, where published versions never change.
 */
import type { AppError } from '../../std/errors.ts';
import type { Log } from '../../std/log.ts';
import type { TypeSet } from '../../tape/typeset.ts';
import type { CompiledMap, CompiledRule } from '../compile/compiled.ts';
import { compileMap } from '../compile/map.ts';
import { compileRule } from '../compile/rule.ts';
import type { JourneyMap, Rule } from '../definition.ts';
import type { DefinitionSaid } from '../words.ts';
import { WorkspaceForce } from './force.ts';
import { Listened } from './listened.ts';
import type { Definitions } from './work.ts';

/** A version that somebody wants in force; 0: none is to be. */
export interface WantedVersion extends DefinitionSaid {
  readonly workspace: number;
  /** Another one for every change, so that each is said once. */
  readonly revision: number;
}

/** The definitions of workspaces, as main keeps them. */
export interface DefinitionSource {
  wanted(): Iterable<WantedVersion>;
  /** The version that is to be in force; 0: none. */
  current(workspace: number, kind: 'journey' | 'rule', name: string): number;
  /** JSON text of a published version, always the same; undefined when it is not kept any more. */
  published(
    workspace: number,
    kind: 'journey' | 'rule',
    name: string,
    version: number,
  ): string | undefined;
  /** Types of what a view shows. */
  shown(workspace: number, view: string): readonly string[];
}

/** One definition as it is kept in the row of the engine. */
export interface InForceRow extends DefinitionSaid {
  readonly workspace: number;
  /** All that were ever in force: instances may be on them. */
  readonly versions: readonly number[];
  /** The newest change of the graph of identities when it was first said. */
  readonly links: number;
}

/** What was made of a version, and of what. */
interface Compiled {
  readonly shown: string;
  readonly made: CompiledMap | CompiledRule | undefined;
}

const nothing = new WorkspaceForce([], new Map(), []);

export class InForce implements Omit<Definitions, 'memberships'> {
  readonly #source: DefinitionSource;
  readonly #log: Log;
  /** By workspace, and there by kind and name. */
  readonly #rows = new Map<number, Map<string, InForceRow>>();
  readonly #firstChanges = new Map<number, number>();
  readonly #forces = new Map<number, WorkspaceForce>();
  /** A version compiles to the same as long as the view that it watches shows the same. */
  readonly #compiled = new Map<string, Compiled>();
  #listened: Listened | undefined;

  constructor(source: DefinitionSource, log: Log, rows: readonly InForceRow[]) {
    this.#source = source;
    this.#log = log;
    for (const row of rows) this.#put(row);
  }

  get rows(): readonly InForceRow[] {
    return [...this.#rows.values()].flatMap((own) => [...own.values()]);
  }

  #put(row: InForceRow): void {
    const own = this.#rows.get(row.workspace) ?? new Map<string, InForceRow>();
    this.#rows.set(row.workspace, own);
    own.set(rowKeyOf(row.kind, row.name), row);
  }

  #row(workspace: number, kind: string, name: string): InForceRow | undefined {
    return this.#rows.get(workspace)?.get(rowKeyOf(kind, name));
  }

  get isEmpty(): boolean {
    return this.#rows.size === 0;
  }

  /** Undefined: nothing is or was in force there. */
  of(workspace: number): WorkspaceForce | undefined {
    const known = this.#forces.get(workspace);
    if (known !== undefined) return known;
    const rows = this.#rows.get(workspace);
    if (rows === undefined) return undefined;
    const made = this.#arrange(workspace, rows.values());
    this.#forces.set(workspace, made);
    return made;
  }

  /** Types that are to be looked at in any workspace; undefined: it may be all of them, or is not known yet. */
  types(): TypeSet | undefined {
    this.#listened ??= new Listened(this.#rows.keys());
    return this.#listened.next((workspace) => this.of(workspace));
  }

  /** Read back from the tape. @returns whether it changed anything. */
  take(workspace: number, { kind, links = 0, name, version }: DefinitionSaid): boolean {
    const before = this.#row(workspace, kind, name);
    if ((before?.version ?? 0) === version) return false;
    const versions = new Set([...(before?.versions ?? []), ...(version === 0 ? [] : [version])]);
    const known = { versions: [...versions], links: before?.links ?? links };
    this.#put({ workspace, kind, name, version, ...known });
    this.#firstChanges.delete(workspace);
    this.#forces.delete(workspace);
    this.#listened = undefined;
    return true;
  }

  /** What is published may be other than before: versions may have gone, views may show other events. */
  follow(): void {
    this.#forces.clear();
    this.#listened = undefined;
  }

  /** The version in force; 0: none. */
  versionOf(workspace: number, kind: 'journey' | 'rule', name: string): number {
    return this.#row(workspace, kind, name)?.version ?? 0;
  }

  /** The version that the workspace wants in force; 0: none. */
  wantedOf(workspace: number, kind: 'journey' | 'rule', name: string): number {
    return this.#source.current(workspace, kind, name);
  }

  /** The newest change of the graph of identities when something came to be in force in the workspace first. */
  firstChangeOf(workspace: number): number {
    let first = this.#firstChanges.get(workspace);
    if (first !== undefined) return first;
    const own = [...(this.#rows.get(workspace)?.values() ?? [])];
    first = own.length === 0 ? 0 : Math.min(...own.map(({ links }) => links));
    this.#firstChanges.set(workspace, first);
    return first;
  }

  /** A workspace has gone. */
  forget(living: ReadonlySet<number>): void {
    for (const workspace of this.#rows.keys()) {
      if (!living.has(workspace)) this.#rows.delete(workspace);
    }
    this.follow();
  }

  map(workspace: number, name: string, version?: number): CompiledMap | undefined {
    return this.of(workspace)?.map(name, version);
  }

  rule(workspace: number, name: string): CompiledRule | undefined {
    return this.of(workspace)?.rule(name);
  }

  maps(workspace: number): readonly CompiledMap[] {
    return (this.of(workspace) ?? nothing).maps;
  }

  rules(workspace: number): readonly CompiledRule[] {
    return (this.of(workspace) ?? nothing).rules;
  }

  #arrange(workspace: number, rows: Iterable<InForceRow>): WorkspaceForce {
    const maps: CompiledMap[] = [];
    const versions = new Map<string, Map<number, CompiledMap>>();
    const rules: CompiledRule[] = [];
    for (const row of rows) {
      if (row.kind === 'rule') {
        const rule = this.#compile(workspace, row, row.version) as CompiledRule | undefined;
        if (rule !== undefined) rules.push(rule);
        continue;
      }
      const byVersion = new Map<number, CompiledMap>();
      for (const version of row.versions) {
        const map = this.#compile(workspace, row, version) as CompiledMap | undefined;
        if (map === undefined) continue;
        byVersion.set(version, map);
        if (version === row.version) maps.push(map);
      }
      versions.set(row.name, byVersion);
    }
    return new WorkspaceForce(maps, versions, rules);
  }

  #compile(
    workspace: number,
    { kind, name }: InForceRow,
    version: number,
  ): CompiledMap | CompiledRule | undefined {
    if (version === 0) return undefined;
    const key = `${workspace}/${rowKeyOf(kind, name)}/${version}`;
    const text = this.#source.published(workspace, kind, name, version);
    if (text === undefined) {
      this.#compiled.delete(key);
      return undefined;
    }
    const known = this.#compiled.get(key);
    if (known !== undefined && kind === 'journey') return known.made;
    const definition = JSON.parse(text) as JourneyMap | Rule;
    const types = this.#shownTo(workspace, definition);
    const shown = JSON.stringify(types);
    if (known?.shown === shown) return known.made;
    const made = this.#compileAnew(name, version, definition, types);
    this.#compiled.set(key, { shown, made });
    return made;
  }

  /** Types of the view that a rule watches. */
  #shownTo(workspace: number, definition: JourneyMap | Rule): readonly string[] {
    if (!('when' in definition) || !('view' in definition.when)) return [];
    return this.#source.shown(workspace, definition.when.view);
  }

  #compileAnew(
    name: string,
    version: number,
    definition: JourneyMap | Rule,
    shown: readonly string[],
  ): CompiledMap | CompiledRule | undefined {
    try {
      if ('when' in definition) return compileRule(name, version, definition, shown);
      return compileMap(name, version, definition);
    } catch (error) {
      // It was checked before it was published; another version of the server may see it otherwise.
      const { message: reason } = error as AppError;
      this.#log.error('a published definition does not compile', { name, version, reason });
      return undefined;
    }
  }
}

function rowKeyOf(kind: string, name: string): string {
  return `${kind}/${name}`;
}
