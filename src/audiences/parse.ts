/**
 * Checks an audience as parsed from JSON: every member known, every number within its limit, and nothing in
 * it that could make a customer's state or an event's work large. What is wrong is named with its place:
 *
 *     audiences.caller.all[0].within must look like 30s, 5m, 12h or 7d, at most 366d
 */
import { conditionCharactersMax } from '../event/condition.ts';
import { membersOf, readText, refuse } from '../workspaces/view.ts';
import type { AudienceDefinition } from './definition.ts';
import { parsePattern } from './parsepattern.ts';
import {
  type Members,
  onlyMembers,
  readList,
  readName,
  readStep,
  readType,
  readWhen,
  readWhere,
  readWhole,
  readWithin,
} from './read.ts';
import { compileSequence, sequencePatternCharactersMax } from './sequence.ts';

/** Parts of an audience, `all`, `any` and `not` among them. */
export const audiencePartsMax = 32;
export const audienceDepthMax = 8;
export const performedTimesMax = 1000;
export const sequenceStepsMax = 16;
export const audienceMembersMax = 1000;
export const saltCharactersMax = 128;

const statuses = ['active', 'paused', 'completed', 'exited', 'expired', 'cancelled', 'failed'];

/** What has been counted of one audience. */
interface Count {
  parts: number;
}

/**
 * @param place where the audience stands, for messages.
 * @returns what was sent and nothing else.
 * @throws AppError invalid, with the place. Conditions are compiled by `compileAudience`.
 */
export function parseAudience(value: unknown, place: string): AudienceDefinition {
  return parsePart(value, place, 1, { parts: 0 });
}

type Parse = (sent: Members, place: string, depth: number, count: Count) => AudienceDefinition;

/** By the member that says which kind it is: the other members, and how it is read. */
const kinds: Readonly<
  Record<string, { readonly others: readonly string[]; readonly parse: Parse }>
> = {
  performed: { others: ['where', 'times', 'within', 'when'], parse: parsePerformed },
  notPerformed: { others: ['where', 'within'], parse: parseNotPerformed },
  lastPerformed: { others: ['where'], parse: parseLastPerformed },
  sequence: { others: ['within', 'when'], parse: parseSequence },
  matches: { others: ['of', 'times', 'within', 'when'], parse: parseMatches },
  pattern: { others: ['within', 'when'], parse: parsePatternPart },
  bucket: { others: [], parse: parseBucket },
  journey: { others: ['status', 'stage', 'beyondStep'], parse: parseJourney },
  members: { others: [], parse: parseMembers },
  all: { others: [], parse: parseAll },
  any: { others: [], parse: parseAny },
  not: { others: [], parse: parseNot },
};

function parsePart(value: unknown, place: string, depth: number, count: Count): AudienceDefinition {
  if (depth > audienceDepthMax) refuse(`${place} is more than ${audienceDepthMax} levels deep`);
  if (++count.parts > audiencePartsMax) {
    refuse(`${place}: an audience has at most ${audiencePartsMax} parts`);
  }
  const sent = membersOf(value, place);
  const found = Object.keys(kinds).filter((kind) => sent.has(kind));
  if (found.length !== 1) {
    refuse(`${place} must have exactly one of ${Object.keys(kinds).join(', ')}`);
  }
  const kind = found[0]!;
  const { others, parse } = kinds[kind]!;
  onlyMembers(sent, [kind, ...others], place);
  return parse(sent, place, depth, count);
}

function parsePerformed(sent: Members, place: string): AudienceDefinition {
  return {
    performed: readType(sent.get('performed'), `${place}.performed`),
    ...readWhere(sent, place),
    ...(sent.has('times') && {
      times: readWhole(sent.get('times'), `${place}.times`, 1, performedTimesMax),
    }),
    ...readWithin(sent, place),
    ...readWhen(sent, place),
  };
}

function parseNotPerformed(sent: Members, place: string): AudienceDefinition {
  return {
    notPerformed: readType(sent.get('notPerformed'), `${place}.notPerformed`),
    ...readWhere(sent, place),
    ...readWithin(sent, place),
  };
}

function parseLastPerformed(sent: Members, place: string): AudienceDefinition {
  return {
    lastPerformed: readType(sent.get('lastPerformed'), `${place}.lastPerformed`),
    where: readText(sent.get('where'), `${place}.where`, conditionCharactersMax),
  };
}

function parseSequence(sent: Members, place: string): AudienceDefinition {
  const steps = readList(sent.get('sequence'), `${place}.sequence`, 1, sequenceStepsMax);
  return {
    sequence: steps.map((step, index) => readStep(step, `${place}.sequence[${index}]`)),
    ...readWithin(sent, place),
    ...readWhen(sent, place),
  };
}

function parseMatches(sent: Members, place: string): AudienceDefinition {
  const of = readList(sent.get('of'), `${place}.of`, 1, sequenceStepsMax);
  const matches = readText(sent.get('matches'), `${place}.matches`, sequencePatternCharactersMax);
  compileSequence(matches, of.length, `${place}.matches`);
  return {
    matches,
    of: of.map((step, index) => readStep(step, `${place}.of[${index}]`)),
    ...(sent.has('times') && { times: readWhole(sent.get('times'), `${place}.times`, 1, 100) }),
    ...readWithin(sent, place),
    ...readWhen(sent, place),
  };
}

function parsePatternPart(sent: Members, place: string): AudienceDefinition {
  return {
    pattern: parsePattern(sent.get('pattern'), `${place}.pattern`, sent.has('within')),
    ...readWithin(sent, place),
    ...readWhen(sent, place),
  };
}

function parseBucket(sent: Members, place: string): AudienceDefinition {
  const bucket = membersOf(sent.get('bucket'), `${place}.bucket`);
  onlyMembers(bucket, ['from', 'to', 'salt'], `${place}.bucket`);
  const from = readPercent(bucket.get('from'), `${place}.bucket.from`);
  const to = readPercent(bucket.get('to'), `${place}.bucket.to`);
  if (from >= to) refuse(`${place}.bucket.from must be less than to`);
  const salt = bucket.get('salt');
  return {
    bucket: {
      from,
      to,
      ...(salt !== undefined && {
        salt: readText(salt, `${place}.bucket.salt`, saltCharactersMax),
      }),
    },
  };
}

function readPercent(value: unknown, place: string): number {
  if (typeof value !== 'number' || !(value >= 0 && value <= 100)) {
    refuse(`${place} must be a number from 0 to 100`);
  }
  return value;
}

function parseJourney(sent: Members, place: string): AudienceDefinition {
  const status = sent.get('status');
  if (status !== undefined && !statuses.includes(status as string)) {
    refuse(`${place}.status must be one of ${statuses.join(', ')}`);
  }
  const beyondStep = sent.get('beyondStep');
  return {
    journey: readName(sent.get('journey'), `${place}.journey`),
    ...(status !== undefined && { status: status as string }),
    ...(sent.has('stage') && { stage: readName(sent.get('stage'), `${place}.stage`) }),
    ...(beyondStep !== undefined && {
      beyondStep:
        typeof beyondStep === 'number'
          ? readWhole(beyondStep, `${place}.beyondStep`, 0, 1000)
          : readName(beyondStep, `${place}.beyondStep`),
    }),
  };
}

function parseMembers(sent: Members, place: string): AudienceDefinition {
  const members = readList(sent.get('members'), `${place}.members`, 1, audienceMembersMax);
  return { members: members.map((name, index) => readName(name, `${place}.members[${index}]`)) };
}

function parseAll(sent: Members, place: string, depth: number, count: Count): AudienceDefinition {
  return { all: parseParts(sent.get('all'), `${place}.all`, depth, count) };
}

function parseAny(sent: Members, place: string, depth: number, count: Count): AudienceDefinition {
  return { any: parseParts(sent.get('any'), `${place}.any`, depth, count) };
}

function parseNot(sent: Members, place: string, depth: number, count: Count): AudienceDefinition {
  return { not: parsePart(sent.get('not'), `${place}.not`, depth + 1, count) };
}

function parseParts(
  value: unknown,
  place: string,
  depth: number,
  count: Count,
): AudienceDefinition[] {
  const parts = readList(value, place, 1, audiencePartsMax);
  return parts.map((part, index) => parsePart(part, `${place}[${index}]`, depth + 1, count));
}
