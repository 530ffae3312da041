/** The shapes of taxonomy and quarantine: the bodies that are checked, and those that are described. */
import { type Static, Type } from 'typebox';
import { customerBytesMax, idBytesMax, typeBytesMax } from '../event/envelope.ts';
import {
  descriptionCharactersMax,
  modeDefault,
  modes,
  unknownDefault,
} from '../workspaces/taxonomy.ts';

const closed = { additionalProperties: false } as const;
const mode = Type.Enum([...modes], {
  description:
    '`accept`: stored. `flag`: stored, and read back with `flagged`, the reason. `quarantine`: kept apart with the reason. `reject`: refused by index with the code `invalid`.',
});
const someSchema = Type.Unsafe<unknown>({
  type: 'object',
  additionalProperties: true,
  description: 'A JSON Schema (2020-12) that `data` has to keep to.',
});
const epochMs = (description: string) =>
  Type.Integer({ description: `${description}, epoch milliseconds` });
const texts = (most: number, bytesMax: number, description: string) =>
  Type.Optional(
    Type.Array(Type.String({ minLength: 1, maxLength: bytesMax }), { maxItems: most, description }),
  );

/** Which of the events that wait are sent through again; all of them when nothing is said. */
export const ReplayWish = Type.Object(
  {
    types: texts(100, typeBytesMax, 'Only events of these types.'),
    customers: texts(100, customerBytesMax, 'Only events of these customers.'),
    ids: texts(1000, idBytesMax, 'Only events with these ids, whoever the customer is.'),
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 1000, description: 'At most so many; 1000 if absent.' }),
    ),
    before: Type.Optional(
      Type.String({ minLength: 1, maxLength: 1024, description: '`next` of the call before.' }),
    ),
  },
  closed,
);
export type ReplayWish = Static<typeof ReplayWish>;

const change = Type.Enum(['first', 'none', 'addition', 'revision', 'model'], {
  description:
    '`addition`: takes everything that the version before took. `revision`: may refuse some of it. `model`: refuses all of it.',
});
const breaks = Type.Array(Type.String(), {
  description: 'Where it may refuse what the version before took, with the place in the schema.',
});
const version = Type.String({ description: 'MODEL-REVISION-ADDITION.', examples: ['1-0-2'] });

const field = Type.Unsafe<unknown>({
  oneOf: [
    { type: 'string' },
    {
      type: 'object',
      properties: {
        text: { type: 'string', description: 'A template: `{a.b}` is replaced.' },
        any: {
          type: 'array',
          maxItems: 20,
          description: 'The first of these fields that is there.',
        },
        constant: { description: 'Any value.' },
        match: { type: 'string', description: 'A pattern; its first group becomes the value.' },
        values: { type: 'object', description: 'Replaces whole values; null makes it absent.' },
        other: { enum: ['keep', 'refuse'], description: 'What happens to other values.' },
        lower: { type: 'boolean' },
        underscore: { type: 'boolean', description: 'Runs of blanks become `_`.' },
        prefix: { type: 'string' },
        as: { enum: ['string', 'number', 'boolean'] },
        time: { type: 'string', description: '`iso`, `epoch-ms`, `epoch-s` or a pattern.' },
        default: { description: 'What an absent value becomes.' },
      },
      additionalProperties: false,
    },
  ],
});
const mapMembers = {
  description: Type.Optional(Type.String({ maxLength: 1024, description: 'For people.' })),
  each: Type.Optional(
    Type.String({
      description: 'Dotted path of a list in the item: each of its entries becomes an event.',
    }),
  ),
  unknown: Type.Optional(
    Type.Array(Type.String(), { maxItems: 100, description: 'Texts that mean "not known".' }),
  ),
  event: Type.Object(
    {
      id: Type.Optional(field),
      customer: field,
      previous: Type.Optional(field),
      type: field,
      time: Type.Optional(field),
      channel: Type.Optional(field),
      source: Type.Optional(field),
      data: Type.Optional(
        Type.Unsafe<unknown>({
          description: 'A field that gives an object, or `{"fields": {…}}`.',
        }),
      ),
    },
    closed,
  ),
};
const Source = Type.Object({
  name: Type.String(),
  ...mapMembers,
  updatedAt: epochMs('When it was stored'),
});

export const taxonomySchemas = {
  SourceMap: Type.Object(mapMembers, closed),
  Source,
  Sources: Type.Object({
    sources: Type.Array(Type.Unsafe<unknown>({ $ref: '#/components/schemas/Source' })),
  }),
  DryRun: Type.Object({
    items: Type.Array(
      Type.Object({
        index: Type.Integer(),
        events: Type.Optional(
          Type.Array(
            Type.Object({
              event: Type.Unsafe<unknown>({ type: 'object' }),
              outcome: Type.Enum(['accepted', 'flagged', 'quarantined', 'rejected']),
              code: Type.Optional(Type.String()),
              reason: Type.Optional(Type.String()),
            }),
          ),
        ),
        outcome: Type.Optional(Type.Enum(['quarantined', 'rejected'])),
        code: Type.Optional(Type.String()),
        reason: Type.Optional(Type.String({ description: 'Why it cannot be mapped.' })),
      }),
    ),
  }),
  NewTaxonomy: Type.Object(
    { unknown: mode },
    {
      ...closed,
      description: `What happens to types that are not listed. Without: ${unknownDefault}.`,
    },
  ),
  Taxonomy: Type.Object({
    unknown: mode,
    types: Type.Array(
      Type.Object({
        type: Type.String(),
        mode,
        description: Type.Optional(Type.String()),
        hasSchema: Type.Boolean(),
        version,
        updatedAt: epochMs('When the version was made'),
      }),
    ),
  }),
  NewEventType: Type.Object(
    {
      mode: Type.Optional(mode),
      description: Type.Optional(
        Type.String({ maxLength: descriptionCharactersMax, description: 'For people.' }),
      ),
      schema: Type.Optional(someSchema),
    },
    {
      ...closed,
      description: `A type that is taken. \`mode\` is what happens to events whose data does not keep to the schema; without: ${modeDefault}.`,
    },
  ),
  EventType: Type.Object({
    type: Type.String(),
    mode,
    description: Type.Optional(Type.String()),
    schema: Type.Optional(someSchema),
    version,
    change,
    breaks,
    versions: Type.Array(
      Type.Object({ version, change, breaks, updatedAt: epochMs('When it was made') }),
      { description: 'The newest first, at most 20.' },
    ),
  }),
  CheckResult: Type.Object({
    events: Type.Array(
      Type.Object({
        index: Type.Integer(),
        id: Type.Optional(Type.String()),
        outcome: Type.Enum(['accepted', 'flagged', 'quarantined', 'rejected']),
        code: Type.Optional(Type.String()),
        reason: Type.Optional(Type.String()),
      }),
    ),
  }),
  Quarantine: Type.Object({
    events: Type.Array(
      Type.Unsafe<unknown>({
        type: 'object',
        description: 'The event as a tape gives it, with the reason.',
        required: ['reason', 'status'],
        properties: {
          reason: { type: 'string' },
          status: { enum: ['waiting', 'replayed'] },
          replayed: { type: 'integer', description: 'When, epoch milliseconds.' },
        },
        additionalProperties: true,
      }),
    ),
    next: Type.Union([Type.String(), Type.Null()], {
      description: 'Pass it as `before` for the next page.',
    }),
  }),
  ReplayWish,
  ReplayResult: Type.Object({
    replayed: Type.Integer({ description: 'On the tape now, or there already.' }),
    failed: Type.Integer({ description: 'Still kept, with the reason that holds now.' }),
    next: Type.Union([Type.String(), Type.Null()], {
      description: 'Pass it as `before` to go on; null: there is no more.',
    }),
  }),
} as const;
