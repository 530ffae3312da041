/** `POST /v1/taxonomy/check`: what would happen to events if they were sent now, and why. */
import { Envelope, encodingJson } from '../event/envelope.ts';
import { skipJsonSpace, walkJsonEvent } from '../event/json.ts';
import { idText } from '../ingest/fields.ts';
import type { Taxonomy } from '../ingest/taxonomy.ts';
import { AppError } from '../std/errors.ts';
import type { Front } from './context.ts';
import { mediaType } from './head.ts';
import type { RouteRequest } from './route.ts';

export const checkEventsMax = 1000;
export const checkBodyBytesMax = 1024 * 1024;

interface CheckedEvent {
  readonly index: number;
  readonly id?: string;
  readonly outcome: 'accepted' | 'flagged' | 'quarantined' | 'rejected';
  readonly code?: string;
  readonly reason?: string;
}

const outcomes = { flag: 'flagged', quarantine: 'quarantined', reject: 'rejected' } as const;
const envelope = new Envelope();

/** @throws AppError unsupported_media_type, malformed, too_large. */
export function checkEvents(
  request: RouteRequest,
  front: Front,
): { readonly events: readonly CheckedEvent[] } {
  const { body, credential, head } = request;
  const taxonomy = front.taxonomies.of(credential.workspace);
  const now = front.clock.now();
  const events: CheckedEvent[] = [];
  for (const [at, end] of spansOf(body, mediaType(head.contentType))) {
    if (events.length === checkEventsMax) {
      throw new AppError('too_large', `at most ${checkEventsMax} events can be checked at once`);
    }
    const next = walkJsonEvent(body, at, end, now, envelope);
    if (next !== end) throw new AppError('malformed', 'the body is not valid JSON');
    events.push(checkOne(events.length, body, taxonomy));
  }
  return { events };
}

function checkOne(index: number, body: Uint8Array, taxonomy: Taxonomy | undefined): CheckedEvent {
  const id = idText(body, envelope);
  const named = id === undefined ? { index } : { index, id };
  if (envelope.rejection !== undefined) {
    const { code, message } = envelope.rejection;
    return { ...named, outcome: 'rejected', code, reason: message };
  }
  const verdict = taxonomy?.judge(body, envelope, encodingJson);
  if (verdict === undefined) return { ...named, outcome: 'accepted' };
  const code = verdict.mode === 'reject' ? { code: 'invalid' } : {};
  return { ...named, outcome: outcomes[verdict.mode], ...code, reason: verdict.reason };
}

/** Where the events of a body are. */
function* spansOf(body: Uint8Array, type: string): Iterable<readonly [at: number, end: number]> {
  switch (type) {
    case 'application/json':
    case 'text/plain':
      yield* spansOfValue(body);
      return;
    case 'application/x-ndjson':
      yield* spansOfLines(body);
      return;
    default:
      throw new AppError(
        'unsupported_media_type',
        'Content-Type must be application/json or application/x-ndjson',
      );
  }
}

/** Positions after the values are found by walking them, so that each is walked twice; this is no rated path. */
function* spansOfValue(body: Uint8Array): Iterable<readonly [at: number, end: number]> {
  const malformed = (): AppError => new AppError('malformed', 'the body is not valid JSON');
  const start = skipJsonSpace(body, 0, body.length);
  const isList = body[start] === 0x5b;
  let at = isList ? skipJsonSpace(body, start + 1, body.length) : start;
  if (isList && body[at] === 0x5d) return;
  const probe = new Envelope();
  for (;;) {
    const next = walkJsonEvent(body, at, body.length, Number.POSITIVE_INFINITY, probe);
    if (next === -1) throw malformed();
    yield [at, next];
    at = skipJsonSpace(body, next, body.length);
    if (!isList) break;
    if (body[at] === 0x5d) {
      at = skipJsonSpace(body, at + 1, body.length);
      break;
    }
    if (body[at] !== 0x2c) throw malformed();
    at = skipJsonSpace(body, at + 1, body.length);
  }
  if (at !== body.length) throw malformed();
}

function* spansOfLines(body: Uint8Array): Iterable<readonly [at: number, end: number]> {
  for (let lineAt = 0; lineAt < body.length; ) {
    let lineEnd = body.indexOf(0x0a, lineAt);
    if (lineEnd === -1) lineEnd = body.length;
    const at = skipJsonSpace(body, lineAt, lineEnd);
    let end = lineEnd;
    while (end > at && body[end - 1]! <= 0x20) end -= 1;
    if (at < end) yield [at, end];
    lineAt = lineEnd + 1;
  }
}
