/** A page's channel, without the page: reads the Server-Sent Events of one visitor. */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import type { TestServer } from './server.ts';

export interface ChannelEvent {
  readonly event: string;
  readonly id: string | undefined;
  readonly data: { readonly id: string; readonly [name: string]: unknown };
}

export interface Channel {
  readonly status: number;
  /** The next event. Rejects when the channel ends first. */
  next(): Promise<ChannelEvent>;
  /** Resolves when the server ends it. */
  ended(): Promise<void>;
  close(): void;
}

/** Opens `/v1/visitor/channel`; on a connection of its own, so that fronts take turns. */
export async function openChannel(server: TestServer, token: string): Promise<Channel> {
  const sent = request({
    port: server.port,
    host: '127.0.0.1',
    agent: false,
    path: '/v1/visitor/channel',
    headers: { authorization: `Bearer ${token}` },
  });
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  sent.on('error', () => undefined);
  response.on('error', () => undefined).setEncoding('utf8');
  const events: ChannelEvent[] = [];
  let rest = '';
  let isOver = false;
  let wake: () => void = () => undefined;
  response.on('data', (text: string) => {
    const blocks = (rest + text).split('\n\n');
    rest = blocks.pop()!;
    for (const block of blocks) events.push(...read(block));
    wake();
  });
  response.on('close', () => {
    isOver = true;
    wake();
  });
  const more = (): Promise<void> =>
    new Promise((resolve) => {
      wake = resolve;
    });
  return {
    status: response.statusCode!,
    async next() {
      while (events.length === 0) {
        if (isOver) throw new Error('the channel ended before the event came');
        await more();
      }
      return events.shift()!;
    },
    async ended() {
      while (!isOver) await more();
    },
    close: () => sent.destroy(),
  };
}

function read(block: string): ChannelEvent[] {
  const value = (name: string): string | undefined =>
    block
      .split('\n')
      .find((line) => line.startsWith(`${name}: `))
      ?.slice(name.length + 2);
  const data = value('data');
  if (data === undefined) return [];
  return [
    { event: value('event')!, id: value('id'), data: JSON.parse(data) as ChannelEvent['data'] },
  ];
}
