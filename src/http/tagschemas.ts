/** The shapes of what the browser tag, visitors and the messages to them say: see `schemas.ts`. */
import { type Static, Type } from 'typebox';
import { answers } from '../streams/mailbox.ts';

const closed = { additionalProperties: false } as const;
const idPattern = '^[0-9A-Za-z._-]{1,64}$';
const epochMs = (description: string) =>
  Type.Integer({ description: `${description}, epoch milliseconds`, examples: [1763740000000] });

export const NewVisitor = Type.Object(
  {
    token: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 256,
        description: 'The token this browser has: it stays who it is. Absent: a new visitor.',
      }),
    ),
  },
  closed,
);

const messageFields = {
  kind: Type.String({
    pattern: '^[a-z0-9][a-z0-9.-]{0,63}$',
    description: 'What the page does with it. The tag itself shows `offer` and `notice`.',
    examples: ['offer'],
  }),
  data: Type.Unsafe<Record<string, unknown>>({
    type: 'object',
    additionalProperties: true,
    description:
      'At most 8 KiB. Of an offer: `title`, and as wanted `text`, `image`, `url` and `meeting` (https, or of the same site; `meeting` opens beside the page), `accept` and `dismiss` (labels). Of a notice: `title`, `text`, `image`, `dismiss`.',
  }),
};

export const NewMessage = Type.Object(
  {
    id: Type.Optional(
      Type.String({
        pattern: idPattern,
        description: 'Sent again under its id it is the same message. Absent: one is made.',
      }),
    ),
    ...messageFields,
    ttlSeconds: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 2_592_000,
        default: 3600,
        description: 'How long it waits for an answer.',
      }),
    ),
  },
  closed,
);

export const NewAnswer = Type.Object(
  { answer: Type.Enum([...answers], { description: 'What became of the message.' }) },
  closed,
);

export type NewVisitor = Static<typeof NewVisitor>;
export type NewMessage = Static<typeof NewMessage>;
export type NewAnswer = Static<typeof NewAnswer>;

const Visitor = Type.Object({
  visitor: Type.String({ description: 'Who the browser is: the `customer` of its events.' }),
  token: Type.String({ description: 'Opens the visitor’s channel. For this browser alone.' }),
  expiresAt: epochMs('When the token is refused'),
  now: epochMs('The server’s time'),
  address: Type.String({ description: 'The address at the other end of the connection.' }),
});

const Message = Type.Object({
  id: Type.String({ pattern: idPattern }),
  ...messageFields,
  about: Type.Optional(
    Type.Object(
      {
        customer: Type.String(),
        request: Type.String({ description: 'The decision it is of.' }),
        rule: Type.Optional(Type.String()),
        others: Type.Array(Type.String(), {
          description: 'Browsers that were told as well: an answer of one ends it for all.',
        }),
      },
      { description: 'Of an action of a journey or rule.' },
    ),
  ),
  sentAt: epochMs('When it was sent'),
  expiresAt: epochMs('When its time is up'),
  answer: Type.Optional(
    Type.Enum([...answers, 'withdrawn'], { description: 'Absent while it waits for one.' }),
  ),
  answeredAt: Type.Optional(epochMs('When it was answered')),
});

const Tag = Type.Object({
  version: Type.String({ description: 'Changes with every change of the file.' }),
  integrity: Type.String({ description: 'For the attribute `integrity` of the script.' }),
  bytes: Type.Integer(),
  gzipBytes: Type.Integer({ description: 'At most 6,144.' }),
  snippet: Type.String({ description: 'To be pasted into a page, with a publish key.' }),
});

/** What of it is named in the document. */
export const tagSchemas = {
  NewVisitor,
  Visitor,
  NewMessage,
  Message,
  Messages: Type.Object({
    messages: Type.Array(Type.Unsafe<unknown>({ $ref: '#/components/schemas/Message' })),
  }),
  NewAnswer,
  Tag,
} as const;
