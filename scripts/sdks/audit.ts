/** Holds what was sent to what is on the tapes. */

import type { TestServer } from '../../test/support/server.ts';
import { ask, type StoredEvent, tape, tapePath } from '../../test/support/session.ts';
import {
  differences,
  exactDigits,
  keyOf,
  keyOfStored,
  type Message,
  visitorOf,
} from './messages.ts';

export interface Audit {
  readonly sent: number;
  /** Messages that are on a tape. */
  readonly stored: number;
  /** Messages that are there more than once. */
  readonly twice: number;
  /** What is missing, differs, or should not be there. */
  readonly problems: readonly string[];
}

/** Reads every tape that the messages name. */
export async function audit(server: TestServer, sent: readonly Message[]): Promise<Audit> {
  const stored = await storedOf(server, sent);
  const problems: string[] = [];
  let found = 0;
  let twice = 0;
  for (const message of sent) {
    const key = keyOf(message);
    const events = stored.get(key) ?? [];
    stored.delete(key);
    if (events.length === 0) problems.push(`${key}: is on no tape`);
    else found += 1;
    if (events.length > 1) {
      twice += 1;
      problems.push(`${key}: is stored ${events.length} times`);
    }
    for (const event of events) problems.push(...differences(message, event));
    if (message.details?.['exact'] !== undefined)
      problems.push(...(await inexact(server, message)));
  }
  for (const key of stored.keys()) problems.push(`${key}: was never sent`);
  return { sent: sent.length, stored: found, twice, problems };
}

/** How many of the messages are on a tape by now. */
export async function countStored(server: TestServer, sent: readonly Message[]): Promise<number> {
  const stored = await storedOf(server, sent);
  return sent.filter((message) => stored.has(keyOf(message))).length;
}

/** Events by the key of their message. A tape may show those of a linked identity as well. */
async function storedOf(
  server: TestServer,
  sent: readonly Message[],
): Promise<Map<string, StoredEvent[]>> {
  const customers = new Set(
    sent.flatMap((message) => [visitorOf(message), message.userId, message.laterUserId]),
  );
  const byCursor = new Map<string, StoredEvent>();
  for (const customer of customers) {
    if (customer === undefined) continue;
    const { events } = await tape(server, customer, 'limit=1000');
    for (const event of events) byCursor.set(`${event.customer} ${event.cursor}`, event);
  }
  const byKey = new Map<string, StoredEvent[]>();
  for (const event of byCursor.values()) {
    // What the server says of identities is no message.
    if (event.type.startsWith('tapeline.')) continue;
    const key = keyOfStored(event);
    byKey.set(key, [...(byKey.get(key) ?? []), event]);
  }
  return byKey;
}

/** A number that only the text of the answer can show. */
async function inexact(server: TestServer, message: Message): Promise<string[]> {
  const { text } = await ask(server, tapePath(message.userId!, 'limit=1000'), {
    key: server.keys.read,
  });
  return text.includes(`"exact":${exactDigits}`) ? [] : [`${keyOf(message)}: digits were lost`];
}
