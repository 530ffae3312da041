/** Everything that a dry run does, each thing written down where it belongs. */
import type { CompiledMap, CompiledRule } from '../compile/compiled.ts';
import type { Happening } from '../engine/happening.ts';
import type { SeenEvent } from '../engine/moment.ts';
import type { PersonState } from '../state.ts';
import type { Judged } from './judge.ts';
import { type About, MapDiary, type MapReport, RuleDiary, type RuleReport } from './report.ts';
import type { TrialObserver } from './trial.ts';

export class Diaries implements TrialObserver {
  readonly #maps: ReadonlyMap<string, MapDiary>;
  readonly #rules: ReadonlyMap<string, RuleDiary>;

  constructor(maps: readonly CompiledMap[], rules: readonly CompiledRule[]) {
    this.#maps = new Map(maps.map(({ name }) => [name, new MapDiary()]));
    this.#rules = new Map(rules.map(({ name }) => [name, new RuleDiary()]));
  }

  happened(person: PersonState, happening: Happening, event: SeenEvent | undefined): void {
    const about: About = { customer: person.name, event };
    if (happening.kind === 'instance') {
      this.#maps.get(happening.instance.journey)?.noteInstance(happening, about);
    }
    if (happening.kind !== 'request') return;
    const { journey, rule } = happening.request;
    if (rule !== undefined) this.#rules.get(rule)?.noteRequest();
    else if (journey !== undefined) this.#maps.get(journey)?.noteRequest();
  }

  judged(person: PersonState, judged: Judged, at: number, event: SeenEvent | undefined): void {
    const about: About = { customer: person.name, event };
    const { detail, said } = judged;
    if (said.rule !== undefined) this.#rules.get(said.rule)?.noteDecision(said, at, about, detail);
    else this.#maps.get(said.journey ?? '')?.noteDecision(said, at, about);
  }

  reports(): {
    readonly journeys: Readonly<Record<string, MapReport>>;
    readonly rules: Readonly<Record<string, RuleReport>>;
  } {
    return { journeys: reportsOf(this.#maps), rules: reportsOf(this.#rules) };
  }
}

function reportsOf<Report>(
  diaries: ReadonlyMap<string, { report(): Report }>,
): Record<string, Report> {
  return Object.fromEntries([...diaries].map(([name, diary]) => [name, diary.report()]));
}
