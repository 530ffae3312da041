/**
 * What events say of identities, between the walker and the receipt. An event with `previous` says that
 * two identities are one customer's; one whose customer is a phone number in some other way of writing
 * says so too. What is in force already costs a look into a table; the rest is noted on the batch and
 * established, durable and in force on every front, before the batch has its receipt:
 *
 *     event ─ settled? ─▶ nothing to do
 *              └─ in force? ─▶ settled       └─▶ noted ─▶ … events durable ─▶ established ─▶ receipt
 *
 * What is in force, but may not be when statements before it have been carried out, is noted too.
 */
import type { Envelope, Rejection } from '../event/envelope.ts';
import type { LinkReader } from '../identity/reader.ts';
import type { Outcome, Statement } from '../identity/rules.ts';
import { maySpellPhone } from '../identity/typed.ts';
import type { Clock } from '../std/clock.ts';
import { flagLink, flagUntrusted } from '../tape/layout.ts';
import type { Batch } from './batch.ts';
import { fieldBytes, fieldOffset } from './fields.ts';
import { type Holding, holdingOf, touchedBy } from './holding.ts';
import { LostStatements } from './lost.ts';
import { SettledPairs } from './settled.ts';
import { admitSpelling, type NewSpellings } from './spellings.ts';
import { Touched } from './touched.ts';

/** For how long, and for events how close to it, what was refused is not asked again: limits make room some time. */
const refusedMs = 60_000;

/** A statement, and which event of its batch made it. */
export interface NotedStatement extends Statement {
  readonly index: number;
}

export interface StatementsParts {
  readonly links: LinkReader;
  readonly clock: Clock;
  /** Up to which stamp commit order is settled. */
  readonly horizon: () => number;
  readonly establish: Establish;
}

/**
 * Resolves when they are durable and in force everywhere, with an outcome for each.
 * @param erasures how many there had been when the statements were noted: see `erasednames.ts`.
 */
export type Establish = (
  statements: readonly Statement[],
  erasures: number,
) => Promise<readonly Outcome[]>;

/** How things stood when a batch began. */
interface Begin {
  readonly horizon: number;
  readonly erasures: number;
  readonly spellings: NewSpellings;
  /** What its statements have added to `Touched`. */
  readonly touched: number[];
}

export class Statements {
  readonly #parts: StatementsParts;
  readonly #settled = new SettledPairs();
  #moves = 0;
  readonly #touched = new Touched();
  /** Batches with statements that have no receipt yet. */
  readonly #open = new Map<Batch, Begin>();

  readonly #lost: LostStatements;

  constructor(parts: StatementsParts) {
    this.#parts = parts;
    this.#lost = new LostStatements(parts);
  }

  /** What events up to this stamp say is in force. */
  progress(): number {
    const horizon = this.#parts.horizon();
    // What is committed while a batch is open lies behind the horizon of its beginning.
    let progress = Math.min(horizon, this.#lost.at);
    for (const begin of this.#open.values()) progress = Math.min(progress, begin.horizon);
    return progress;
  }

  /**
   * Notes on the batch what the event `index` says, unless it is in force.
   * @returns why the event is refused.
   */
  note(batch: Batch, source: Uint8Array, envelope: Envelope, index: number): Rejection | undefined {
    const { clock, links } = this.#parts;
    if (links.moves !== this.#moves) {
      this.#moves = links.moves;
      this.#settled.clear();
    }
    const time = Number.isNaN(envelope.time) ? clock.now() : envelope.time;
    const isShort = this.#name(source, envelope);
    const settled = isShort ? this.#settled.find(scopeOf(batch), time, clock) : undefined;
    if (settled === 'refused') return undefined;
    if (settled === 'inForce' && !this.#mayMove(batch)) return undefined;
    const { customerAt, customerBytes, previousAt, previousBytes } = envelope;
    const statement: NotedStatement = {
      workspace: batch.workspace,
      customer: textOf(source, envelope, customerAt, customerBytes),
      previous: previousAt < 0 ? '' : textOf(source, envelope, previousAt, previousBytes),
      time,
      isTrusted: batch.isTrusted,
      index,
    };
    links.refresh();
    const holding = holdingOf(links, statement);
    if (holding === undefined || this.#isMoving(batch, holding)) {
      return this.#add(batch, statement);
    }
    if (isShort && holding.isPlain) {
      this.#settled.add(scopeOf(batch), holding, Number.POSITIVE_INFINITY);
    }
    return undefined;
  }

  /** Whether a statement under way, of this batch or one before, may take apart the pair that is named. */
  #mayMove({ workspace }: Batch): boolean {
    return this.#open.size > 0 && this.#settled.isTouched(workspace, this.#touched);
  }

  #isMoving({ workspace }: Batch, { loose }: Holding): boolean {
    return this.#open.size > 0 && loose.some((name) => this.#touched.has(workspace, name));
  }

  /** @returns false when the two texts are too long to be known. */
  #name(source: Uint8Array, envelope: Envelope): boolean {
    const { customerAt, customerBytes, previousAt, previousBytes } = envelope;
    const settled = this.#settled;
    settled.first(fieldBytes(source, envelope, customerAt), fieldOffset(customerAt), customerBytes);
    if (previousAt < 0) return settled.second(source, 0, 0);
    const holder = fieldBytes(source, envelope, previousAt);
    return settled.second(holder, fieldOffset(previousAt), previousBytes);
  }

  #add(batch: Batch, statement: NotedStatement): Rejection | undefined {
    const { horizon, links } = this.#parts;
    const begin: Begin = this.#open.get(batch) ?? {
      horizon: horizon(),
      erasures: links.erasures,
      spellings: new Map(),
      touched: [],
    };
    const name = { identity: links.canonical(statement.customer), text: statement.customer };
    const refusal = admitSpelling(links, batch, name, begin.spellings, this.#newSpellings());
    if (refusal !== undefined) return refusal;
    this.#open.set(batch, begin);
    for (const touched of touchedBy(links, statement)) {
      begin.touched.push(this.#touched.add(batch.workspace, touched));
    }
    batch.statements ??= [];
    batch.statements.push(statement);
    return undefined;
  }

  *#newSpellings(): Iterable<NewSpellings> {
    for (const { spellings } of this.#open.values()) yield spellings;
  }

  /** Nothing of the batch is under way: it is not sent, or what it says is done. */
  drop(batch: Batch): void {
    for (const touched of this.#open.get(batch)?.touched ?? []) this.#touched.remove(touched);
    this.#open.delete(batch);
  }

  /** The events are durable, but those in `refused`. Rejects when what they say could not be written. */
  async establish(batch: Batch, refused: ReadonlySet<number>): Promise<void> {
    const statements = batch.statements!.filter(({ index }) => !refused.has(index));
    const { clock, establish } = this.#parts;
    const moves = this.#parts.links.moves;
    const begin = this.#open.get(batch)!;
    try {
      if (statements.length === 0) return;
      const outcomes = await establish(statements, begin.erasures);
      if (moves !== this.#moves) return;
      const until = clock.now() + refusedMs;
      for (const [n, { customer, previous, time }] of statements.entries()) {
        if (!isRefusal(outcomes[n]!)) continue;
        const [one, other] = [Buffer.from(customer), Buffer.from(previous)];
        this.#settled.first(one, 0, one.length);
        const isShort = this.#settled.second(other, 0, other.length);
        const span = { from: time - refusedMs, to: time + refusedMs };
        if (isShort) this.#settled.add(scopeOf(batch), span, until);
      }
    } catch (error) {
      this.#lost.note({ at: begin.horizon, erasures: begin.erasures, statements });
      throw error;
    } finally {
      this.drop(batch);
    }
  }
}

/** Whether an event says anything of identities; `holder` has its customer. */
export function saysLink(holder: Uint8Array, envelope: Envelope): boolean {
  const { customerAt, customerBytes, previousAt } = envelope;
  return previousAt !== -1 || maySpellPhone(holder, fieldOffset(customerAt), customerBytes);
}

/** In the row of an event that says something of identities. */
export function linkFlagsOf({ isTrusted }: Batch): number {
  return isTrusted ? flagLink : flagLink | flagUntrusted;
}

/** What is refused to a `publish` key may be allowed to another. */
function scopeOf({ isTrusted, workspace }: Batch): number {
  return workspace * 2 + (isTrusted ? 1 : 0);
}

function isRefusal(outcome: Outcome): boolean {
  return outcome === 'blocked' || outcome === 'limit' || outcome === 'untrusted';
}

function textOf(source: Uint8Array, envelope: Envelope, at: number, length: number): string {
  const { buffer, byteOffset } = fieldBytes(source, envelope, at);
  return Buffer.from(buffer, byteOffset + fieldOffset(at), length).toString('utf8');
}
