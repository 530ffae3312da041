/**
 * A small ingest door that misbehaves on demand: for what a real server does too rarely to wait for
 * (refusals for load, cut connections, odd close codes). It speaks both subprotocols, and says that
 * it is ready.
 */
import type { Server } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pack, unpack } from 'msgpackr';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Event } from '../../src/client/types.ts';

export interface Frame {
  readonly seq: number;
  readonly events: readonly Event[];
  /** The connection it came on, from 1. */
  readonly connection: number;
  readonly bytes: number;
  /** Frames of this connection without an answer, this one included. */
  readonly open: number;
  answer(message: object): void;
  ack(): void;
  close(code: number): void;
  /** Drops the connection without a word. */
  cut(): void;
}

export interface Door {
  readonly url: string;
  readonly frames: readonly Frame[];
  close(): Promise<void>;
}

export interface DoorOptions {
  readonly window?: number;
  readonly windowBytes?: number;
  readonly frameBytesMax?: number;
  /** Refuses the upgrade with this status. */
  readonly status?: number;
  readonly port?: number;
  readonly onFrame?: (frame: Frame) => void;
}

/** Opens a door on a free port; every frame is acknowledged unless `onFrame` says otherwise. */
export async function openDoor(options: DoorOptions = {}): Promise<Door> {
  const { window = 64, windowBytes = 33_554_432, frameBytesMax = 16_777_216, status } = options;
  const { onFrame = (frame) => frame.ack() } = options;
  const frames: Frame[] = [];
  const http = createServer((_, response) => response.end('{"status":"ready"}'));
  const sockets = new WebSocketServer({ noServer: true });
  let connections = 0;
  http.on('upgrade', (request, socket, head) => {
    if (status !== undefined) {
      socket.end(`HTTP/1.1 ${status} No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`);
      return;
    }
    sockets.handleUpgrade(request, socket, head, (client) => {
      connections += 1;
      const connection = connections;
      const isJson = client.protocol === 'tapeline.json';
      const answer = (message: object): void =>
        client.send(isJson ? JSON.stringify(message) : pack(message));
      let open = 0;
      answer({ hello: 1, window, windowBytes, frameBytesMax });
      client.on('message', (data: Buffer, isBinary: boolean) => {
        if (isBinary === isJson) throw new Error('a frame of the wrong kind');
        open += 1;
        const { seq, events } = readFrame(data, isJson);
        const frame: Frame = {
          seq,
          events,
          connection,
          bytes: data.length,
          open,
          answer(message) {
            open -= 1;
            answer(message);
          },
          ack: () =>
            frame.answer({ ack: seq, accepted: events.length, duplicates: 0, rejected: [] }),
          close: (code) => client.close(code),
          cut: () => client.terminate(),
        };
        frames.push(frame);
        onFrame(frame);
      });
    });
  });
  await new Promise<void>((resolve) => http.listen(options.port ?? 0, '127.0.0.1', resolve));
  const { port } = http.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, frames, close: () => closeDoor(http, sockets.clients) };
}

function readFrame(data: Buffer, isJson: boolean): { seq: number; events: readonly Event[] } {
  if (isJson) return JSON.parse(data.toString()) as { seq: number; events: Event[] };
  const [seq, events] = unpack(data) as [number, Event[]];
  return { seq, events };
}

function closeDoor(http: Server, clients: Set<WebSocket>): Promise<void> {
  for (const client of clients) client.terminate();
  return new Promise((resolve) => {
    http.close(() => resolve());
    http.closeAllConnections();
  });
}
