/** One field of a view while its events are read: which events it takes, and when it is done. */
import { type Condition, compileCondition } from '../event/condition.ts';
import { findPath } from '../event/path.ts';
import type { MaskWay } from '../workspaces/role.ts';
import { parseLookback, type ViewField, type ViewTemplate } from '../workspaces/view.ts';
import { Evidence, type EvidenceRoom } from './evidence.ts';
import { type Fold, type Show, startFold, type Taken } from './fold.ts';
import { maskText } from './mask.ts';
import type { EventOnce, EvidenceKind } from './once.ts';

/** How a reader gets to see a field. */
export interface FieldShape {
  /** Undefined: as it is. */
  readonly mask: MaskWay | undefined;
  /** For hashes. */
  readonly secret: Uint8Array;
  /** Undefined: no evidence is wanted. */
  readonly evidence: EvidenceKind | undefined;
  readonly room: EvidenceRoom;
}

/** A field of a template with everything worked out that does not depend on events. */
export interface FieldPlan {
  readonly field: ViewField;
  /** Infinity when the field looks at the whole tape. */
  readonly lookbackMs: number;
  /** Infinity when there is no limit. */
  readonly limit: number;
  /** The steps of the attribute; undefined for `*` and when the field has none. */
  readonly path: readonly string[] | undefined;
  /** All of them have to be met. */
  readonly conditions: readonly Condition[];
}

export function planField(field: ViewField, { where }: ViewTemplate): FieldPlan {
  const { attribute, lookback } = field;
  const conditions = [where, field.where].filter((text) => text !== undefined);
  return {
    field,
    lookbackMs: lookback === undefined ? Number.POSITIVE_INFINITY : parseLookback(lookback),
    limit: field.limit ?? Number.POSITIVE_INFINITY,
    path: attribute === undefined || attribute === '*' ? undefined : attribute.split('.'),
    conditions: conditions.map((text) => compileCondition(text, field.name)),
  };
}

export class FieldRun {
  /** The oldest time at which an event can match. */
  readonly since: number;
  isDone = false;
  readonly #plan: FieldPlan;
  readonly #shape: FieldShape;
  readonly #evidence: Evidence | undefined;
  readonly #fold: Fold;
  /** How many more events may match; for distinct the fold counts values instead. */
  #left: number;
  #events = 0;
  #skipped = 0;
  #undecided = 0;
  /** When the oldest match was; they come newest first. */
  #oldestMs = Number.POSITIVE_INFINITY;

  constructor(plan: FieldPlan, asOf: number, shape: FieldShape) {
    const { evidence, mask, room } = shape;
    this.since = asOf - plan.lookbackMs;
    this.#plan = plan;
    this.#shape = shape;
    this.#evidence = evidence && mask !== 'hide' ? new Evidence(evidence, room) : undefined;
    this.#fold = startFold(plan.field.type, plan.limit);
    this.#left = plan.field.type === 'distinct' ? Number.POSITIVE_INFINITY : plan.limit;
  }

  /** Takes an event of the field's type, if it matches. @returns whether the field is done now. */
  offer(event: EventOnce): boolean {
    if (event.time < this.since) {
      this.isDone = true;
      return true;
    }
    const text = this.#attributeOf(event);
    if (text === undefined || text === 'null') return false;
    for (const condition of this.#plan.conditions) {
      const verdict = event.verdict(condition);
      if (verdict === undefined) this.#undecided += 1;
      if (verdict !== true) return false;
    }
    this.#oldestMs = event.time;
    const taken = this.#fold.take(text);
    if (taken === 'unusable') this.#skipped += 1;
    else this.#events += 1;
    if (this.#evidence !== undefined) note(this.#evidence, taken, event);
    this.#left -= 1;
    this.isDone = this.#left <= 0 || this.#fold.isFull();
    return this.isDone;
  }

  /** The last instant at which the value is the same, if nothing new comes: no match is too old. */
  get holdsUntil(): number {
    return this.#oldestMs + this.#plan.lookbackMs;
  }

  /** A field without an attribute takes every event of its type, each for 1. */
  #attributeOf(event: EventOnce): string | undefined {
    if (this.#plan.field.attribute === undefined) return '1';
    const data = event.data();
    if (data === undefined || this.#plan.path === undefined) return data;
    return findPath(data, this.#plan.path);
  }

  /** The field's JSON text in the answer. */
  render(): string {
    const name = JSON.stringify(this.#plan.field.name);
    const { mask, secret } = this.#shape;
    if (mask === 'hide') return `{"name":${name},"value":null,"masked":"hide"}`;
    const show: Show = mask === undefined ? asItIs : (text) => maskText(mask, text, secret);
    const masked = mask === undefined ? '' : `,"masked":"${mask}"`;
    const skipped = this.#skipped > 0 ? `,"skipped":${this.#skipped}` : '';
    const undecided = this.#undecided > 0 ? `,"undecided":${this.#undecided}` : '';
    const counts = `"events":${this.#events}${skipped}${undecided}`;
    const evidence = this.#evidence?.render() ?? '';
    return `{"name":${name},"value":${this.#fold.render(show)},${counts}${masked}${evidence}}`;
  }
}

const asItIs: Show = (text) => text;

function note(evidence: Evidence, taken: Taken, event: EventOnce): void {
  if (taken === 'decides') evidence.replace(event.evidence(evidence.kind));
  else if (taken === 'part' && !evidence.isFull) evidence.add(event.evidence(evidence.kind));
}
