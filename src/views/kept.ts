/**
 * Answers that one front keeps for as long as a new scan would give the same: until the customer's
 * tape changes, someone is erased, a match grows older than its field looks back, or an event's time
 * comes that lies ahead. So a kept answer is true as of now, not as of when it was made, and a sender
 * who has a receipt finds its event in the next answer.
 */
import type { ScanBudget } from '../tape/budget.ts';
import type { Position } from '../tape/cursor.ts';
import { scan } from '../tape/scan.ts';
import type { Tape } from '../tape/tape.ts';
import { answerText, type ViewAsk } from './answer.ts';
import { evaluateView } from './evaluate.ts';

/** What the kept answers of one front may weigh in memory; then the oldest go. */
export const keptBytesMax = 32 * 1024 * 1024;
/** About what an answer weighs besides its text. */
const entryBytes = 256;

interface Kept {
  readonly fields: string;
  /** The customer's newest event at the time. */
  readonly latest: Position | undefined;
  /** What was erased by then. */
  readonly rules: number;
  /** What was past its retention by then, by age, and by bytes. */
  readonly receivedFrom: number;
  readonly dropped: number;
  /** From when until when it holds, both ends included. */
  readonly asOf: number;
  readonly holdsUntil: number;
  readonly bytes: number;
}

export class KeptAnswers {
  readonly #bytesMax: number;
  #answers = new Map<string, Kept>();
  #bytes = 0;
  #version = 0;

  constructor(bytesMax: number = keptBytesMax) {
    this.#bytesMax = bytesMax;
  }

  /**
   * Forgets everything when the definitions have changed.
   * @param version of the directory that the next templates come from.
   */
  follow(version: number): void {
    if (version === this.#version) return;
    this.#version = version;
    this.#answers = new Map();
    this.#bytes = 0;
  }

  /** The answer as of `ask.asOf`, which must be now; undefined when none is kept that holds. */
  find(tape: Tape, ask: ViewAsk): string | undefined {
    const kept = this.#answers.get(keyOf(ask));
    if (kept === undefined || ask.asOf < kept.asOf || ask.asOf > kept.holdsUntil) return undefined;
    if (!isSame(kept.latest, tape.latestPosition(ask.workspace, ask.customer))) return undefined;
    if (kept.rules !== tape.rulesVersion) return undefined;
    if (kept.receivedFrom !== tape.receivedFrom(ask.workspace)) return undefined;
    if (kept.dropped !== droppedFor(tape, ask)) return undefined;
    return answerText(ask, kept.fields);
  }

  /**
   * Answers by a scan, and keeps what it found.
   * @param ask as of now. @throws ScanTooLong past the budget.
   */
  make(tape: Tape, ask: ViewAsk, budget: ScanBudget): string {
    const { asOf, customer, template, workspace } = ask;
    // Taken first: what is committed during the scan makes the answer one that does not hold.
    const latest = tape.latestPosition(workspace, customer);
    const rules = tape.rulesVersion;
    const receivedFrom = tape.receivedFrom(workspace);
    const dropped = droppedFor(tape, ask);
    const place = { latest, rules, receivedFrom, dropped };
    // Later events are looked at too, because the answer ends to hold when the first one's time comes.
    const { json: fields, holdsUntil } = evaluateView(
      template,
      asOf,
      (needs) => scan(tape, { workspace, customer, types: needs.types, needs }, budget),
      (steps) => budget.spend(steps),
    );
    const key = keyOf(ask);
    const bytes = 2 * (key.length + fields.length) + entryBytes;
    this.#drop(key);
    this.#answers.set(key, { ...place, fields, asOf, holdsUntil, bytes });
    this.#bytes += bytes;
    this.#shrink();
    return answerText(ask, fields);
  }

  #shrink(): void {
    for (const oldest of this.#answers.keys()) {
      if (this.#bytes <= this.#bytesMax) return;
      this.#drop(oldest);
    }
  }

  #drop(key: string): void {
    const kept = this.#answers.get(key);
    if (kept === undefined) return;
    this.#answers.delete(key);
    this.#bytes -= kept.bytes;
  }
}

/** The stamp up to which events of this customer may have been dropped. */
function droppedFor(tape: Tape, { customer, workspace }: ViewAsk): number {
  return tape.droppedUpTo(workspace, [tape.customerHash(workspace, Buffer.from(customer))]);
}

/** The name of a view holds no line end, so no two asks have one key. */
function keyOf({ customer, name, workspace }: ViewAsk): string {
  return `${workspace}/${name}\n${customer}`;
}

function isSame(a: Position | undefined, b: Position | undefined): boolean {
  return a?.stamp === b?.stamp && a?.ordinal === b?.ordinal;
}
