/** The door for OpenTelemetry: OTLP/HTTP logs in JSON, at `POST /v1/logs` and `POST /otlp/v1/logs`. */
import { batchBytesMax } from '../event/envelope.ts';
import type { Receipt } from '../ingest/receipt.ts';
import { readJson } from '../ingest/wire/json.ts';
import { otlpItems } from '../ingest/wire/otlp.ts';
import { AppError, type ErrorCode } from '../std/errors.ts';
import type { Front } from './context.ts';
import { mediaType } from './head.ts';
import { errorReply, jsonReply, type Reply } from './reply.ts';
import type { Door, WireBatch, WireRequest } from './wire.ts';

/** Codes of google.rpc.Status that the protocol asks for in refusals. */
const rpcCodes: Partial<Record<ErrorCode, number>> = {
  malformed: 3,
  invalid: 3,
  forbidden: 7,
  too_large: 8,
  rate_limited: 8,
  unsupported_media_type: 12,
  internal: 13,
  overloaded: 14,
  unavailable: 14,
  unauthorized: 16,
};
const rpcUnknown = 2;

export const otlpDoor: Door = {
  method: 'post',
  path: '/v1/logs',
  also: ['/otlp/v1/logs'],
  query: [],
  keys: { basic: true },
  cors: 'echo',
  bodyBytesMax: batchBytesMax,
  read,
  answer,
  refusal,
};

function read({ body, head }: WireRequest): WireBatch {
  if (mediaType(head.contentType) !== 'application/json') {
    const message =
      'send application/json: set the protocol http/json in an SDK, encoding json in a Collector';
    throw new AppError('unsupported_media_type', message);
  }
  return { items: () => otlpItems(readJson(body)) };
}

/** A client does not send again what was refused: it is told how many records and why the first. */
function answer({ rejected }: Receipt): Reply {
  const [first] = rejected;
  if (first === undefined) return jsonReply(200, {});
  return jsonReply(200, {
    partialSuccess: {
      rejectedLogRecords: String(rejected.length),
      errorMessage: `record ${first.index}: ${first.code}: ${first.message}`,
    },
  });
}

function refusal(error: unknown, front: Front): Reply {
  const reply = errorReply(error, front.log);
  const { error: told } = JSON.parse(String(reply.body)) as {
    error: { code: ErrorCode; message: string };
  };
  const status = { code: rpcCodes[told.code] ?? rpcUnknown, message: told.message };
  return { ...reply, body: JSON.stringify(status) };
}
