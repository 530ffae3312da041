/** Rules that wait for events: something came, something came whose view may say so, something did not come. */
import { isMeant } from '../compile/trigger.ts';
import type { PersonState } from '../state.ts';
import type { Asking } from './force.ts';
import type { Moment } from './moment.ts';
import { askAbout, latenessMsDefault, placeOf } from './requests.ts';
import { armPerson } from './timers.ts';

/** Thread of one event through the rules, after the instances have moved. */
export function reactRules(moment: Moment, type: string): void {
  const { event, force } = moment;
  const { after, events, views, without } = force.listeners(type);
  const mark = placeOf(moment.cause);
  for (const asking of events) {
    if (isRuleMeant(moment, asking)) askAbout(moment, asking.rule, { mark, event });
  }
  for (const rule of views) askAbout(moment, rule, { mark, event });
  // What ends a silence comes before what begins one: an event may be both.
  for (const asking of without) if (isRuleMeant(moment, asking)) endWait(moment.person, asking);
  for (const asking of after) if (isRuleMeant(moment, asking)) beginWait(moment, asking);
}

function isRuleMeant(moment: Moment, { rule, trigger }: Asking): boolean {
  if (rule.journey === undefined) return isMeant(trigger, moment.factsOf(rule));
  return moment.person.instances.some((instance) => {
    if (instance.journey !== rule.journey || instance.status !== 'active') return false;
    return isMeant(trigger, moment.factsOf(rule, instance));
  });
}

function endWait(person: PersonState, { rule }: Asking): void {
  const prefix = `n/${rule.name}/`;
  person.timers = person.timers.filter(({ id }) => !id.startsWith(prefix));
}

/** The first event counts; another one while the rule waits changes nothing. */
function beginWait(moment: Moment, { rule }: Asking): void {
  const { when } = rule;
  if (when.kind !== 'absence' || moment.isSilent(latenessMsDefault)) return;
  const prefix = `n/${rule.name}/`;
  if (moment.person.timers.some(({ id }) => id.startsWith(prefix))) return;
  armPerson(moment.person, `${prefix}${placeOf(moment.cause)}`, moment.at + when.withinMs);
}

/** The other event did not come. @param rest of the timer's id: the rule, and where the first event stands. */
export function absenceDue(moment: Moment, rest: string): void {
  const slash = rest.lastIndexOf('/');
  const rule = moment.force.rule(rest.slice(0, slash));
  if (rule?.when.kind !== 'absence') return;
  const mark = rest.slice(slash + 1);
  const [stamp, ordinal] = mark.split('.').map((digits) => Number.parseInt(digits, 36));
  askAbout(moment, rule, { mark, event: { stamp: stamp!, ordinal: ordinal! } });
}
