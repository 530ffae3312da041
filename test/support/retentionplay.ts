/** Random play: events, erasures, ages and restarts in any order; readers see what a list says. */
import { strict as assert } from 'node:assert';
import { type Random, seededRandom } from '../../src/std/random.ts';
import type { Position } from '../../src/tape/cursor.ts';
import { ageStepMs, type RetentionRule } from '../../src/tape/gone.ts';
import { FakeStore } from './documents.ts';
import { ManualClock, ShardKit } from './shardkit.ts';
import { numberOf } from './tapemodel.ts';

const startMs = 1_790_000_000_000;
const hourMs = 3_600_000;
const customers = ['ann', 'bob', 'cy', 'ü'];

interface Known {
  readonly n: number;
  readonly id: string;
  readonly workspace: number;
  readonly customer: string;
  readonly received: number;
  isErased: boolean;
}

export class RetentionPlay {
  readonly #random: Random;
  readonly #clock = new ManualClock(startMs);
  readonly #open: () => ShardKit;
  readonly #known: Known[] = [];
  #kit: ShardKit;
  #rules: RetentionRule[] = [];
  /** A stream's place, and how many events lay behind it. */
  #bookmark: { position: Position; behind: number };

  constructor(seed: number, directory: string) {
    this.#random = seededRandom(seed);
    const clock = this.#clock;
    const documents = new FakeStore();
    const shards = 1 + this.#random.below(2);
    const events = 1 + this.#random.below(20);
    const limits = { events, bytes: 2 ** 30, ageMs: 2 * hourMs };
    this.#open = () => new ShardKit({ directory, shards, clock, documents, limits });
    this.#kit = this.#open();
    this.#bookmark = { position: this.#kit.tape.now(), behind: 0 };
  }

  async run(): Promise<void> {
    for (let step = 0; step < 14; step++) {
      await this.#step();
      if (this.#random.below(2) === 0) await this.#look();
      this.#check();
    }
    await this.#look();
    this.#check();
    await this.#kit.close();
  }

  async #step(): Promise<void> {
    const dice = this.#random.below(12);
    if (dice < 5) await this.#store();
    else if (dice < 7) await this.#erase();
    else if (dice < 9) this.#clock.advance(this.#random.below(30) * hourMs);
    else if (dice < 10) this.#shorten();
    else if (dice < 11) {
      this.#bookmark = { position: this.#kit.tape.now(), behind: this.#known.length };
    } else await this.#reopen();
  }

  async #store(): Promise<void> {
    const workspace = 1 + this.#random.below(2);
    const count = 1 + this.#random.below(12);
    const events = Array.from({ length: count }, () => this.#event(workspace));
    const receipt = await this.#kit.store(events, workspace);
    assert.equal(receipt.accepted, events.length);
  }

  /** A new event; now and then one that was erased comes again under its old id. */
  #event(workspace: number): object {
    const n = this.#known.length;
    const old = this.#known[this.#random.below(n + 1)];
    const isAgain = old?.isErased === true && old.workspace === workspace;
    const customer = isAgain ? old.customer : this.#customer();
    const wanted = isAgain ? old.id : `e${n}`;
    const isTaken = this.#of(workspace, customer).some(({ id }) => id === wanted);
    const id = isTaken ? `e${n}` : wanted;
    const received = this.#clock.now();
    this.#known.push({ n, id, workspace, customer, received, isErased: false });
    return { id, customer, type: 'Click', time: startMs + n, data: { n } };
  }

  #customer(): string {
    return customers[this.#random.below(customers.length)]!;
  }

  /** What is not erased of a customer. */
  #of(workspace: number, customer: string): Known[] {
    return this.#known.filter(
      (each) => each.workspace === workspace && each.customer === customer && !each.isErased,
    );
  }

  async #erase(): Promise<void> {
    const workspace = 1 + this.#random.below(2);
    const customer = this.#customer();
    const now = this.#random.below(2) === 0;
    const { status } = await this.#kit.erase({ workspace, customer, now });
    if (now) assert.equal(status, 'done');
    for (const each of this.#of(workspace, customer)) each.isErased = true;
  }

  /** Retention only gets shorter here: what was dropped would not come back. */
  #shorten(): void {
    if (this.#rules.length === 2) return;
    const ageMs = (1 + this.#random.below(3)) * 24 * hourMs;
    this.#rules.push({ workspace: 1 + this.#rules.length, ageMs, bytes: null });
    this.#follow();
  }

  #follow(): void {
    this.#kit.erasures.follow({ living: [1, 2], next: 3, retention: [...this.#rules] });
  }

  async #reopen(): Promise<void> {
    await this.#kit.settle();
    await this.#kit.close();
    this.#kit = this.#open();
    this.#follow();
  }

  async #look(): Promise<void> {
    this.#kit.erasures.tellTime();
    for (const { upkeep } of this.#kit.shards) upkeep.look();
    await this.#kit.settle();
  }

  #isPast({ received, workspace }: Known): boolean {
    const rule = this.#rules.find((each) => each.workspace === workspace);
    const ageMs = rule?.ageMs ?? Number.POSITIVE_INFINITY;
    return received < Math.floor((this.#clock.now() - ageMs) / ageStepMs) * ageStepMs;
  }

  #check(): void {
    this.#kit.erasures.tellTime();
    for (const workspace of [1, 2]) {
      for (const customer of customers) {
        const wanted = this.#of(workspace, customer).filter((each) => !this.#isPast(each));
        assert.deepEqual(
          this.#kit.scan({ workspace, customer }).map(numberOf),
          wanted.map(({ n }) => n).toReversed(),
          `the tape of ${customer} in ${workspace}`,
        );
      }
    }
    this.#checkStream();
  }

  /** Nothing erased, everything that is kept; whoever misses the rest is told. */
  #checkStream(): void {
    const { tape } = this.#kit;
    const streamed = new Set(this.#kit.tail().map(numberOf));
    const { behind, position } = this.#bookmark;
    for (const [index, each] of this.#known.entries()) {
      if (each.isErased) assert.ok(!streamed.has(each.n), `${each.n} is erased`);
      else if (!this.#isPast(each)) assert.ok(streamed.has(each.n), `${each.n} is missing`);
      if (each.isErased || streamed.has(each.n) || index < behind) continue;
      const missed = tape.missedSince(position, each.workspace, []);
      assert.notEqual(missed, undefined, `${each.n} was dropped and nobody is told`);
    }
  }
}
