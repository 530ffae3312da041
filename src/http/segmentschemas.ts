/** The shapes of Segment and RudderStack, as far as they mean something here; for describing only. */
import { Type } from 'typebox';
import { batchMessagesMax, segmentCalls } from '../ingest/wire/segment.ts';

const anyObject = (description: string) =>
  Type.Optional(Type.Unsafe<unknown>({ type: 'object', additionalProperties: true, description }));
const identity = (description: string) =>
  Type.Optional(Type.Unsafe<unknown>({ type: ['string', 'number', 'null'], description }));
const time = (description: string) =>
  Type.Optional(Type.Unsafe<unknown>({ type: ['string', 'integer'], description }));

const SegmentMessage = Type.Object(
  {
    type: Type.Optional(Type.Enum([...segmentCalls], { description: 'Required in a batch.' })),
    messageId: Type.Optional(Type.String({ description: 'The `id`; without it a resend is new.' })),
    userId: identity('The `customer`. It or `anonymousId` is required.'),
    anonymousId: identity(
      'With `anonymous:` before it the `customer` if there is no `userId`, otherwise `previous`.',
    ),
    previousId: identity('Of an alias: `previous`.'),
    event: Type.Optional(Type.String({ description: 'Of a track, required: the `type`.' })),
    name: Type.Optional(Type.Unsafe<unknown>({ description: 'Of a page or screen.' })),
    groupId: identity('Of a group.'),
    timestamp: time('RFC 3339 or epoch milliseconds; absent: now.'),
    sentAt: time('By it the clock of the client is put right.'),
    properties: anyObject('Kept as `data.properties`.'),
    traits: anyObject('Kept as `data.traits`.'),
    context: anyObject('Kept as `data.context`.'),
    integrations: anyObject('Kept as `data.integrations`; there are none to choose from.'),
    writeKey: Type.Optional(
      Type.String({ description: 'Where nothing else carries the key. Never stored.' }),
    ),
  },
  { additionalProperties: true, description: 'A message of Segment or RudderStack.' },
);

const SegmentBatch = Type.Object(
  {
    batch: Type.Array(Type.Unsafe<unknown>({ $ref: '#/components/schemas/SegmentMessage' }), {
      description: `Up to ${batchMessagesMax}; those beyond are refused by index.`,
    }),
    sentAt: time('For messages without one.'),
    context: anyObject('For what the context of a message leaves open.'),
    integrations: anyObject('The same for its integrations.'),
    writeKey: Type.Optional(Type.String({ description: 'Where nothing else carries the key.' })),
  },
  { additionalProperties: true },
);

const SegmentReply = Type.Object(
  {
    success: Type.Boolean({ description: 'Something was stored, or was there already.' }),
    code: Type.Optional(Type.String({ description: 'Of a refusal, as in `Error`.' })),
    message: Type.Optional(Type.String()),
    rejected: Type.Optional(
      Type.Array(Type.Unsafe<unknown>({ $ref: '#/components/schemas/Rejected' }), {
        description: 'The messages that were refused; the others of the batch are stored.',
      }),
    ),
  },
  { description: 'What every library of Segment and RudderStack understands.' },
);

export const segmentSchemas = { SegmentMessage, SegmentBatch, SegmentReply } as const;
