/**
 * Answers a touchpoint that asks what to do next: rules that wait for its placement and its own candidates
 * are weighed together, the best `k` are reserved and told, and the decision goes on the tape.
 *
 *     asked ─▶ candidates ─▶ views, if any are asked for ─▶ weighed, reserved ─▶ said ─▶ answered
 *                            └ at most `withinMs`: what is not read by then is out of time ┘   └ or before it is said
 */
import { hashText } from '../../audiences/bucket.ts';
import { AppError } from '../../std/errors.ts';
import { seededRandom } from '../../std/random.ts';
import type { CompiledRule, Facts } from '../compile/compiled.ts';
import type { Action } from '../definition.ts';
import type { EngineContext } from '../engine/work.ts';
import type { PersonState, Touch } from '../state.ts';
import type { CandidateSaid, DecidedAction, DecisionSaid } from '../words.ts';
import { fillActions } from './acts.ts';
import { tellAnswer } from './answer.ts';
import { type AnsweredCandidate, candidatesMax, type DecideTold, type DecideWish } from './asks.ts';
import { candidateOf } from './candidates.ts';
import { factsOf, fieldsOf, openInstanceOf, type Views, viewsOf } from './facts.ts';
import type { LocalRule } from './local.ts';
import { type Contender, contendersOn } from './menu.ts';
import type { Audiences } from './requests.ts';
import type { Reservations } from './reservations.ts';
import { decisionEvent, type Saying } from './saying.ts';
import type { Spending } from './spending.ts';
import { type Candidate, touchOf, type Weighed, weigh } from './weigh.ts';

/** Of all that the server is to do about one decision: more would not fit an event. */
const actionBytesMax = 12 * 1024;
const detailCharactersMax = 100;
/** Where attention goes that no channel was named for. */
const channelDefault = 'ask';
const nothing = {};

export interface ChooseParts {
  readonly context: EngineContext;
  readonly reservations: Reservations;
  readonly saying: Saying;
  readonly spending: Spending;
  readonly audiences: Audiences;
  /** Never given twice, by this process or another. */
  readonly nextId: () => string;
}

interface Chosen {
  /** In the menu; -1: a rule. */
  readonly at: number;
  readonly said: CandidateSaid;
  readonly answered: AnsweredCandidate;
}

/** @throws AppError invalid, unavailable. */
export async function choose(parts: ChooseParts, wish: DecideWish): Promise<DecideTold> {
  const { context, reservations, saying } = parts;
  const { workspace } = wish;
  await context.follow(workspace);
  const contenders = contendersOf(parts, wish);
  const leftMs = (): number => wish.askedMs + wish.withinMs - context.clock.monotonicMs();
  const views = await readViews(context, wish, contenders, leftMs());
  // Nothing waits from here to the reservation.
  const id = parts.nextId();
  const person = personOf(context, wish);
  const decidedAt = context.clock.now();
  const about = { id, contenders, person, views, now: decidedAt };
  const { chosen, taken } = parts.spending.bound(workspace, () => weighAll(parts, wish, about));
  const reservation = reservations.reserve(workspace, person.name, taken);
  context.metrics.add('decisions_total', 1);
  context.metrics.add('decisions_acted_total', taken.length > 0 ? 1 : 0);
  const event = decisionEvent(person.name, decisionOf(id, chosen));
  const isSaid = saying.say(workspace, person.name, [event]).then((isDurable) => {
    if (isDurable) reservation.until = context.tape.issued();
    return isDurable;
  });
  const recorded = (await within(context, isSaid, leftMs())) === true;
  const candidates = chosen.map(({ answered }) => answered);
  const answer = { id, customer: person.name, decidedAt, recorded, candidates };
  return tellAnswer(
    answer,
    chosen.map(({ at }) => at),
  );
}

interface Weighing {
  readonly id: string;
  readonly contenders: readonly Contender[];
  readonly person: PersonState;
  /** Undefined: they could not be read in time. */
  readonly views: Views | undefined;
  readonly now: number;
}

function weighAll(
  parts: ChooseParts,
  wish: DecideWish,
  weighing: Weighing,
): { chosen: readonly Chosen[]; taken: readonly Touch[] } {
  const { contenders, id, now, person, views } = weighing;
  const facts = new Map(
    contenders.map((each) => [each.id, factsFor(parts, wish, weighing, each)] as const),
  );
  const candidates = contenders.map((each) => contend(each, wish, facts.get(each.id)!, views));
  const touches = parts.reservations.with(wish.workspace, person.name, person.touches);
  const weighed = weigh(candidates, {
    now,
    person,
    touches,
    slots: wish.k,
    competing: 'all',
    ahead: touches.slice(person.touches.length),
    exploring: wish.explore,
    random: seededRandom(hashText(id)),
  });
  const chosen = tell({ id, wish, contenders, facts }, weighed);
  const acting = weighed.filter((_, index) => chosen[index]!.said.verdict === 'act');
  return { chosen, taken: acting.map(({ candidate }) => touchOf(candidate, id, now)) };
}

/** @throws AppError invalid. */
function contendersOf(parts: ChooseParts, wish: DecideWish): readonly Contender[] {
  const own = wish.menu === undefined ? [] : contendersOn(wish.menu);
  if (wish.placement === undefined) return own;
  const central = parts.context.definitions.rules(wish.workspace).filter((rule) => {
    const { channel } = rule.rule;
    if (rule.when.kind !== 'ask' || rule.when.placement !== wish.placement) return false;
    if (wish.rules !== undefined && !wish.rules.includes(rule.name)) return false;
    return channel === undefined || wish.channel === undefined || channel === wish.channel;
  });
  const all = [...central.map(contenderOf), ...own];
  if (all.length <= candidatesMax) return all;
  const message = `at most ${candidatesMax} candidates are weighed at once, rules included; here are ${all.length}`;
  throw new AppError('invalid', message);
}

function contenderOf(rule: CompiledRule): Contender {
  const { name } = rule;
  return { id: name, name, rule, local: undefined, shown: name, at: undefined, place: undefined };
}

/** Undefined when they could not be read in time. */
async function readViews(
  context: EngineContext,
  { customer, workspace }: DecideWish,
  contenders: readonly Contender[],
  leftMs: number,
): Promise<Views | undefined> {
  const views = viewsOf(
    context,
    workspace,
    contenders.map(({ rule }) => rule),
  );
  if (views.length === 0) return new Map();
  const found = context.readViews({ workspace, customer, views, freshness: 'snapshot' });
  const inTime = found instanceof Promise ? await within(context, found, leftMs) : found;
  return inTime && fieldsOf(views, inTime);
}

/** What a promise gives, or undefined after so long. */
function within<T>(
  { clock }: EngineContext,
  promise: Promise<T>,
  leftMs: number,
): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(Math.max(0, leftMs), () => resolve(undefined));
    promise.then(resolve, reject).finally(cancel);
  });
}

/** As far as the engine knows the customer. */
function personOf(context: EngineContext, { customer, place, workspace }: DecideWish): PersonState {
  const known = context.person(workspace, customer) ?? {
    ...{ name: customer, instances: [], audiences: {}, timers: [], requests: [] },
    ...{ deliveries: [], touches: [], consent: {}, responses: {} },
  };
  return place === undefined ? known : { ...known, place: { ...place, at: context.clock.now() } };
}

function factsFor(
  { audiences, context }: ChooseParts,
  { context: ask = nothing, workspace }: DecideWish,
  { now, person, views = new Map() }: Weighing,
  { local, rule }: Contender,
): Facts {
  const audience =
    local === undefined ? audiences(workspace, person, rule) : standing(local, person, now);
  const { definitions } = context;
  const at = { definitions, workspace, person, nowMs: now, views, audience };
  return factsOf(rule, at, { instance: openInstanceOf(person, rule.journey), ask });
}

function standing(
  { audiences }: LocalRule,
  person: PersonState,
  now: number,
): Readonly<Record<string, boolean>> {
  if (audiences.size === 0) return nothing;
  const held = [...audiences].map(([name, audience]) => {
    return [name, audience.holds(audience.start(), now, person)] as const;
  });
  return Object.fromEntries(held);
}

function contend(
  { id, name, place, rule }: Contender,
  { channel }: DecideWish,
  facts: Facts,
  views: Views | undefined,
): Candidate {
  const isOutOfTime = rule.view !== undefined && views === undefined;
  // Whatever is asked for is shown to somebody.
  const shownOn = rule.rule.channel ?? channel ?? channelDefault;
  return candidateOf(rule, { id, name, isOutOfTime, channel: shownOn, place }, facts);
}

interface Telling {
  readonly id: string;
  readonly wish: DecideWish;
  readonly contenders: readonly Contender[];
  readonly facts: ReadonlyMap<string, Facts>;
}

/** What is said of each that was weighed, and answered. */
function tell(telling: Telling, weighed: readonly Weighed[]): readonly Chosen[] {
  const byId = new Map(telling.contenders.map((each) => [each.id, each]));
  const left = { bytes: actionBytesMax, rank: 0 };
  return weighed.map((each) => tellOf(telling, each, byId.get(each.candidate.id)!, left));
}

function tellOf(
  telling: Telling,
  weighed: Weighed,
  contender: Contender,
  left: { bytes: number; rank: number },
): Chosen {
  const { candidate, score } = weighed;
  const { category, channel, limit, rule } = candidate;
  const acts: Filled =
    weighed.verdict === 'act' ? fill(telling, weighed, contender, left) : weighed;
  const { verdict } = acts;
  const detail = acts.detail?.slice(0, detailCharactersMax);
  const { done = [], shown = [] } = acts;
  // Members that are undefined are in no JSON.
  const said: CandidateSaid = {
    id: contender.id,
    rule,
    verdict,
    detail,
    score,
    category,
    channel,
    instance: limit?.instance,
    actions: done.length > 0 ? done : undefined,
  };
  const answered: AnsweredCandidate = {
    id: contender.shown,
    local: contender.local !== undefined,
    rank: verdict === 'act' ? ++left.rank : undefined,
    verdict,
    detail,
    score,
    category,
    channel,
    show: shown.length > 0 ? shown : undefined,
  };
  return { at: contender.at ?? -1, said, answered };
}

type Filled = Pick<Weighed, 'verdict' | 'detail'> & {
  readonly done?: readonly DecidedAction[];
  readonly shown?: readonly DecidedAction[];
};

/** What is shown goes to whoever asked, all else is the server's to do. */
function fill(
  { facts, id, wish }: Telling,
  { candidate, score }: Weighed,
  { rule }: Contender,
  left: { bytes: number },
): Filled {
  if (rule.actions.length === 0) return { verdict: 'act', detail: undefined };
  const decision = {
    id,
    rule: candidate.rule,
    ...(candidate.channel !== undefined && { channel: candidate.channel }),
    ...(score !== undefined && { score }),
  };
  const acting = { workspace: wish.workspace, request: id, rule: candidate.rule };
  try {
    const all = fillActions(
      rule.actions,
      { ...acting, within: rule.rule.within },
      {
        ...facts.get(candidate.id),
        decision,
      },
    );
    const done = all.filter((action) => !isShown(action));
    left.bytes -= done.length === 0 ? 0 : Buffer.byteLength(JSON.stringify(done));
    if (left.bytes < 0)
      throw new AppError('too_large', 'its actions are larger than an event may be');
    return { verdict: 'act', detail: undefined, done, shown: all.filter(isShown) };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { verdict: 'error', detail: error.message };
  }
}

function isShown(action: Pick<Action, 'do'> | DecidedAction): boolean {
  return action.do === 'page' || action.do === 'notify';
}

function decisionOf(id: string, chosen: readonly Chosen[]): DecisionSaid {
  const candidates = chosen.map(({ said }) => said);
  const verdict = candidates.find((each) => each.verdict === 'act') ?? candidates[0];
  return { request: id, version: 0, verdict: verdict?.verdict ?? 'condition', candidates };
}
