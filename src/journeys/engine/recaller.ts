/** Tells audiences what customers did before: the engine's own, before an event is applied, and whoever asks between events. */
import type { Tape } from '../../tape/tape.ts';
import type { CompiledMap, CompiledRule } from '../compile/compiled.ts';
import type { PersonState } from '../state.ts';
import type { Aliases } from './aliases.ts';
import { eventStepsMax } from './apply.ts';
import type { WorkspaceForce } from './force.ts';
import type { InForce } from './inforce.ts';
import type { Cause } from './moment.ts';
import { isUntold, recall } from './past.ts';
import type { Definitions } from './work.ts';

export interface RecallerParts {
  readonly tape: Tape;
  readonly aliases: Aliases;
  readonly inForce: InForce;
}

/** Everything that can be read. */
const anywhere: Cause = { stamp: Number.POSITIVE_INFINITY, ordinal: 0 };

/** What is in force, with memberships that know what was before. */
export class Recaller implements Definitions {
  readonly #parts: RecallerParts;
  /** Of who has not been told yet: as it would be then. A person that an event is applied to is told. */
  readonly #seen = new WeakMap<PersonState, PersonState>();

  constructor(parts: RecallerParts) {
    this.#parts = parts;
  }

  /**
   * Before the event at `cause` is applied. @param at its commit time. @param stepsMax for conditions.
   * @returns the steps that conditions cost.
   */
  tell(
    workspace: number,
    force: WorkspaceForce,
    person: PersonState,
    cause: Cause,
    at: number,
    stepsMax: number = eventStepsMax,
  ): number {
    if (!isUntold(person, force)) return 0;
    const { aliases, tape } = this.#parts;
    const owner = aliases.ownerOf(workspace, person.name).customer;
    const isTheirs = (identity: string): boolean => {
      return aliases.ownerOf(workspace, identity).customer === owner;
    };
    return recall(tape, { workspace, person, force, cause, at, isTheirs, stepsMax });
  }

  map(workspace: number, name: string, version?: number): CompiledMap | undefined {
    return this.#parts.inForce.map(workspace, name, version);
  }

  rule(workspace: number, name: string): CompiledRule | undefined {
    return this.#parts.inForce.rule(workspace, name);
  }

  maps(workspace: number): readonly CompiledMap[] {
    return this.#parts.inForce.maps(workspace);
  }

  rules(workspace: number): readonly CompiledRule[] {
    return this.#parts.inForce.rules(workspace);
  }

  /** Who of its audiences a customer is in, by their names, also if nothing was applied to it since they are in force. */
  memberships(
    workspace: number,
    person: PersonState,
    owner: CompiledMap | CompiledRule,
    now: number,
  ): Record<string, boolean> {
    const force = this.#parts.inForce.of(workspace);
    if (force === undefined) return {};
    const isAsked = force.remembers(owner) && isUntold(person, force);
    const told = isAsked ? this.#asTold(workspace, force, person, now) : person;
    return force.memberships(told, owner, now);
  }

  #asTold(workspace: number, force: WorkspaceForce, person: PersonState, now: number): PersonState {
    const known = this.#seen.get(person);
    if (known !== undefined && !isUntold(known, force)) return known;
    const copy: PersonState = { ...person, audiences: { ...person.audiences } };
    this.tell(workspace, force, copy, anywhere, now);
    this.#seen.set(person, copy);
    return copy;
  }
}
