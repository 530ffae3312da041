/** The shapes of profile views and roles; see `schemas.ts`. */
import { Type } from 'typebox';
import { conditionCharactersMax } from '../event/condition.ts';
import { typeBytesMax } from '../event/envelope.ts';
import { maskWays, roleMasksMax, roleViewsMax } from '../workspaces/role.ts';
import {
  attributeCharactersMax,
  fieldLimitMax,
  fieldNameCharactersMax,
  fieldsMax,
  fieldTypes,
} from '../workspaces/view.ts';
import { anything, closed, cursor, epochMs, ref, text } from './shape.ts';

const where = (of: string) =>
  Type.Optional(
    text(conditionCharactersMax, `A condition in CEL: only events that meet it count for ${of}.`),
  );
const snapshot = Type.Optional(
  Type.String({
    pattern: '^[1-9][0-9]{0,11}[smhdw]$',
    description:
      'One answer serves everybody for so long: `90s`, at most `30m`. Absent: always current.',
  }),
);
const ViewField = Type.Object(
  {
    name: text(fieldNameCharactersMax, 'The row, unique in the view.'),
    event: text(typeBytesMax, 'An event type, or `*` for every type.'),
    attribute: Type.Optional(
      text(
        attributeCharactersMax,
        'A dotted path into `data`, or `*` for all of it; a member whose whole name it is comes first. Only `count` and `sum` do without.',
      ),
    ),
    limit: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: fieldLimitMax,
        description: 'Newest matches only. Absent: all.',
      }),
    ),
    lookback: Type.Optional(
      Type.String({
        pattern: '^[1-9][0-9]{0,11}[smhdw]$',
        description: 'How far back: `90d`, `12h`, `30m`; at most 3650d. Absent: the whole tape.',
      }),
    ),
    type: Type.Enum([...fieldTypes]),
    where: where('this field'),
  },
  closed,
);
const ViewTemplate = Type.Object(
  {
    fields: Type.Unsafe<unknown>({
      type: 'array',
      items: { $ref: '#/components/schemas/ViewField' },
      minItems: 1,
      maxItems: fieldsMax,
    }),
    where: where('any field'),
    snapshot,
  },
  closed,
);
const View = Type.Object({
  name: Type.String(),
  where: where('any field'),
  snapshot,
  fields: Type.Array(ref('ViewField')),
  version: Type.Integer({ description: 'Grows with every change.' }),
  updatedAt: epochMs('When it was stored'),
});

const ViewEvidence = Type.Object({
  cursor: cursor('Where the event stands.'),
  time: epochMs('When it occurred'),
  event: Type.Optional(ref('StoredEvent')),
});
const ViewResultField = Type.Object({
  name: Type.String(),
  value: anything(
    'With `limit` 1, and for all types but `value` and `distinct`, a scalar; otherwise a list, newest first. No match: null, or 0 for `count` and `sum`.',
  ),
  events: Type.Optional(
    Type.Integer({ description: 'How many events it was made from. Absent in a hidden field.' }),
  ),
  skipped: Type.Optional(
    Type.Integer({ description: 'Values left out because they are no numbers.' }),
  ),
  undecided: Type.Optional(
    Type.Integer({
      description: 'Events left out because a condition would cost too much on them.',
    }),
  ),
  masked: Type.Optional(
    Type.Enum([...maskWays], { description: 'How your role gets to see the value.' }),
  ),
  evidence: Type.Optional(
    Type.Array(ref('ViewEvidence'), {
      description:
        'With `evidence`: the newest events that make the value up, at most 100, or the one that decides it.',
    }),
  ),
});
const ViewResult = Type.Object({
  customer: Type.String(),
  view: Type.String(),
  asOf: epochMs('The instant the answer speaks of'),
  fields: Type.Array(ref('ViewResultField')),
});
const ViewResults = Type.Object({
  customer: Type.String(),
  views: Type.Array(
    Type.Object({
      view: Type.String(),
      asOf: epochMs('The instant this answer speaks of'),
      fields: Type.Array(ref('ViewResultField')),
    }),
    { description: 'In the order of `names`.' },
  ),
});

const Mask = Type.Object(
  {
    view: Type.Optional(text(128, 'In this view. Absent: in every view.')),
    field: Type.Optional(text(fieldNameCharactersMax, 'The field of this name.')),
    attribute: Type.Optional(
      text(
        attributeCharactersMax,
        'Fields that show this attribute, or something inside it; those of which it is a part are hidden.',
      ),
    ),
    as: Type.Enum([...maskWays], {
      description:
        '`hide`: null, and nothing else is said. `present`: true when there is a value. `last4`: `***4567`. `email`: `j***@example.com`. `hash`: the same text for equal values. Without a match it is null as ever, or 0.',
    }),
  },
  { ...closed, description: 'Names a field, an attribute or both.' },
);
const RoleTemplate = Type.Object(
  {
    views: Type.Optional(
      Type.Array(text(128, 'A view.'), {
        minItems: 1,
        maxItems: roleViewsMax,
        description: 'The views it may read. Absent: every view.',
      }),
    ),
    masks: Type.Optional(
      Type.Unsafe<unknown>({
        type: 'array',
        items: { $ref: '#/components/schemas/Mask' },
        maxItems: roleMasksMax,
        description: 'Where several fit, `hide` wins, then the first.',
      }),
    ),
  },
  { ...closed, description: 'Whoever has a role reads views, and nothing else.' },
);
const Role = Type.Object({
  name: Type.String(),
  views: Type.Optional(Type.Array(Type.String())),
  masks: Type.Optional(Type.Array(ref('Mask'))),
  version: Type.Integer({ description: 'Grows with every change.' }),
  updatedAt: epochMs('When it was stored'),
});

/** By the names they have in the document. */
export const viewSchemas = {
  ViewTemplate,
  ViewField,
  View,
  Views: Type.Object({ views: Type.Array(ref('View')) }),
  ViewResult,
  ViewResults,
  ViewResultField,
  ViewEvidence,
  RoleTemplate,
  Mask,
  Role,
  Roles: Type.Object({ roles: Type.Array(ref('Role')) }),
} as const;
