/** What a rule means: members that need each other, times in order. */
import { parseTime } from '../../event/time.ts';
import type { Rule } from '../definition.ts';
import { checkContextSkills } from './action.ts';
import type { Faults } from './faults.ts';

/** @param rule of the shape of one. */
export function checkRuleMeaning(rule: Rule, faults: Faults): void {
  checkJourney(rule, faults);
  const { quietHours, from, to } = rule;
  if (quietHours !== undefined && quietHours.from === quietHours.to) {
    faults.add('quietHours.to', 'is the same as quietHours.from', 'quiet hours need a length');
  }
  if (from !== undefined && to !== undefined && parseTime(from) >= parseTime(to)) {
    faults.add('to', 'must be later than from');
  }
  for (const [index, { scope }] of (rule.caps ?? []).entries()) {
    if (scope !== 'category' || rule.category !== undefined) continue;
    faults.add(`caps[${index}].scope`, 'needs the rule to have a category', 'say "category": …');
  }
  checkWhen(rule, faults);
}

function checkJourney({ journey, perInstanceMax, then, when }: Rule, faults: Faults): void {
  if (journey !== undefined) return;
  const hint = 'name the map that the rule is about: "journey": …';
  for (const member of ['beyondStep', 'instance'] as const) {
    if (member in when) faults.add(`when.${member}`, 'needs a journey', hint);
  }
  if (perInstanceMax !== undefined) faults.add('perInstanceMax', 'needs a journey', hint);
  checkContextSkills(then, 'then', faults);
}

function checkWhen({ view, when }: Rule, faults: Faults): void {
  if ('view' in when && view !== undefined && view !== when.view) {
    faults.add(
      'view',
      'is another view than that of when',
      'a rule asks for one view; leave it out',
    );
  }
  if ('instance' in when && when.name !== undefined && !/^(step|milestone)$/.test(when.instance)) {
    faults.add(
      'when.name',
      `means nothing for ${when.instance}`,
      'steps and milestones have names',
    );
  }
  if ('after' in when) {
    const { after, without } = when;
    const isSame = ['event', 'channel', 'where'].every(
      (member) => after[member as 'event'] === without[member as 'event'],
    );
    if (isSame) faults.add('when.without', 'is the same as when.after', 'it would always be there');
  }
}
