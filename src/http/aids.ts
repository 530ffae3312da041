/** What helps whoever designs maps and rules: counters, dry runs over the past, and why something happened or did not. */

import { parseTime } from '../event/time.ts';
import type { CountsKind } from '../journeys/aids/asks.ts';
import type { DryRunAnswer, DryRunAsk } from '../journeys/aids/dryrun.ts';
import { type Chosen, Gathering, pastOf } from '../journeys/aids/gather.ts';
import { kpisOf } from '../journeys/aids/kpis.ts';
import { type MapTally, unsaidOf } from '../journeys/aids/tally.ts';
import type { JourneyMap } from '../journeys/definition.ts';
import { AppError } from '../std/errors.ts';
import { checkDefinitionName } from '../workspaces/definition.ts';
import type { DryRunWish } from './aidschemas.ts';
import { checkDryRunWish } from './check.ts';
import type { Front } from './context.ts';
import { customerOf } from './names.ts';
import { jsonReply, type Reply } from './reply.ts';
import type { Route, RouteRequest } from './route.ts';

const bodyBytesMax = 512 * 1024;
const dayMs = 24 * 60 * 60 * 1000;
/** How far back a dry run goes, when nothing is said, and at most. */
export const dryRunMsDefault = 30 * dayMs;
export const dryRunMsMax = 366 * dayMs;

export const aidRoutes: readonly Route[] = [
  {
    method: 'get',
    path: '/v1/journeys/{name}/counts',
    scope: 'read',
    query: [],
    handle: (request, front) => readCounts(request, front, 'journey'),
  },
  {
    method: 'get',
    path: '/v1/rules/{name}/counts',
    scope: 'read',
    query: [],
    handle: (request, front) => readCounts(request, front, 'rule'),
  },
  {
    method: 'post',
    path: '/v1/journeys/{name}/dry-run',
    scope: 'admin',
    query: [],
    bodyBytesMax,
    handle: tryJourney,
  },
  {
    method: 'post',
    path: '/v1/rules/{name}/dry-run',
    scope: 'admin',
    query: [],
    bodyBytesMax,
    handle: tryRule,
  },
  {
    method: 'get',
    path: '/v1/customers/{customer}/journeys/{instance}/trace',
    scope: 'read',
    query: [],
    handle: readTrace,
  },
];

async function readCounts(request: RouteRequest, front: Front, kind: CountsKind): Promise<Reply> {
  const name = request.param('name');
  checkDefinitionName(kind, name);
  const { workspace } = request.credential;
  const record = front.directory.definition(workspace, kind, name);
  if (record === undefined) throw new AppError('not_found', `there is no ${kind} '${name}'`);
  const after = front.issued();
  const found = await front.engine({ kind: 'counts', after, workspace, definition: kind, name });
  const versions = found.versions.map(({ tally, version }) => {
    const unsaid = unsaidOf(tally);
    if (kind === 'rule') return { version, ...tally, unsaid };
    const text = record.versions.find((each) => each.version === version)?.text;
    const map = mapOf(text);
    const kpis = map === undefined ? [] : kpisOf(map, tally as MapTally);
    return { version, ...shownTally(tally as MapTally, namesOf(map)), unsaid, kpis };
  });
  const responses = kind === 'rule' ? { responses: found.responses } : {};
  return jsonReply(200, { name, versions, ...responses });
}

function mapOf(text: string | undefined): JourneyMap | undefined {
  return text === undefined ? undefined : (JSON.parse(text) as JourneyMap);
}

/** Names of steps, by ordinal. */
function namesOf(map: JourneyMap | undefined): readonly string[] {
  return (map?.stages ?? []).flatMap(({ steps }) => steps.map(({ name }) => name));
}

/** Steps as a list with their names: of a version that is gone the number has to do. */
function shownTally({ steps, ...rest }: MapTally, names: readonly string[]): object {
  const ordinals = new Set([...names.keys()].map((index) => index + 1));
  for (const ordinal of Object.keys(steps)) ordinals.add(Number(ordinal));
  const none = { entered: 0, completed: 0, here: 0, left: 0 };
  const shown = [...ordinals]
    .sort((a, b) => a - b)
    .map((step) => ({ step, name: names[step - 1] ?? String(step), ...(steps[step] ?? none) }));
  return { ...rest, steps: shown };
}

function tryJourney(request: RouteRequest, front: Front): Promise<Reply> {
  const name = request.param('name');
  checkDefinitionName('journey', name);
  const wish = wishOf(request);
  if (wish.rule !== undefined) throw new AppError('invalid', 'rule: name rules under rules here');
  const gathering = new Gathering(front.directory, request.credential.workspace);
  gathering.addMap(chosenOf(name, wish.map, wish));
  if (wish.rules === undefined) gathering.addRulesAbout(name);
  for (const rule of wish.rules ?? []) gathering.addRule({ name: rule });
  return answerDryRun(request, front, wish, gathering);
}

function tryRule(request: RouteRequest, front: Front): Promise<Reply> {
  const name = request.param('name');
  checkDefinitionName('rule', name);
  const wish = wishOf(request);
  const gathering = new Gathering(front.directory, request.credential.workspace);
  if (wish.map !== undefined) gathering.addMap({ name: mapNameOf(wish), value: wish.map });
  gathering.addRule(chosenOf(name, wish.rule, wish));
  for (const rule of wish.rules ?? []) gathering.addRule({ name: rule });
  return answerDryRun(request, front, wish, gathering);
}

/** A map that is not stored is the one that the rule names. */
function mapNameOf({ rule }: DryRunWish): string {
  const journey = (rule as { readonly journey?: unknown } | undefined)?.journey;
  if (typeof journey === 'string') return journey;
  throw new AppError('invalid', 'map is for a rule in the body that names it as its journey');
}

function wishOf(request: RouteRequest): DryRunWish {
  return request.body.length === 0 ? {} : checkDryRunWish(request.json());
}

function chosenOf(name: string, value: unknown, { draft, version }: DryRunWish): Chosen {
  const named = [value, draft, version].filter((each) => each !== undefined);
  if (named.length > 1) {
    throw new AppError('invalid', 'say one of: a definition, draft, version');
  }
  return {
    name,
    ...(value !== undefined && { value }),
    ...(draft !== undefined && { draft }),
    ...(version !== undefined && { version }),
  };
}

async function answerDryRun(
  { credential }: RouteRequest,
  front: Front,
  wish: DryRunWish,
  { gathered }: Gathering,
): Promise<Reply> {
  const span = spanOf(wish, front.clock.now());
  const { workspace } = credential;
  const ask: DryRunAsk = { workspace, sample: wish.sample ?? 100, ...span, ...gathered };
  return jsonReply(200, shownDryRun(ask, await front.dryRun(ask)));
}

function spanOf(wish: DryRunWish, now: number): { readonly from: number; readonly until: number } {
  const until = timeOf(wish.until, 'until') ?? now;
  const from = timeOf(wish.from, 'from') ?? until - dryRunMsDefault;
  if (from >= until) throw new AppError('invalid', 'from must be before until');
  if (until - from > dryRunMsMax) throw new AppError('invalid', 'a dry run is of at most 366 days');
  return { from, until };
}

function timeOf(value: string | number | undefined, member: string): number | undefined {
  if (value === undefined) return undefined;
  const time = typeof value === 'number' ? value : parseTime(value);
  if (Number.isSafeInteger(time)) return time;
  throw new AppError('invalid', `${member} must be an RFC 3339 time or epoch milliseconds`);
}

function shownDryRun({ maps }: DryRunAsk, answer: DryRunAnswer): object {
  const journeys = Object.entries(answer.journeys).map(([name, { tally, timing, ...rest }]) => {
    const names = namesOf(mapOf(maps.find((map) => map.name === name)?.text));
    const steps = Object.entries(timing.steps).map(([step, times]) => {
      return { step: Number(step), name: names[Number(step) - 1], ...times };
    });
    const shown = { ...shownTally(tally, names), timing: { ...timing, steps }, ...rest };
    return [name, shown] as const;
  });
  const rules = Object.entries(answer.rules).map(([name, { tally, ...rest }]) => {
    return [name, { ...tally, ...rest }] as const;
  });
  return { ...answer, journeys: Object.fromEntries(journeys), rules: Object.fromEntries(rules) };
}

async function readTrace(request: RouteRequest, front: Front): Promise<Reply> {
  const customer = customerOf(request);
  const instance = request.param('instance');
  const { workspace } = request.credential;
  const after = front.issued();
  const known = await front.engine({ kind: 'instances', after, workspace, customer });
  const found = known.instances.find(({ id }) => id === instance);
  if (found === undefined) throw new AppError('not_found', 'the customer has no such instance');
  const past = pastOf(front.directory, workspace, found.journey);
  const now = front.clock.now();
  const traced = await front.trace({ workspace, customer, instance, now, ...past });
  const { complete, entries, isCut, rules } = traced;
  return jsonReply(200, {
    ...{ customer, instance, journey: found.journey, version: found.version },
    ...{ status: found.status, complete, truncated: isCut, entries, rules },
  });
}
