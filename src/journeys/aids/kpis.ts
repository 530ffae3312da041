/**
 * Measures of a map, worked out of what was counted of one version of it.
 *
 *     completionRate   completed ÷ started                       of instances, 0–1
 *     milestoneRate    reached the milestone ÷ started           0–1
 *     dropOff          entered the step and did not go beyond it ÷ entered it; those that are there now
 *                      have not dropped off                      0–1
 *     timeToComplete   mean of the completed ones                milliseconds
 *
 * Nothing divided by nothing is null, not 0.
 */
import type { JourneyMap, Kpi } from '../definition.ts';
import type { MapTally } from './tally.ts';

export interface KpiAnswer {
  readonly name: string;
  readonly type: Kpi['type'];
  readonly value: number | null;
  readonly target?: number;
  /** At least the target, or at most (`dropOff`, `timeToComplete`); null while there is no value. */
  readonly isMet?: boolean | null;
}

export function kpisOf({ kpis = [], stages }: JourneyMap, tally: MapTally): readonly KpiAnswer[] {
  const names = stages.flatMap(({ steps }) => steps.map(({ name }) => name));
  return kpis.map((kpi) => {
    const { name, target, type } = kpi;
    const value = valueAt(kpi, names, tally);
    if (target === undefined) return { name, type, value };
    const isLess = type === 'dropOff' || type === 'timeToComplete';
    const isMet = value === null ? null : isLess ? value <= target : value >= target;
    return { name, type, value, target, isMet };
  });
}

function valueAt(kpi: Kpi, names: readonly string[], tally: MapTally): number | null {
  switch (kpi.type) {
    case 'completionRate':
      return ratio(tally.completed, tally.started);
    case 'milestoneRate':
      return ratio(tally.milestones[kpi.milestone!] ?? 0, tally.started);
    case 'dropOff': {
      const { entered = 0, here = 0, left = 0 } = tally.steps[names.indexOf(kpi.step!) + 1] ?? {};
      return ratio(entered - here - left, entered - here);
    }
    case 'timeToComplete':
      return ratio(tally.completedMs ?? 0, tally.completed);
  }
}

function ratio(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}
