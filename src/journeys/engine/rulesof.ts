/**
 * Rules that wait for events: something came, something came whose view may say so, something did not come.
 * A rule about a map is about those instances of it that the event is about, each by itself.
 */
import type { CompiledRule, CompiledTrigger } from '../compile/compiled.ts';
import { isMeant } from '../compile/trigger.ts';
import type { InstanceState } from '../state.ts';
import type { Asking } from './force.ts';
import type { Moment } from './moment.ts';
import { isAbout } from './react.ts';
import { askRule, latenessOf, placeOf } from './requests.ts';
import { absenceIds, arm, armPerson, disarm, disarmPerson, isOpen } from './timers.ts';

/** Undefined: the customer, whatever instances there are. */
type Subject = InstanceState | undefined;

/** Thread of one event through the rules, after the instances have moved. */
export function reactRules(moment: Moment, type: string): void {
  const { event, force } = moment;
  const { after, events, views, without } = force.listeners(type);
  if (after.length + events.length + views.length + without.length === 0) return;
  const mark = placeOf(moment.cause);
  const ask = (rule: CompiledRule, trigger?: CompiledTrigger): void => {
    for (const instance of subjectsOf(moment, rule, trigger)) {
      if (isActive(instance)) askRule(moment, rule, { mark, event, instance });
    }
  };
  for (const { rule, trigger } of events) ask(rule, trigger);
  // What the view says is looked at when it is decided.
  for (const rule of views) ask(rule);
  // What ends a silence comes before what begins one: an event may be both.
  for (const asking of without) endWaits(moment, asking);
  for (const asking of after) beginWaits(moment, asking);
}

/** Whom the event is about, as a rule's trigger has it. */
function subjectsOf(moment: Moment, rule: CompiledRule, trigger?: CompiledTrigger): Subject[] {
  const { instances } = moment.person;
  const own = instances.filter((each) => {
    return each.journey === rule.journey && isOpen(each) && isAbout(moment, each);
  });
  const subjects: Subject[] = rule.journey === undefined ? [undefined] : own;
  if (trigger === undefined) return subjects;
  return subjects.filter((each) => isMeant(trigger, moment.factsOf(rule, each)));
}

function isActive(subject: Subject): boolean {
  return subject === undefined || subject.status === 'active';
}

/** What came has come, also while an instance is paused. */
function endWaits(moment: Moment, { rule, trigger }: Asking): void {
  for (const instance of subjectsOf(moment, rule, trigger)) {
    for (const id of waitsOf(moment, rule, instance)) {
      if (instance === undefined) disarmPerson(moment.person, id);
      else disarm(instance, id);
    }
  }
}

/** The first event counts; another one while the rule waits changes nothing. */
function beginWaits(moment: Moment, { rule, trigger }: Asking): void {
  const { when } = rule;
  if (when.kind !== 'absence' || moment.isSilent(latenessOf(moment, rule))) return;
  const due = moment.at + when.withinMs;
  for (const instance of subjectsOf(moment, rule, trigger)) {
    if (!isActive(instance) || waitsOf(moment, rule, instance).length > 0) continue;
    const id = `${absenceIds(rule.name, instance)}${placeOf(moment.cause)}`;
    if (instance === undefined) armPerson(moment.person, id, due);
    else arm(instance, id, due);
  }
}

/** Ids of the timers that a rule has about it. */
function waitsOf({ person }: Moment, { name }: CompiledRule, instance: Subject): string[] {
  const timers = instance === undefined ? person.timers : instance.timers;
  const prefix = absenceIds(name, instance);
  return timers.map(({ id }) => id).filter((id) => id.startsWith(prefix));
}

/** The other event did not come. @param rest of the timer's id: the rule, and where the first event stands. */
export function absenceDue(moment: Moment, rest: string, instance?: InstanceState): void {
  const slash = rest.lastIndexOf('/');
  const rule = moment.force.rule(rest.slice(0, slash));
  if (rule?.when.kind !== 'absence' || rule.journey !== instance?.journey) return;
  const mark = rest.slice(slash + 1);
  const [stamp, ordinal] = mark.split('.').map((digits) => Number.parseInt(digits, 36));
  askRule(moment, rule, { mark, instance, event: { stamp: stamp!, ordinal: ordinal! } });
}
