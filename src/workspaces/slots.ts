/**
 * Which quota is counted where in the shared buckets. Thread: main, which alone gives slots out; the
 * fronts learn of them with the definitions.
 */
import { assert } from '../std/assert.ts';
import { Buckets, createBucketMemory } from '../std/buckets.ts';
import { bucketsPerSlot, type Limit, type Quota, ratesOf } from './quota.ts';
import type { Tenant } from './records.ts';

export class QuotaSlots {
  /** For every front. */
  readonly memory: SharedArrayBuffer;
  readonly #buckets: Buckets;
  readonly #fallback: Quota;
  readonly #slotsMax: number;
  #limits = new Map<string, Limit>();
  /** Given back; the oldest goes out first, when no front counts by it any more. */
  readonly #free: number[] = [];
  #used = 0;

  /** @param fallback what a workspace may send that has no quota of its own. */
  constructor(slotsMax: number, fallback: Quota) {
    this.memory = createBucketMemory(slotsMax * bucketsPerSlot);
    this.#buckets = new Buckets(this.memory);
    this.#slotsMax = slotsMax;
    this.#fallback = fallback;
  }

  /** The limits that hold from now on. A new or changed one starts with full buckets. */
  follow(tenants: Iterable<Tenant>): readonly Limit[] {
    const before = this.#limits;
    this.#limits = new Map();
    const wanted: Limit[] = [];
    for (const { keys, workspace } of tenants) {
      wanted.push(...this.#wish(workspace.id, workspace.quota, this.#fallback));
      for (const key of keys.values()) wanted.push(...this.#wish(key.id, key.quota, {}));
    }
    const owners = new Set(wanted.map(({ owner }) => owner));
    for (const { owner, slot } of before.values()) if (!owners.has(owner)) this.#free.push(slot);
    for (const limit of wanted) this.#limits.set(limit.owner, this.#place(limit, before));
    return [...this.#limits.values()];
  }

  #wish(owner: string, quota: Quota | undefined, fallback: Quota): Limit[] {
    const rates = ratesOf(quota, fallback);
    return rates === undefined ? [] : [{ owner, slot: -1, ...rates }];
  }

  #place(limit: Limit, before: ReadonlyMap<string, Limit>): Limit {
    const old = before.get(limit.owner);
    if (old !== undefined && isSame(old, limit)) return old;
    const slot = old?.slot ?? this.#take();
    for (let n = 0; n < bucketsPerSlot; n++) this.#buckets.fill(slot * bucketsPerSlot + n);
    return { ...limit, slot };
  }

  #take(): number {
    if (this.#used < this.#slotsMax) return this.#used++;
    const slot = this.#free.shift();
    assert(slot !== undefined, 'there are as many slots as there may be quotas');
    return slot;
  }
}

function isSame(one: Limit, other: Limit): boolean {
  return (
    one.eventsPerSecond === other.eventsPerSecond && one.bytesPerSecond === other.bytesPerSecond
  );
}
