/** The shapes of journey maps and rules, and of what is told of them: see `schemas.ts`. */
import { type Static, Type } from 'typebox';
import { mapShape } from '../journeys/check/mapshape.ts';
import { ruleShape } from '../journeys/check/ruleshape.ts';
import { definitionNameBytesMax } from '../workspaces/definition.ts';
import { closed, epochMs, ref } from './shape.ts';

/** One of `journey` and `rule`. */
export const DefinitionCheck = Type.Object(
  {
    name: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: definitionNameBytesMax,
        description: 'What it is called, or would be: what others name it by.',
      }),
    ),
    journey: Type.Optional(Type.Unsafe<unknown>({ description: 'A journey map.' })),
    rule: Type.Optional(Type.Unsafe<unknown>({ description: 'A rule.' })),
  },
  { ...closed, minProperties: 1 },
);
export type DefinitionCheck = Static<typeof DefinitionCheck>;

const current = Type.Integer({ minimum: 0, description: 'The version in force; 0: none is.' });
const versions = Type.Array(
  Type.Object({ version: Type.Integer({ minimum: 1 }), publishedAt: epochMs('When') }),
  { description: 'Those that are kept, the newest first.' },
);
const version = Type.Optional(Type.Integer({ minimum: 1, description: 'The one that is shown.' }));
const name = Type.String();
const title = Type.Optional(Type.String());
const updatedAt = epochMs('When it was last changed');

export const journeySchemas = {
  JourneyMap: Type.Unsafe<unknown>({ ...mapShape.schema, description: 'How a journey goes.' }),
  Rule: Type.Unsafe<unknown>({
    ...ruleShape.schema,
    description: 'What to do, for whom, at which moment.',
  }),
  Journey: Type.Object({
    ...{ name, current, version },
    map: Type.Optional(ref('JourneyMap')),
    draft: Type.Optional(ref('JourneyMap')),
    ...{ versions, updatedAt },
  }),
  Journeys: Type.Object({
    journeys: Type.Array(
      Type.Object({ name, title, current, hasDraft: Type.Boolean(), updatedAt }),
    ),
  }),
  StoredRule: Type.Object({ name, current, version, rule: ref('Rule'), versions, updatedAt }),
  Rules: Type.Object({
    rules: Type.Array(
      Type.Object({ name, title, journey: Type.Optional(name), current, updatedAt }),
    ),
  }),
  Milestones: Type.Object({
    name,
    version: Type.Integer(),
    milestones: Type.Array(Type.Object({ name, step: Type.Optional(name) })),
    steps: Type.Array(
      Type.Object({
        step: Type.Integer({ minimum: 1, description: '1 to n over all stages.' }),
        ...{ name, stage: name },
        optional: Type.Optional(Type.Boolean()),
      }),
    ),
  }),
  JourneyActions: Type.Object({
    name,
    version: Type.Integer(),
    actions: Type.Array(
      Type.Object({
        step: Type.Optional(Type.String({ description: 'It is done when this step is entered.' })),
        wait: Type.Optional(Type.String({ description: 'It is done when this wait is over.' })),
        rule: Type.Optional(Type.String({ description: 'A rule in force that does it.' })),
        when: Type.Optional(Type.Unsafe<unknown>({ description: 'When the rule asks.' })),
        action: Type.Unsafe<unknown>({ description: 'As in a map or rule.' }),
      }),
    ),
  }),
  DefinitionCheck,
  DefinitionVerdict: Type.Object({
    valid: Type.Boolean({ description: 'It would be stored.' }),
    faults: Type.Array(
      Type.Object({
        place: Type.String({ description: 'Such as `stages[1].steps[0].waits[0].for`.' }),
        message: Type.String(),
        hint: Type.Optional(Type.String({ description: 'What to do about it.' })),
      }),
      { description: 'At most 50.' },
    ),
    misfit: Type.Optional(
      Type.String({
        description: 'Why it could not come into force beside what there is in the workspace.',
      }),
    ),
  }),
};
