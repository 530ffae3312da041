/**
 * Decides what rules and steps ask for, while the engine is live.
 *
 *     requests of one customer, those of one moment competing
 *       ─▶ what they ask about is read: the event, the instance, audiences, views (in the pool, if they are long)
 *       ─▶ weighed together in one go, reserved, actions filled in
 *       ─▶ said: `tapeline.decision` under the request's id, until it is there
 *
 * A condition that says no, a cooldown, a date and `perInstanceMax` are not said: the request just goes. Whatever the
 * reading takes, weighing and reserving are one step, so no two decisions about a customer overlap.
 */
import { AppError } from '../../std/errors.ts';
import type { KeptView } from '../../views/kept.ts';
import type { CompiledAction, CompiledRule, Facts } from '../compile/compiled.ts';
import type { EngineContext, Work, Worker } from '../engine/work.ts';
import type { PersonState, Request, Touch } from '../state.ts';
import type { DecisionSaid, NotReason } from '../words.ts';
import { fillActions } from './acts.ts';
import { candidateOf, channelOfActions } from './candidates.ts';
import { type Circumstances, factsOf, fieldsOf, readCause, type Views, viewsOf } from './facts.ts';
import type { Reservations } from './reservations.ts';
import { decisionEvent, fits, notOf, type Saying } from './saying.ts';
import type { Spending } from './spending.ts';
import { type Candidate, touchOf, type Weighed, weigh, withheldConsent } from './weigh.ts';

/** What is left unsaid: it would be one event more for each that a rule listens to. */
const unsaid: ReadonlySet<string> = new Set<NotReason>([
  'condition',
  'cooldown',
  'notInDate',
  'perInstanceMax',
]);
const noViews: Views = new Map();

/** Whether a person is in each audience that a rule may ask for. */
export type Audiences = (
  workspace: number,
  person: PersonState,
  rule: CompiledRule,
) => Readonly<Record<string, boolean>>;

export interface RequestParts {
  readonly context: EngineContext;
  readonly reservations: Reservations;
  readonly saying: Saying;
  readonly spending: Spending;
  readonly audiences: Audiences;
}

/** One request with what it is about. */
interface Asked {
  readonly request: Request;
  /** Undefined: a step's or a wait's own actions. */
  readonly rule: CompiledRule | undefined;
  readonly facts: Facts;
  readonly actions: readonly CompiledAction[];
}

interface Outcome {
  readonly said: readonly DecisionSaid[];
  /** Of what acts. */
  readonly touches: readonly Touch[];
  /** Requests that came to nothing that is said. */
  readonly silent: ReadonlySet<string>;
}

export class Requests implements Worker {
  readonly #parts: RequestParts;

  constructor(parts: RequestParts) {
    this.#parts = parts;
  }

  take({ person, requests, workspace }: Work): void {
    if (requests.length === 0) return;
    const { name } = person;
    void this.#decide(workspace, name, requests).catch((error: unknown) => {
      this.#parts.context.log.error('requests could not be decided', {
        reason: (error as Error).message,
      });
    });
  }

  async #decide(workspace: number, customer: string, requests: readonly Request[]): Promise<void> {
    const { context } = this.#parts;
    const rules = requests.flatMap(({ rule }) => this.#ruleOf(workspace, rule) ?? []);
    const views = await this.#readViews(workspace, customer, viewsOf(context, workspace, rules));
    // Time has passed: only what is still asked for, of whoever it is now, is decided.
    const person = context.person(workspace, customer);
    if (person === undefined) return;
    const undecided = new Set(person.requests.map(({ id }) => id));
    const open = requests.filter(({ id }) => undecided.has(id));
    const { said, silent, touches } = this.#parts.spending.bound(workspace, () =>
      this.#weigh(workspace, person, open, views),
    );
    context.drop(workspace, customer, silent);
    if (said.length === 0) return;
    const reservation = this.#parts.reservations.reserve(workspace, person.name, touches);
    context.metrics.add('decisions_total', said.length);
    context.metrics.add('decisions_acted_total', said.filter(isActing).length);
    const events = said.map((each) => decisionEvent(person.name, each));
    const isSaid = await this.#parts.saying.say(workspace, person.name, events);
    if (isSaid) reservation.until = context.tape.issued();
  }

  #ruleOf(workspace: number, name: string | undefined): CompiledRule | undefined {
    return name === undefined ? undefined : this.#parts.context.definitions.rule(workspace, name);
  }

  /** What cannot be read is not there: conditions that ask for it are not met. */
  async #readViews(
    workspace: number,
    customer: string,
    views: readonly KeptView[],
  ): Promise<Views> {
    if (views.length === 0) return noViews;
    const { context } = this.#parts;
    try {
      const reading = { workspace, customer, views, freshness: 'current' } as const;
      return fieldsOf(views, await context.readViews(reading));
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      context.log.warn('a view could not be read for a rule', { reason: error.message });
      return noViews;
    }
  }

  /** Nothing waits from here to the reservation. */
  #weigh(
    workspace: number,
    person: PersonState,
    requests: readonly Request[],
    views: Views,
  ): Outcome {
    const { context, reservations } = this.#parts;
    const now = context.clock.now();
    const asked = new Map<string, Asked>();
    const moments = new Map<string, Candidate[]>();
    const said: DecisionSaid[] = [];
    for (const request of requests) {
      const one = this.#ask(workspace, person, request, { now, views });
      if (one === undefined || now > request.until) said.push(notOf(request, 'lapsed'));
      else if (one.rule === undefined) said.push(ownOf(workspace, one, person));
      else {
        const about = { id: request.id, name: one.rule.name, isOutOfTime: false };
        const candidate = candidateOf(one.rule, about, one.facts);
        asked.set(request.id, one);
        const together = moments.get(momentOf(request));
        if (together === undefined) moments.set(momentOf(request), [candidate]);
        else together.push(candidate);
      }
    }
    let touches = reservations.with(workspace, person.name, person.touches);
    const silent = new Set<string>();
    const taken: Touch[] = [];
    for (const candidates of moments.values()) {
      const ahead = touches.slice(person.touches.length);
      const about = { now, person, touches, ahead, slots: 1, competing: 'byChannel' } as const;
      const outcome = weigh(candidates, about).map((each) => {
        const decided = actOf(workspace, asked.get(each.candidate.id)!, each);
        return { candidate: each.candidate, decided, isSaid: !unsaid.has(each.verdict) };
      });
      for (const { candidate, isSaid } of outcome) if (!isSaid) silent.add(candidate.id);
      said.push(...outcome.filter(({ isSaid }) => isSaid).map(({ decided }) => decided));
      const acting = outcome.filter(({ decided, isSaid }) => isSaid && isActing(decided));
      const own = acting.map(({ candidate }) => touchOf(candidate, candidate.id, now));
      taken.push(...own);
      // For the next moment this one counts.
      touches = [...touches, ...own];
    }
    return { said, silent, touches: taken };
  }

  /** Undefined: what asked is not there any more. */
  #ask(
    workspace: number,
    person: PersonState,
    request: Request,
    { now, views }: { now: number; views: Views },
  ): Asked | undefined {
    const { context } = this.#parts;
    const { definitions, tape } = context;
    const rule = this.#ruleOf(workspace, request.rule);
    if (request.rule !== undefined && rule === undefined) return undefined;
    const audience = rule === undefined ? {} : this.#parts.audiences(workspace, person, rule);
    const instance = person.instances.find(({ id }) => id === request.instance);
    const at: Circumstances = { definitions, workspace, person, nowMs: now, views, audience };
    const facts = factsOf(rule, at, { instance, event: readCause(tape, request.cause) });
    const actions = rule?.actions ?? this.#stepActions(workspace, request);
    return actions && { request, rule, facts, actions };
  }

  #stepActions(workspace: number, request: Request): readonly CompiledAction[] | undefined {
    const { journey, step, version, wait } = request;
    if (journey === undefined || step === undefined) return undefined;
    const found = this.#parts.context.definitions.map(workspace, journey, version)?.steps[step - 1];
    if (wait === undefined) return found?.actions;
    return found?.waits.find(({ name }) => name === wait)?.actions;
  }
}

/** What was asked for by one event, or fell due together, competes; what the reader met in one go does not. */
function momentOf({ at, cause }: Request): string {
  return cause === undefined ? `at ${at}` : `${cause.stamp}.${cause.ordinal}`;
}

function isActing({ verdict }: DecisionSaid): boolean {
  return verdict === 'act';
}

/** A step's own actions are not weighed; but no action reaches a customer who does not want it. */
function ownOf(workspace: number, asked: Asked, { consent }: PersonState): DecisionSaid {
  const channel = channelOfActions(asked.actions.map(({ action }) => action));
  const withheld =
    channel === undefined ? undefined : withheldConsent({ category: undefined, channel }, consent);
  if (withheld !== undefined) return notOf(asked.request, 'consent', withheld);
  return actOf(workspace, asked, undefined);
}

/** What is said of a request that was weighed, or of a step's own actions, which are not. */
function actOf(
  workspace: number,
  { actions, facts, request, rule }: Asked,
  weighed: Weighed | undefined,
): DecisionSaid {
  const { candidate, detail, score, verdict = 'act' } = weighed ?? {};
  const channel = candidate?.channel;
  const category = candidate?.category;
  const said = {
    ...notOf(request, 'error', detail),
    version: rule?.version ?? request.version,
    ...(score !== undefined && { score }),
    ...(channel !== undefined && { channel }),
    ...(category !== undefined && { category }),
  };
  if (verdict !== 'act') return { ...said, verdict };
  const decision = {
    id: request.id,
    ...(rule !== undefined && { rule: rule.name }),
    ...(channel !== undefined && { channel }),
    ...(score !== undefined && { score }),
  };
  try {
    const within = rule?.rule.within;
    const acting = { workspace, request: request.id, rule: rule?.name, within };
    const filled = fillActions(actions, acting, { ...facts, decision });
    const acts: DecisionSaid = { ...said, verdict: 'act', actions: filled };
    if (fits(decisionEvent(facts.customer ?? '', acts))) return acts;
    return { ...said, verdict: 'error', detail: 'its actions are larger than an event may be' };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { ...said, verdict: 'error', detail: error.message };
  }
}
