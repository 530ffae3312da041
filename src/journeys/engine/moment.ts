/**
 * One step of a customer's history being applied: who, when, because of what. Whatever follows from it is
 * worked off within it (run to completion), so that the next one meets a state at rest.
 */
import { ConditionSubject } from '../../event/condition.ts';
import { findPath } from '../../event/path.ts';
import type { CompiledMap, CompiledRule, Facts } from '../compile/compiled.ts';
import type { InstanceState, PersonState } from '../state.ts';
import type { WorkspaceForce } from './force.ts';
import type { Happening, InstanceHappening } from './happening.ts';

/** An event as the engine looks at it; valid as long as what it is read from. */
export interface SeenEvent {
  readonly stamp: number;
  readonly ordinal: number;
  readonly type: string;
  /** Epoch milliseconds: the event's own time, and when it was committed. */
  readonly time: number;
  readonly received: number;
  text(field: 'type' | 'id' | 'customer' | 'channel' | 'source'): string | undefined;
  /** JSON text. */
  data(): string | undefined;
}

export interface Cause {
  readonly stamp: number;
  readonly ordinal: number;
}

export interface MomentParts {
  readonly force: WorkspaceForce;
  readonly person: PersonState;
  /** The identity under which it was said. */
  readonly home: string;
  /** Epoch milliseconds. */
  readonly at: number;
  /** Where it stands on the tape. */
  readonly cause: Cause;
  /** Absent: the clock or somebody's command is the cause. */
  readonly event?: SeenEvent;
  /** Nothing is asked for and no timer armed. */
  readonly isSilent?: boolean;
  /** Hears of everything that comes about. */
  readonly observe?: ((happening: Happening) => void) | undefined;
}

/** Steps of one macrostep; an instance that needs more has failed. */
export const microstepsMax = 100;

export class Moment {
  readonly force: WorkspaceForce;
  readonly person: PersonState;
  readonly home: string;
  readonly at: number;
  readonly cause: Cause;
  readonly event: SeenEvent | undefined;
  readonly #isSilent: boolean;
  /** What happened to instances, and is to be told to maps and rules that wait for it. */
  readonly happenings: InstanceHappening[] = [];
  readonly observe: ((happening: Happening) => void) | undefined;
  microsteps = 0;
  #subject: ConditionSubject | undefined;
  #data: string | undefined;

  constructor(parts: MomentParts) {
    this.force = parts.force;
    this.person = parts.person;
    this.home = parts.home;
    this.at = parts.at;
    this.cause = parts.cause;
    this.event = parts.event;
    this.#isSilent = parts.isSilent === true;
    this.observe = parts.observe;
  }

  /** Something happened to an instance. */
  tell(happening: Omit<InstanceHappening, 'kind'>): void {
    const told = { kind: 'instance' as const, at: this.at, ...happening };
    this.happenings.push(told);
    this.observe?.(told);
  }

  /** Whether the cause is history: it moves state and fires nothing. */
  isSilent(latenessMs: number): boolean {
    const { event } = this;
    return this.#isSilent || (event !== undefined && event.received - event.time > latenessMs);
  }

  /** When its cause came about: an event's own time, which cannot lie ahead. */
  get time(): number {
    return Math.min(this.event?.time ?? this.at, this.at);
  }

  /** The event for conditions; decoded when one asks. */
  get subject(): ConditionSubject | undefined {
    if (this.#subject === undefined && this.event !== undefined) {
      this.#subject = new ConditionSubject();
      this.#subject.become(this.event);
    }
    return this.#subject;
  }

  /** JSON text of the value at a path into the event's data; undefined when there is none. */
  dataAt(path: readonly string[]): string | undefined {
    this.#data ??= this.event?.data() ?? '{}';
    return findPath(this.#data, path);
  }

  factsOf(owner: CompiledMap | CompiledRule, instance?: InstanceState): Facts {
    return new MomentFacts(this, owner, instance);
  }
}

class MomentFacts implements Facts {
  readonly #moment: Moment;
  readonly #owner: CompiledMap | CompiledRule;
  readonly instance: InstanceState | undefined;
  #audience: Record<string, boolean> | undefined;

  constructor(
    moment: Moment,
    owner: CompiledMap | CompiledRule,
    instance: InstanceState | undefined,
  ) {
    this.#moment = moment;
    this.#owner = owner;
    this.instance = instance;
  }

  get event(): ConditionSubject | undefined {
    return this.#moment.subject;
  }

  get map(): CompiledMap | undefined {
    const { instance } = this;
    return instance && this.#moment.force.map(instance.journey, instance.version);
  }

  get nowMs(): number {
    return this.#moment.at;
  }

  get customer(): string {
    return this.#moment.person.name;
  }

  get place(): Facts['place'] {
    return this.#moment.person.place;
  }

  get audience(): Record<string, boolean> {
    const { at, force, person } = this.#moment;
    this.#audience ??= force.memberships(person, this.#owner, at);
    return this.#audience;
  }
}
