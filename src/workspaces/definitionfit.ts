/**
 * Whether the maps and rules of a workspace fit together: what one names is there, and nothing goes round
 * in circles by itself. Looked at when one comes into force, with all that are.
 */
import { AppError } from '../std/errors.ts';
import {
  type DefinitionKind,
  type DefinitionRecord,
  type Outline,
  type OutlineLink,
  type Reference,
  versionOf,
} from './definition.ts';
import type { ViewRecord } from './types.ts';

/** What there is in a workspace. */
export interface Surroundings {
  readonly definitions: Iterable<DefinitionRecord>;
  readonly views: ReadonlyMap<string, ViewRecord>;
  readonly webhooks: ReadonlyMap<string, unknown>;
}

/** A map or rule as it would be in force. */
export interface Fitting {
  readonly kind: DefinitionKind;
  readonly name: string;
  readonly outline: Outline;
}

/**
 * @throws AppError invalid, with the place in the new one, when it does not fit; conflict when another
 *   names what it would no longer have.
 */
export function checkFits(fresh: Fitting, around: Surroundings): void {
  const others = [...around.definitions].filter(
    ({ kind, name }) => kind !== fresh.kind || name !== fresh.name,
  );
  const journeys = new Map<string, Outline>();
  for (const each of others) {
    const known = each.kind === 'journey' ? versionOf(each) : undefined;
    if (known !== undefined) journeys.set(each.name, known.outline);
  }
  if (fresh.kind === 'journey') journeys.set(fresh.name, fresh.outline);
  refuseNested(fresh, journeys);
  const inForce = others.flatMap(fittingOf);
  for (const asked of fresh.outline.asks) {
    const missing = missingOf(asked, journeys, around);
    if (missing !== undefined) throw new AppError('invalid', `${asked.place}: ${missing}`);
  }
  for (const { kind, name, outline } of inForce) {
    for (const asked of outline.asks) {
      const missing = mapOf(asked) === fresh.name ? missingOf(asked, journeys, around) : undefined;
      if (missing === undefined) continue;
      throw new AppError(
        'conflict',
        `the ${kind} '${name}' would not fit any more (${asked.place}): ${missing}`,
      );
    }
  }
  refuseCircles(fresh, [...inForce, fresh], around.views);
}

/** A map that is a step of itself, by way of others, could never be completed. @throws AppError invalid. */
function refuseNested({ name, outline }: Fitting, journeys: ReadonlyMap<string, Outline>): void {
  const seen = new Set<string>();
  const ways = stepsIn(outline).map((step) => [step]);
  for (let way = ways.pop(); way !== undefined; way = ways.pop()) {
    const last = way.at(-1)!;
    if (last.name === name) {
      const shown = [name, ...way.map((step) => step.name)].join(' → ');
      throw new AppError('invalid', `${way[0]!.place}: is a step of itself by way of ${shown}`);
    }
    if (seen.has(last.name)) continue;
    seen.add(last.name);
    const further = journeys.get(last.name);
    if (further === undefined) continue;
    for (const step of stepsIn(further)) ways.push([...way, step]);
  }
}

function stepsIn({ asks }: Outline): { readonly place: string; readonly name: string }[] {
  return asks.flatMap((asked) => (asked.what === 'journey' && asked.isStep ? [asked] : []));
}

/** Who in force names a map. */
export function whoNames(journey: string, definitions: Iterable<DefinitionRecord>): Fitting[] {
  return [...definitions].flatMap(fittingOf).filter(({ kind, name, outline }) => {
    const isItself = kind === 'journey' && name === journey;
    return !isItself && outline.asks.some((asked) => mapOf(asked) === journey);
  });
}

/** @throws AppError conflict when a map or rule in force asks for the view. */
export function refuseNamedView(view: string, definitions: Iterable<DefinitionRecord>): void {
  for (const { kind, name, outline } of [...definitions].flatMap(fittingOf)) {
    const asked = outline.asks.find((each) => each.what === 'view' && each.name === view);
    if (asked === undefined) continue;
    const message = `the ${kind} '${name}' names it (${asked.place}); change that first`;
    throw new AppError('conflict', message);
  }
}

function fittingOf(record: DefinitionRecord): Fitting[] {
  if (record.current === 0) return [];
  return [{ kind: record.kind, name: record.name, outline: versionOf(record)!.outline }];
}

/** The map that something is of, or is. */
function mapOf(asked: Reference): string | undefined {
  if (asked.what === 'journey') return asked.name;
  return 'of' in asked && asked.what !== 'field' ? asked.of : undefined;
}

/** Why something that is named is not there; undefined when it is. */
function missingOf(
  asked: Reference,
  journeys: ReadonlyMap<string, Outline>,
  { views, webhooks }: Surroundings,
): string | undefined {
  switch (asked.what) {
    case 'journey':
      if (journeys.has(asked.name)) return undefined;
      return `no journey '${asked.name}' is published; publish it first`;
    case 'view':
      return views.has(asked.name) ? undefined : `there is no view '${asked.name}'; put it first`;
    case 'shown': {
      const fields = views.get(asked.name)?.template.fields;
      if (fields === undefined || fields.some(({ event }) => event !== '*')) return undefined;
      return `the view '${asked.name}' shows events of every type (*), so none says when to look at it; name types in its fields`;
    }
    case 'webhook':
      if (webhooks.has(asked.name)) return undefined;
      return `there is no webhook '${asked.name}'; put it first`;
    case 'field': {
      const fields = (views.get(asked.of)?.template.fields ?? []).map(({ name }) => name);
      return fields.includes(asked.name)
        ? undefined
        : absent('view', asked.of, 'field', asked.name, fields);
    }
    case 'step':
    case 'stage':
    case 'milestone':
    case 'audience':
      return missingInMap(asked, journeys.get(asked.of)?.offers);
  }
}

function missingInMap(
  asked: Exclude<Reference, { what: 'journey' | 'view' | 'webhook' | 'shown' | 'field' }>,
  offers: Outline['offers'],
): string | undefined {
  // That there is no such map is told where the map is named.
  if (offers === undefined) return undefined;
  if (typeof asked.name === 'number') {
    const count = offers.steps.length;
    if (asked.name < count) return undefined;
    return `no step comes after step ${asked.name}: the journey '${asked.of}' has ${count}`;
  }
  const known = offers[`${asked.what}s`];
  return known.includes(asked.name)
    ? undefined
    : absent('journey', asked.of, asked.what, asked.name, known);
}

function absent(
  whole: string,
  name: string,
  part: string,
  wanted: string,
  known: readonly string[],
): string {
  const shown = known.slice(0, 20).map((each) => JSON.stringify(each));
  const there = known.length === 0 ? 'it has none' : `there are ${shown.join(', ')}`;
  return `the ${whole} '${name}' has no ${part} ${JSON.stringify(wanted)}; ${there}`;
}

interface Node extends OutlineLink {
  readonly label: string;
}

/** @throws AppError invalid when something would go on for ever through what is new. */
function refuseCircles(
  fresh: Fitting,
  all: readonly Fitting[],
  views: ReadonlyMap<string, ViewRecord>,
): void {
  const nodes = all.flatMap(({ kind, name, outline }): Node[] =>
    outline.links.map((link) => ({ ...link, label: `${kind} '${name}' ${link.place}` })),
  );
  const circle = findCircle(nodes, (word) => wordsOfView(word, views));
  if (circle === undefined) return;
  const own = circle.findIndex(({ label }) => label.startsWith(`${fresh.kind} '${fresh.name}' `));
  const turned = [...circle.slice(Math.max(own, 0)), ...circle.slice(0, Math.max(own, 0))];
  const { hint, message } = circleSentence(turned.map(({ label }) => label));
  throw new AppError('invalid', `${turned[0]!.place}: ${message}; ${hint}`);
}

/** @param labels of what follows one another; the first follows the last. */
export function circleSentence(labels: readonly string[]): {
  readonly message: string;
  readonly hint: string;
} {
  const way = [...labels.slice(0, 10), labels.length > 10 ? '…' : labels[0]].join(' → ');
  return {
    message: `goes round in circles by itself (${way})`,
    hint: 'break the circle, or give a rule in it a cooldown, or a cap of scope rule or all',
  };
}

/** What heeds a view heeds the events that it shows. */
function wordsOfView(word: string, views: ReadonlyMap<string, ViewRecord>): readonly string[] {
  if (!word.startsWith('view:')) return [word];
  const fields = views.get(word.slice('view:'.length))?.template.fields ?? [];
  return fields.map(({ event }) => `event:${event}`);
}

/** Links that follow one another in a circle without a bounded one; undefined: there are none. */
export function findCircle<Link extends OutlineLink>(
  links: readonly Link[],
  expand: (word: string) => readonly string[] = (word) => [word],
): Link[] | undefined {
  const unbounded = links.filter(({ bounded }) => bounded !== true);
  const heeding = new Map<string, Link[]>();
  for (const link of unbounded) {
    for (const word of link.heeds.flatMap(expand)) {
      const others = heeding.get(word);
      if (others === undefined) heeding.set(word, [link]);
      else others.push(link);
    }
  }
  const isDone = new Set<Link>();
  for (const link of unbounded) {
    const circle = walk(link, heeding, isDone);
    if (circle !== undefined) return circle;
  }
  return undefined;
}

/** Depth first without recursion; `isDone` takes what leads into no circle. */
function walk<Link extends OutlineLink>(
  start: Link,
  heeding: ReadonlyMap<string, readonly Link[]>,
  isDone: Set<Link>,
): Link[] | undefined {
  if (isDone.has(start)) return undefined;
  const way: { link: Link; next: Link[] }[] = [];
  const isOnWay = new Set<Link>();
  const enter = (link: Link): void => {
    isOnWay.add(link);
    way.push({ link, next: link.says.flatMap((word) => heeding.get(word) ?? []) });
  };
  enter(start);
  while (way.length > 0) {
    const top = way.at(-1)!;
    const next = top.next.pop();
    if (next === undefined) {
      isDone.add(top.link);
      isOnWay.delete(top.link);
      way.pop();
    } else if (isOnWay.has(next)) {
      return way.slice(way.findIndex(({ link }) => link === next)).map(({ link }) => link);
    } else if (!isDone.has(next)) enter(next);
  }
  return undefined;
}
