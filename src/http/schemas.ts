/**
 * The shape of every body, once: the same schema checks what comes in (`check.ts`) and describes it
 * in the OpenAPI document. Bodies of events are not here to be checked: the byte walkers do that.
 */
import { type Static, Type } from 'typebox';
import {
  batchEventsMax,
  channelBytesMax,
  customerBytesMax,
  idBytesMax,
  previousBytesMax,
  sourceBytesMax,
  typeBytesMax,
} from '../event/envelope.ts';
import { errorCodes } from '../std/errors.ts';
import { agentIdBytesMax } from '../workspaces/agents.ts';
import {
  quotaBytesMax,
  quotaBytesMin,
  quotaEventsMax,
  quotaEventsMin,
} from '../workspaces/quota.ts';
import {
  retentionBytesMax,
  retentionBytesMin,
  retentionDaysMax,
  retentionDaysMin,
} from '../workspaces/retention.ts';
import { roleNameBytesMax } from '../workspaces/role.ts';
import { scopes } from '../workspaces/types.ts';
import { agentSchemas } from './agentschemas.ts';
import { aidSchemas } from './aidschemas.ts';
import { cjdsSchemas } from './cjds/schemas.ts';
import { decideSchemas } from './decideschemas.ts';
import { identitySchemas } from './identityschemas.ts';
import { instanceSchemas } from './instanceschemas.ts';
import { journeySchemas } from './journeyschemas.ts';
import { segmentSchemas } from './segmentschemas.ts';
import { closed, cursor, epochMs, ref, text } from './shape.ts';
import { tagSchemas } from './tagschemas.ts';
import { taxonomySchemas } from './taxonomyschemas.ts';
import { viewSchemas } from './viewschemas.ts';
import { webhookSchemas } from './webhookschemas.ts';
import { wireSchemas } from './wireschemas.ts';

const scopeList = Type.Array(Type.Enum([...scopes]), {
  minItems: 1,
  uniqueItems: true,
  description: 'What the key may do; required unless it is for an agent.',
});
const viewNames = Type.Array(text(128, 'A view.'), {
  minItems: 1,
  maxItems: 100,
  uniqueItems: true,
  description: 'Narrows `read` to these views: no tape, no live stream, no other view.',
});

const roleName = Type.Optional(
  text(roleNameBytesMax, 'Narrows `read` to what this role may read, masked as it says.'),
);

const agentName = Type.Optional(
  text(
    agentIdBytesMax,
    'An agent: the key speaks for it and may do nothing else. Its scope is `agent`, which need not be said.',
  ),
);

const rate = (minimum: number, maximum: number, description: string) =>
  Type.Optional(Type.Union([Type.Integer({ minimum, maximum }), Type.Null()], { description }));

/** Bodies of the administrative routes. */
export const NewQuota = Type.Object(
  {
    eventsPerSecond: rate(
      quotaEventsMin,
      quotaEventsMax,
      'Every event of a batch that can be read counts, refused and duplicate ones too. Absent: the setting of the server (workspaces), or no limit (keys). Null: no limit.',
    ),
    bytesPerSecond: rate(
      quotaBytesMin,
      quotaBytesMax,
      'Bytes of bodies and frames, after decompression. Absent and null as above.',
    ),
  },
  { ...closed, description: 'What may be sent in a second. One second’s worth may come at once.' },
);
export const NewRetention = Type.Object(
  {
    days: rate(
      retentionDaysMin,
      retentionDaysMax,
      'Since an event was received, whenever it occurred. Absent: the setting of the server. Null: for ever.',
    ),
    bytes: rate(
      retentionBytesMin,
      retentionBytesMax,
      'Of events as they were sent: at least that much of the newest is kept. Absent and null as above.',
    ),
  },
  { ...closed, description: 'How long events are kept.' },
);
export const NewKey = Type.Object(
  {
    scopes: Type.Optional(scopeList),
    views: Type.Optional(viewNames),
    role: roleName,
    agent: agentName,
    name: Type.Optional(
      Type.String({ maxLength: 128, description: 'For people.', examples: ['level 1 desk'] }),
    ),
    quota: Type.Optional(NewQuota),
  },
  closed,
);
export const NewToken = Type.Object(
  {
    scopes: Type.Optional(scopeList),
    ttlSeconds: Type.Integer({
      minimum: 1,
      maximum: 86400,
      description: 'Seconds from now until the token is refused.',
    }),
    views: Type.Optional(viewNames),
    role: roleName,
    agent: agentName,
  },
  closed,
);
export const NewWorkspace = Type.Object(
  { name: text(128, 'For people.'), quota: Type.Optional(NewQuota) },
  closed,
);
export type NewQuota = Static<typeof NewQuota>;
export type NewRetention = Static<typeof NewRetention>;
export type NewKey = Static<typeof NewKey>;
export type NewToken = Static<typeof NewToken>;
export type NewWorkspace = Static<typeof NewWorkspace>;

const bytes = (max: number, description: string) =>
  Type.String({ minLength: 1, description: `${description} 1–${max} bytes of UTF-8.` });
const sentTime = Type.Unsafe<unknown>({
  oneOf: [{ type: 'string', format: 'date-time' }, { type: 'integer' }],
  description:
    'When it occurred: RFC 3339 or epoch milliseconds, from 1970 to one day ahead of the server. Absent: the time of receipt.',
  examples: ['2025-11-21T15:46:40Z'],
});
const data = Type.Unsafe<unknown>({
  type: 'object',
  description: 'Anything JSON can say, at most 32 levels deep.',
  additionalProperties: true,
});

const eventFields = {
  id: bytes(
    idBytesMax,
    'With `customer` the idempotency key: the same pair is stored once. Absent: the server makes a UUIDv7, and sending again stores again.',
  ),
  customer: bytes(
    customerBytesMax,
    'Any identity of the customer. May not begin with `tapeline:`, nor may `previous`.',
  ),
  previous: bytes(previousBytesMax, 'Another identity of the same customer; links the two.'),
  type: bytes(typeBytesMax, 'Such as `Add To Cart`. May not begin with `tapeline.`.'),
  channel: bytes(channelBytesMax, 'Such as `web`, `email`, `ivr`, `chat`, `voice`, `store`.'),
  source: bytes(sourceBytesMax, 'The sending system.'),
};

const Event = Type.Object(
  {
    id: Type.Optional(eventFields.id),
    customer: eventFields.customer,
    previous: Type.Optional(eventFields.previous),
    type: eventFields.type,
    time: Type.Optional(sentTime),
    channel: Type.Optional(eventFields.channel),
    source: Type.Optional(eventFields.source),
    data: Type.Optional(data),
  },
  {
    ...closed,
    description:
      'A touchpoint as it is sent: at most 32 KiB. Unknown top-level fields are refused; put your own under `data`. Top-level keys are plain (no escapes) and may not repeat.',
  },
);

const StoredEvent = Type.Object(
  {
    id: eventFields.id,
    customer: eventFields.customer,
    previous: Type.Optional(eventFields.previous),
    type: eventFields.type,
    time: epochMs('When it occurred'),
    channel: Type.Optional(eventFields.channel),
    source: Type.Optional(eventFields.source),
    data: Type.Optional(data),
    received: epochMs('When the server received it'),
    flagged: Type.Optional(Type.String({ description: 'Why the taxonomy flagged it.' })),
    cursor: cursor('Where it stands.'),
  },
  {
    description:
      'An event as it is read back. `data` is as it was sent, numbers to the last digit.',
  },
);

const Rejected = Type.Object({
  index: Type.Integer({ minimum: 0, description: 'Place in the batch, from 0.' }),
  id: Type.Optional(Type.String({ description: 'The id that was sent, if it could be read.' })),
  code: Type.Enum([...errorCodes]),
  message: Type.String(),
});

const marked = (how: string) =>
  Type.Optional(Type.Integer({ minimum: 1, description: `Of those and the duplicates: ${how}.` }));
const Receipt = Type.Object(
  {
    accepted: Type.Integer({ minimum: 0, description: 'Stored and flushed to disk.' }),
    duplicates: Type.Integer({ minimum: 0, description: 'Already stored: same customer and id.' }),
    rejected: Type.Array(ref('Rejected'), { maxItems: batchEventsMax }),
    quarantined: marked('kept apart in quarantine by the taxonomy'),
    flagged: marked('stored with a flag by the taxonomy'),
  },
  { description: 'What became of a batch. Its first three counts add up to the events sent.' },
);

const TapePage = Type.Object({
  customer: Type.String(),
  events: Type.Array(ref('StoredEvent'), { description: 'Newest first.' }),
  next: Type.Unsafe<unknown>({
    type: ['string', 'null'],
    description: 'Pass as `before` for the next (older) page; null on the last one.',
  }),
  live: cursor('Pass as `from` to `/v1/live` to go on without a gap.'),
});

const keyFields = {
  id: Type.String(),
  name: Type.String(),
  scopes: Type.Array(Type.Enum([...scopes])),
  views: Type.Optional(Type.Array(Type.String())),
  role: Type.Optional(Type.String()),
  agent: Type.Optional(Type.String()),
  createdAt: epochMs('When it was made'),
  quota: Type.Optional(ref('Quota')),
};
const Key = Type.Object(keyFields, { description: 'A key, without its secret.' });
const CreatedKey = Type.Object(
  { ...keyFields, key: Type.String({ description: 'The key itself: shown now and never again.' }) },
  { description: 'A new key, with its secret.' },
);
const Token = Type.Object({ token: Type.String(), expiresAt: epochMs('When it is refused') });
const Workspace = Type.Object({
  id: Type.String(),
  name: Type.String(),
  createdAt: epochMs('When it was made'),
  quota: Type.Optional(ref('Quota')),
  retention: Type.Optional(ref('Retention')),
});
const CreatedWorkspace = Type.Object({
  workspace: ref('Workspace'),
  key: Type.Unsafe<unknown>({
    $ref: '#/components/schemas/CreatedKey',
    description: 'The first admin key of the workspace.',
  }),
});

const Erasure = Type.Object(
  {
    id: Type.String(),
    status: Type.Enum(['pending', 'done'], {
      description:
        'Pending: nobody can read the events any more, and some may still lie in files. Done: no file holds them.',
    }),
    requestedAt: epochMs('When it was first asked for'),
    doneAt: Type.Optional(epochMs('When it was done')),
    filesLeft: Type.Optional(
      Type.Integer({
        minimum: 0,
        description: 'While files are written anew: those that still may hold something.',
      }),
    ),
  },
  { description: 'An erasure. It does not say of whom.' },
);

const ErrorBody = Type.Object({
  error: Type.Object({
    code: Type.Enum([...errorCodes], { description: 'Stable: programs may rely on it.' }),
    message: Type.String({ description: 'For people; may change.' }),
    earliest: Type.Optional(cursor('With `cursor_expired`: the earliest cursor still held.')),
  }),
});
const Health = Type.Object({
  status: Type.Enum(['ready', 'starting', 'draining', 'unavailable']),
  reason: Type.Optional(Type.String()),
  damaged: Type.Optional(
    Type.Object(
      {
        segments: Type.Optional(Type.Integer({ minimum: 1 })),
        parts: Type.Optional(Type.Integer({ minimum: 1 })),
        blocks: Type.Optional(Type.Integer({ minimum: 1, description: 'How often one was met.' })),
      },
      { description: 'Files and blocks that cannot be read; the rest is served.' },
    ),
  ),
});
const LiveMessage = Type.Object({
  cursor: cursor('Pass as `from` to go on after this event.'),
  event: ref('StoredEvent'),
});

/** Everything named in the document. */
export const schemas = {
  Event,
  StoredEvent,
  Receipt,
  Rejected,
  TapePage,
  LiveMessage,
  ...viewSchemas,
  Quota: NewQuota,
  Retention: NewRetention,
  NewKey,
  CreatedKey,
  Key,
  Keys: Type.Object({ keys: Type.Array(ref('Key')) }),
  NewToken,
  Token,
  NewWorkspace,
  CreatedWorkspace,
  Workspace,
  Workspaces: Type.Object({ workspaces: Type.Array(ref('Workspace')) }),
  ...identitySchemas,
  Erasure,
  Erasures: Type.Object({ erasures: Type.Array(ref('Erasure')) }),
  ...segmentSchemas,
  ...cjdsSchemas,
  ...tagSchemas,
  ...decideSchemas,
  ...aidSchemas,
  Health,
  ...taxonomySchemas,
  ...webhookSchemas,
  ...journeySchemas,
  ...instanceSchemas,
  ...wireSchemas,
  ...agentSchemas,
  Error: ErrorBody,
} as const;
