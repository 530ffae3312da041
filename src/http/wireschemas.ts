/** Bodies of other products' clients, for the document only: their doors say what is wrong with one. */
import { Type } from 'typebox';

const CloudEvent = Type.Object(
  {
    specversion: Type.Literal('1.0'),
    id: Type.String({ minLength: 1 }),
    source: Type.String({ minLength: 1, maxLength: 256, description: 'With `id` unique.' }),
    type: Type.String({ minLength: 1, maxLength: 128 }),
    time: Type.Optional(Type.String({ format: 'date-time' })),
    subject: Type.Optional(
      Type.String({ description: 'The customer, if there is no `identity`.' }),
    ),
    identity: Type.Optional(Type.String({ description: 'The customer.' })),
    previousidentity: Type.Optional(Type.String({ description: 'Becomes `previous`.' })),
    channel: Type.Optional(Type.String()),
    datacontenttype: Type.Optional(Type.String()),
    data: Type.Optional(Type.Unsafe<unknown>({})),
    data_base64: Type.Optional(Type.String()),
  },
  { description: 'A CloudEvent 1.0 in JSON format; other attributes are extensions.' },
);

export const wireSchemas = { CloudEvent } as const;
