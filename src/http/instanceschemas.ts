/** The shapes of a customer's instances of journeys, and of what may be done with them; see `schemas.ts`. */
import { type Static, Type } from 'typebox';
import { keyCharactersMax } from '../journeys/engine/instance.ts';
import { definitionNameBytesMax } from '../workspaces/definition.ts';
import { anything, closed, epochMs, text } from './shape.ts';

const contextOf = (description: string) =>
  Type.Optional(
    Type.Unsafe<Readonly<Record<string, unknown>>>({
      type: 'object',
      additionalProperties: true,
      description,
    }),
  );
const key = Type.Optional(
  Type.String({
    maxLength: keyCharactersMax,
    description: 'Tells several instances of a map apart; absent: the one without a key.',
  }),
);

export const NewInstance = Type.Object(
  {
    journey: text(definitionNameBytesMax, 'A journey that is in force.'),
    key,
    context: contextOf('What it remembers from the beginning; at most 8 KiB.'),
  },
  { ...closed },
);
export type NewInstance = Static<typeof NewInstance>;

export const NewCommand = Type.Object(
  {
    reason: Type.Optional(text(256, 'Why; needed to `exit`.')),
    step: Type.Optional(text(definitionNameBytesMax, 'Of `step`: the name of the step it is at.')),
    context: contextOf('Of `step`: what it is to remember besides; at most 8 KiB.'),
  },
  { ...closed },
);
export type NewCommand = Static<typeof NewCommand>;

const step = Type.Object(
  {
    ordinal: Type.Integer({ minimum: 1 }),
    name: Type.Optional(Type.String()),
    stage: Type.Optional(Type.String()),
  },
  { description: 'Its name is absent when the version of the map is not kept any more.' },
);
const orNone = Type.Union([step, Type.Null()]);

const Instance = Type.Object({
  id: Type.String({ description: 'The same for ever.' }),
  journey: Type.String(),
  version: Type.Integer({ description: 'Of the map; it stays on it.' }),
  key: Type.String(),
  run: Type.Integer({ minimum: 1, description: 'Which time this map and key has begun.' }),
  status: Type.String({
    enum: ['active', 'paused', 'completed', 'exited', 'expired', 'cancelled', 'failed'],
  }),
  reason: Type.Optional(Type.String()),
  startedAt: epochMs('When it began'),
  endedAt: Type.Optional(epochMs('When it ended')),
  pausedAt: Type.Optional(epochMs('Since when it is paused')),
  lastActivity: epochMs('When something of the journey came last; pauses do not count as silence'),
  step: orNone,
  furthest: orNone,
  visited: Type.Array(
    Type.Object({
      ...step.properties,
      at: epochMs('When it was committed'),
      time: Type.Optional(epochMs('Of the event that led there, if it was another')),
    }),
    { description: 'In the order of the events’ own times; the newest 200.' },
  ),
  completed: Type.Array(Type.String()),
  milestones: Type.Array(Type.Object({ name: Type.String(), at: epochMs('When') })),
  progress: Type.Union([Type.Number({ minimum: 0, maximum: 1 }), Type.Null()]),
  context: anything('What it remembers.'),
});

export const instanceSchemas = {
  NewInstance,
  NewCommand,
  Instance,
  Instances: Type.Object({
    customer: Type.String({ description: 'As journeys know the customer.' }),
    instances: Type.Array(Instance, { description: 'The oldest first.' }),
  }),
};
