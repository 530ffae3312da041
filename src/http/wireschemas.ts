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

const SnowplowPayloads = Type.Object(
  {
    schema: Type.Optional(Type.String()),
    data: Type.Array(Type.Record(Type.String(), Type.String())),
  },
  { description: 'The body of tp2: payloads whose values are all text.' },
);

const OtlpLogs = Type.Object(
  { resourceLogs: Type.Optional(Type.Array(Type.Unsafe<unknown>({}))) },
  { description: 'An ExportLogsServiceRequest in JSON.' },
);

const OtlpAnswer = Type.Object({
  partialSuccess: Type.Optional(
    Type.Object({
      rejectedLogRecords: Type.String({ description: 'How many.' }),
      errorMessage: Type.String({ description: 'What is wrong with the first of them.' }),
    }),
  ),
});

const RpcStatus = Type.Object({ code: Type.Integer(), message: Type.String() });

export const wireSchemas = {
  CloudEvent,
  SnowplowPayloads,
  OtlpLogs,
  OtlpAnswer,
  RpcStatus,
} as const;
