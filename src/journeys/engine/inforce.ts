/**
 * Which versions of maps and rules are in force where, and what they say, as the tape tells it:
 * `tapeline.definition` events.
 */
import type { AppError } from '../../std/errors.ts';
import type { Log } from '../../std/log.ts';
import type { TypeSet } from '../../tape/typeset.ts';
import type { CompiledMap, CompiledRule } from '../compile/compiled.ts';
import { compileMap } from '../compile/map.ts';
import { compileRule } from '../compile/rule.ts';
import type { JourneyMap, Rule } from '../definition.ts';
import { type DefinitionSaid, followedRule } from '../words.ts';
import { WorkspaceForce } from './force.ts';
import type { DefinitionPlace } from './layout.ts';
import { Listened } from './listened.ts';
import type { Texts } from './texts.ts';
import type { Definitions } from './work.ts';

/** A version that somebody wants in force; 0: none is to be. Its text is asked for when it is said. */
export interface WantedVersion
  extends Pick<DefinitionSaid, 'kind' | 'name' | 'version' | 'shown' | 'deleted'> {
  readonly workspace: number;
  /** Another one for every change, so that each is said once. */
  readonly revision: string;
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
}

/** One definition as it is kept in the row of the engine. */
export interface InForceRow extends Omit<WantedVersion, 'revision'> {
  /** Of a map all that were ever in force: instances may be on them. Of a rule the one that is. */
  readonly versions: readonly number[];
  /** The newest change of the graph of identities when it was first said. */
  readonly links: number;
  /** Where on the tape it stands what last changed it; absent: a server wrote the row that kept no places. */
  readonly at?: string;
}

const nothing = new WorkspaceForce([], new Map(), []);

export class InForce implements Omit<Definitions, 'memberships'> {
  readonly #source: DefinitionSource;
  readonly #texts: Texts;
  readonly #log: Log;
  /** By workspace, and there by kind and name. */
  readonly #rows = new Map<number, Map<string, InForceRow>>();
  readonly #firstChanges = new Map<number, number>();
  readonly #forces = new Map<number, WorkspaceForce>();
  /** A version compiles to the same as long as it is in force with what the view shows that it watches. */
  readonly #compiled = new Map<string, CompiledMap | CompiledRule | undefined>();
  #listened: Listened | undefined;

  constructor(source: DefinitionSource, texts: Texts, log: Log, rows: readonly InForceRow[]) {
    this.#source = source;
    this.#texts = texts;
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
    const made = this.#arrange(rows.values());
    this.#forces.set(workspace, made);
    return made;
  }

  /** Types that are to be looked at in any workspace; undefined: it may be all of them, or is not known yet. */
  types(): TypeSet | undefined {
    this.#listened ??= new Listened(this.#rows.keys());
    return this.#listened.next((workspace) => this.of(workspace));
  }

  /** Read back from the tape. @param at its place there. @returns whether it changed anything. */
  take(workspace: number, said: DefinitionSaid, at: string): boolean {
    const { deleted, kind, links = 0, name, shown, version } = said;
    if (!this.#texts.take(workspace, said)) return false;
    const before = this.#row(workspace, kind, name);
    const isSame = (before?.version ?? 0) === version && isEqual(before?.shown, shown);
    if (isSame && before?.deleted === deleted) return false;
    const place = { workspace, kind, name, version };
    const isSaid = version === 0 || name === followedRule;
    if (!isSaid && !this.#hasText(place)) return false;
    const older = before?.versions.filter((each) => each !== version) ?? [];
    if (kind === 'rule') for (const each of older) this.#dropText({ ...place, version: each });
    const versions = [...(kind === 'rule' ? [] : older), ...(version === 0 ? [] : [version])];
    this.#put({
      ...{ ...place, versions, links: before?.links ?? links, at },
      ...(shown !== undefined && { shown }),
      ...(deleted !== undefined && { deleted }),
    });
    this.#compiled.delete(slotOf(place));
    this.#change(workspace);
    return true;
  }

  /** What an earlier server said without a text is what the directory has; where that has none, it is said anew. */
  #hasText(place: DefinitionPlace & Pick<DefinitionSaid, 'kind'>): boolean {
    if (this.#texts.get(place) !== undefined) return true;
    const { kind, name, version, workspace } = place;
    const text = this.#source.published(workspace, kind, name, version);
    if (text !== undefined) this.#texts.put(place, text);
    return text !== undefined;
  }

  /** Nobody is on the versions of a deleted map any more. @param upTo the newest of them. */
  shed(workspace: number, name: string, upTo: number): void {
    const row = this.#row(workspace, 'journey', name);
    if (row === undefined) return;
    const { deleted: _, ...rest } = row;
    for (const version of row.versions) {
      if (version <= upTo) this.#dropText({ workspace, kind: 'journey', name, version });
    }
    this.#put({ ...rest, versions: row.versions.filter((version) => version > upTo) });
    this.#change(workspace);
  }

  #dropText(place: DefinitionPlace): void {
    this.#texts.drop(place);
    this.#compiled.delete(slotOf(place));
  }

  #change(workspace: number): void {
    this.#firstChanges.delete(workspace);
    this.#forces.delete(workspace);
    this.#listened = undefined;
  }

  /** Whether what is in force, or not any more, is what is wanted. */
  isAsWanted({ deleted, kind, name, shown, version, workspace }: WantedVersion): boolean {
    const row = this.#row(workspace, kind, name);
    if ((row?.version ?? 0) !== version) return false;
    return isEqual(row?.shown, shown) && (deleted === undefined || row?.deleted === deleted);
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
      if (living.has(workspace)) continue;
      this.#rows.delete(workspace);
      this.#change(workspace);
    }
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

  #arrange(rows: Iterable<InForceRow>): WorkspaceForce {
    const maps: CompiledMap[] = [];
    const versions = new Map<string, Map<number, CompiledMap>>();
    const rules: CompiledRule[] = [];
    for (const row of rows) {
      if (row.kind === 'rule') {
        const rule = this.#compile(row, row.version) as CompiledRule | undefined;
        if (rule !== undefined) rules.push(rule);
        continue;
      }
      const byVersion = new Map<number, CompiledMap>();
      for (const version of row.versions) {
        const map = this.#compile(row, version) as CompiledMap | undefined;
        if (map === undefined) continue;
        byVersion.set(version, map);
        if (version === row.version) maps.push(map);
      }
      versions.set(row.name, byVersion);
    }
    return new WorkspaceForce(maps, versions, rules);
  }

  #compile(row: InForceRow, version: number): CompiledMap | CompiledRule | undefined {
    const place = { ...row, version };
    const slot = slotOf(place);
    if (version === 0 || this.#compiled.has(slot)) return this.#compiled.get(slot);
    const text = this.#texts.get(place);
    const made = text === undefined ? undefined : this.#compileAnew(row, version, text);
    this.#compiled.set(slot, made);
    return made;
  }

  #compileAnew(
    { name, shown = [] }: InForceRow,
    version: number,
    text: string,
  ): CompiledMap | CompiledRule | undefined {
    try {
      const definition = JSON.parse(text) as JourneyMap | Rule;
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

function slotOf({ kind, name, version, workspace }: DefinitionPlace): string {
  return `${workspace}/${rowKeyOf(kind, name)}/${version}`;
}

function isEqual(some: readonly string[] = [], others: readonly string[] = []): boolean {
  return some.length === others.length && some.every((each, index) => each === others[index]);
}
