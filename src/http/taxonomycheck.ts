/** `POST /v1/taxonomy/check`: what would happen to events if they were sent now, and why. */
import { Envelope } from '../event/envelope.ts';
import { skipJsonSpace, walkJsonEvent } from '../event/json.ts';
import { idText } from '../ingest/fields.ts';
import type { Taxonomy } from '../ingest/taxonomy.ts';
import { AppError } from '../std/errors.ts';
import { jsonFormOf } from './body.ts';
import type { Front } from './context.ts';
import type { RouteRequest } from './route.ts';
import { type Foresight, foresee } from './verdict.ts';

export const checkEventsMax = 1000;
export const checkBodyBytesMax = 1024 * 1024;

interface CheckedEvent extends Foresight {
  readonly index: number;
  readonly id?: string;
}

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
  const spansOf = jsonFormOf(head.contentType) === 'json' ? spansOfValue : spansOfLines;
  for (const [at, end] of spansOf(body)) {
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
  return { ...named, ...foresee(body, envelope, taxonomy) };
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
