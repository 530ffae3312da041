/**
 * One ask carried out on a draft: what it changes, and what goes on the tape for it. Pure, and in steps:
 * whoever carries it out may do something else between two of them.
 */
import { unreachable } from '../std/assert.ts';
import { AppError } from '../std/errors.ts';
import type { LinkAnswer, LinkAsk, TapeRecord } from './ask.ts';
import type { Draft } from './draft.ts';
import { customerOf, ownerAt } from './graph.ts';
import { merge, unmerge } from './merges.ts';
import { typeOf } from './profile.ts';
import { type Outcome, type Ruling, rule, type Statement } from './rules.ts';
import type { IdentitySettings } from './settings.ts';
import { isJoined, isKnown, joinsLeft } from './spelling.ts';
import { canonicalOf, type PhoneRegion } from './typed.ts';

/** What an ask comes to. */
export interface Changed extends Omit<LinkAnswer, 'outbox'> {
  /** What goes on the tape. */
  readonly records: readonly TapeRecord[];
}

/** Work that can be left for a while between two steps. */
export type Steps<Result> = Generator<undefined, Result, undefined>;

export interface ChangeParts {
  readonly nowMs: number;
  readonly region: PhoneRegion;
  readonly settings: (workspace: number) => IdentitySettings;
  /** Whether an identity was erased since the events were stored that say something of it. */
  readonly isErased?: (workspace: number, identity: string, time: number) => boolean;
}

/** Yields after each statement. @throws AppError conflict, invalid, not_found; its changes are then of no use. */
export function* change(draft: Draft, ask: LinkAsk, parts: ChangeParts): Steps<Changed> {
  switch (ask.kind) {
    case 'state':
      return yield* stateAll(draft, ask.statements, parts);
    case 'link':
      return linkByHand(draft, ask, parts);
    case 'merge':
      return mergeByHand(draft, ask, parts);
    case 'unmerge':
      return unmergeByHand(draft, ask, parts);
    default:
      return unreachable(ask);
  }
}

type AskOf<Kind extends LinkAsk['kind']> = Extract<LinkAsk, { kind: Kind }>;

function* stateAll(
  draft: Draft,
  statements: readonly Statement[],
  parts: ChangeParts,
): Steps<Changed> {
  const outcomes: Outcome[] = [];
  const records: TapeRecord[] = [];
  for (const statement of statements) {
    const { outcome, record } = state(draft, statement, parts);
    outcomes.push(outcome);
    if (record !== undefined) records.push(record);
    yield;
  }
  return { outcomes, records };
}

function state(
  draft: Draft,
  statement: Statement,
  { isErased, nowMs, region, settings }: ChangeParts,
): { outcome: Outcome; record?: TapeRecord } {
  const { customer, previous, time, workspace } = statement;
  const names = [customer, previous].map((text) => canonicalOf(text, region));
  if (isErased !== undefined && names.some((name) => isErased(workspace, name, time))) {
    return { outcome: 'erased' };
  }
  spell(draft, statement, customer, region);
  noteSpelling(draft, statement, customer, region);
  if (previous === '') return { outcome: 'inForce' };
  spell(draft, statement, previous, region);
  const ruling = rule(draft, statement, settings(workspace), { nowMs, region });
  if (ruling.identity === undefined) return ruling;
  const type = typeOf(ruling.identity, draft.node(workspace, ruling.identity), settings(workspace));
  return { outcome: ruling.outcome, record: linkRecord(draft, statement, ruling, type) };
}

/** Another way to write a phone number belongs to the number for good, if it is one of the first few. */
function spell(draft: Draft, statement: Statement, text: string, region: PhoneRegion): void {
  const { time, workspace } = statement;
  const identity = canonicalOf(text, region);
  if (isJoined(draft, workspace, text, identity)) return;
  if (joinsLeft(draft, statement, identity) <= 0) return;
  draft.begin();
  const { others, ...number } = draft.node(workspace, identity);
  if (others?.includes(text) === true) {
    draft.put(workspace, identity, { ...number, others: others.filter((each) => each !== text) });
  }
  const merged = { into: identity, at: time, isSpelling: true };
  draft.put(workspace, text, { claims: draft.node(workspace, text).claims, merged });
}

/** A customer in yet another way: its events are on the tape, so that there is no limit any more. */
function noteSpelling(
  draft: Draft,
  { workspace }: Statement,
  text: string,
  region: PhoneRegion,
): void {
  const identity = canonicalOf(text, region);
  if (isKnown(draft, workspace, text, identity)) return;
  const { claims, merged, others = [] } = draft.node(workspace, identity);
  draft.begin();
  draft.put(workspace, identity, { claims, merged, others: [...others, text] });
}

function linkRecord(
  draft: Draft,
  { time, workspace }: Statement,
  { customer, identity, outcome }: Ruling,
  type: string,
): TapeRecord {
  const member = draft.handleOf(workspace, identity!);
  const data = { type, since: time, switched: outcome === 'switched', member };
  // It stands before the event that said so: what comes first explains what follows.
  const facts = { customer: customer!, time: Math.max(0, time - 1), data };
  return record(draft.version, workspace, 'tapeline.link', facts);
}

const refusals: Readonly<Partial<Record<Outcome, string>>> = {
  blocked: 'a value such as null or anonymous names nobody and cannot be linked',
  limit: 'the two cannot be linked within the limits of their types; a merge can',
};

function linkByHand(draft: Draft, ask: AskOf<'link'>, parts: ChangeParts): Changed {
  const { from, to, workspace } = ask;
  const statement: Statement = {
    workspace,
    customer: to,
    previous: from,
    time: parts.nowMs,
    isTrusted: true,
  };
  const { outcome, record: made } = state(draft, statement, parts);
  const refusal = refusals[outcome];
  if (refusal !== undefined) {
    throw new AppError(outcome === 'blocked' ? 'invalid' : 'conflict', refusal);
  }
  const identity = canonicalOf(from, parts.region);
  return {
    outcomes: [outcome],
    customer: ownerAt(draft, workspace, identity, Number.POSITIVE_INFINITY),
    records: made === undefined ? [] : [made],
  };
}

function mergeByHand(draft: Draft, ask: AskOf<'merge'>, parts: ChangeParts): Changed {
  const { workspace } = ask;
  const { nowMs, region } = parts;
  const into = canonicalOf(ask.into, region);
  const from = ask.from.map((name) => canonicalOf(name, region));
  const settings = parts.settings(workspace);
  const { customer, merged } = merge(draft, { workspace, into, from, nowMs }, settings);
  // Each fits into an event, however many there are.
  const records = merged.map(({ customer: other, identities }) => {
    const member = draft.handleOf(workspace, other);
    const facts = { customer, time: nowMs, data: { identities, member } };
    return record(draft.begin(), workspace, 'tapeline.merge', facts);
  });
  return { outcomes: [], customer, records };
}

function unmergeByHand(draft: Draft, ask: AskOf<'unmerge'>, parts: ChangeParts): Changed {
  const { workspace } = ask;
  const time = parts.nowMs;
  const parted = unmerge(draft, workspace, canonicalOf(ask.customer, parts.region));
  const owner = customerOf(draft, workspace, parted.identity);
  const isOwn = owner === parted.identity;
  const records = [parted.identity, parted.from].map((customer, n) => {
    const data = {
      leaves: n === 0,
      ...(n === 0 && !isOwn && { owner: draft.handleOf(workspace, owner) }),
    };
    // Each a number of its own.
    return record(draft.begin(), workspace, 'tapeline.unmerge', { customer, time, data });
  });
  return { outcomes: [], customer: owner, records };
}

/** Its data names nobody: it lies on one customer's tape, and another whom it named may be erased. */
function record(
  number: number,
  workspace: number,
  type: string,
  { customer, data, time }: { customer: string; time: number; data: object },
): TapeRecord {
  const id = `${type}/${number}`;
  return { number, workspace, event: JSON.stringify({ id, customer, type, time, data }) };
}
