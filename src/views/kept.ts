/**
 * Answers that one front keeps for as long as a new scan would give the same: until an event comes to the
 * customer's tape that is of one of the view's types, someone is erased, a match grows older than its field looks back, or an event's time
 * comes that lies ahead. So a kept answer is true as of now, not as of when it was made, and a sender
 * who has a receipt finds its event in the next answer.
 *
 * A template that says `snapshot` wants it otherwise: one answer for so long, whatever comes. It ends
 * earlier only when something is taken away, the customer's identities or the template change, or somebody
 * has been shown a newer one (`shown.ts`); its `asOf` says how old it is.
 */
import type { Tape } from '../tape/tape.ts';
import { parseLookback } from '../workspaces/view.ts';
import type { ViewFound } from './answer.ts';
import { typesOf, type ViewWish } from './evaluate.ts';
import { isWhole, type Place, standsAt } from './place.ts';
import type { ShownInstants } from './shown.ts';

/**
 * What the kept answers of one front may weigh in memory. Then the oldest go of the workspace that has the
 * most: so none ever takes away from another what is within an equal part.
 */
export const keptBytesMax = 32 * 1024 * 1024;
/** A larger answer is not kept, and one with whole events is not either: it is rarely asked for twice. */
export const keptAnswerBytesMax = 256 * 1024;
/** About what an answer weighs besides its text. */
const entryBytes = 500;

/** Whose view, seen how; a template or a role that changes has another version. */
export interface KeptView extends ViewWish {
  readonly version: number;
  /** Whatever else makes its answer another one: the role, with its version. */
  readonly variant: string;
}

interface Kept {
  found: ViewFound;
  readonly place: Place;
  readonly version: number;
  readonly bytes: number;
}

/** The answers of one workspace, the oldest first. */
interface Share {
  readonly answers: Map<string, Kept>;
  bytes: number;
}

/** What a reader asks for at an instant. */
interface Wanted {
  readonly workspace: number;
  readonly customer: string;
  readonly view: KeptView;
}

export interface KeptParts {
  /** Shared by all threads. */
  readonly shown: ShownInstants;
  readonly bytesMax?: number;
}

export class KeptAnswers {
  readonly #bytesMax: number;
  readonly #shown: ShownInstants;
  /** Of the workspaces that have any. */
  readonly #shares = new Map<number, Share>();
  #bytes = 0;

  constructor({ bytesMax = keptBytesMax, shown }: KeptParts) {
    this.#bytesMax = bytesMax;
    this.#shown = shown;
  }

  /**
   * An answer as of `now` that holds; undefined when none is kept.
   * @param isCurrent whether a snapshot will not do.
   */
  find(tape: Tape, wanted: Wanted, now: number, isCurrent: boolean): ViewFound | undefined {
    const { customer, view, workspace } = wanted;
    const kept = this.#shares.get(workspace)?.answers.get(keyOf(wanted));
    if (kept === undefined || kept.version !== view.version) return undefined;
    const { found, place } = kept;
    const age = now - found.asOf;
    if (age < 0) return undefined;
    const { snapshot } = view.template;
    if (snapshot !== undefined && !isCurrent && age < parseLookback(snapshot)) {
      const isNewest = found.asOf >= (this.#shown.latest(shownKey(wanted)) ?? now);
      if (isNewest && isWhole(tape, place, workspace, customer)) return found;
    }
    if (now > found.holdsUntil) return undefined;
    if (!standsAt(tape, place, workspace, customer, typesOf(view.template))) return undefined;
    // A spread would be slow to make and to read; nothing that is cut short is kept.
    const current: ViewFound = { json: found.json, holdsUntil: found.holdsUntil, asOf: now };
    if (snapshot !== undefined) kept.found = current;
    return current;
  }

  /**
   * As of when a snapshot has to be made, because somebody was shown a newer one than is kept here: of the
   * same instant, or two threads would make each other's too old in turn. Undefined: as of now.
   */
  behind(tape: Tape, wanted: Wanted, now: number): number | undefined {
    const { customer, view, workspace } = wanted;
    const { snapshot } = view.template;
    const kept = this.#shares.get(workspace)?.answers.get(keyOf(wanted));
    if (snapshot === undefined || kept?.version !== view.version) return undefined;
    const shown = this.#shown.latest(shownKey(wanted));
    if (shown === undefined || shown <= kept.found.asOf || shown > now) return undefined;
    const isYoung = now - shown < parseLookback(snapshot);
    return isYoung && isWhole(tape, kept.place, workspace, customer) ? shown : undefined;
  }

  /** Somebody is shown this answer: it must not be an older one next time. */
  show(wanted: Wanted, { asOf }: ViewFound): void {
    if (wanted.view.template.snapshot !== undefined) this.#shown.note(shownKey(wanted), asOf);
  }

  /** What all kept answers weigh. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * @param place where the customer stood before the scan.
   * @param found as of now, or of a snapshot's instant.
   */
  keep(wanted: Wanted, place: Place, found: ViewFound): void {
    const { view, workspace } = wanted;
    const key = keyOf(wanted);
    this.#drop(workspace, key);
    if (view.evidence === 'events' || found.isShort === true) return;
    const bytes = weightOf(key) + weightOf(found.json) + entryBytes + 8 * place.hashes.length;
    if (bytes > keptAnswerBytesMax) return;
    const share = this.#shares.get(workspace) ?? { answers: new Map<string, Kept>(), bytes: 0 };
    this.#shares.set(workspace, share);
    share.answers.set(key, { found, place, version: view.version, bytes });
    share.bytes += bytes;
    this.#bytes += bytes;
    this.#shrink();
  }

  /** The oldest of the workspace that has the most, until all of them fit. */
  #shrink(): void {
    while (this.#bytes > this.#bytesMax) {
      const payer = this.#largest();
      const [oldest] = this.#shares.get(payer)!.answers.keys();
      this.#drop(payer, oldest!);
    }
  }

  /** The workspace that has the most. */
  #largest(): number {
    let most = -1;
    let found = -1;
    for (const [workspace, { bytes }] of this.#shares) {
      if (bytes <= most) continue;
      most = bytes;
      found = workspace;
    }
    return found;
  }

  #drop(workspace: number, key: string): void {
    const share = this.#shares.get(workspace);
    const kept = share?.answers.get(key);
    if (share === undefined || kept === undefined) return;
    share.answers.delete(key);
    share.bytes -= kept.bytes;
    this.#bytes -= kept.bytes;
    if (share.answers.size === 0) this.#shares.delete(workspace);
  }
}

/** What a text weighs in memory: a byte for each character as long as all are ASCII, else two at most. */
function weightOf(text: string): number {
  return Buffer.byteLength(text) === text.length ? text.length : 2 * text.length;
}

/** With evidence or without, a view is the same to its reader. */
function shownKey({ customer, view, workspace }: Wanted): string {
  return `${workspace}\n${view.name}\n${view.variant}\n${customer}`;
}

const shapes = new WeakMap<KeptView, string>();

/** Within a workspace. Names of views and roles hold no line end, so no two have one key. */
function keyOf({ customer, view }: Wanted): string {
  let shape = shapes.get(view);
  if (shape === undefined) {
    shape = `${view.name}\n${view.evidence ?? ''}\n${view.variant}\n`;
    shapes.set(view, shape);
  }
  return shape + customer;
}
