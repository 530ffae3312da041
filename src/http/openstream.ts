/** Opens a response of Server-Sent Events to whoever may have it, and keeps it among the connections until it is over. */
import type { HttpRequest, HttpResponse } from 'uWebSockets.js';
import { AppError } from '../std/errors.ts';
import type { Credential } from '../workspaces/types.ts';
import type { Connections } from './connections.ts';
import type { Front } from './context.ts';
import { corsHeaders } from './cors.ts';
import { Exchange } from './exchange.ts';
import type { Head } from './head.ts';
import { errorReply, withHeaders, writeReply } from './reply.ts';
import { EventStream } from './sse.ts';

export interface StreamWish<Wanted extends { readonly credential: Credential }> {
  /** What is asked for. @throws AppError, which is the answer then. */
  readonly wanted: (head: Head) => Wanted;
  /** The cursor that a reader resumes from if it is cut before its first event; absent: it needs none. */
  readonly from?: (wanted: Wanted) => string;
  /** Its reader went away, or was sent away. */
  readonly gone: () => void;
}

/** @returns undefined when it was refused, and answered. */
export function openStream<Wanted extends { readonly credential: Credential }>(
  front: Front,
  connections: Connections,
  { req, res }: { readonly res: HttpResponse; readonly req: HttpRequest },
  { from, gone, wanted: wantedOf }: StreamWish<Wanted>,
): { readonly wanted: Wanted; readonly stream: EventStream } | undefined {
  const exchange = new Exchange(front, res, req);
  const { head } = exchange;
  const cors = corsHeaders('listed', head, front);
  let wanted: Wanted;
  try {
    if (head.fault !== undefined) throw new AppError('malformed', head.fault);
    wanted = wantedOf(head);
  } catch (error) {
    writeReply(exchange, withHeaders(errorReply(error, front.log), cors));
    return undefined;
  }
  exchange.answered = true;
  const stream = new EventStream(exchange, from?.(wanted), cors);
  connections.addStream(stream, wanted.credential);
  exchange.onGone = () => {
    stream.gone = true;
    connections.removeStream(stream);
    gone();
  };
  return { wanted, stream };
}
