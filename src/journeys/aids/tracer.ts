/** Goes through a customer's past event by event, and writes down what concerns one instance. */
import type { CompiledRule, CompiledTrigger } from '../compile/compiled.ts';
import { isMeant } from '../compile/trigger.ts';
import { actedOf } from '../decide/applied.ts';
import { apply } from '../engine/apply.ts';
import type { WorkspaceForce } from '../engine/force.ts';
import type { Happening, InstanceHappening } from '../engine/happening.ts';
import { Moment } from '../engine/moment.ts';
import type { PastEvent } from '../engine/pastevent.ts';
import { isAbout } from '../engine/react.ts';
import { lapse } from '../engine/requests.ts';
import type { InstanceState, PersonState, Request } from '../state.ts';
import type { DecisionSaid, TimerSaid } from '../words.ts';
import type { Forces } from './forces.ts';
import { judgeOne } from './judge.ts';
import { guardParts, type RuleLook, type RulePart, stallParts } from './look.ts';
import type { People } from './people.ts';

/** What is told of one instance, the oldest first; later entries are left out. */
export const traceEntriesMax = 2000;
/** What is decided is said at once: what was not said by then never will be. */
const undecidedMs = 60_000;

export interface TraceChange {
  readonly what: InstanceHappening['what'] | 'timer' | 'delivery' | 'response';
  readonly step?: string;
  readonly from?: string;
  readonly milestone?: string;
  readonly reason?: string;
  /** Of a timer: what it was for, and what came of it. */
  readonly timer?: string;
  readonly came?: string;
  readonly action?: string;
  readonly outcome?: string;
}

/** One event, and all that it did to the instance. */
export interface TraceEntry {
  readonly at: number;
  readonly event: { readonly type: string; readonly id: string; readonly time: number };
  readonly changes: readonly TraceChange[];
  readonly rules: readonly RuleLook[];
}

/** How a rule about the instance's map stands. */
export interface RuleStanding {
  readonly rule: string;
  readonly version: number;
  /** How often it has acted for the instance. */
  readonly acted: number;
  /** What was decided, by verdict. */
  readonly verdicts: Readonly<Record<string, number>>;
  readonly parts: readonly RulePart[];
}

export interface TraceFound {
  /** Undefined: the tape does not lead to such an instance. */
  readonly instance: InstanceState | undefined;
  readonly entries: readonly TraceEntry[];
  readonly rules: readonly RuleStanding[];
  /** There were more entries than are told. */
  readonly isCut: boolean;
}

export interface TracerParts {
  readonly workspace: number;
  readonly customer: string;
  readonly instance: string;
  readonly now: number;
  /** Tells a person's audiences what it did before the event; absent: they know nothing of that. */
  readonly recall?: (force: WorkspaceForce, person: PersonState, event: PastEvent) => void;
}

export class Tracer {
  readonly #parts: TracerParts;
  readonly #forces: Forces;
  readonly #events: readonly PastEvent[];
  readonly #places = new Map<string, PastEvent>();
  readonly #people: People;
  readonly #entries: TraceEntry[] = [];
  /** Verdicts of requests, as they were asked: for those that nobody answered. */
  readonly #silent = new Map<
    string,
    { readonly verdict: DecisionSaid['verdict']; readonly detail: string | undefined }
  >();
  readonly #verdicts = new Map<string, Record<string, number>>();
  #changes: TraceChange[] = [];
  #rules: RuleLook[] = [];
  #isCut = false;

  constructor(parts: TracerParts, forces: Forces, people: People, events: readonly PastEvent[]) {
    this.#parts = parts;
    this.#forces = forces;
    this.#events = events;
    this.#people = people;
  }

  run(): TraceFound {
    for (const event of this.#events) this.#take(event);
    const instance = this.#instance;
    return {
      instance,
      entries: this.#entries,
      rules: instance === undefined ? [] : this.#standings(instance),
      isCut: this.#isCut,
    };
  }

  /** Whose the instance is. */
  get #holder(): PersonState | undefined {
    return this.#people.holderOf(this.#parts.instance);
  }

  get #instance(): InstanceState | undefined {
    return this.#holder?.instances.find(({ id }) => id === this.#parts.instance);
  }

  #take(event: PastEvent): void {
    const force = this.#forces.at(event.received);
    this.#places.set(placeOf(event), event);
    this.#changes = [];
    this.#rules = [];
    this.#lookAtTriggers(force, event);
    const armed = this.#armed();
    const observe = (each: Happening): void => this.#happened(force, each, event);
    const tell = (person: PersonState): void => this.#parts.recall?.(force, person, event);
    if (!this.#people.take(event, force, observe, tell) || force.names(event.type)) {
      const person = this.#people.of(event.home);
      tell(person);
      lapse(person, event.received, observe, undecidedMs);
      apply(force, person, event.home, event, observe);
    }
    this.#lookAtStalls(force, armed, event.received);
    if (this.#changes.length === 0 && this.#rules.length === 0) return;
    if (this.#entries.length === traceEntriesMax) {
      this.#isCut = true;
      return;
    }
    const { received, time, type } = event;
    const cause = { type, id: event.text('id') ?? '', time };
    const [changes, rules] = [this.#changes, this.#rules];
    this.#entries.push({ at: received, event: cause, changes, rules });
  }

  /** Rules about the instance whose event this is, and that it is not about: what is meant is asked for below. */
  #lookAtTriggers(force: WorkspaceForce, event: PastEvent): void {
    const instance = this.#instance;
    const person = this.#people.of(event.home);
    if (instance === undefined || instance.endedAt !== undefined) return;
    if (person !== this.#holder) return;
    const { ordinal, received, stamp, type } = event;
    const { after, events } = force.listeners(type);
    for (const { rule, trigger } of [...events, ...after]) {
      if (rule.journey !== instance.journey) continue;
      const cause = { stamp, ordinal };
      const moment = { force, person, home: event.home, at: received, cause, event };
      const parts = this.#triggerParts(new Moment(moment), instance, rule, trigger);
      if (parts.every(({ holds }) => holds)) continue;
      this.#rules.push({ rule: rule.name, version: rule.version, verdict: 'notMeant', parts });
    }
  }

  #triggerParts(
    moment: Moment,
    instance: InstanceState,
    rule: CompiledRule,
    trigger: CompiledTrigger,
  ): RulePart[] {
    const { status } = instance;
    const parts: RulePart[] = [{ part: 'status', holds: status === 'active', detail: status }];
    if (status !== 'active') return parts;
    const isKeys = isAbout(moment, instance);
    parts.push({ part: 'key', holds: isKeys, detail: instance.key });
    if (!isKeys) return parts;
    const holds = isMeant(trigger, moment.factsOf(rule, instance));
    return [...parts, { part: 'event', holds, detail: 'channel or where' }];
  }

  /** Of the instance, the rules whose silence is being waited for. */
  #armed(): ReadonlySet<string> {
    const prefix = `${this.#parts.instance}/r/`;
    const timers = this.#instance?.timers ?? [];
    return new Set(
      timers.flatMap(({ id }) => (id.startsWith(prefix) ? id.slice(prefix.length) : [])),
    );
  }

  #lookAtStalls(force: WorkspaceForce, before: ReadonlySet<string>, at: number): void {
    const instance = this.#instance;
    const map = instance && force.map(instance.journey, instance.version);
    if (instance === undefined || map === undefined) return;
    const armed = this.#armed();
    const look = (name: string, verdict: 'armed' | 'disarmed'): void => {
      const rule = force.rule(name);
      if (rule === undefined) return;
      const parts = stallParts(rule, map, instance, at);
      this.#rules.push({ rule: name, version: rule.version, verdict, parts });
    };
    for (const name of armed) if (!before.has(name)) look(name, 'armed');
    for (const name of before) if (!armed.has(name)) look(name, 'disarmed');
  }

  #happened(force: WorkspaceForce, happening: Happening, event: PastEvent): void {
    const { instance: id } = this.#parts;
    switch (happening.kind) {
      case 'instance':
        if (happening.instance.id === id) this.#changes.push(this.#changeOf(force, happening));
        break;
      case 'request':
        if (happening.request.instance === id) this.#asked(force, happening.request, event);
        break;
      case 'lapsed':
        if (happening.request.instance === id) this.#lapsed(happening.request);
        break;
      case 'decision':
        if (happening.said.instance === id) this.#decided(happening.said);
        break;
      case 'delivery': {
        const { delivery, said } = happening;
        if (delivery.instance !== id) break;
        const change = { what: 'delivery', action: said.action, outcome: said.outcome } as const;
        this.#changes.push(change);
        break;
      }
      case 'response':
        this.#responded(happening.said.request, happening.said.answer);
        break;
      case 'timer':
        if (happening.said.timer.startsWith(`${id}/`)) this.#timer(happening.said, happening.came);
        break;
      case 'overflow':
      case 'partials':
        break;
    }
  }

  #changeOf(
    force: WorkspaceForce,
    { from, instance, name, step, what }: InstanceHappening,
  ): TraceChange {
    const map = force.map(instance.journey, instance.version);
    const nameOf = (ordinal: number): string => map?.steps[ordinal - 1]?.name ?? String(ordinal);
    return {
      what,
      ...(step !== undefined && { step: nameOf(step) }),
      ...(from !== undefined && from > 0 && { from: nameOf(from) }),
      ...(what === 'milestone' && { milestone: name! }),
      ...(instance.reason !== undefined && { reason: instance.reason }),
    };
  }

  #asked(force: WorkspaceForce, request: Request, event: PastEvent): void {
    const rule = request.rule === undefined ? undefined : force.rule(request.rule);
    if (rule === undefined) return;
    const { workspace } = this.#parts;
    const map = force.map(request.journey ?? '', this.#instance?.version);
    const parts = map === undefined ? [] : stallParts(rule, map, this.#instance!, request.at);
    this.#rules.push({
      ...{ rule: rule.name, version: rule.version, verdict: 'asked', request: request.id },
      parts: parts.length > 0 ? parts : [{ part: 'event', holds: true, detail: event.type }],
    });
    const judging = {
      ...{ workspace, force },
      readEvent: () => undefined,
      readView: () => undefined,
    };
    const cause = request.cause && this.#places.get(placeOf(request.cause));
    const asked = { request, rule, at: request.at, event: cause };
    this.#silent.set(request.id, judgeOne(judging, this.#holder!, asked));
  }

  /** Nobody said anything: a condition, a cooldown or a date was against it, or nobody was there. */
  #lapsed({ id, rule, version }: Request): void {
    if (rule === undefined) return;
    const known = this.#silent.get(id);
    const isSilent = ['condition', 'cooldown', 'notInDate', 'perInstanceMax'].includes(
      known?.verdict ?? '',
    );
    const verdict = isSilent ? known!.verdict : 'lapsed';
    this.#count(rule, verdict);
    const parts = guardParts(verdict, known?.detail);
    this.#rules.push({ rule, version, verdict, parts, request: id });
  }

  #decided(said: DecisionSaid): void {
    const { actions, request, rule, score, verdict, version } = said;
    if (rule === undefined) return;
    this.#count(rule, verdict);
    // Told again from the state of then; what stands on the tape is what was decided.
    const known = this.#silent.get(request);
    const detail = known?.verdict === verdict ? known.detail : undefined;
    const done = actions?.map(({ do: kind, id }) => ({ id, do: kind }));
    this.#rules.push({
      ...{ rule, version, verdict, request },
      parts: guardParts(verdict, detail),
      ...(score !== undefined && { score }),
      ...(done !== undefined && { actions: done }),
    });
  }

  #count(rule: string, verdict: string): void {
    const counts = this.#verdicts.get(rule) ?? {};
    counts[verdict] = (counts[verdict] ?? 0) + 1;
    this.#verdicts.set(rule, counts);
  }

  #responded(request: string, answer: string): void {
    if (!this.#silent.has(request)) return;
    this.#changes.push({ what: 'response', outcome: answer });
  }

  #timer({ timer }: TimerSaid, came: string): void {
    const [kind, ...rest] = timer.slice(this.#parts.instance.length + 1).split('/');
    const names: Readonly<Record<string, string>> = {
      r: 'silence',
      w: 'wait',
      n: 'absence',
      x: 'expiry',
    };
    const what = [names[kind!] ?? kind!, ...rest].join(' ');
    this.#changes.push({ what: 'timer', timer: what, came });
  }

  /** Of the rules in force about the instance's map. */
  #standings(instance: InstanceState): RuleStanding[] {
    const { now } = this.#parts;
    const force = this.#forces.at(now);
    const map = force.map(instance.journey, instance.version);
    return force.rules
      .filter(({ journey }) => journey === instance.journey)
      .map((rule) => ({
        rule: rule.name,
        version: rule.version,
        acted: actedOf(instance, rule.name),
        verdicts: this.#verdicts.get(rule.name) ?? {},
        parts: map === undefined ? [] : stallParts(rule, map, instance, now),
      }));
  }
}

function placeOf({ ordinal, stamp }: { readonly stamp: number; readonly ordinal: number }): string {
  return `${stamp}/${ordinal}`;
}
