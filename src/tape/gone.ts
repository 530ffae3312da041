/**
 * What is gone of the tape although it may still lie on disk: one concept for erased customers,
 * deleted workspaces and events past their retention. The main thread publishes the rules in shared
 * memory, so they hold for every read that begins after; whoever makes segments leaves out what they
 * name. A rule is taken back when nothing is left that it could hide.
 *
 * A customer is named by a hash of 128 bits, never in the clear.
 */
import { hash } from 'node:crypto';
import type { Block } from './block.ts';
import type { ErasedCustomer, Gone, JobRules } from './job.ts';
import { type PublishedMemory, PublishedReader } from './published.ts';
import { customerSpan } from './record.ts';
import { ownerOf, quarantineHashOf, quarantineOf } from './route.ts';

export interface GoneRules {
  /** Grows with every change. */
  readonly version: number;
  readonly erased: readonly ErasedCustomer[];
  /** Numbers of the workspaces there are: of the others below `workspaceNext` everything is gone. */
  readonly workspaces: readonly number[];
  readonly workspaceNext: number;
  /** No event of a deleted workspace has a greater stamp; 0: none was deleted since the start. */
  readonly deletedUpTo: number;
  /** Of the workspaces that do not keep everything for ever. */
  readonly retention: readonly RetentionRule[];
}

/** How long a workspace's events are kept; null: that does not limit them. */
export interface RetentionRule {
  readonly workspace: number;
  /** Since they were received. */
  readonly ageMs: number | null;
  /** As they were sent, newest first. */
  readonly bytes: number | null;
}

/** Ages are counted in steps, so that what is read does not change all the time. */
export const ageStepMs = 3_600_000;

/** Events received before it are past their retention. */
export function receivedFrom({ ageMs }: RetentionRule, nowMs: number): number {
  if (ageMs === null) return Number.NEGATIVE_INFINITY;
  return Math.floor((nowMs - ageMs) / ageStepMs) * ageStepMs;
}

export const noRules: GoneRules = {
  version: 0,
  erased: [],
  workspaces: [],
  workspaceNext: 0,
  deletedUpTo: 0,
  retention: [],
};

/** Half of a SHA-256: no two customers share it. `seed` is the data directory's. */
export function digestOf(seed: number, workspace: number, customer: Uint8Array): string {
  const named = Buffer.concat([Buffer.from(`${seed}/${workspace}/`), customer]);
  return hash('sha256', named, 'hex').slice(0, 32);
}

/** What of an erased customer lies in the workspace's quarantine, on the same shard, is gone as well. */
export function inQuarantine(seed: number, rule: ErasedCustomer): ErasedCustomer {
  const { workspace } = rule;
  const customerHash = quarantineHashOf(seed, workspace);
  return { ...rule, workspace: quarantineOf(workspace), customerHash };
}

interface ErasedRule extends ErasedCustomer {
  /** The customer's bytes, once they were met. */
  customer: Uint8Array | undefined;
}

/** The erased customers of some rules, made ready to be asked. */
export class ErasedCustomers {
  readonly #seed: number;
  readonly #byHash = new Map<number, ErasedRule[]>();

  constructor(seed: number, erased: readonly ErasedCustomer[]) {
    this.#seed = seed;
    for (const rule of erased) {
      this.#add(rule);
      this.#add(inQuarantine(seed, rule));
    }
  }

  #add(rule: ErasedCustomer): void {
    const same = this.#byHash.get(rule.customerHash);
    const made: ErasedRule = { ...rule, customer: undefined };
    if (same === undefined) this.#byHash.set(rule.customerHash, [made]);
    else same.push(made);
  }

  get isEmpty(): boolean {
    return this.#byHash.size === 0;
  }

  /** False is certain. */
  mayHide(customerHash: number): boolean {
    return this.#byHash.has(customerHash);
  }

  /** What is gone of a customer; mostly nothing. */
  of(
    workspace: number,
    customerHash: number,
    customer: () => Uint8Array,
  ): readonly ErasedCustomer[] {
    const same = this.#byHash.get(customerHash);
    if (same === undefined) return [];
    let named: Uint8Array | undefined;
    let digest: string | undefined;
    return same.filter((rule) => {
      if (rule.workspace !== workspace) return false;
      named ??= customer();
      if (rule.customer !== undefined && Buffer.compare(rule.customer, named) === 0) return true;
      digest ??= digestOf(this.#seed, ownerOf(workspace), named);
      if (digest !== rule.digest) return false;
      rule.customer = Uint8Array.from(named);
      return true;
    });
  }

  /** Whether a record of a block in commit order is erased. */
  hides(block: Block, record: number): boolean {
    const customerHash = block.customerHashOf(record);
    if (!this.#byHash.has(customerHash)) return false;
    const workspace = block.workspaceOf(record);
    const rules = this.of(workspace, customerHash, () => customerOf(block, record));
    return isErased(rules, block.stampOf(record), block.timeOf(record));
  }
}

/** Whether `rules` of a customer take an event with that stamp and time. */
export function isErased(rules: readonly ErasedCustomer[], stamp: number, time: number): boolean {
  for (const { from, to, upTo } of rules) {
    if (stamp > upTo) continue;
    if (from !== undefined && time < from) continue;
    if (to === undefined || time < to) return true;
  }
  return false;
}

function customerOf(block: Block, record: number): Uint8Array {
  const place = { payloads: block.bytes, rows: block.view, rowAt: block.rowAt(record) };
  const { at, length } = customerSpan(place);
  return block.bytes.subarray(at, at + length);
}

export interface RulesMemory {
  readonly hashSeed: number;
  readonly rules: PublishedMemory;
  /** The time from which ages count, one BigInt64. */
  readonly rulesTime: SharedArrayBuffer;
}

/** The rules in force, as a thread that reads or writes the tape follows them. */
export class RulesReader {
  readonly #seed: number;
  readonly #time: BigInt64Array;
  #retention: ReadonlyMap<number, RetentionRule> = new Map();
  #countedFrom = 0n;
  /** From when on events are kept, rule by rule. */
  #cuts = '';
  readonly #reader: PublishedReader<GoneRules>;
  rules = noRules;
  erased: ErasedCustomers;

  constructor({ hashSeed, rules, rulesTime }: RulesMemory) {
    this.#seed = hashSeed;
    this.#time = new BigInt64Array(rulesTime);
    this.#reader = new PublishedReader(rules, noRules);
    this.erased = new ErasedCustomers(hashSeed, []);
  }

  /** @returns whether they are others, or by age others are past their retention. */
  refresh(): boolean {
    const from = Atomics.load(this.#time, 0);
    const hasChanged = this.#reader.hasChanged();
    if (hasChanged) this.#follow();
    else if (from === this.#countedFrom) return false;
    this.#countedFrom = from;
    const before = this.#cuts;
    this.#cuts = this.rules.retention.map((rule) => receivedFrom(rule, Number(from))).join();
    return hasChanged || this.#cuts !== before;
  }

  #follow(): void {
    this.rules = this.#reader.read();
    this.erased = new ErasedCustomers(this.#seed, this.rules.erased);
    this.#retention = new Map(this.rules.retention.map((rule) => [rule.workspace, rule]));
  }

  /** Events of a workspace that were received before this are past their retention. */
  receivedFrom(workspace: number): number {
    const rule = this.#retention.get(workspace);
    if (rule === undefined) return Number.NEGATIVE_INFINITY;
    return receivedFrom(rule, Number(Atomics.load(this.#time, 0)));
  }
}

/** What a job's maker asks of each record. */
export function goneBy({ cuts, erased, seed, workspaces }: JobRules): {
  readonly isGone: Gone;
  readonly dropped: Map<number, number>;
} {
  const cutOf = new Map(cuts.map((cut) => [cut.workspace, cut]));
  const dropped = new Map<number, number>();
  const isDeleted = (workspace: number): boolean => {
    const owner = ownerOf(workspace);
    return owner < next && !living.has(owner);
  };
  const customers = new ErasedCustomers(seed, erased);
  const living = new Set(workspaces?.living);
  const next = workspaces?.next ?? 0;
  const isGone: Gone = (record) => {
    const { customerHash, received, stamp, time, workspace } = record;
    if (isDeleted(workspace)) return true;
    const erasing = customers.of(workspace, customerHash, () => record.customer());
    if (isErased(erasing, stamp, time)) return true;
    const cut = cutOf.get(workspace);
    if (cut === undefined || (received >= cut.receivedFrom && stamp > cut.stampUpTo)) return false;
    dropped.set(workspace, Math.max(stamp, dropped.get(workspace) ?? 0));
    return true;
  };
  isGone.concerns = (workspace, customerHash) =>
    customers.mayHide(customerHash) || cutOf.has(workspace) || isDeleted(workspace);
  return { isGone, dropped };
}
