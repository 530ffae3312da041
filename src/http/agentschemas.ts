/** The shapes of agents, desks and offers: see `schemas.ts`. Bodies are checked by `journeys/route/agent.ts`. */
import { Type } from 'typebox';
import {
  agentCapacityMax,
  agentNameCharactersMax,
  deskCapacityMax,
  deskNameBytesMax,
  presenceStatuses,
  presenceTtlSecondsDefault,
  presenceTtlSecondsMax,
  skillBytesMax,
  skillsMax,
} from '../journeys/route/agent.ts';
import { offerKinds, skillLevelMax } from '../journeys/route/search.ts';
import { anything, closed, epochMs, ref, text } from './shape.ts';

const place = Type.Optional(ref('Place'));
const skills = Type.Unsafe<Readonly<Record<string, number>>>({
  type: 'object',
  additionalProperties: { type: 'integer', minimum: 1, maximum: skillLevelMax },
  propertyNames: { minLength: 1, maxLength: skillBytesMax },
  maxProperties: skillsMax,
  description: 'Skill → level.',
});

const agentFields = {
  name: text(agentNameCharactersMax, 'For people, customers too.'),
  desk: Type.Optional(text(deskNameBytesMax, 'Where it works.')),
  place,
  channels: Type.Optional(
    Type.Array(Type.Enum([...offerKinds]), {
      minItems: 1,
      description: 'Which kinds of offers it takes. Absent: all.',
    }),
  ),
};
const deskFields = {
  title: text(agentNameCharactersMax, 'For people.'),
  place,
  capacity: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: deskCapacityMax,
      description: 'Offers that its agents may hold together. Absent: as many as they can.',
    }),
  ),
  skills: Type.Optional(skills),
};
const capacity = {
  minimum: 1,
  maximum: agentCapacityMax,
  description: 'Offers it may hold at a time.',
};
const status = Type.Enum([...presenceStatuses], {
  description: 'Only who is `available` is asked.',
});

const Agent = Type.Object({
  id: Type.String(),
  ...agentFields,
  skills,
  capacity: Type.Integer(capacity),
  presence: ref('Presence'),
  load: Type.Integer({
    minimum: 0,
    description: 'Offers it holds: reserved for it, or accepted and not completed.',
  }),
  lastOfferAt: Type.Optional(epochMs('When it was last asked')),
});
const Desk = Type.Object({
  name: Type.String(),
  ...deskFields,
  agents: Type.Integer({ minimum: 0, description: 'Agents who work there.' }),
  load: Type.Integer({ minimum: 0, description: 'Offers that they hold.' }),
});
const Offer = Type.Object({
  id: Type.String({ description: 'The id of the action.' }),
  kind: Type.Enum([...offerKinds]),
  title: Type.String(),
  state: Type.Enum(['reserved', 'accepted']),
  customer: Type.String(),
  offeredAt: epochMs('When it was decided'),
  reservedUntil: Type.Optional(epochMs('Until when the agent can answer')),
  acceptedAt: Type.Optional(epochMs('When it was accepted')),
  meeting: Type.Optional(Type.String({ description: 'Where to meet, once it is accepted.' })),
  bypass: Type.Optional(
    Type.Boolean({ description: 'The customer need not pass a menu or a bot.' }),
  ),
  data: Type.Optional(anything('What the action says.')),
  distanceMiles: Type.Optional(
    Type.Number({ description: 'From the agent to the customer, if both places are known.' }),
  ),
  journey: Type.Optional(
    Type.Object(
      {
        instance: Type.String(),
        journey: Type.String(),
        status: Type.String(),
        step: Type.Integer({ description: 'Ordinal; 0: none yet.' }),
        stepName: Type.Optional(Type.String()),
        silentMs: Type.Integer({ description: 'Since the customer’s last activity in it.' }),
        context: anything('What the instance remembers.'),
      },
      { description: 'The instance it came from, as it is now.' },
    ),
  ),
  view: Type.Optional(
    Type.Object(
      {
        name: Type.String(),
        asOf: Type.Optional(epochMs('Which instant it speaks of')),
        fields: Type.Optional(Type.Array(anything('As in a view’s answer.'))),
        error: Type.Optional(anything('Why it could not be read.')),
      },
      { description: 'The view that the action names.' },
    ),
  ),
});

export const agentSchemas = {
  Place: Type.Object(
    {
      latitude: Type.Number({ minimum: -90, maximum: 90 }),
      longitude: Type.Number({ minimum: -180, maximum: 180 }),
    },
    { ...closed, description: 'Degrees.' },
  ),
  NewAgent: Type.Object(
    {
      ...agentFields,
      skills: Type.Optional(skills),
      capacity: Type.Optional(Type.Integer({ ...capacity, default: 1 })),
    },
    closed,
  ),
  Agent,
  Agents: Type.Object({
    agents: Type.Array(ref('Agent'), { description: 'By id.' }),
    next: Type.Unsafe<unknown>({
      type: ['string', 'null'],
      description: 'Pass as `after` for the next page; null on the last one.',
    }),
  }),
  NewDesk: Type.Object(deskFields, closed),
  Desk,
  Desks: Type.Object({ desks: Type.Array(ref('Desk')) }),
  NewPresence: Type.Object(
    {
      status,
      place,
      ttlSeconds: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: presenceTtlSecondsMax,
          default: presenceTtlSecondsDefault,
          description: 'How long it counts without a live connection.',
        }),
      ),
    },
    closed,
  ),
  Presence: Type.Object({
    status,
    place,
    until: Type.Optional(epochMs('When it ends; absent while a live connection is open')),
  }),
  Offer,
  Offers: Type.Object({ offers: Type.Array(ref('Offer'), { description: 'Oldest first.' }) }),
  NewOutcome: Type.Object({ outcome: Type.Optional(text(256, 'What came of it.')) }, closed),
  AgentMessage: Type.Object(
    {
      type: Type.Enum(['pending', 'offer', 'accepted', 'gone', 'presence', 'deleted', 'error']),
      agent: Type.Optional(ref('Agent')),
      offers: Type.Optional(Type.Array(ref('Offer'))),
      offer: Type.Optional(
        Type.Unsafe<unknown>({
          anyOf: [{ $ref: '#/components/schemas/Offer' }, { type: 'string' }],
          description: 'The offer; of `gone` its id.',
        }),
      ),
      reason: Type.Optional(
        Type.Enum(['declined', 'timedOut', 'expired', 'withdrawn', 'completed']),
      ),
      presence: Type.Optional(ref('Presence')),
      error: Type.Optional(anything('As in a refusal.')),
    },
    { description: 'A message of an agent’s live feed.' },
  ),
};
