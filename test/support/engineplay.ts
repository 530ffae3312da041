/**
 * A life of the engine on a real tape in one thread: customers do things, the clock moves, what the engine
 * says is lost or comes late, it is cut off and started again, or made anew from the tape alone.
 */
import assert from 'node:assert/strict';
import { closeSync, copyFileSync, fstatSync, openSync, readSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createLinkMemory } from '../../src/identity/memory.ts';
import { LinkReader } from '../../src/identity/reader.ts';
import { Sayer } from '../../src/ingest/say.ts';
import type { JourneyMap, Rule } from '../../src/journeys/definition.ts';
import { Engine } from '../../src/journeys/engine/engine.ts';
import type { DefinitionSource } from '../../src/journeys/engine/inforce.ts';
import type { PersonState } from '../../src/journeys/state.ts';
import { typeOfTimer } from '../../src/journeys/words.ts';
import { AppError } from '../../src/std/errors.ts';
import { type Random, seededRandom } from '../../src/std/random.ts';
import { KeyedStore } from '../../src/store/keyed.ts';
import { earliest } from '../../src/tape/cursor.ts';
import { identitiesFile } from '../../src/tape/layout.ts';
import { Tail } from '../../src/tape/tail.ts';
import { Directory } from '../../src/workspaces/directory.ts';
import { openWorkspaces } from '../../src/workspaces/workspaces.ts';
import { FakeStore } from './documents.ts';
import { ManualClock, ShardKit } from './shardkit.ts';

/** Also what comes again and again. */
export class PlayClock extends ManualClock {
  override every(periodMs = 1000, run: () => void = () => undefined): () => void {
    let cancel = (): void => undefined;
    const set = (): void => {
      cancel = this.after(periodMs, () => {
        set();
        run();
      });
    };
    set();
    return () => cancel();
  }
}

export interface OnTape {
  readonly id: string;
  readonly customer: string;
  readonly type: string;
  readonly received: number;
  readonly data: Record<string, unknown>;
}

const quiet = { info() {}, warn() {}, error: (text: string) => assert.fail(text) };

export class EnginePlay {
  readonly clock = new PlayClock(1_700_000_000_000);
  readonly random: Random;
  readonly #kit: ShardKit;
  readonly #sayer: Sayer;
  readonly #links: LinkReader;
  readonly #directory: Directory;
  readonly #source: DefinitionSource;
  readonly #path: string;
  #engine: Engine | undefined;
  #lives = 0;
  /** Writes to the tape: time stands still meanwhile. */
  #underWay = 0;
  /** Of what is said: how much is refused, and how much is written without anybody hearing of it. */
  refused = 0;
  unheard = 0;
  /** Called before something is said. */
  saying: (events: readonly object[]) => void = () => undefined;
  #isKept = false;

  private constructor(directory: string, seed: number, source: DefinitionSource, known: Directory) {
    this.random = seededRandom(seed);
    this.#path = directory;
    this.#source = source;
    this.#directory = known;
    new KeyedStore(join(directory, identitiesFile)).close();
    const parts = { directory, hashSeed: 7, phoneRegion: undefined, fronts: 1 };
    this.#links = new LinkReader(createLinkMemory(parts));
    this.#kit = new ShardKit({ directory, shards: 2, clock: this.clock });
    const { ingest } = this.#kit;
    this.#sayer = new Sayer({ clock: this.clock, log: quiet, ingest: () => ingest });
  }

  static async open(
    directory: string,
    seed: number,
    map: JourneyMap,
    rules: Readonly<Record<string, Rule>>,
  ): Promise<EnginePlay> {
    const random = seededRandom(1);
    const clock = new PlayClock(1);
    const workspaces = await openWorkspaces(new FakeStore(), { clock, random, initialKeys: {} });
    const source: DefinitionSource = {
      *wanted() {
        for (const name of ['m', ...Object.keys(rules)]) {
          const kind = name === 'm' ? 'journey' : 'rule';
          yield { workspace: 1, kind, name, version: 1, revision: '1' };
        }
      },
      current: () => 1,
      published: (_workspace, _kind, name) => JSON.stringify(name === 'm' ? map : rules[name]),
    };
    return new EnginePlay(directory, seed, source, new Directory(workspaces.snapshot()));
  }

  #file(life: number): string {
    return join(this.#path, `journeys-${life}.mdb`);
  }

  #rooms(life: number): string {
    return join(this.#path, `rooms-${life}.mdb`);
  }

  /** Up to where everything is on the tape. */
  get horizon(): number {
    return this.#kit.tape.horizon();
  }

  /** What was published may be other than before: the rules that it was opened with may be more by now. */
  async follow(): Promise<void> {
    this.#engine!.followDirectory();
    await this.rest();
  }

  hasPassed(stamp: number): boolean {
    return this.#engine!.passedUpTo >= stamp;
  }

  get isUp(): boolean {
    return this.#engine !== undefined;
  }

  start(): void {
    const { clock } = this;
    const engine = new Engine({
      ...{
        path: this.#file(this.#lives),
        roomsPath: this.#rooms(this.#lives),
        clock,
        log: quiet,
        tape: this.#kit.tape,
      },
      metrics: { add: () => undefined, observe: () => undefined },
      random: seededRandom(3),
      directory: this.#directory,
      links: this.#links,
      source: this.#source,
      webhookAllow: [],
      listen: () => undefined,
      say: (workspace, events) => this.#say(engine, workspace, events),
      readViews: () => assert.fail('no view is asked for'),
      change: () => assert.fail('nothing is changed'),
      mailbox: () => assert.fail('no page is told'),
      tell: () => undefined,
    });
    this.#engine = engine;
    engine.open();
  }

  /** What a dead engine says is lost; a living one is refused now and then, or does not hear that it was written. */
  async #say(engine: Engine, workspace: number, events: readonly object[]): Promise<void> {
    if (this.#engine !== engine) return new Promise(() => undefined);
    this.saying(events);
    // A timer that is refused may find its customer active when it is said again: no model could tell.
    const isTimer = events.some((event) => (event as OnTape).type === typeOfTimer);
    if (!isTimer && this.random.next() < this.refused) {
      throw new AppError('unavailable', 'refused');
    }
    await this.#put(workspace, events);
    if (this.#engine !== engine) return new Promise(() => undefined);
    if (this.random.next() < this.unheard) throw new AppError('unavailable', 'unheard');
  }

  async #put(workspace: number, events: readonly object[]): Promise<void> {
    this.#underWay += 1;
    try {
      let isOver = false;
      const said = this.#sayer.say(workspace, events).finally(() => {
        isOver = true;
      });
      // What comes while a commit is under way is of the next.
      do {
        await this.#kit.commit();
        await new Promise((resolve) => setImmediate(resolve));
      } while (!isOver);
      await said;
    } finally {
      this.#underWay -= 1;
    }
  }

  async store(events: readonly object[]): Promise<void> {
    await this.#put(1, events);
    this.#engine?.wake();
  }

  /** Lets everything that is under way come to its end, without time passing. */
  async rest(): Promise<void> {
    let quietFor = 0;
    for (let before = -1; quietFor < 8; ) {
      this.#engine?.wake();
      await new Promise((resolve) => setImmediate(resolve));
      const now = this.#kit.tape.issued();
      const isAtRest = this.#underWay === 0 && this.#engine?.isLive !== false;
      quietFor = now === before && isAtRest ? quietFor + 1 : 0;
      before = now;
    }
  }

  async pass(ms: number): Promise<void> {
    this.clock.advance(ms);
    await this.rest();
  }

  /** What is in the file now: all that a kill at this moment would leave, which the next `cut` is then. */
  keep(): void {
    copyMoment(this.#file(this.#lives), this.#file(this.#lives + 1));
    this.#keepRooms();
    this.#isKept = true;
  }

  #keepRooms(): void {
    copyMoment(this.#rooms(this.#lives), this.#rooms(this.#lives + 1));
  }

  /** As a kill does: what was not written is gone. @param anew what is on the tape, and of rooms, is left. */
  async cut(anew: boolean): Promise<void> {
    const engine = this.#engine!;
    await this.rest();
    if (!anew && !this.#isKept) this.keep();
    if (anew) this.#keepRooms();
    this.#isKept = false;
    this.#engine = undefined;
    // Its clocks are gone with it.
    this.clock.forget();
    await engine.close();
    for (const file of [this.#file(this.#lives), this.#rooms(this.#lives)])
      rmSync(file, { force: true });
    this.#lives += 1;
  }

  state(customer: string): PersonState | undefined {
    const state = this.#engine!.find(1, customer)?.state;
    // Requests that came to nothing leave at once, in a replay when their time is up.
    return state && { ...state, requests: [] };
  }

  /** Ids of what is undecided. */
  undecided(customer: string): readonly string[] {
    const requests = this.#engine!.find(1, customer)?.state.requests ?? [];
    return requests.map(({ id }) => id);
  }

  /** They came to nothing. */
  drop(customer: string, requests: readonly string[]): void {
    this.#engine!.drop(1, customer, new Set(requests));
  }

  /** What is known by now is durable: an erasure waits for that. */
  async written(): Promise<void> {
    await this.#engine!.forget(1, 'nobody');
  }

  /** Everything that is on the tapes, in commit order. */
  get tape(): OnTape[] {
    const found: OnTape[] = [];
    const tail = new Tail(this.#kit.tape, [0, 1], earliest);
    const visit = (event: Parameters<Parameters<Tail['visitBlock']>[1]>[0]): true => {
      const { customer, id, received, type } = event;
      const data = JSON.parse(event.data() ?? '{}') as Record<string, unknown>;
      found.push({ id, customer, type, received, data });
      return true;
    };
    while (tail.visitBlock(this.#kit.tape.horizon(), visit));
    return found;
  }

  async close(): Promise<void> {
    const engine = this.#engine;
    this.#engine = undefined;
    await engine?.close();
    await this.#links.close();
    await this.#kit.tape.close();
    for (const { close } of this.#kit.shards) await close();
  }
}

/** A thread of the library may be committing: what it changes meanwhile is copied again, for a kill leaves a file of one moment. */
function copyMoment(from: string, to: string): void {
  for (let before = momentOf(from); ; ) {
    copyFileSync(from, to);
    const after = momentOf(from);
    if (after.equals(before)) return;
    before = after;
  }
}

/** A file's heads and its size, in which every commit shows. */
function momentOf(path: string): Buffer {
  const descriptor = openSync(path, 'r');
  const heads = Buffer.alloc(2 * 4096 + 8);
  readSync(descriptor, heads, 0, 2 * 4096, 0);
  heads.writeDoubleLE(fstatSync(descriptor).size, 2 * 4096);
  closeSync(descriptor);
  return heads;
}
