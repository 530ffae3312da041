/** A customer's history played on the engine's transition alone, with a clock of its own. */

import { compileMap } from '../../src/journeys/compile/map.ts';
import { compileRule } from '../../src/journeys/compile/rule.ts';
import type { JourneyMap, Rule } from '../../src/journeys/definition.ts';
import { apply, newPerson } from '../../src/journeys/engine/apply.ts';
import { WorkspaceForce } from '../../src/journeys/engine/force.ts';
import type { SeenEvent } from '../../src/journeys/engine/moment.ts';
import { runningTimers, stallId, standingGeneration } from '../../src/journeys/engine/timers.ts';
import type { InstanceState, PersonState } from '../../src/journeys/state.ts';
import {
  type CommandSaid,
  type DecisionSaid,
  typeOfCommand,
  typeOfDecision,
  typeOfTimer,
} from '../../src/journeys/words.ts';

export interface Definitions {
  readonly maps?: Readonly<Record<string, JourneyMap>>;
  readonly rules?: Readonly<Record<string, Rule>>;
}

export function forceOf({ maps = {}, rules = {} }: Definitions): WorkspaceForce {
  const compiled = Object.entries(maps).map(([name, map]) => compileMap(name, 1, map));
  const versions = new Map(compiled.map((map) => [map.name, new Map([[1, map]])]));
  const asked = Object.entries(rules).map(([name, rule]) => compileRule(name, 1, rule));
  return new WorkspaceForce(compiled, versions, asked);
}

export interface Asked {
  readonly at: number;
  readonly id: string;
  readonly rule: string | undefined;
}

export const startMs = 1_700_000_000_000;

export class Play {
  force: WorkspaceForce;
  readonly person: PersonState = newPerson('ann');
  /** Every request that was made, with its time since the start in milliseconds. */
  readonly asked: Asked[] = [];
  /** Requests that were not made. */
  overflowed = 0;
  /** Partial matches that were given up. */
  givenUp = 0;
  /** Milliseconds since the start. */
  now = 0;
  #stamp = 0;
  readonly #said = new Set<string>();

  constructor(definitions: Definitions) {
    this.force = forceOf(definitions);
  }

  /** An event that is committed at an instant, after whatever is due before. @param late how old it is. */
  event(at: number, type: string, data: object = {}, late = 0, channel = ''): void {
    this.until(at);
    this.#apply(type, JSON.stringify(data), late, channel);
  }

  command(at: number, said: CommandSaid): void {
    this.until(at);
    this.#apply(typeOfCommand, JSON.stringify(said));
  }

  /** What was in force is no more. */
  comeIntoForce(definitions: Definitions): void {
    this.force = forceOf(definitions);
  }

  /** The engine looks at who stands where a rule looks: the instance, now. */
  stand(rule: string): void {
    const data = { timer: stallId(this.instance, rule), generation: standingGeneration, due: 0 };
    this.#apply(typeOfTimer, JSON.stringify(data));
  }

  /** Whatever is asked for is decided alike. */
  decide(at: number, verdict: DecisionSaid['verdict']): void {
    this.until(at);
    for (const { id, rule, version, ...about } of [...this.person.requests]) {
      const { instance, journey } = about;
      const said = { request: id, rule, version, journey, instance, verdict };
      this.#apply(typeOfDecision, JSON.stringify(said));
    }
  }

  /** Lets the time pass, by the millisecond where something is due: timers are said as the engine says them. */
  until(at: number): void {
    for (;;) {
      const due = [...runningTimers(this.person)]
        .filter((timer) => !this.#said.has(`${timer.id}:${timer.generation}`))
        .sort((a, b) => a.due - b.due)[0];
      if (due === undefined || due.due + 1 > startMs + at) break;
      this.now = Math.max(this.now, due.due + 1 - startMs);
      this.#said.add(`${due.id}:${due.generation}`);
      const data = { timer: due.id, generation: due.generation, due: due.due };
      this.#apply(typeOfTimer, JSON.stringify(data));
    }
    this.now = Math.max(this.now, at);
  }

  #apply(type: string, data: string, late = 0, channel = ''): void {
    const received = startMs + this.now;
    this.#stamp += 1;
    const fields = { type, id: `e${this.#stamp}`, customer: 'ann', channel, source: '' };
    const event: SeenEvent = {
      ...{ stamp: this.#stamp, ordinal: 0, type, received, time: received - late },
      text: (field) => fields[field],
      data: () => data,
    };
    apply(this.force, this.person, 'ann', event, (happening) => {
      if (happening.kind === 'overflow') this.overflowed += 1;
      if (happening.kind === 'partials') this.givenUp += happening.givenUp;
      if (happening.kind !== 'request') return;
      const { id, rule } = happening.request;
      this.asked.push({ at: this.now, id, rule });
    });
  }

  get instances(): readonly InstanceState[] {
    return this.person.instances;
  }

  get instance(): InstanceState {
    return this.person.instances.at(-1)!;
  }
}
