/** Shapes of CJDS, for the document only: its routes say themselves what is wrong with a body. */
import { Type } from 'typebox';
import { triggerTypes } from '../../workspaces/cjdsaction.ts';
import { aggregationModes, metaDataTypes } from '../../workspaces/cjdsrules.ts';
import { anything, ref } from '../shape.ts';

const rules = anything(
  'Conditions `<event>,<metaData>,<metaDataType>,<aggregationMode> <EQ|NEQ|GT|GTE|LT|LTE> <value>`: one as `{"logic":"SINGLE","condition":…}`, several as `{"logic":"AND"|"OR","args":[…]}`.',
);

const CjdsEvent = Type.Object(
  {
    id: Type.String({ minLength: 1, description: 'Sent again: 409.' }),
    specversion: Type.String(),
    type: Type.String(),
    source: Type.String(),
    time: Type.Optional(Type.String({ format: 'date-time' })),
    identity: Type.String({ description: 'The customer.' }),
    identitytype: Type.String({ description: 'Such as `email`, `phone`, `customerId`.' }),
    previousidentity: Type.Optional(
      Type.Union([Type.String(), Type.Null()], { description: 'Becomes `previous`.' }),
    ),
    datacontenttype: Type.String(),
    data: anything('An object; anything else comes back as it was sent.'),
  },
  { description: 'A CloudEvent with an identity.' },
);

const CjdsAttribute = Type.Object({
  displayName: Type.String(),
  version: Type.String(),
  event: Type.String({ description: 'An event type; `cjds:any` for every one.' }),
  metaDataType: Type.Enum([...metaDataTypes]),
  metaData: Type.String({ description: 'A dotted path into `data`.' }),
  limit: Type.Integer({ minimum: 0, description: 'Newest matches only; 0: all.' }),
  lookBackDurationType: Type.String({ description: 'seconds, minutes, hours, days or weeks.' }),
  lookBackPeriod: Type.Integer({ minimum: 1 }),
  aggregationMode: Type.Enum([...aggregationModes]),
  verbose: Type.Boolean({ description: 'Whether answers bring the events.' }),
  rules: Type.Optional(rules),
  widgetAttributes: Type.Optional(anything('`{"type":"table"}` when absent.')),
});

const CjdsTemplate = Type.Object({
  name: Type.String({ minLength: 1 }),
  attributes: Type.Array(ref('CjdsAttribute')),
});

const CjdsView = Type.Object({
  workspaceId: Type.String(),
  organizationId: Type.String(),
  personId: Type.String(),
  templateId: Type.String(),
  searchFilter: Type.Null(),
  attributes: Type.Array(
    Type.Object({
      queryTemplate: ref('CjdsAttribute'),
      result: Type.String({ description: 'Of lists the entries with commas between.' }),
      error: Type.Union([Type.String(), Type.Null()]),
      journeyEvents: Type.Array(
        Type.String({ description: 'The JSON text of a CloudEvent. Empty for narrowed keys.' }),
      ),
    }),
  ),
  systemMetdata: anything('`{"journeyActionTriggerHistories":[]}`'),
  timestamp: Type.String({ format: 'date-time' }),
});

const CjdsAction = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 128 }),
  isActive: Type.Optional(Type.Boolean()),
  cooldownPeriodInMinutes: Type.Integer({ minimum: 0 }),
  rules,
  actionTriggers: Type.Array(
    Type.Object({ type: Type.Enum([...triggerTypes]), webhookURL: Type.Optional(Type.String()) }),
  ),
});

const aliases = (of: string) => Type.Optional(Type.Array(Type.String(), { description: of }));
const CjdsPerson = Type.Object(
  {
    id: Type.Optional(Type.String({ description: 'Given by the server.' })),
    firstName: Type.Optional(Type.String({ maxLength: 256 })),
    lastName: Type.Optional(Type.String({ maxLength: 256 })),
    phone: aliases('Phone numbers.'),
    email: aliases('Addresses.'),
    temporaryId: aliases('Names of visitors.'),
    customerId: aliases('Names of customers.'),
    socialId: aliases('Names elsewhere.'),
    aliases: aliases('Every identity, of whatever type; given by the server.'),
  },
  { description: 'Who somebody is. At most 100 identities are sent at once.' },
);
const CjdsIdentities = Type.Intersect([
  ref('CjdsPerson'),
  Type.Object({
    override: Type.Optional(
      Type.Boolean({ description: 'True: identities that are not sent are taken away.' }),
    ),
  }),
]);
const CjdsMerge = Type.Object({ personIdsToMerge: Type.Array(Type.String(), { minItems: 1 }) });
const CjdsPatch = Type.Array(
  Type.Object({
    op: Type.Enum(['add', 'remove', 'replace', 'test', 'move', 'copy']),
    path: Type.String({ description: 'Such as `/firstName`, `/phone/0`.' }),
    value: Type.Optional(anything('')),
  }),
  { description: 'A JSON Patch (RFC 6902).' },
);
const CjdsAliases = Type.Array(Type.String());

const CjdsWorkspace = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 128 }),
  description: Type.Optional(Type.String({ maxLength: 1024 })),
});

const CjdsError = Type.Object({
  status: Type.String({ description: 'Such as `400 BAD_REQUEST`.' }),
  message: Type.String(),
  errors: Type.Array(Type.String()),
  timestamp: Type.String({ format: 'date-time' }),
  trackingId: Type.String(),
});

export const cjdsSchemas = {
  CjdsEvent,
  CjdsAttribute,
  CjdsTemplate,
  CjdsView,
  CjdsAction,
  CjdsPerson,
  CjdsIdentities,
  CjdsMerge,
  CjdsPatch,
  CjdsAliases,
  CjdsWorkspace,
  CjdsError,
} as const;
