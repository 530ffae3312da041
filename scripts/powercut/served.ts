/** An image under the real server process: it starts, serves what it must, takes more, and stops. */
import { openReader } from '../../src/client/reader.ts';
import { systemClock } from '../../src/std/clock.ts';
import { startServer, testKeys } from '../../test/support/server.ts';
import { post } from '../../test/support/session.ts';
import type { OpenedImage } from './image.ts';

/** @param read the same image as this process reads it. Returns what the server got wrong. */
export async function examineServed(
  data: string,
  shards: number,
  read: Pick<OpenedImage, 'events'>,
): Promise<string[]> {
  const server = await startServer({ data, shards, fronts: 1 });
  const problems: string[] = [];
  const { url } = server;
  try {
    const reader = openReader({ url, key: testKeys.read, clock: systemClock });
    const wanted = new Map(read.events.map(({ id, text }) => [id, text]));
    for (const customer of new Set(read.events.map((event) => event.customer))) {
      for await (const event of reader.events(customer, { limit: 200 })) {
        if (JSON.stringify(event) !== wanted.get(event.id)) problems.push(`served: ${event.id}`);
        wanted.delete(event.id);
      }
    }
    for (const id of wanted.keys()) problems.push(`the server does not serve ${id}`);
    const again = await post(server, { id: 'served', customer: 'served', type: 'Click' });
    if (again.status !== 200) problems.push(`the server refuses events: ${again.text}`);
  } catch (error) {
    problems.push(`the server fails: ${String(error)}`);
  }
  const code = await server.stop();
  if (code !== 0) problems.push(`the server ends with ${code}: ${server.log()}`);
  return problems;
}
