/** What both WebSocket routes do before they are one: credential, protocol, upgrade or refusal. */
import type { HttpRequest, HttpResponse, us_socket_context_t } from 'uWebSockets.js';
import { AppError } from '../std/errors.ts';
import type { Front } from './context.ts';
import { Exchange } from './exchange.ts';
import { errorReply, writeReply } from './reply.ts';

export interface Upgrade<Data> {
  readonly data: Data;
  /** The subprotocol to agree on, or empty. */
  readonly protocol: string;
}

/**
 * Upgrades to a WebSocket, or answers as any request is answered: with a status and a JSON error.
 * Synchronous throughout: this build of uWebSockets.js may not upgrade later.
 *
 * @param open finds what the socket is for. @throws AppError to refuse it.
 */
export function upgradeSocket<Data>(
  front: Front,
  uws: { res: HttpResponse; req: HttpRequest; context: us_socket_context_t },
  open: (exchange: Exchange) => Upgrade<Data>,
): void {
  const exchange = new Exchange(front, uws.res, uws.req);
  try {
    const { head } = exchange;
    if (head.fault !== undefined) throw new AppError('malformed', head.fault);
    const { data, protocol } = open(exchange);
    exchange.answered = true;
    uws.res.upgrade({ data }, head.websocketKey, protocol, head.websocketExtensions, uws.context);
  } catch (error) {
    writeReply(exchange, errorReply(error, front.log));
  }
}
