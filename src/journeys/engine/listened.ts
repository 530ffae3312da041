/**
 * Types that somebody listens to, in whatever workspace: blocks of the tape without any are not even read.
 * Put together one workspace at a time, so that however many there are, none of it holds the thread.
 */
import { TypeSet } from '../../tape/typeset.ts';
import { typeOfDefinition } from '../words.ts';
import type { WorkspaceForce } from './force.ts';

export class Listened {
  readonly #left: number[];
  readonly #types = new TypeSet();
  #isAll = false;

  /** @param workspaces where anything is in force. */
  constructor(workspaces: Iterable<number>) {
    this.#left = [...workspaces];
    this.#types.add(typeOfDefinition);
  }

  /** Looks at one more workspace. @returns the types; undefined: it may be any, or is not known yet. */
  next(forceOf: (workspace: number) => WorkspaceForce | undefined): TypeSet | undefined {
    if (this.#isAll) return undefined;
    const workspace = this.#left.pop();
    if (workspace === undefined) return this.#types;
    const force = forceOf(workspace);
    if (force === undefined) return undefined;
    if (force.types === undefined) this.#isAll = true;
    else this.#types.addAll(force.types);
    return undefined;
  }
}
