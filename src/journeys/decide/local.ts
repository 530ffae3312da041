/**
 * A touchpoint's own candidates: it keeps its logic, and asks for eligibility, vetoes and ranking. A
 * candidate has the members of a rule that say for whom, when and how much; what it would do is the
 * touchpoint's affair. Compiled as a rule is, and kept by its text, since a touchpoint asks the same again and again.
 */
import { type CompiledAudience, compileAudience } from '../../audiences/audience.ts';
import { parseAudience } from '../../audiences/parse.ts';
import { ByText } from '../../std/bytext.ts';
import { AppError } from '../../std/errors.ts';
import { checkRule } from '../check/check.ts';
import { sentence } from '../check/faults.ts';
import type { CompiledRule } from '../compile/compiled.ts';
import { compileRule } from '../compile/rule.ts';
import type { Rule } from '../definition.ts';
import {
  candidateDataBytesMax,
  candidateIdBytesMax,
  type LocalCandidate,
  type SentCandidate,
} from './asks.ts';
import { placeIn } from './candidates.ts';

/** Characters of compiled candidates that a thread keeps; what is made of them weighs some five times as much. */
const compiledCharactersMax = 4 * 1024 * 1024;
const members: ReadonlySet<string> = new Set([
  ...['if', 'view', 'audiences', 'within', 'suppressedBy', 'quietHours', 'caps', 'control'],
  ...['category', 'channel', 'priority', 'propensity', 'value', 'contextWeights', 'leverPercent'],
  ...['from', 'to', 'cooldown'],
]);
/** What makes a rule of it; whatever it does is the touchpoint's affair. */
const asRule = { when: { ask: 'local' }, then: [{ do: 'notify', data: {} }] };
export interface LocalRule {
  readonly rule: CompiledRule;
  /** Those that follow from what the engine knows already: journeys, buckets, lists. */
  readonly audiences: ReadonlyMap<string, CompiledAudience>;
}

const compiled = new ByText<LocalRule>(compiledCharactersMax);

/** Checks candidates, and makes them ready to be sent. @throws AppError invalid, with the place: `candidates[0].if: …`. */
export function sentCandidates(candidates: readonly LocalCandidate[]): readonly SentCandidate[] {
  const ids = new Set<string>();
  const sent = candidates.map(({ data, id, ...rest }, index): SentCandidate => {
    const place = `candidates[${index}]`;
    checkId(id, place);
    if (ids.has(id)) {
      throw new AppError('invalid', `${place}.id is the id of another candidate`);
    }
    ids.add(id);
    if (data !== undefined && Buffer.byteLength(JSON.stringify(data)) > candidateDataBytesMax) {
      throw new AppError(
        'invalid',
        `${place}.data may have at most ${candidateDataBytesMax} bytes`,
      );
    }
    const at = placeIn(data);
    return { id, text: JSON.stringify(rest), ...(at !== undefined && { place: at }) };
  });
  localRules(sent);
  return sent;
}

/** @throws AppError invalid, with the place. */
export function localRules(candidates: readonly SentCandidate[]): readonly LocalRule[] {
  return candidates.map(({ text }, index) => {
    const known = compiled.find(text);
    if (known !== undefined) return known;
    const made = compile(JSON.parse(text) as LocalCandidate, `candidates[${index}]`);
    compiled.keep(text, made);
    return made;
  });
}

function checkId(id: unknown, place: string): void {
  const bytes = typeof id === 'string' ? Buffer.byteLength(id) : 0;
  if (bytes >= 1 && bytes <= candidateIdBytesMax) return;
  throw new AppError('invalid', `${place}.id must be 1 to ${candidateIdBytesMax} bytes`);
}

function compile(sent: Readonly<Record<string, unknown>>, place: string): LocalRule {
  const unknown = Object.keys(sent).find((name) => !members.has(name));
  if (unknown !== undefined) {
    throw new AppError('invalid', `${place} has an unknown member '${unknown}'`);
  }
  const { definition, faults } = checkRule({ ...sent, ...asRule }, 'local');
  const [fault] = faults;
  if (fault !== undefined) {
    throw new AppError('invalid', sentence({ ...fault, place: within(place, fault.place) }));
  }
  const rule = { ...definition!, then: [] };
  return { rule: compileRule('local', 1, rule), audiences: audiencesOf(rule, place) };
}

function within(place: string, part: string): string {
  return part === '' ? place : `${place}.${part}`;
}

function audiencesOf(rule: Rule, place: string): ReadonlyMap<string, CompiledAudience> {
  const audiences = new Map<string, CompiledAudience>();
  for (const [name, sent] of Object.entries(rule.audiences ?? {})) {
    const where = `${place}.audiences.${name}`;
    const audience = compileAudience(parseAudience(sent, where), where);
    if (audience.types.size > 0) {
      const reason = 'asks for events: only journeys, buckets and members can be asked for here';
      throw new AppError('invalid', `${where} ${reason}`);
    }
    audiences.set(name, audience);
  }
  return audiences;
}
