/** What a server opens before it has a thread: the data directory, a port, definitions and messages. */
import { join } from 'node:path';
import { type Config, shardsDefault } from '../config.ts';
import { findPort } from '../http/port.ts';
import type { Clock } from '../std/clock.ts';
import type { Random } from '../std/random.ts';
import { type DataDirectory, openDataDirectory } from '../store/directory.ts';
import { LmdbDocuments } from '../store/documents.ts';
import { directoryVersion, erasuresFile, mailboxFile, workspacesFile } from '../tape/layout.ts';
import { prepareDemo } from '../workspaces/demo.ts';
import { openWorkspaces, type Workspaces } from '../workspaces/workspaces.ts';

export interface Stores {
  readonly directory: DataDirectory;
  /** Of workspaces. */
  readonly documents: LmdbDocuments;
  readonly erasures: LmdbDocuments;
  readonly messages: LmdbDocuments;
  readonly workspaces: Workspaces;
  readonly port: number;
}

export interface StoreParts {
  readonly config: Config;
  readonly clock: Clock;
  readonly random: Random;
}

/** Opens and locks the data directory. */
export function openDirectory({ config, random }: StoreParts): DataDirectory {
  return openDataDirectory(config.data, {
    format: directoryVersion,
    shards: config.shards,
    shardsDefault,
    random,
  });
}

/** Opens what is in it. @throws AppError when it cannot; the directory stays locked then. */
export async function openStores(directory: DataDirectory, parts: StoreParts): Promise<Stores> {
  const { clock, config, random } = parts;
  const port = await findPort(config.host, config.port);
  const open = (file: string): LmdbDocuments => new LmdbDocuments(join(directory.path, file));
  const documents = open(workspacesFile);
  const initialKeys = { admin: config.adminKey, write: config.writeKey, read: config.readKey };
  const quotaDefault = {
    eventsPerSecond: config.quotaEventsPerSecond,
    bytesPerSecond: config.quotaBytesPerSecond,
  };
  const retentionDefault = { days: config.retentionDays, bytes: config.retentionBytes };
  const options = { clock, random, initialKeys, quotaDefault, retentionDefault };
  const workspaces = await openWorkspaces(documents, options);
  if (config.demo) await prepareDemo(workspaces);
  const [erasures, messages] = [open(erasuresFile), open(mailboxFile)];
  return { directory, documents, erasures, messages, workspaces, port };
}
