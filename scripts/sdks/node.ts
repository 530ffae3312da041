/** The libraries for Node.js, in this very process. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import RudderAnalytics from '@rudderstack/rudder-sdk-node';
import { Analytics } from '@segment/analytics-node';
import type { Course, Library, Ready } from './library.ts';
import { type Call, type Message, makeMessages } from './messages.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const patienceMs = 120_000;
const batch = 5;
const flushMs = 100;
const retries = 10;

type Stored = Parameters<Ready['send']>[1];

/** Both take an object and a callback for every call. */
type Caller = Record<Call, (message: object, done: (error?: unknown) => void) => unknown>;

export const segmentNode: Library = {
  name: '@segment/analytics-node',
  prepare: async () => ({ version: versionOf('@segment/analytics-node'), send: sendBySegment }),
};

export const rudderNode: Library = {
  name: '@rudderstack/rudder-sdk-node',
  prepare: async () => ({ version: versionOf('@rudderstack/rudder-sdk-node'), send: sendByRudder }),
};

/** Of a package that is installed here. */
export function versionOf(module: string): string {
  const path = join(root, 'node_modules', module, 'package.json');
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version;
}

async function sendBySegment(
  { stem, url, visitors, writeKey }: Course,
  stored: Stored,
): Promise<void> {
  const messages = makeMessages(stem, visitors);
  const analytics = new Analytics({
    writeKey,
    host: url,
    flushAt: batch,
    flushInterval: flushMs,
    maxRetries: retries,
  });
  const sent = sendAll(analytics as unknown as Caller, messages);
  await analytics.closeAndFlush({ timeout: patienceMs });
  await sent;
  await stored(messages);
}

async function sendByRudder(
  { stem, url, visitors, writeKey }: Course,
  stored: Stored,
): Promise<void> {
  const messages = makeMessages(stem, visitors);
  const analytics = new RudderAnalytics(writeKey, {
    dataPlaneUrl: url,
    flushAt: batch,
    flushInterval: flushMs,
    retryCount: retries,
    logLevel: 'none',
    // Otherwise a failure would be thrown where nobody can catch it; the callbacks hear of it, too.
    errorHandler: () => undefined,
  });
  await sendAll(analytics as unknown as Caller, messages);
  await stored(messages);
}

/** Resolves when the library says of every message that it is sent. */
async function sendAll(caller: Caller, messages: readonly Message[]): Promise<void> {
  const sent = messages.map(
    (message) =>
      new Promise<void>((resolve, reject) => {
        caller[message.call](argumentOf(message), (error) => {
          if (error === undefined || error === null) resolve();
          else reject(error instanceof Error ? error : new Error(String(error)));
        });
      }),
  );
  await Promise.all(sent);
}

function argumentOf({ call, details, name, timestamp, ...ids }: Message): object {
  return {
    ...ids,
    ...(timestamp !== undefined && { timestamp: new Date(timestamp) }),
    ...(name !== undefined && { [call === 'track' ? 'event' : 'name']: name }),
    ...(details !== undefined && {
      [call === 'identify' || call === 'group' ? 'traits' : 'properties']: details,
    }),
  };
}
