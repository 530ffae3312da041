/**
 * What conditions and templates of one rule may ask about one customer: read before anything is weighed, so
 * that weighing itself waits for nothing.
 */
import type { ConditionEvent } from '../../event/condition.ts';
import { ConditionSubject } from '../../event/condition.ts';
import { ByText } from '../../std/bytext.ts';
import { ordinalMax } from '../../tape/layout.ts';
import { Tail } from '../../tape/tail.ts';
import type { Tape } from '../../tape/tape.ts';
import type { ViewFound } from '../../views/answer.ts';
import type { KeptView } from '../../views/kept.ts';
import type { ViewRecord } from '../../workspaces/types.ts';
import type { ViewTemplate } from '../../workspaces/view.ts';
import type { CompiledRule, Facts } from '../compile/compiled.ts';
import type { Definitions, EngineContext } from '../engine/work.ts';
import type { InstanceState, PersonState, Request } from '../state.ts';

/** Choices of fields of one template of which the view is kept. */
const narrowMax = 100;
/** Characters of answers of which the fields are kept. */
const parsedCharactersMax = 2 * 1024 * 1024;

export type Fields = Readonly<Record<string, unknown>>;
/** By the view's name; one that is not there could not be read, or there is no such view. */
export type Views = ReadonlyMap<string, Fields>;

/** What an event was, once the tape's own bytes have been let go. */
class CauseEvent implements ConditionEvent {
  readonly time: number;
  readonly #texts: ReadonlyMap<string, string | undefined>;
  readonly #data: string | undefined;

  constructor(event: ConditionEvent) {
    const names = ['type', 'id', 'customer', 'channel', 'source'] as const;
    this.time = event.time;
    this.#texts = new Map(names.map((name) => [name, event.text(name)]));
    this.#data = event.data();
  }

  text(field: string): string | undefined {
    return this.#texts.get(field);
  }

  data(): string | undefined {
    return this.#data;
  }
}

/** The event at a place of the tape; undefined when it is not there any more. */
export function readCause(tape: Tape, cause: Request['cause']): ConditionSubject | undefined {
  if (cause === undefined) return undefined;
  const { ordinal, stamp } = cause;
  const before =
    ordinal > 0 ? { stamp, ordinal: ordinal - 1 } : { stamp: stamp - 1, ordinal: ordinalMax };
  const shards = tape.shards.map((_, number) => number);
  let found: ConditionSubject | undefined;
  new Tail(tape, shards, before).visitBlock(stamp, (event) => {
    if (event.stamp === stamp && event.ordinal === ordinal) {
      found = new ConditionSubject();
      found.become(new CauseEvent(event));
    }
    return false;
  });
  return found;
}

/** The views that rules ask for, with the fields that they ask for; those that there are. */
export function viewsOf(
  { directory }: Pick<EngineContext, 'directory'>,
  workspace: number,
  rules: Iterable<CompiledRule>,
): readonly KeptView[] {
  const asked = new Map<string, Set<string>>();
  for (const { view } of rules) {
    if (view === undefined) continue;
    const fields = asked.get(view.name) ?? new Set();
    for (const field of view.fields) fields.add(field);
    asked.set(view.name, fields);
  }
  return [...asked].flatMap(([name, wanted]) => {
    const record = directory.view(workspace, name);
    return record === undefined ? [] : narrowed(name, record, wanted);
  });
}

/** By the template and the names of the fields: what follows from a template is worked out once. */
const narrow = new WeakMap<ViewTemplate, Map<string, KeptView>>();

/** A field costs what it reads, so one that nobody asks for is left out. */
function narrowed(
  name: string,
  { template, version }: ViewRecord,
  wanted: ReadonlySet<string>,
): KeptView {
  const fields = template.fields.filter((field) => wanted.has(field.name));
  const variant = `only ${JSON.stringify(fields.map((field) => field.name))}`;
  let known = narrow.get(template);
  if (known === undefined) {
    known = new Map();
    narrow.set(template, known);
  }
  const key = `${version} ${name} ${variant}`;
  let view = known.get(key);
  if (view === undefined) {
    view = { name, template: { ...template, fields }, version, variant };
    // Who asks for ever other fields gains nothing, and keeps nothing.
    if (known.size < narrowMax) known.set(key, view);
  }
  return view;
}

export function fieldsOf(views: readonly KeptView[], found: readonly ViewFound[]): Views {
  return new Map(views.map(({ name }, index) => [name, fieldsByName(found[index]!.json)]));
}

/** An answer that is kept is the same text, asked about again and again. */
const parsed = new ByText<Fields>(parsedCharactersMax);

function fieldsByName(json: string): Fields {
  const known = parsed.find(json);
  if (known !== undefined) return known;
  const fields = JSON.parse(json) as readonly { readonly name: string; readonly value: unknown }[];
  const byName = Object.fromEntries(fields.map(({ name, value }) => [name, value]));
  parsed.keep(json, byName);
  return byName;
}

export interface Circumstances {
  readonly definitions: Pick<Definitions, 'map'>;
  readonly workspace: number;
  readonly person: PersonState;
  readonly nowMs: number;
  readonly views: Views;
  readonly audience: Readonly<Record<string, boolean>>;
}

export function factsOf(
  rule: CompiledRule | undefined,
  { audience, definitions, nowMs, person, views, workspace }: Circumstances,
  about: {
    readonly instance?: InstanceState | undefined;
    readonly event?: ConditionSubject | undefined;
    readonly ask?: Facts['ask'];
  },
): Facts {
  const { ask, event, instance } = about;
  return {
    event,
    instance,
    map: instance && definitions.map(workspace, instance.journey, instance.version),
    nowMs,
    customer: person.name,
    place: person.place,
    audience,
    view: rule?.view && views.get(rule.view.name),
    ask,
  };
}

/** The open instance of a map that came furthest; of those the newest. */
export function openInstanceOf(
  { instances }: PersonState,
  journey: string | undefined,
): InstanceState | undefined {
  const open = instances.filter((each) => {
    return each.journey === journey && (each.status === 'active' || each.status === 'paused');
  });
  return open.reduce<InstanceState | undefined>((best, each) => {
    return best === undefined || each.furthest >= best.furthest ? each : best;
  }, undefined);
}
