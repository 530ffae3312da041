/** What was in force when: for whoever goes through a customer's past with the definitions of then. */
import type { CompiledMap, CompiledRule } from '../compile/compiled.ts';
import { WorkspaceForce } from '../engine/force.ts';
import { type Compilable, compileMaps, compileRules } from './compilable.ts';

/** A published version, in force from then until the next one of its name. */
export interface PastVersion extends Compilable {
  /** Epoch milliseconds. */
  readonly publishedAt: number;
}

export interface PastDefinitions {
  readonly maps: readonly PastVersion[];
  readonly rules: readonly PastVersion[];
}

interface Past<Compiled> {
  readonly compiled: Compiled;
  readonly publishedAt: number;
}

export class Forces {
  readonly #maps: readonly Past<CompiledMap>[];
  readonly #rules: readonly Past<CompiledRule>[];
  readonly #versions = new Map<string, Map<number, CompiledMap>>();
  /** The instants at which something came into force, in order, each with what was made of it. */
  readonly #since: readonly { readonly at: number; force?: WorkspaceForce }[];

  /** @throws AppError invalid: a version does not compile any more. */
  constructor({ maps, rules }: PastDefinitions) {
    this.#maps = zip(compileMaps(maps), maps);
    this.#rules = zip(compileRules(rules), rules);
    for (const { compiled } of this.#maps) {
      const versions = this.#versions.get(compiled.name) ?? new Map<number, CompiledMap>();
      this.#versions.set(compiled.name, versions.set(compiled.version, compiled));
    }
    const instants = new Set([...maps, ...rules].map(({ publishedAt }) => publishedAt));
    this.#since = [0, ...instants].sort((a, b) => a - b).map((at) => ({ at }));
  }

  /** What was in force at an instant. */
  at(now: number): WorkspaceForce {
    let found = this.#since[0]!;
    for (const each of this.#since) if (each.at <= now) found = each;
    found.force ??= new WorkspaceForce(
      newestUpTo(this.#maps, found.at),
      this.#versions,
      newestUpTo(this.#rules, found.at),
    );
    return found.force;
  }
}

function zip<Compiled>(
  compiled: readonly Compiled[],
  past: readonly PastVersion[],
): Past<Compiled>[] {
  return compiled.map((each, index) => ({
    compiled: each,
    publishedAt: past[index]!.publishedAt,
  }));
}

function newestUpTo<Compiled extends { readonly name: string; readonly version: number }>(
  all: readonly Past<Compiled>[],
  now: number,
): Compiled[] {
  const newest = new Map<string, Compiled>();
  for (const { compiled, publishedAt } of all) {
    const known = newest.get(compiled.name);
    if (publishedAt > now || (known !== undefined && known.version > compiled.version)) continue;
    newest.set(compiled.name, compiled);
  }
  return [...newest.values()];
}
