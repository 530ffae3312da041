/**
 * A touchpoint's own candidates: it keeps its logic, and asks for eligibility, vetoes and ranking. A
 * candidate has the members of a rule that say for whom, when and how much; what it would do is the
 * touchpoint's affair. Its shape has been checked (`http/decideschemas.ts`). Compiled as a rule is, and kept by its text, since a touchpoint asks the same again and again.
 */
import { type CompiledAudience, compileAudience } from '../../audiences/audience.ts';
import { parseAudience } from '../../audiences/parse.ts';
import { parseDuration } from '../../event/duration.ts';
import { parseTime } from '../../event/time.ts';
import { AppError } from '../../std/errors.ts';
import { isZone } from '../../std/zone.ts';
import type { CompiledRule } from '../compile/compiled.ts';
import { compileRule } from '../compile/rule.ts';
import type { Rule } from '../definition.ts';
import { candidateDataBytesMax, candidateIdBytesMax, type LocalCandidate } from './asks.ts';
import { touchKeptMsMax } from './caps.ts';

/** Compiled candidates that a thread keeps. */
const compiledMax = 2000;
const audiencesMax = 20;
export interface LocalRule {
  readonly rule: CompiledRule;
  /** Those that follow from what the engine knows already: journeys, buckets, lists. */
  readonly audiences: ReadonlyMap<string, CompiledAudience>;
}

const compiled = new Map<string, LocalRule>();

/** @throws AppError invalid, with the place: `candidates[0].if: …`. */
export function localRules(candidates: readonly LocalCandidate[]): readonly LocalRule[] {
  const ids = new Set<unknown>();
  return candidates.map((candidate, index) => {
    const place = `candidates[${index}]`;
    if (ids.has(candidate.id)) {
      throw new AppError('invalid', `${place}.id is the id of another candidate`);
    }
    ids.add(candidate.id);
    return compileLocal(candidate, place);
  });
}

function compileLocal(candidate: LocalCandidate, place: string): LocalRule {
  const { data, id, ...rest } = candidate;
  checkId(id, place);
  if (data !== undefined && Buffer.byteLength(JSON.stringify(data)) > candidateDataBytesMax) {
    throw new AppError('invalid', `${place}.data may have at most ${candidateDataBytesMax} bytes`);
  }
  const text = JSON.stringify(rest);
  const known = compiled.get(text);
  if (known !== undefined) return known;
  const made = compile(rest, place);
  if (compiled.size >= compiledMax) compiled.clear();
  compiled.set(text, made);
  return made;
}

function checkId(id: unknown, place: string): void {
  const bytes = typeof id === 'string' ? Buffer.byteLength(id) : 0;
  if (bytes >= 1 && bytes <= candidateIdBytesMax) return;
  throw new AppError('invalid', `${place}.id must be 1 to ${candidateIdBytesMax} bytes`);
}

function compile(sent: Readonly<Record<string, unknown>>, place: string): LocalRule {
  const rule = { ...sent, when: { ask: 'local' }, then: [] } as unknown as Rule;
  checkTimes(rule, place);
  try {
    const audiences = audiencesOf(rule, place);
    return { rule: compileRule('local', 1, rule), audiences };
  } catch (error) {
    if (!(error instanceof AppError) || error.message.startsWith(place)) throw error;
    throw new AppError(error.code, `${place}.${error.message}`);
  }
}

/** What a schema cannot tell of. @throws AppError invalid. */
function checkTimes({ caps = [], cooldown, from, quietHours, to }: Rule, place: string): void {
  const refuse = (what: string, reason: string): never => {
    throw new AppError('invalid', `${place}.${what} ${reason}`);
  };
  const durations = [
    ['cooldown', cooldown],
    ...caps.map(({ per }, n) => [`caps[${n}].per.rolling`, per] as const),
  ] as const;
  for (const [what, length] of durations) {
    const text = typeof length === 'object' ? length.rolling : length;
    const isLength = text !== undefined && !['day', 'week', 'month'].includes(text);
    if (isLength && !(parseDuration(text) <= touchKeptMsMax)) refuse(what, 'is at most 366d');
  }
  const zones = [
    ['quietHours.zone', quietHours?.zone],
    ...caps.map(({ zone }, n) => [`caps[${n}].zone`, zone] as const),
  ] as const;
  for (const [what, zone] of zones) {
    if (zone !== undefined && !isZone(zone)) refuse(what, 'is no IANA zone');
  }
  for (const [what, time] of Object.entries({ from, to })) {
    if (time !== undefined && Number.isNaN(parseTime(time)))
      refuse(what, 'is no time as RFC 3339 has it');
  }
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
  if (audiences.size <= audiencesMax) return audiences;
  throw new AppError('invalid', `${place} has at most ${audiencesMax} audiences`);
}
