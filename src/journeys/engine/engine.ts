/**
 * The engine: reads the tape in commit order and keeps, of every customer that maps or rules are about,
 * what follows from it. Enter the room here.
 *
 *     bell ─▶ turn: read what is new ─▶ apply ─▶ at the horizon: give work, answer who waits
 *     clock ─▶ alarm: timers that are due are said on the tape
 *     each second ─▶ checkpoint: rows of rooms; then states, timers and how far, in one transaction
 *
 * After a start it reads on from the checkpoint to the horizon and fires nothing; only then it works.
 */
import { AppError } from '../../std/errors.ts';
import { earliest, type Position } from '../../tape/cursor.ts';
import { definitionsCustomer } from '../words.ts';
import { Alarm } from './alarm.ts';
import { Aliases } from './aliases.ts';
import { Allowances } from './allowance.ts';
import { answersOf } from './answers.ts';
import type { Answerer, AskKind, EngineAnswer, EngineAsk } from './asks.ts';
import { type CheckpointParts, Checkpoints, type Meta, readMeta } from './checkpoint.ts';
import { Hands } from './hands.ts';
import type { Observe } from './happening.ts';
import { type DefinitionSource, InForce } from './inforce.ts';
import { Lapses } from './lapses.ts';
import { workspaceOf } from './layout.ts';
import { Links } from './links.ts';
import { type Person, Persons } from './persons.ts';
import { Publisher } from './publisher.ts';
import { Reader } from './reader.ts';
import { Rebuilding } from './rebuild.ts';
import { Recaller } from './recaller.ts';
import { Rooms } from './rooms.ts';
import { RoomStore } from './roomstore.ts';
import { Rounds } from './rounds.ts';
import { Schedule } from './schedule.ts';
import { Shortfalls } from './shortfalls.ts';
import { JourneyStore } from './store.ts';
import { Texts } from './texts.ts';
import { Turns } from './turns.ts';
import { Waiting } from './waiting.ts';
import type { EngineContext } from './work.ts';

const checkpointMs = 1000;
/** A checkpoint is due early when so many customers have changed. */
const dirtyMax = 20_000;
/** No more is read while so many wait to be written: the store cannot write, or is far behind. */
const dirtyBound = 200_000;
/** How far the walk back to the first definition goes in each index. */
const skipStepsMax = 100_000;

export interface EngineParts
  extends Omit<
    EngineContext,
    'definitions' | 'person' | 'follow' | 'drop' | 'rows' | 'passedUpTo'
  > {
  /** Paths of `journeys.mdb` and of `rooms.mdb`. */
  readonly path: string;
  readonly roomsPath: string;
  /** Where webhooks may go although it is not public. */
  readonly webhookAllow: readonly string[];
  /** What workspaces have published. */
  readonly source: DefinitionSource;
  /** Asks the shards to ring (or not to) when something is published. */
  readonly listen: (on: boolean) => void;
}

export class Engine {
  readonly #parts: EngineParts;
  readonly #store: JourneyStore;
  readonly #roomStore: RoomStore;
  readonly #turns: Turns;
  readonly #persons: Persons;
  readonly #aliases: Aliases;
  readonly #inForce: InForce;
  readonly #recaller: Recaller;
  readonly #allowances: Allowances;
  readonly #reader: Reader;
  readonly #alarm: Alarm;
  readonly #hands: Hands;
  readonly #publisher: Publisher;
  readonly #waiting: Waiting;
  readonly #rooms: Rooms;
  readonly #rounds: Rounds;
  readonly #lapses: Lapses;
  readonly #rebuilding: Rebuilding;
  readonly #checkpoints: Checkpoints;
  readonly #answerer: Answerer<AskKind>;
  readonly #stopTicking: (() => void)[] = [];
  /** The tape is read: somebody listens, or is about to. */
  #isReading = false;
  #isTurning = false;
  /** The horizon has been reached once. */
  isLive = false;
  #isClosed = false;
  /** Somebody was forgotten since the file was written anew; and for which workspaces it was. */
  #isStale = false;
  #purgedFor = '';

  constructor(parts: EngineParts) {
    const { clock, log, metrics, say, source, tape } = parts;
    this.#parts = parts;
    this.#store = new JourneyStore(parts.path);
    this.#roomStore = new RoomStore(parts.roomsPath);
    this.#turns = new Turns(clock);
    const meta = readMeta(this.#store);
    const start = this.#startOf(meta);
    const inForce = new InForce(source, new Texts(this.#store), log, meta?.inForce ?? []);
    const persons = new Persons(this.#store);
    const schedule = new Schedule(this.#store);
    const aliases = new Aliases(this.#store, parts.links, (workspace) =>
      inForce.firstChangeOf(workspace),
    );
    const recaller = new Recaller({ tape, aliases, inForce });
    this.#inForce = inForce;
    this.#recaller = recaller;
    this.#persons = persons;
    this.#aliases = aliases;
    this.#waiting = new Waiting(clock);
    this.#alarm = new Alarm({ clock, log, metrics, persons, schedule, say });
    this.#publisher = new Publisher({
      ...{ clock, log, source, inForce, say },
      lastChange: () => parts.links.lastChange(),
    });
    this.#rooms = new Rooms(this.#contextOf(parts), this.#store, parts.webhookAllow);
    this.#lapses = this.#openLapses();
    const lapsed: Lapses['note'] = (...given) => this.#lapses.note(...given);
    this.#rebuilding = this.#openRebuilding(meta, start, lapsed);
    const { workers } = this.#rooms;
    const given = { workers, definitions: recaller, lapsed };
    this.#hands = new Hands({ store: this.#store, persons, ...given });
    const rows = this.#store.rows('rounds');
    this.#rounds = new Rounds({ log, store: this.#store, persons, inForce, rows, say });
    const defined: Rounds['note'] = (...given) => this.#rounds.note(...given);
    const touched = (person: Person): void => {
      this.#alarm.settle(person);
      this.#hands.note(person);
    };
    const gone = (workspace: number, customer: string): void => {
      this.#hands.noteGone(workspace, customer);
    };
    const links = new Links({ reader: parts.links, aliases, persons, recaller, touched, gone });
    const shortfalls = new Shortfalls({ clock, log, metrics });
    const observe: Observe = (workspace, happening) => {
      if (happening.kind === 'overflow') shortfalls.note('requests', workspace);
      if (happening.kind === 'partials') {
        shortfalls.note('partials', workspace, happening.givenUp);
      }
      this.#rebuilding.observe(workspace, happening);
      this.#rooms.observe(workspace, happening);
    };
    const short = (workspace: number): void => shortfalls.note('steps', workspace);
    const allowances = new Allowances(meta?.allowances);
    this.#allowances = allowances;
    const known = { inForce, persons, aliases, links, allowances, recaller };
    this.#reader = new Reader({ tape, metrics, ...known, defined, touched, observe, short }, start);
    this.#checkpoints = this.#openCheckpoints(meta !== undefined);
    this.#answerer = { ...this.#rooms.answerer, ...answersOf(this) };
  }

  /** Begins to read, if there is anybody to read for. */
  open(): void {
    this.#stopTicking.push(this.#parts.clock.every(checkpointMs, () => this.#tick()));
    // So that the next start knows that this one was there, however soon it ends.
    if (!this.#checkpoints.isMade) this.#checkpoint();
    const isBehind = this.#reader.position.stamp < this.#parts.tape.horizon();
    if (isBehind || !this.#inForce.isEmpty || this.#publisher.missing().length > 0) this.#read();
  }

  #contextOf(parts: EngineParts): EngineContext {
    const engine = this;
    return {
      ...parts,
      definitions: this.#recaller,
      person: (workspace, customer) => engine.find(workspace, customer)?.state,
      follow: (workspace) => engine.#follow(workspace),
      drop: (workspace, customer, requests) => engine.drop(workspace, customer, requests),
      rows: (room) => this.#roomStore.rows(room),
      get passedUpTo() {
        return engine.passedUpTo;
      },
    };
  }

  #openLapses(): Lapses {
    const { clock, directory, log, say } = this.#parts;
    const rows = this.#store.rows('lapses');
    const exists = (workspace: number): boolean => directory.workspace(workspace) !== undefined;
    return new Lapses({ clock, log, say, rows, exists });
  }

  #openCheckpoints(isMade: boolean): Checkpoints {
    const { clock, log } = this.#parts;
    const [store, roomStore] = [this.#store, this.#roomStore];
    const [persons, turns] = [this.#persons, this.#turns];
    const position = (): Position => this.#reader.position;
    const written = (person: Person): void => this.#alarm.follow(person);
    const cut = (): ReturnType<CheckpointParts['cut']> => this.#cut();
    const parts = { clock, log, store, roomStore, persons, turns, position, cut, written };
    return new Checkpoints(parts, isMade);
  }

  /** Before the first definition nothing on the tape matters. */
  #startOf(meta: Meta | undefined): Position {
    const { directory, tape } = this.#parts;
    const from = meta ?? earliest;
    if (meta !== undefined && meta.inForce.length > 0) return from;
    const customer = Buffer.from(definitionsCustomer);
    const hashes = directory.workspaces().map(({ number }) => tape.customerHash(number, customer));
    return hashes.length === 0 ? tape.now() : tape.skipTo(hashes, from, skipStepsMax);
  }

  /** Without a checkpoint it is one, unless there is nothing on the tape that it would make anything of. */
  #openRebuilding(meta: Meta | undefined, start: Position, lapsed: Lapses['note']): Rebuilding {
    const { clock, tape } = this.#parts;
    const begun = start.stamp < tape.horizon() ? { since: clock.now() } : undefined;
    return new Rebuilding(meta === undefined ? begun : meta.rebuild, lapsed);
  }

  /** Everything up to this stamp has been applied; without anybody to read for nothing is left to apply. */
  get passedUpTo(): number {
    return this.#isReading ? this.#reader.position.stamp : this.#parts.tape.horizon();
  }

  get inForce(): InForce {
    return this.#inForce;
  }

  find(workspace: number, customer: string): Person | undefined {
    const hash = this.#parts.tape.customerHash(workspace, Buffer.from(customer));
    return this.#persons.find(this.#aliases.ownerOf(workspace, customer, hash));
  }

  /** Requests that came to nothing go. No event says so: the next checkpoint has it. */
  drop(workspace: number, customer: string, requests: ReadonlySet<string>): void {
    const person = this.find(workspace, customer);
    if (person === undefined || requests.size === 0) return;
    person.state.requests = person.state.requests.filter(({ id }) => !requests.has(id));
    this.#persons.touch(person);
    this.#hands.note(person);
  }

  /** Resolves when `isOver`, looked at whenever the reader has moved. @throws AppError unavailable. */
  until(isOver: () => boolean): Promise<void> {
    return this.#waiting.until(isOver);
  }

  #read(): void {
    if (this.#isReading || this.#isClosed) return;
    this.#isReading = true;
    this.#parts.listen(true);
    this.wake();
  }

  async #follow(workspace: number): Promise<void> {
    const isFollowed = (): boolean => this.#inForce.of(workspace) !== undefined;
    if (isFollowed()) return;
    if (!this.#isReading) this.#reader.skipTo(this.#parts.tape.horizon());
    this.#read();
    await this.until(() => this.isLive);
    this.#publisher.follow(workspace);
    await this.until(isFollowed);
  }

  /** Something was published. */
  wake(): void {
    if (this.#isTurning || !this.#isReading || this.#isClosed) return;
    this.#isTurning = true;
    setImmediate(() => this.#turn());
  }

  #turn(): void {
    if (this.#isClosed) return;
    const end = this.#parts.clock.monotonicMs() + this.#turns.readMs;
    const horizon = this.#parts.tape.horizon();
    let more = true;
    do more = this.#reader.readBlock(horizon);
    while (more && !this.#isTurnOver(end));
    // Nothing is said or done that a start which finds no checkpoint would have to know.
    if (!more && !this.isLive && this.#checkpoints.isMade) this.#goLive();
    this.#hands.give();
    this.#lapses.give();
    this.#waiting.look();
    const { unwritten } = this.#persons;
    if (unwritten >= dirtyMax) this.#checkpoint();
    this.#isTurning = false;
    if (more && unwritten < dirtyBound) this.wake();
  }

  #isTurnOver(end: number): boolean {
    const isLate = this.#parts.clock.monotonicMs() >= end;
    if (isLate || this.#persons.unwritten >= dirtyBound) return true;
    return this.isLive && this.#reader.isCrowded;
  }

  /** Nothing that was on the tape is left to apply: from now on things are carried out. */
  #goLive(): void {
    this.isLive = true;
    this.#hands.begin(this.#rebuilding.current);
    this.#rebuilding.end();
    this.#lapses.begin();
    this.#alarm.begin();
    this.followDirectory();
  }

  /** The directory has changed: what was published is said on the tape, and in force when it is read there. */
  followDirectory(): void {
    this.#waiting.look();
    if (this.#publisher.missing().length === 0) return;
    // What nobody listened to so far is passed over; what is said from now on lies behind it.
    if (!this.#isReading) this.#reader.skipTo(this.#parts.tape.horizon());
    this.#read();
    if (this.isLive) this.#publisher.publish();
  }

  #tick(): void {
    this.#waiting.look();
    this.wake();
    this.#checkpoint();
  }

  #checkpoint(): void {
    const isFirst = !this.#checkpoints.isMade;
    void this.#checkpoints.make().then(() => {
      if (isFirst) this.wake();
    });
  }

  /** A checkpoint begins: what is as of now. */
  #cut(): ReturnType<CheckpointParts['cut']> {
    const noted = this.isLive ? this.#rounds.noted() : [];
    this.#rooms.write();
    const { rows: inForce } = this.#inForce;
    const { rows: allowances } = this.#allowances;
    const { current: rebuild } = this.#rebuilding;
    const meta = { inForce, allowances, ...(rebuild !== undefined && { rebuild }) };
    return { meta, done: () => this.#rounds.begin(noted) };
  }

  /**
   * Answers as of `after`, and not before everything that was on the tape at the start has been applied.
   * @throws AppError as the room that answers does; unavailable when that takes too long.
   */
  async answer<Kind extends AskKind>(ask: EngineAsk<Kind>): Promise<EngineAnswer<Kind>> {
    const answerer = this.#answerer[ask.kind as Kind];
    if (answerer === undefined) throw new AppError('invalid', 'the engine knows no such question');
    const { clock } = this.#parts;
    if (ask.kind === 'decide') this.#turns.noteAsked();
    const { after = 0, patienceMs = Number.POSITIVE_INFINITY } = ask;
    const patientUntil = clock.monotonicMs() + patienceMs;
    await this.#waiting.until(() => {
      if (this.#isReading && !this.isLive) return false;
      return this.passedUpTo >= after || clock.monotonicMs() >= patientUntil;
    });
    return (await answerer(ask)) as EngineAnswer<Kind>;
  }

  /** Loses what is known of a customer under an identity; durable when it resolves. @throws AppError unavailable. */
  async forget(workspace: number, identity: string): Promise<void> {
    this.#isStale = true;
    for (const worker of this.#rooms.workers) worker.forget?.(workspace, identity);
    this.#lapses.forget(workspace, identity);
    const customer = this.#parts.links.canonical(identity);
    this.#persons.remove({ workspace, customer });
    this.#aliases.remove({ workspace, customer });
    await this.#checkpoints.force();
  }

  /**
   * Writes the file anew if anything in it is gone: free pages keep what lay in them.
   * @param living the workspaces there are. @throws AppError unavailable.
   */
  async purge(living: readonly number[]): Promise<void> {
    if (!this.#isStale && living.join() === this.#purgedFor) return;
    const alive = new Set(living);
    this.#inForce.forget(alive);
    this.#allowances.forget(alive);
    this.#reader.forgetForce();
    await this.#roomStore.rewrite();
    await this.#store.rewrite((key) => {
      const workspace = workspaceOf(key);
      return workspace === undefined || alive.has(workspace);
    });
    this.#isStale = false;
    this.#purgedFor = living.join();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const stop of this.#stopTicking) stop();
    this.#alarm.end();
    this.#publisher.end();
    this.#rounds.end();
    this.#hands.end();
    this.#lapses.end();
    this.#waiting.end();
    for (const worker of this.#rooms.workers) await worker.close?.();
    await this.#checkpoints.close();
    await this.#roomStore.close();
    await this.#store.close();
  }
}
