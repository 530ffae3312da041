/**
 * Decides what is asked for in a dry run: the guards and the arbitration of the real thing (`decide/weigh.ts`),
 * at once, with the customer's touches as the dry run has made them. What it decides is taken for done.
 */
import { ConditionSubject } from '../../event/condition.ts';
import type { CompiledRule, CompiledStep } from '../compile/compiled.ts';
import { applyDecision, applyDelivery } from '../decide/applied.ts';
import { candidateOf } from '../decide/candidates.ts';
import { type Fields, factsOf } from '../decide/facts.ts';
import { type Candidate, type Weighed, weigh } from '../decide/weigh.ts';
import type { WorkspaceForce } from '../engine/force.ts';
import type { SeenEvent } from '../engine/moment.ts';
import type { InstanceState, PersonState, Request } from '../state.ts';
import type { DecisionSaid } from '../words.ts';

export interface Judged {
  readonly said: DecisionSaid;
  /** Which of its kind said no: the name of an audience, the scope of a cap. */
  readonly detail: string | undefined;
}

export interface JudgeParts {
  readonly workspace: number;
  readonly force: WorkspaceForce;
  /** An event of the past, as conditions see it. */
  readonly readEvent: (place: NonNullable<Request['cause']>) => ConditionSubject | undefined;
  /** Fields of a view of the customer at an instant; undefined: it could not be read in time. */
  readonly readView: (view: string, customer: string, at: number) => Fields | undefined;
}

/**
 * Decides everything that a person asks for, and takes it for delivered.
 * @param event the one that has just been applied; undefined: the clock is the cause.
 */
export function judge(
  parts: JudgeParts,
  person: PersonState,
  at: number,
  event: SeenEvent | undefined,
): Judged[] {
  const judged: Judged[] = [];
  const candidates: Candidate[] = [];
  const asked = new Map<string, Request>();
  for (const request of person.requests) {
    const rule = request.rule === undefined ? undefined : parts.force.rule(request.rule);
    if (rule !== undefined) {
      candidates.push(candidate(parts, person, { request, rule, at, event }));
      asked.set(request.id, request);
    } else if (request.rule === undefined) {
      judged.push({ said: saidOf(parts, request, 'act'), detail: undefined });
    }
  }
  const { touches } = person;
  for (const each of weigh(candidates, {
    now: at,
    person,
    touches,
    slots: 1,
    competing: 'byChannel',
  })) {
    const { channel, category } = each.candidate;
    const said = saidOf(parts, asked.get(each.candidate.id)!, each.verdict);
    const more = {
      ...(channel !== undefined && { channel }),
      ...(category !== undefined && { category }),
    };
    judged.push({ said: { ...said, ...more }, detail: each.detail });
  }
  for (const { said } of judged) carryOut(person, said, at);
  person.requests = [];
  return judged;
}

export interface Asked {
  readonly request: Request;
  readonly rule: CompiledRule;
  readonly at: number;
  readonly event: SeenEvent | undefined;
}

/** One rule by itself, as if nothing else were asked for. */
export function judgeOne(parts: JudgeParts, person: PersonState, asked: Asked): Weighed {
  const { at } = asked;
  const { touches } = person;
  const weighing = { now: at, person, touches, slots: 1, competing: 'byChannel' } as const;
  return weigh([candidate(parts, person, asked)], weighing)[0]!;
}

function candidate(
  parts: JudgeParts,
  person: PersonState,
  { at, event, request, rule }: Asked,
): Candidate {
  const { force, workspace } = parts;
  const fields = rule.view && parts.readView(rule.view.name, person.name, at);
  const views = new Map(rule.view && fields ? [[rule.view.name, fields]] : []);
  const definitions = {
    map: (_workspace: number, name: string, version?: number) => force.map(name, version),
  };
  const audience = force.memberships(person, rule, at);
  const facts = factsOf(
    rule,
    { definitions, workspace, person, nowMs: at, views, audience },
    { instance: instanceOf(person, request), event: causeOf(parts, request, event) },
  );
  const isOutOfTime = rule.view !== undefined && fields === undefined;
  return candidateOf(rule, { id: request.id, name: rule.name, isOutOfTime }, facts);
}

function causeOf(
  { readEvent }: JudgeParts,
  { cause }: Request,
  event: SeenEvent | undefined,
): ConditionSubject | undefined {
  if (cause === undefined) return undefined;
  if (event?.stamp !== cause.stamp || event.ordinal !== cause.ordinal) return readEvent(cause);
  const subject = new ConditionSubject();
  subject.become(event);
  return subject;
}

function instanceOf(person: PersonState, { instance }: Request): InstanceState | undefined {
  return person.instances.find(({ id }) => id === instance);
}

/** Its actions are named, not filled in: nobody gets them. */
function saidOf(
  { force }: JudgeParts,
  request: Request,
  verdict: DecisionSaid['verdict'],
): DecisionSaid {
  const { id, instance, journey, rule, version } = request;
  const actions = rule === undefined ? stepActions(force, request) : force.rule(rule)!.actions;
  return {
    request: id,
    version,
    verdict,
    ...(rule !== undefined && { rule }),
    ...(journey !== undefined && { journey }),
    ...(instance !== undefined && { instance }),
    ...(verdict === 'act' && {
      actions: actions.map(({ action }, index) => ({ id: `${id}/${index}`, do: action.do })),
    }),
  };
}

function stepActions(
  force: WorkspaceForce,
  { journey = '', step = 0, version, wait }: Request,
): CompiledStep['actions'] {
  const found = force.map(journey, version)?.steps[step - 1];
  if (wait === undefined) return found?.actions ?? [];
  return found?.waits.find(({ name }) => name === wait)?.actions ?? [];
}

function carryOut(person: PersonState, said: DecisionSaid, at: number): void {
  if (said.verdict !== 'act') return;
  applyDecision(person, said, at);
  for (const { id } of said.actions ?? []) {
    applyDelivery(person, { action: id, outcome: 'delivered' });
  }
}
