/** What a journey map means: names that have to be there, steps that can be reached, waits that do something. */
import type { JourneyMap, Kpi, Stage, Wait } from '../definition.ts';
import { type Faults, nearest } from './faults.ts';
import { stepsMax } from './limits.ts';

/** @param map of the shape of one. @param name what it is called. */
export function checkMapMeaning(map: JourneyMap, name: string, faults: Faults): void {
  const steps = map.stages.flatMap(({ steps }) => steps.map(({ name }) => name));
  if (steps.length > stepsMax) {
    faults.add(
      'stages',
      `may have at most ${stepsMax} steps together`,
      `they have ${steps.length}`,
    );
    return;
  }
  checkNames(map, faults);
  for (const [at, stage] of map.stages.entries()) {
    checkStage(stage, `stages[${at}]`, steps, faults);
    checkNested(stage, `stages[${at}]`, name, faults);
  }
  checkReach(map, faults);
  checkMilestones(map, steps, faults);
  for (const [index, { keyed }] of (map.exits ?? []).entries()) {
    if (keyed !== true || map.key !== undefined) continue;
    faults.add(`exits[${index}].keyed`, 'needs the map to have a key', 'say "key": "order.id"');
  }
  checkAnnounces(map, faults);
  for (const [index, kpi] of (map.kpis ?? []).entries()) {
    checkKpi(kpi, `kpis[${index}]`, map, steps, faults);
  }
}

function checkNames(map: JourneyMap, faults: Faults): void {
  const { kpis, milestones, stages } = map;
  unique(
    stages.map(({ name }, at) => ({ name, place: `stages[${at}].name` })),
    faults,
  );
  unique(
    stages.flatMap(({ steps }, at) =>
      steps.map(({ name }, index) => ({ name, place: `stages[${at}].steps[${index}].name` })),
    ),
    faults,
  );
  for (const [member, list] of Object.entries({ milestones, kpis })) {
    unique(
      (list ?? []).map(({ name }, index) => ({ name, place: `${member}[${index}].name` })),
      faults,
    );
  }
}

function unique(
  names: readonly { readonly name: string; readonly place: string }[],
  faults: Faults,
): void {
  const placeOf = new Map<string, string>();
  for (const { name, place } of names) {
    const taken = placeOf.get(name);
    if (taken === undefined) placeOf.set(name, place);
    else faults.add(place, `is the same as ${taken}`, 'give each a name of its own');
  }
}

function checkStage(stage: Stage, place: string, known: readonly string[], faults: Faults): void {
  for (const [at, { name, waits }] of stage.steps.entries()) {
    const where = `${place}.steps[${at}]`;
    unique(
      (waits ?? []).map((wait, index) => ({
        name: wait.name,
        place: `${where}.waits[${index}].name`,
      })),
      faults,
    );
    for (const [index, wait] of (waits ?? []).entries()) {
      checkWait(wait, `${where}.waits[${index}]`, known, faults);
      if (wait.thenStep !== name) continue;
      faults.add(`${where}.waits[${index}].thenStep`, 'leads back to its own step', 'name another');
    }
  }
}

/** Circles over several maps are looked for when one comes into force (`workspaces/definitionfit.ts`). */
function checkNested({ steps }: Stage, place: string, name: string, faults: Faults): void {
  for (const [at, { journey }] of steps.entries()) {
    if (journey !== name) continue;
    faults.add(`${place}.steps[${at}].journey`, 'is the map itself', 'name another map');
  }
}

function checkWait(wait: Wait, place: string, known: readonly string[], faults: Faults): void {
  if ((wait.for === undefined) === (wait.until === undefined)) {
    const hint =
      'a wait ends after a time ("for": "30s") or at one ("until": {"at": "09:00", "zone": "UTC"})';
    faults.add(place, 'must have exactly one of for and until', hint);
  }
  if (wait.thenStep === undefined && wait.actions === undefined) {
    faults.add(place, 'does nothing when its time is up', 'give it thenStep or actions');
  }
  if (wait.thenStep !== undefined)
    knownName(wait.thenStep, `${place}.thenStep`, 'step', known, faults);
}

function knownName(
  name: string,
  place: string,
  what: string,
  known: readonly string[],
  faults: Faults,
): void {
  if (known.includes(name)) return;
  const near = nearest(name, known);
  const shown = known.slice(0, 20).map((each) => JSON.stringify(each));
  const there = known.length === 0 ? 'there is none' : `there are ${shown.join(', ')}`;
  const hint = near === undefined ? there : `did you mean ${JSON.stringify(near)}?`;
  faults.add(place, `names ${what === 'audience' ? 'an' : 'a'} ${what} that is not there`, hint);
}

/**
 * Steps that nothing leads to. The first one is entered when an instance starts, unless something else
 * leads there.
 */
function checkReach({ stages }: JourneyMap, faults: Faults): void {
  const all = stages.flatMap(({ steps }, at) =>
    steps.map((step, index) => ({ step, place: `stages[${at}].steps[${index}]` })),
  );
  const led = new Set<string>();
  const open = all.filter(({ step }, index) => {
    if (step.on !== undefined || step.journey !== undefined) return true;
    return index === 0 && isEnteredAtStart(stages);
  });
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    led.add(next.step.name);
    const onward = (next.step.waits ?? []).map(({ thenStep }) => thenStep);
    open.push(...all.filter(({ step }) => onward.includes(step.name) && !led.has(step.name)));
  }
  for (const { place, step } of all) {
    if (led.has(step.name)) continue;
    const hint = 'give it `on`, or let a wait of another step lead there (thenStep)';
    faults.add(place, 'can never be entered', hint);
  }
}

/** Whether an instance starts in the first step: when nothing else leads there. */
export function isEnteredAtStart(stages: readonly Stage[]): boolean {
  const { journey, name, on } = stages[0]!.steps[0]!;
  if (on !== undefined || journey !== undefined) return false;
  const waits = stages.flatMap(({ steps }) => steps.flatMap((step) => step.waits ?? []));
  return !waits.some(({ thenStep }) => thenStep === name);
}

function checkMilestones(
  { milestones }: JourneyMap,
  steps: readonly string[],
  faults: Faults,
): void {
  for (const [index, { on, step }] of (milestones ?? []).entries()) {
    const place = `milestones[${index}]`;
    if (on === undefined && step === undefined) {
      faults.add(place, 'can never be reached', 'give it `step`, or `on`');
    }
    if (step !== undefined) knownName(step, `${place}.step`, 'step', steps, faults);
  }
}

function checkAnnounces({ announces = [], audiences = {} }: JourneyMap, faults: Faults): void {
  for (const [index, name] of announces.entries()) {
    knownName(name, `announces[${index}]`, 'audience', Object.keys(audiences), faults);
  }
  unique(
    announces.map((name, index) => ({ name, place: `announces[${index}]` })),
    faults,
  );
}

const kpiMembers = {
  completionRate: [],
  timeToComplete: [],
  milestoneRate: ['milestone'],
  dropOff: ['step'],
} as const satisfies Record<Kpi['type'], readonly ('milestone' | 'step')[]>;

function checkKpi(
  kpi: Kpi,
  place: string,
  { milestones }: JourneyMap,
  steps: readonly string[],
  faults: Faults,
): void {
  const known = { step: steps, milestone: (milestones ?? []).map(({ name }) => name) };
  const wanted: readonly string[] = kpiMembers[kpi.type];
  for (const member of ['milestone', 'step'] as const) {
    const name = kpi[member];
    const isWanted = wanted.includes(member);
    if (name === undefined) {
      if (isWanted) faults.add(`${place}.${member}`, `is required for ${kpi.type}`);
    } else if (!isWanted) faults.add(`${place}.${member}`, `means nothing for ${kpi.type}`);
    else knownName(name, `${place}.${member}`, member, known[member], faults);
  }
}
