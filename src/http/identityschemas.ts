/** Bodies of the routes for identities. */
import { type Static, Type } from 'typebox';
import { customerBytesMax } from '../event/envelope.ts';
import {
  blockedValuesMax,
  identityDaysMax,
  identityLimitMax,
  priorityMax,
  survivors,
  typeNamePattern,
  typesMax,
} from '../identity/settings.ts';

const closed = { additionalProperties: false } as const;
/** Customers that one call merges into another. */
export const mergedMax = 100;

const identity = (description: string) =>
  Type.String({ minLength: 1, maxLength: customerBytesMax, description });
const when = (description: string) =>
  Type.Union([Type.Integer(), Type.Null()], { description: `${description}; epoch milliseconds.` });

export const NewLink = Type.Object(
  {
    from: identity('The identity to link, such as `cookie:1`.'),
    to: identity('The customer that it belongs to from now on, by any identity.'),
  },
  closed,
);
export const NewMerge = Type.Object(
  {
    into: Type.Optional(identity('The customer that stays. Absent: by the rule of the workspace.')),
    from: Type.Array(identity('A customer, by any identity.'), {
      minItems: 1,
      maxItems: mergedMax,
      description: 'Those that are merged.',
    }),
  },
  closed,
);
export const NewUnmerge = Type.Object(
  { customer: identity('What was merged or linked; its last merge or link is taken back.') },
  closed,
);

const TypeRule = Type.Object(
  {
    priority: Type.Integer({
      minimum: 1,
      maximum: priorityMax,
      description: '1 is the strongest: the weaker profile is linked to the stronger.',
    }),
    limit: Type.Integer({
      minimum: 1,
      maximum: identityLimitMax,
      description: 'Identities of the type that one customer may have.',
    }),
    days: Type.Union([Type.Integer({ minimum: 1, maximum: identityDaysMax }), Type.Null()], {
      description: 'The limit counts those linked within so many days. Null: all.',
    }),
    shared: Type.Boolean({
      description:
        'Of a device rather than a person: a login moves it to whoever logs in, and a `publish` key may link it.',
    }),
  },
  closed,
);
const texts = (description: string) =>
  Type.Array(Type.String({ maxLength: customerBytesMax }), {
    maxItems: blockedValuesMax,
    description,
  });
export const IdentitySettings = Type.Object(
  {
    survivor: Type.Optional(
      Type.Enum([...survivors], {
        description: 'Who stays when a merge does not say: by their oldest event.',
      }),
    ),
    types: Type.Optional(
      Type.Record(Type.String({ pattern: typeNamePattern }), TypeRule, {
        ...closed,
        maxProperties: typesMax,
        description: 'Types by name; those that are not named stay as by default.',
      }),
    ),
    blocked: Type.Optional(
      Type.Object(
        {
          anyCase: texts('Compared without regard to case.'),
          exact: texts('Compared as they are.'),
        },
        {
          ...closed,
          description: 'Values that never link, besides blank ones and rows of zeros and dashes.',
        },
      ),
    ),
  },
  closed,
);
export type NewLink = Static<typeof NewLink>;
export type NewMerge = Static<typeof NewMerge>;
export type NewUnmerge = Static<typeof NewUnmerge>;
export type IdentitySettings = Static<typeof IdentitySettings>;

const Identity = Type.Object({
  identity: Type.String(),
  type: Type.String(),
  since: when('When it was linked or merged; null: the customer’s own name'),
  from: when('From when on events sent under it are the customer’s; null: from the first'),
  to: when('Until before when; null: without an end'),
});

export const identitySchemas = {
  NewLink,
  NewMerge,
  NewUnmerge,
  IdentitySettings,
  Identity,
  Identities: Type.Object(
    {
      identity: Type.String({ description: 'What was asked for; a phone number in E.164.' }),
      customer: Type.String({ description: 'The customer that it belongs to.' }),
      identities: Type.Array(Type.Unsafe<unknown>({ $ref: '#/components/schemas/Identity' }), {
        description: 'All that the customer has; one may be here for several spans of time.',
      }),
    },
    { description: 'A customer and all identities.' },
  ),
} as const;
