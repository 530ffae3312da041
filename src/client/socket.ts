/**
 * Connections for Node, over the package `ws`. Compression is off: events are small, arrive in large
 * frames, and deflating them costs more than the loopback or a data centre's network does.
 */
import WebSocket from 'ws';
import type { OpenSocket, SocketHandlers, SocketTarget } from './types.ts';

const handshakeTimeoutMs = 10_000;

/** Opens a connection with the key in a header. Never throws: a failure arrives as `closed`. */
export const nodeSocket: OpenSocket = (target, handlers) => open(target, handlers, {});

/**
 * The same with a mask of zeros, which spares both sides the work of masking (masks protect proxies
 * on the open internet from pages with bad intent). For load generators on a trusted network.
 */
export const unmaskedSocket: OpenSocket = (target, handlers) =>
  open(target, handlers, { generateMask: (mask) => void mask.fill(0) });

function open(
  target: SocketTarget,
  handlers: SocketHandlers,
  options: WebSocket.ClientOptions,
): ReturnType<OpenSocket> {
  const socket = new WebSocket(target.url, target.protocol, {
    ...options,
    perMessageDeflate: false,
    handshakeTimeout: handshakeTimeoutMs,
    headers: { authorization: `Bearer ${target.key}` },
  });
  let failure = '';
  let status: number | undefined;
  socket.on('message', (data: Buffer, isBinary: boolean) => {
    handlers.message(isBinary ? data : data.toString('utf8'));
  });
  socket.on('unexpected-response', (request, response) => {
    status = response.statusCode;
    failure = `the server refused the connection with ${status}`;
    response.resume();
    // With this listener present `ws` leaves the request open; aborting it makes `close` follow.
    request.destroy();
    socket.terminate();
  });
  socket.on('error', (error: Error) => {
    failure ||= error.message || String(error);
  });
  socket.on('close', (code: number, reason: Buffer) => {
    const message = reason.toString('utf8') || failure || 'the connection was lost';
    handlers.closed(status === undefined ? { code, message } : { code, message, status });
  });
  return {
    send: (frame) => socket.send(frame),
    close: () => socket.close(1000),
    terminate: () => socket.terminate(),
  };
}
