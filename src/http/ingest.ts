/** `POST /v1/events`: a batch in, a receipt out, once everything accepted is durable. */
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { batchBytesMax } from '../event/envelope.ts';
import { type BodyFormat, readBody } from '../ingest/body.ts';
import type { ByteBudget } from '../ingest/budget.ts';
import type { Ingest } from '../ingest/ingest.ts';
import type { Receipt } from '../ingest/receipt.ts';
import { AppError } from '../std/errors.ts';
import type { Metrics } from '../std/metrics.ts';
import type { Credential } from '../workspaces/types.ts';
import { mayLink } from './auth.ts';
import type { Front } from './context.ts';
import { mediaType } from './head.ts';
import { jsonReply, type Reply, textReply } from './reply.ts';
import type { Route, RouteRequest } from './route.ts';

const unzip = promisify(gunzip);

/** Seconds after which a refused sender should try again. */
const retryAfterSeconds = 1;

/** Serves the CloudEvents that come here; the body is its own. */
type Other = (request: RouteRequest, front: Front, ingest: Ingest | undefined) => Promise<Reply>;

const cloudEventType = /^application\/cloudevents/i;

/** The route, on the front's own `ingest`; undefined while the front is not ready. */
export function ingestRoute(ingest: () => Ingest | undefined, cloudEvents: Other): Route {
  return {
    method: 'post',
    path: '/v1/events',
    scope: 'write',
    query: [],
    bodyBytesMax: batchBytesMax,
    borrowsBody: true,
    keyInQuery: true,
    cors: 'any',
    handle(request, front) {
      const { contentType, isCloudEvent } = request.head;
      const isOther = contentType !== 'application/json' && cloudEventType.test(contentType);
      if (!isCloudEvent && !isOther) return accept(request, front, ingest());
      request.body = request.body.slice();
      return cloudEvents(request, front, ingest());
    },
  };
}

/** Answers through the request, when what it accepted is durable. */
function accept(request: RouteRequest, front: Front, ingest: Ingest | undefined): undefined {
  checkServing(front, ingest);
  const { credential } = request;
  checkQuota(front, credential);
  const format = formatOf(request.head.contentType);
  if (isPlain(request.head.contentEncoding)) {
    store(request, request.body, { format, front, ingest });
    return;
  }
  inflate(request.body.slice(), {
    budget: ingest.budget,
    credential,
    front,
    bytesMax: batchBytesMax,
  })
    .then((body) => {
      // Others may have used it up meanwhile.
      checkQuota(front, credential);
      store(request, body, { format, front, ingest });
    })
    .catch((error: unknown) => request.refuse(error));
}

/** @throws AppError rate_limited. */
export function checkQuota({ directory, quotas }: Front, { keyId }: Credential): void {
  quotas.check(directory.limits(keyId));
}

/** @throws AppError unsupported_media_type when it is neither gzip nor nothing. */
export function isPlain(contentEncoding: string): boolean {
  if (contentEncoding === '') return true;
  const encoding = contentEncoding.trim().toLowerCase();
  if (encoding === '' || encoding === 'identity') return true;
  if (encoding === 'gzip') return false;
  throw new AppError('unsupported_media_type', 'Content-Encoding must be gzip, or absent');
}

/** @throws AppError `unavailable` when this front cannot take events now. */
export function checkServing(front: Front, ingest: Ingest | undefined): asserts ingest is Ingest {
  const health = front.health();
  if (health.status !== 'ready') {
    throw new AppError('unavailable', health.reason, { retryAfterSeconds });
  }
  if (ingest === undefined) {
    throw new AppError('unavailable', 'the server is starting', { retryAfterSeconds });
  }
}

/** @throws AppError `overloaded` when too much is under way. */
export function checkLoad(
  ingest: Ingest,
  { bytes, workspace }: { bytes: number; workspace: number },
  metrics: Metrics,
): void {
  if (ingest.budget.isOver(workspace, bytes)) throw overloaded(metrics);
}

function overloaded(metrics: Metrics): AppError {
  metrics.add('batches_overloaded_total', 1);
  const message = 'too many events are waiting to be written; send the batch again';
  return new AppError('overloaded', message, { retryAfterSeconds });
}

function formatOf(contentType: string): BodyFormat {
  if (contentType === 'application/json') return 'json';
  switch (mediaType(contentType)) {
    case 'application/json':
    case 'text/plain':
      return 'json';
    case 'application/x-ndjson':
      return 'ndjson';
    case 'application/msgpack':
      return 'msgpack';
    default:
      throw new AppError(
        'unsupported_media_type',
        'Content-Type must be application/json, application/x-ndjson, application/msgpack or that of a CloudEvent',
      );
  }
}

export interface InflateParts {
  readonly budget: ByteBudget;
  readonly credential: Credential;
  readonly front: Front;
  /** The most there may be after decompression. */
  readonly bytesMax: number;
}

/**
 * Inflates a body, its size reserved first: what its trailer claims, or the most there may be when
 * that turns out to be a lie (or the body has several members). One that fails is charged here, for what
 * is known to have been read of it; another is charged when its events are.
 */
export async function inflate(body: Uint8Array, parts: InflateParts): Promise<Uint8Array> {
  const claimed = body.length < 18 ? 0 : Buffer.from(body.subarray(-4)).readUInt32LE(0);
  const { bytesMax } = parts;
  const first = Math.min(Math.max(claimed, 1024), bytesMax);
  const inflated = await inflateUpTo(body, first, parts);
  if (inflated !== undefined) return inflated;
  const whole = first === bytesMax ? undefined : await inflateUpTo(body, bytesMax, parts);
  if (whole !== undefined) return whole;
  chargeFailure(parts, bytesMax);
  const message = `the body may have at most ${bytesMax} bytes after decompression`;
  throw new AppError('too_large', message);
}

/** Undefined when the body is larger. */
async function inflateUpTo(
  body: Uint8Array,
  bytesMax: number,
  parts: InflateParts,
): Promise<Uint8Array | undefined> {
  const { budget, credential, front } = parts;
  const { workspace } = credential;
  const held = body.length + bytesMax;
  if (budget.isOver(workspace, held)) throw overloaded(front.metrics);
  budget.take(workspace, held);
  try {
    return await unzip(body, { maxOutputLength: bytesMax });
  } catch (cause) {
    if ((cause as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE') return undefined;
    front.metrics.add('batches_malformed_total', 1);
    chargeFailure(parts, body.length);
    throw new AppError('malformed', 'the body is not valid gzip', { cause });
  } finally {
    budget.give(workspace, held);
  }
}

function chargeFailure({ credential, front }: InflateParts, bytes: number): void {
  front.quotas.charge(front.directory.limits(credential.keyId), 0, bytes);
}

function store(
  request: RouteRequest,
  body: Uint8Array,
  parts: { format: BodyFormat; front: Front; ingest: Ingest },
): void {
  const { format, front, ingest } = parts;
  const { keyId, workspace } = request.credential;
  checkLoad(ingest, { bytes: body.length, workspace }, front.metrics);
  const limits = front.directory.limits(keyId);
  const batch = ingest.begin(workspace, body.length, mayLink(request.credential));
  try {
    readBody(format, body, front.clock.now(), ingest, batch);
  } catch (error) {
    ingest.abandon(batch);
    front.quotas.charge(limits, 0, body.length);
    throw error;
  }
  front.quotas.charge(limits, batch.events, body.length);
  ingest.send(batch, (receipt) => {
    if (receipt.unavailable) request.refuse(notStored(front.metrics));
    else request.answer(receiptReply(receipt));
  });
}

/** Nothing of a batch could be written. */
export function notStored(metrics: Metrics): AppError {
  metrics.add('batches_unavailable_total', 1);
  const message = 'the events could not be written; send the batch again';
  return new AppError('unavailable', message, { retryAfterSeconds });
}

/** What nearly every request with a single event is told. */
const oneStored: Reply = {
  ...textReply(200, '{"accepted":1,"duplicates":0,"rejected":[]}'),
  isTerse: true,
};

/** The receipt as `POST /v1/events` gives it. */
export function receiptReply(receipt: Receipt): Reply {
  const { accepted, duplicates, flagged, quarantined, rejected } = receipt;
  if (rejected.length === 0 && quarantined + flagged === 0) {
    if (accepted === 1 && duplicates === 0) return oneStored;
    return textReply(200, `{"accepted":${accepted},"duplicates":${duplicates},"rejected":[]}`);
  }
  const status = accepted + duplicates === 0 ? 422 : 200;
  return jsonReply(status, { accepted, duplicates, rejected, ...marksOf(receipt) });
}

/** What a receipt says of the taxonomy, only where there is something to say. */
export function marksOf({ flagged, quarantined }: Receipt): Partial<Receipt> {
  return { ...(quarantined > 0 && { quarantined }), ...(flagged > 0 && { flagged }) };
}
