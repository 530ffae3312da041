/**
 * Roles: which views somebody may read, and which of their fields are masked, and how. Whoever has a
 * role reads views and nothing else: neither tapes nor live events.
 *
 *     member   rule
 *     views    1–100 names of views; absent: every view
 *     masks    at most 100 rules {"view"?, "field"?, "attribute"?, "as"}
 *
 * A mask fits a field by its name, by the attribute it shows (that one and what is inside it), or by both;
 * of the views named, or of all. A field that shows something an attribute is only a part of (`*`, `contact`
 * for `contact.email`) is hidden whole. Where several fit, `hide` wins, and then the first.
 */
import { AppError } from '../std/errors.ts';
import {
  fieldNameCharactersMax,
  membersOf,
  quote,
  readAttribute,
  readText,
  refuse,
  type ViewField,
  viewNameProblem,
} from './view.ts';

export const roleNameBytesMax = 128;
export const roleViewsMax = 100;
export const roleMasksMax = 100;

/** How a value is shown; `views/mask.ts` does it. */
export const maskWays = ['hide', 'present', 'last4', 'email', 'hash'] as const;
export type MaskWay = (typeof maskWays)[number];

export interface MaskRule {
  readonly view?: string;
  readonly field?: string;
  readonly attribute?: string;
  readonly as: MaskWay;
}

export interface RoleTemplate {
  readonly views?: readonly string[];
  readonly masks?: readonly MaskRule[];
}

/** @throws AppError invalid. */
export function checkRoleName(name: string): void {
  const problem = viewNameProblem(name)?.replace('a view', 'a role');
  if (problem !== undefined) throw new AppError('invalid', problem);
}

const roleMembers: readonly string[] = ['views', 'masks'];
const maskMembers: readonly string[] = ['view', 'field', 'attribute', 'as'];

/** Checks a role as parsed from JSON. @throws AppError invalid, with a message that points at the place. */
export function parseRole(value: unknown): RoleTemplate {
  const sent = membersOf(value, 'a role');
  for (const member of sent.keys()) {
    if (!roleMembers.includes(member)) {
      refuse(`${quote(member)} is not a member of a role (${roleMembers.join(', ')})`);
    }
  }
  const views = sent.has('views')
    ? readList(sent.get('views'), 'views', 1, roleViewsMax)
    : undefined;
  const masks = sent.has('masks')
    ? readList(sent.get('masks'), 'masks', 0, roleMasksMax)
    : undefined;
  return {
    ...(views && {
      views: [...new Set(views.map((each, at) => readViewName(each, `views[${at}]`)))],
    }),
    ...(masks && { masks: masks.map((each, at) => parseMask(each, `masks[${at}]`)) }),
  };
}

function readList(value: unknown, place: string, min: number, max: number): readonly unknown[] {
  if (!Array.isArray(value)) refuse(`${place} must be a list`);
  if (value.length < min || value.length > max) {
    refuse(`${place} must have ${min} to ${max} entries`);
  }
  return value;
}

function readViewName(value: unknown, place: string): string {
  if (typeof value !== 'string') refuse(`${place} must be the name of a view`);
  const problem = viewNameProblem(value);
  if (problem !== undefined) refuse(`${place}: ${problem}`);
  return value;
}

function parseMask(value: unknown, place: string): MaskRule {
  const sent = membersOf(value, place);
  for (const member of sent.keys()) {
    if (!maskMembers.includes(member)) refuse(`${place} has an unknown member ${quote(member)}`);
  }
  if (!sent.has('field') && !sent.has('attribute'))
    refuse(`${place} must name a field or an attribute`);
  const way = maskWays.find((known) => known === sent.get('as'));
  if (way === undefined) refuse(`${place}.as must be one of ${maskWays.join(', ')}`);
  return {
    ...(sent.has('view') && { view: readViewName(sent.get('view'), `${place}.view`) }),
    ...(sent.has('field') && {
      field: readText(sent.get('field'), `${place}.field`, fieldNameCharactersMax),
    }),
    ...(sent.has('attribute') && {
      attribute: readAttribute(sent.get('attribute'), `${place}.attribute`),
    }),
    as: way,
  };
}

/** How a field of a view is shown under these rules; undefined: as it is. */
export function maskFor(
  rules: readonly MaskRule[],
  view: string,
  field: ViewField,
): MaskWay | undefined {
  let way: MaskWay | undefined;
  for (const rule of rules) {
    if (rule.view !== undefined && rule.view !== view) continue;
    if (rule.field !== undefined && rule.field !== field.name) continue;
    const fits = rule.attribute === undefined ? 'whole' : fitOf(rule.attribute, field.attribute);
    if (fits === undefined) continue;
    if (rule.as === 'hide' || fits === 'part') return 'hide';
    way ??= rule.as;
  }
  return way;
}

/** Whether what a field shows is the attribute or inside it, or has it as a part. */
function fitOf(attribute: string, shown: string | undefined): 'whole' | 'part' | undefined {
  if (shown === undefined) return undefined;
  const wanted = stepsOf(attribute);
  const steps = stepsOf(shown);
  const shared = Math.min(wanted.length, steps.length);
  for (let at = 0; at < shared; at++) if (wanted[at] !== steps[at]) return undefined;
  return steps.length >= wanted.length ? 'whole' : 'part';
}

/** Places in lists are no names: `items.email` means the e-mail of every item. `*` is no step at all. */
function stepsOf(attribute: string): string[] {
  if (attribute === '*') return [];
  return attribute.split('.').filter((step) => !/^[0-9]+$/.test(step));
}
