/**
 * Random play: events, links, merges, un-merges, erasures and restarts; readers see what two maps say.
 * Ways to write a number are played here: some are joined to it, the others are erased with it.
 */
import { strict as assert } from 'node:assert';
import { asksOf, type LinkAsk } from '../../src/identity/ask.ts';
import { Identities } from '../../src/identity/identities.ts';
import { createLinkMemory, type LinkMemory } from '../../src/identity/memory.ts';
import { LinkReader } from '../../src/identity/reader.ts';
import { AppError } from '../../src/std/errors.ts';
import { createMetricsMemory, openMetrics } from '../../src/std/metrics.ts';
import { type Random, seededRandom } from '../../src/std/random.ts';
import { compileFilter, matches } from '../../src/streams/filter.ts';
import { Tail } from '../../src/tape/tail.ts';
import type { ViewFound } from '../../src/views/answer.ts';
import { ViewReader } from '../../src/views/reader.ts';
import { createShownMemory } from '../../src/views/shown.ts';
import { parseViewTemplate } from '../../src/workspaces/view.ts';
import { PeopleModel, type Spoken } from './peoplemodel.ts';
import { names, peopleSettings, phone, spanMs, spellings } from './peopletypes.ts';
import { ManualClock, ShardKit } from './shardkit.ts';

const startMs = 1_790_000_000_000;
/** Longer than a front remembers that something was refused. */
const stepMs = 60_001;
const texts = [...names, ...spellings];
const template = parseViewTemplate({ fields: [{ name: 'n', event: '*', type: 'count' }] });

interface Known {
  readonly id: string;
  readonly name: string;
  readonly time: number;
}

export class PeoplePlay {
  readonly #random: Random;
  readonly #clock = new ManualClock(startMs);
  readonly #memory: LinkMemory;
  readonly #model = new PeopleModel(names);
  readonly #kit: ShardKit;
  readonly #links: LinkReader;
  readonly #views: ViewReader;
  #identities: Identities;
  #known: Known[] = [];
  /** Ways to write the number that belong to it. */
  #joined = new Set<string>();
  /** Those that keys in pages have sent: kept beside it. */
  #beside = new Set<string>();
  #count = 0;

  constructor(seed: number, directory: string) {
    this.#random = seededRandom(seed);
    const hashSeed = 7;
    this.#memory = createLinkMemory({ directory, hashSeed, phoneRegion: undefined, fronts: 1 });
    this.#identities = this.#openIdentities();
    this.#links = new LinkReader(this.#memory);
    const events = 1 + this.#random.below(20);
    this.#kit = new ShardKit({
      directory,
      shards: 1 + this.#random.below(3),
      hashSeed,
      clock: this.#clock,
      limits: { events, bytes: 2 ** 30, ageMs: 2 ** 40 },
      links: this.#links,
      establish: async (statements, erasures) => {
        const asks = asksOf(statements, erasures).map((ask) => this.#identities.ask(ask));
        return (await Promise.all(asks)).flatMap(({ outcomes }) => outcomes);
      },
    });
    this.#views = new ViewReader({
      tape: this.#kit.tape,
      metrics: openMetrics(createMetricsMemory(1), 0),
      clock: this.#clock,
      shown: createShownMemory(),
      pool: () => Promise.reject(new Error('a scan this small needs no pool')),
    });
  }

  #openIdentities(): Identities {
    const tell = async (): Promise<void> => undefined;
    const parts = {
      memory: this.#memory,
      clock: this.#clock,
      settings: () => peopleSettings,
      tell,
    };
    return new Identities(parts);
  }

  async run(): Promise<void> {
    await this.#identities.open(0);
    for (let step = 0; step < 25; step++) {
      this.#clock.advance(stepMs);
      await this.#step();
      this.#check();
    }
    await this.#kit.close();
    await this.#links.close();
    await this.#identities.close();
  }

  async #step(): Promise<void> {
    const dice = this.#random.below(24);
    if (dice < 14) await this.#store();
    else if (dice < 16) await this.#ask(this.#linkAsk());
    else if (dice < 18) await this.#ask(this.#mergeAsk());
    else if (dice < 20) await this.#ask(this.#unmergeAsk());
    else if (dice < 21) await this.#erase();
    else if (dice < 22) await this.#identities.purge([1]);
    else if (dice < 23) await this.#restart();
    else await this.#kit.settle();
  }

  #name(): string {
    return texts[this.#random.below(texts.length)]!;
  }

  /** The number in whatever way it is written. */
  #canonical(text: string): string {
    return spellings.includes(text) ? phone : text;
  }

  async #store(): Promise<void> {
    const isTrusted = this.#random.below(4) > 0;
    const events = Array.from({ length: 1 + this.#random.below(4) }, () => {
      this.#count += 1;
      const previous = this.#random.below(2) === 0 ? this.#name() : undefined;
      const time = this.#clock.now() - this.#random.below(2 * spanMs);
      const event = { id: `e${this.#count}`, customer: this.#name(), type: 'T', time };
      return previous === undefined ? event : { ...event, previous };
    });
    const receipt = await this.#kit.store(events, 1, isTrusted);
    assert.deepEqual(receipt.rejected, []);
    for (const event of events) {
      this.#known.push({ id: event.id, name: event.customer, time: event.time });
    }
    const nowMs = this.#clock.now();
    for (const event of events) {
      const { customer, previous, time } = event as typeof event & { previous?: string };
      this.#state(customer, previous, { time, nowMs, isTrusted });
    }
  }

  /** @returns false when it was refused. */
  #state(customer: string, previous: string | undefined, spoken: Spoken): boolean {
    for (const text of [customer, previous ?? '']) {
      if (!spellings.includes(text)) continue;
      if (spoken.isTrusted) this.#joined.add(text);
      else if (text === customer) this.#beside.add(text);
    }
    for (const text of this.#joined) this.#beside.delete(text);
    if (previous === undefined) return true;
    return this.#model.state(this.#canonical(customer), this.#canonical(previous), spoken);
  }

  #linkAsk(): LinkAsk {
    const [from, to] = [this.#name(), this.#name()];
    return { kind: 'link', workspace: 1, from, to };
  }

  #mergeAsk(): LinkAsk {
    return { kind: 'merge', workspace: 1, into: this.#name(), from: [this.#name()] };
  }

  #unmergeAsk(): LinkAsk {
    return { kind: 'unmerge', workspace: 1, customer: this.#name() };
  }

  async #ask(ask: LinkAsk): Promise<void> {
    let isDone = true;
    try {
      await this.#identities.ask(ask);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      isDone = false;
    }
    assert.equal(isDone, this.#played(ask), JSON.stringify(ask));
  }

  /** What is refused changes nothing. */
  #played(ask: LinkAsk): boolean {
    const nowMs = this.#clock.now();
    if (ask.kind === 'merge') {
      const [into, from] = [this.#canonical(ask.into), this.#canonical(ask.from[0]!)];
      return this.#model.merge(into, from, nowMs);
    }
    if (ask.kind === 'unmerge') return this.#model.unmerge(this.#canonical(ask.customer));
    assert(ask.kind === 'link');
    const restore = this.#model.save();
    const [joined, beside] = [new Set(this.#joined), new Set(this.#beside)];
    if (this.#state(ask.to, ask.from, { time: nowMs, nowMs, isTrusted: true })) return true;
    restore();
    [this.#joined, this.#beside] = [joined, beside];
    return false;
  }

  async #erase(): Promise<void> {
    const name = this.#name();
    const gone = this.#erasedWith(name);
    const forgotten = await this.#identities.forget(
      1,
      name,
      () => this.#kit.erasures.issued,
      () => undefined,
    );
    const alone = [...new Set([name, this.#canonical(name)])];
    const whole = alone.map((identity) => ({ identity, from: null, to: null }));
    const shares = forgotten?.shares ?? whole;
    await this.#kit.erasePlan({ workspace: 1, shares, now: this.#random.below(2) === 0 });
    if (forgotten !== undefined) await this.#identities.erased(forgotten);
    this.#known = this.#known.filter(({ id }) => !gone.includes(id));
    // Of a number that is wholly gone no way to write it is known any more.
    const owner = this.#model.now(this.#canonical(name));
    const times = this.#model.spanOf(phone, owner);
    if (times === 'ever') this.#beside.clear();
    if (times !== 'never') this.#joined.clear();
    this.#model.forget(this.#canonical(name));
  }

  /** All that is the customer's, and what was sent in other ways to write its number. */
  #erasedWith(name: string): string[] {
    const owner = this.#model.now(this.#canonical(name));
    const own = this.#known.filter((each) => {
      return this.#model.owner(this.#canonical(each.name), each.time) === owner;
    });
    return own.map(({ id }) => id);
  }

  async #restart(): Promise<void> {
    await this.#identities.close();
    this.#identities = this.#openIdentities();
    await this.#identities.open(0);
  }

  /** What is on the tape of whoever this is, in no order; what is not joined is read by its text alone. */
  #owned(name: string): Known[] {
    const owner = this.#model.now(this.#canonical(name));
    return this.#known.filter((each) => {
      if (each.name === name && spellings.includes(name) && !this.#joined.has(name)) return true;
      if (spellings.includes(each.name) && !this.#joined.has(each.name)) return false;
      return this.#model.owner(this.#canonical(each.name), each.time) === owner;
    });
  }

  #check(): void {
    const order = new Map(this.#kit.tail().map(({ id }, place) => [id as string, place]));
    const streams = this.#streamed();
    for (const name of texts) {
      const commit = this.#owned(name).sort((a, b) => order.get(a.id)! - order.get(b.id)!);
      const newest = [...commit].reverse().sort((a, b) => b.time - a.time);
      const expected = newest.map(({ id }) => id);
      assert.deepEqual(this.#scanned(name), expected, `scan of ${name}`);
      assert.deepEqual(this.#paged(name), expected, `pages of ${name}`);
      assert.equal(this.#viewed(name), expected.length, `view of ${name}`);
      const ids = commit.map(({ id }) => id);
      assert.deepEqual(streams.get(name), ids, `stream of ${name}`);
    }
  }

  #scanned(customer: string): unknown[] {
    return this.#kit.scan({ customer }).map(({ id }) => id);
  }

  #paged(customer: string): unknown[] {
    const ids: unknown[] = [];
    const limit = 1 + this.#random.below(5);
    for (let before: string | undefined; ; ) {
      const page = this.#kit.page({ customer }, limit, before);
      ids.push(...page.events.map(({ id }) => id));
      if (page.next === null) return ids;
      before = page.next;
    }
  }

  /** By an answer that was kept, if one holds. */
  #viewed(customer: string): number {
    const view = { name: 'n', template, version: 1, variant: '' };
    const reading = { workspace: 1, customer, views: [view], freshness: 'current' } as const;
    const [found] = this.#views.read(reading) as readonly ViewFound[];
    return (JSON.parse(found!.json) as { value: number }[])[0]!.value;
  }

  /** What each would be sent of everything, in one go. */
  #streamed(): Map<string, string[]> {
    const { tape } = this.#kit;
    tape.refresh();
    const streams = texts.map((name) => {
      const wanted = { workspace: 1, customers: [name], types: [], channels: [] };
      const filter = compileFilter(wanted, (workspace, each) => tape.membersOf(workspace, each));
      return { name, filter, ids: [] as string[] };
    });
    const shards = tape.shards.map((_, number) => number);
    const tail = new Tail(tape, shards, { stamp: 0, ordinal: 0 });
    const visit = (event: Parameters<typeof matches>[1]): boolean => {
      const { id } = JSON.parse(event.json()) as { id: string };
      for (const { filter, ids } of streams) if (matches(filter, event)) ids.push(id);
      return true;
    };
    while (tail.visitBlock(tape.horizon(), visit));
    return new Map(streams.map(({ ids, name }) => [name, ids]));
  }
}
