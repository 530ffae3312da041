/**
 * Connections for browsers (and any runtime with a global `WebSocket`). Browsers cannot set headers,
 * so the key travels in the query; prefer a short-lived token from `POST /v1/tokens`. They do not
 * tell a refused upgrade from a lost connection either: both end with code 1006.
 */
import type { OpenSocket } from './types.ts';

/** What is needed of the platform's own class; spelled out because Node 20 has none. */
interface PlatformSocket {
  binaryType: string;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  onclose: ((event: { readonly code: number; readonly reason: string }) => void) | null;
  send(frame: string | Uint8Array): void;
  close(code?: number): void;
}

type PlatformClass = new (url: string, protocol: string) => PlatformSocket;

/** Opens a connection with the platform's own WebSocket. */
export const browserSocket: OpenSocket = (target, handlers) => {
  const platform = (globalThis as { readonly WebSocket?: unknown }).WebSocket as PlatformClass;
  const url = new URL(target.url);
  url.searchParams.set('key', target.key);
  const socket = new platform(url.href, target.protocol);
  socket.binaryType = 'arraybuffer';
  let isClosed = false;
  const closed = (code: number, message: string): void => {
    if (isClosed) return;
    isClosed = true;
    handlers.closed({ code, message });
  };
  socket.onmessage = ({ data }) => {
    if (!isClosed)
      handlers.message(typeof data === 'string' ? data : new Uint8Array(data as ArrayBuffer));
  };
  socket.onclose = ({ code, reason }) => closed(code, reason || 'the connection was lost');
  return {
    send: (frame) => socket.send(frame),
    close: () => socket.close(1000),
    terminate() {
      socket.close();
      closed(1006, 'the connection was given up');
    },
  };
};
