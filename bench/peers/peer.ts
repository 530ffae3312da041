/** What the bench must know of every peer: how it is got, started, filled, counted and measured. */
import type { Settings } from '../settings.ts';
import type { Program } from './process.ts';
import type { WireName } from './wires/open.ts';
import type { WirePlan } from './wires/wire.ts';

/** A contestant: a program in one configuration. */
export interface Peer {
  /** As asked for by `--only`. */
  readonly name: string;
  /** As in the table. */
  readonly title: string;
  /** What an acknowledgement means. */
  readonly durability: string;
  /** What was done so that it looks good. */
  readonly tuned: string;
  readonly wire: WireName;
  readonly publish?: WirePlan['publish'];
  /** The credential, where there is one. */
  readonly key?: { readonly write: string; readonly read: string };
  /** Connections that fill it, where `--connections` is not best. */
  readonly lanes?: number;
  /** Unacknowledged batches on each of the connections. */
  readonly window: number;
  /** Connections that read. */
  readonly readers: number;
  /** What a read is, where it is not simply the newest events. */
  readonly readNote?: string;
  /** Gets ready to run. @throws Missing with the reason, and what to do, when it cannot. */
  find(tools: Tools): Promise<Site>;
}

/** Programs that were found, ready to run on a data directory. */
export interface Site {
  readonly version: string;
  /** Makes the data directory ready; called once. */
  prepare?(place: Place): Promise<void>;
  /** Resolves when it answers requests, also after a kill. */
  start(place: Place): Promise<Program>;
  /** Makes table, stream or topic; called once. */
  create?(place: Place): Promise<void>;
  /** Lets it do what it would do in a quiet hour: its files are measured afterwards. */
  settle?(place: Place): Promise<void>;
  /** Events that it says it holds. */
  count(place: Place): Promise<number>;
  /** Bytes on disk. */
  bytes(place: Place): Promise<number>;
}

export interface Place {
  readonly directory: string;
  readonly port: number;
  /** For whoever needs a second one. */
  readonly secondPort: number;
  /** Connections that fill it. */
  readonly lanes: number;
  readonly customers: number;
  readonly settings: Settings;
}

export interface Tools {
  /** May download. */
  readonly mayInstall: boolean;
}

/** A peer is not here; the message says why and what to do. */
export class Missing extends Error {}
