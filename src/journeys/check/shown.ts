/** What touchpoints want of a published map: its milestones, and what is done along it. */
import type { Action, JourneyMap, Rule, When } from '../definition.ts';

export interface ShownStep {
  /** 1…n over all stages. */
  readonly step: number;
  readonly name: string;
  readonly stage: string;
  readonly optional?: boolean;
}

/** Something that may be done, and when. */
export interface ShownAction {
  /** Of a step's own, or a wait's. */
  readonly step?: string;
  readonly wait?: string;
  /** Of a rule's that is about the map. */
  readonly rule?: string;
  readonly when?: When;
  readonly action: Action;
}

/** Milestones in order, and the steps that they and everything else are told by. */
export function milestonesOf(map: JourneyMap): {
  readonly milestones: readonly { readonly name: string; readonly step?: string }[];
  readonly steps: readonly ShownStep[];
} {
  const steps = map.stages.flatMap((stage) =>
    stage.steps.map(({ name, optional }) => ({
      ...{ name, stage: stage.name },
      ...(optional === true && { optional }),
    })),
  );
  return {
    milestones: (map.milestones ?? []).map(({ name, step }) => ({
      name,
      ...(step !== undefined && { step }),
    })),
    steps: steps.map((each, index) => ({ step: index + 1, ...each })),
  };
}

/** @param rules those in force, as JSON; the ones about other maps are left out. */
export function actionsOf(
  name: string,
  { stages }: JourneyMap,
  rules: readonly { readonly name: string; readonly text: string }[],
): ShownAction[] {
  const own = stages
    .flatMap(({ steps }) => steps)
    .flatMap(({ actions, name: step, waits }): ShownAction[] => [
      ...(actions ?? []).map((action) => ({ step, action })),
      ...(waits ?? []).flatMap((wait) =>
        (wait.actions ?? []).map((action) => ({ step, wait: wait.name, action })),
      ),
    ]);
  const about = rules.flatMap(({ name: rule, text }): ShownAction[] => {
    const { journey, then, when } = JSON.parse(text) as Rule;
    return journey === name ? then.map((action) => ({ rule, when, action })) : [];
  });
  return [...own, ...about];
}
