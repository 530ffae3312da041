/** The shapes of counters, dry runs and traces: see `schemas.ts`. */
import { type Static, Type } from 'typebox';
import { rulesTriedMax } from '../journeys/aids/gather.ts';
import { definitionNameBytesMax } from '../workspaces/definition.ts';
import { closed, epochMs } from './shape.ts';

const time = (description: string) =>
  Type.Optional(Type.Union([Type.String({ maxLength: 64 }), Type.Integer()], { description }));

export const DryRunWish = Type.Object(
  {
    from: time('From when on, by commit; absent: 30 days before `until`.'),
    until: time('Until just before; absent: now.'),
    sample: Type.Optional(
      Type.Number({
        exclusiveMinimum: 0,
        maximum: 100,
        description: 'Percent of customers that are looked at, always the same ones; absent: all.',
      }),
    ),
    map: Type.Optional(Type.Unsafe<unknown>({ description: 'A journey map that is not stored.' })),
    rule: Type.Optional(Type.Unsafe<unknown>({ description: 'A rule that is not stored.' })),
    draft: Type.Optional(Type.Boolean({ description: 'The draft of the map.' })),
    version: Type.Optional(
      Type.Integer({
        minimum: 1,
        description: 'A published version; absent: the one in force, else the newest.',
      }),
    ),
    rules: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: definitionNameBytesMax }), {
        maxItems: rulesTriedMax,
        description:
          'Rules that are tried out together with it, by name; absent: of a map those in force that are about it.',
      }),
    ),
  },
  closed,
);
export type DryRunWish = Static<typeof DryRunWish>;

const count = (description: string) => Type.Integer({ minimum: 0, description });
const counters = (description: string) =>
  Type.Record(Type.String(), Type.Integer({ minimum: 0 }), { description });
const version = Type.Integer({ minimum: 1 });

const asks = {
  requested: count('How often a decision was wanted.'),
  verdicts: counters('What was decided: `act`, or why not.'),
  actions: Type.Record(
    Type.String(),
    Type.Object({
      decided: count('Decided to be done.'),
      delivered: count('Done.'),
      failed: count('Given up.'),
      expired: count('Not taken in time.'),
      withdrawn: count('Taken back.'),
    }),
    { description: 'By what they do: `webhook`, `page` …' },
  ),
};
const unsaid = count(
  'Wanted, and none was said: a condition did not hold, a cooldown or a date was against it, nobody could decide in time, or nobody has yet.',
);

const mapCounts = {
  started: count('Instances that have started.'),
  completed: count('Completed.'),
  completedMs: count('How long all of those took together, milliseconds.'),
  exited: count('Ended by an exit.'),
  expired: count('Ended for want of activity.'),
  cancelled: count('Cancelled, or joined with another.'),
  failed: count('Given up: too many steps at once.'),
  open: count('Under way now.'),
  paused: count('How often one was paused.'),
  resumed: count('How often one was resumed.'),
  exits: counters('By reason.'),
  milestones: counters('By name.'),
  steps: Type.Array(
    Type.Object({
      step: Type.Integer({ minimum: 1, description: 'Its number.' }),
      name: Type.String(),
      entered: count('Times that it was entered.'),
      completed: count('Instances that completed it.'),
      here: count('Instances that are at it now.'),
      left: count('Went on to another step, or completed from it.'),
    }),
  ),
};

const kpis = Type.Array(
  Type.Object({
    name: Type.String(),
    type: Type.String(),
    value: Type.Union([Type.Number(), Type.Null()], {
      description: 'A share of 0–1, or milliseconds; null: there is nothing to tell it from.',
    }),
    target: Type.Optional(Type.Number()),
    isMet: Type.Optional(Type.Union([Type.Boolean(), Type.Null()])),
  }),
  { description: 'The measures of the map, worked out of these counters.' },
);
const times = Type.Object({
  count: count('How many it is told from.'),
  medianMs: Type.Union([Type.Number(), Type.Null()]),
  p90Ms: Type.Union([Type.Number(), Type.Null()]),
  maxMs: Type.Union([Type.Number(), Type.Null()]),
});
const days = Type.Record(Type.String(), Type.Record(Type.String(), Type.Integer()), {
  description: 'By day (UTC), what happened how often.',
});
const examples = Type.Record(
  Type.String(),
  Type.Array(
    Type.Object({
      customer: Type.String(),
      at: epochMs('When'),
      instance: Type.Optional(Type.String()),
      event: Type.Optional(
        Type.Object({ type: Type.String(), id: Type.String(), time: Type.Integer() }),
      ),
      detail: Type.Optional(Type.String()),
    }),
  ),
  { description: 'The first few of each thing. Without `event`, the clock was the cause.' },
);

const part = Type.Object({
  part: Type.String(),
  holds: Type.Union([Type.Boolean(), Type.Null()], {
    description: 'Null: it was not asked, or cannot be told any more.',
  }),
  detail: Type.Optional(Type.String()),
});
const look = Type.Object({
  rule: Type.String(),
  version,
  verdict: Type.String({
    description:
      '`asked`: it wants a decision. `act`, or why not: what was decided. `armed`, `disarmed`: it waits for silence, or no longer does. `notMeant`: its event came, and was not what it is about.',
  }),
  parts: Type.Array(part, { description: 'In the order in which they are asked.' }),
  request: Type.Optional(Type.String()),
  score: Type.Optional(Type.Number()),
  actions: Type.Optional(Type.Array(Type.Object({ id: Type.String(), do: Type.String() }))),
});

export const aidSchemas = {
  DryRunWish,
  JourneyDryRun: Type.Object({
    from: epochMs('From when'),
    until: epochMs('Until just before'),
    sample: Type.Number({ description: 'Percent of customers.' }),
    partial: Type.Boolean({
      description: 'There was more than a dry run may look at: it ends at `upTo`.',
    }),
    upTo: epochMs('Everything is told up to here'),
    events: Type.Object({
      seen: count('Events of the workspace that were passed.'),
      relevant: count('Those that mattered.'),
    }),
    customers: count('Customers that they are of.'),
    journeys: Type.Record(
      Type.String(),
      Type.Object({
        ...mapCounts,
        ...asks,
        timing: Type.Object(
          {
            steps: Type.Array(
              Type.Object({ step: Type.Integer(), name: Type.String(), ...times.properties }),
            ),
            milestones: Type.Record(Type.String(), times),
            completed: times,
          },
          { description: 'From the start of an instance to its first time there.' },
        ),
        days,
        examples,
      }),
    ),
    rules: Type.Record(Type.String(), Type.Object({ ...asks, days, examples })),
  }),
  JourneyCounts: Type.Object({
    name: Type.String(),
    versions: Type.Array(Type.Object({ version, ...mapCounts, ...asks, unsaid, kpis })),
  }),
  RuleCounts: Type.Object({
    name: Type.String(),
    versions: Type.Array(Type.Object({ version, ...asks, unsaid })),
    responses: counters('What customers answered, for all versions together.'),
  }),
  Trace: Type.Object({
    customer: Type.String(),
    instance: Type.String(),
    journey: Type.String(),
    version,
    status: Type.String(),
    complete: Type.Boolean({ description: 'The whole tape of the customer was read.' }),
    truncated: Type.Boolean({ description: 'There are more entries than are told.' }),
    entries: Type.Array(
      Type.Object({
        at: epochMs('When it was committed'),
        event: Type.Object({ type: Type.String(), id: Type.String(), time: Type.Integer() }),
        changes: Type.Array(
          Type.Unsafe<unknown>({
            type: 'object',
            required: ['what'],
            properties: { what: { type: 'string' } },
            additionalProperties: true,
          }),
        ),
        rules: Type.Array(look),
      }),
      {
        description: 'Events that moved the instance, or made a rule look at it; the oldest first.',
      },
    ),
    rules: Type.Array(
      Type.Object({
        rule: Type.String(),
        version,
        acted: count('How often it has acted for this instance.'),
        verdicts: counters('What was decided.'),
        parts: Type.Array(part, { description: 'How it stands now.' }),
      }),
      { description: 'Rules in force that are about the map.' },
    ),
  }),
};
