/**
 * The main thread's side of identities: carries out what fronts ask, tells every front what has changed
 * before anyone is answered, and erases customers with all their identities.
 *
 *     front ─ links ─▶ Identities ─ relink ─▶ every front ─ relinked ─▶ linked ─▶ front
 *                                                                          └─ outbox ─▶ the tape
 *
 * What goes on the tape is written by the front that asked; what a crash left, by the first front.
 */
import { asksOf, type LinkAsk } from '../identity/ask.ts';
import type { Forgotten } from '../identity/forget.ts';
import { Identities } from '../identity/identities.ts';
import type { LinkMemory } from '../identity/memory.ts';
import { LeftBehind } from '../identity/recover.ts';
import { type IdentityWish, settingsOf } from '../identity/settings.ts';
import { canonicalOf } from '../identity/typed.ts';
import type { Clock } from '../std/clock.ts';
import { AppError } from '../std/errors.ts';
import { holdsLinks } from '../std/faults.ts';
import type { Log } from '../std/log.ts';
import { openMetrics } from '../std/metrics.ts';
import type { ErasePlan, EraseWish, ErasureState } from '../tape/erasure.ts';
import type { Erasures } from '../tape/erasures.ts';
import { InForce } from './inforce.ts';
import type { MainToFront, ThreadStart } from './messages.ts';

/** After how long an erasure that was refused is tried again. */
const eraseRetryMs = 5000;

export interface LinkDeskParts {
  readonly memory: LinkMemory;
  readonly clock: Clock;
  readonly log: Log;
  readonly fronts: number;
  /** What a workspace has set. */
  readonly settings: (workspace: number) => IdentityWish | undefined;
  /** An identity is erased as a whole: what waits for it elsewhere goes too. */
  readonly forget: (workspace: number, identity: string) => Promise<unknown>;
  readonly post: (front: number, message: MainToFront) => void;
}

export class LinkDesk {
  readonly #parts: LinkDeskParts;
  readonly #identities: Identities;
  readonly #inForce: InForce;
  /** Erasures that someone carries out just now, by their numbers. */
  readonly #underWay = new Set<number>();
  #changes = 0;
  #isClosed = false;
  #cancelRetry: (() => void) | undefined;

  /** Opens the file; call before any thread reads it. */
  constructor(parts: LinkDeskParts) {
    const { clock, memory, settings } = parts;
    this.#parts = parts;
    this.#inForce = new InForce(parts.fronts);
    this.#identities = new Identities({
      memory,
      clock,
      settings: (workspace) => settingsOf(settings(workspace)),
      tell: (changed) => {
        this.#changes += 1;
        const change = this.#changes;
        const names = changed.map(({ identity, workspace }) => ({ identity, workspace }));
        const everywhere = this.#inForce.everywhere(change);
        this.#postAll({ kind: 'relink', change, changed: names });
        return everywhere;
      },
    });
  }

  #postAll(message: MainToFront): void {
    for (let front = 0; front < this.#parts.fronts; front++) this.#parts.post(front, message);
  }

  /** Every shard is open, and every front is connected: what a crash cut is brought to its end. */
  async open(start: ThreadStart, erasures: Erasures): Promise<void> {
    try {
      await this.#identities.open(await this.#recover(start));
      await this.#eraseLeft(erasures);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      // No room: reads are served all the same, and the next start finds what is left.
      this.#parts.log.error('links could not be recovered', { reason: error.message });
    }
    const outboxes = this.#identities.leftOutboxes();
    if (outboxes.length > 0) this.#parts.post(0, { kind: 'record', outboxes });
  }

  /** Events without a receipt whose links are missing. @returns up to which stamp there are none now. */
  async #recover({ metrics, row, tape }: ThreadStart): Promise<number> {
    const left = new LeftBehind(tape, openMetrics(metrics, row), this.#parts.memory.phoneRegion);
    try {
      const from = this.#identities.tapeUpTo ?? left.horizon;
      const forgotten = this.#identities.leftForgotten();
      for (const statements of left.statements(from, forgotten)) {
        await Promise.all(asksOf(statements).map((ask) => this.#identities.ask(ask)));
      }
      return left.horizon;
    } finally {
      await left.close();
    }
  }

  /** Answers a front. @throws AppError as `Identities.ask` does. */
  async answer(front: number, request: number, ask: LinkAsk): Promise<void> {
    if (holdsLinks && ask.kind === 'state') {
      this.#parts.log.warn('links are held by a fault switch', {
        statements: ask.statements.length,
      });
      return;
    }
    const answer = await this.#identities.ask(ask);
    this.#parts.post(front, { kind: 'linked', request, reply: answer });
  }

  relinked(front: number, change: number): void {
    this.#inForce.note(front, change);
  }

  recorded(number: number): void {
    this.#identities.recorded(number);
  }

  /**
   * Erases a customer under every identity. What is refused for want of room changes nothing; what fails
   * later is kept, and tried again by itself and with the next ask.
   *
   * @throws AppError as `Erasures.reserve` and `Erasures.erase` do.
   */
  async erase(erasures: Erasures, { customer, now, workspace }: EraseWish): Promise<ErasureState> {
    let release: (() => void) | undefined;
    let number: number | undefined;
    try {
      const issued = (): number => erasures.issued;
      const upTo = issued();
      const admit = (wanted: Forgotten): void => {
        release = erasures.reserve(workspace, wanted.shares);
        number = wanted.number;
        this.#underWay.add(number);
      };
      const forgotten = await this.#identities.forget(workspace, customer, issued, admit);
      const identity = canonicalOf(customer, this.#parts.memory.phoneRegion);
      const names = new Set([identity, customer]);
      const unlinked = [...names].map((name) => ({ identity: name, from: null, to: null, upTo }));
      const shares = forgotten?.shares ?? unlinked;
      release ??= erasures.reserve(workspace, shares);
      const plan = { workspace, shares, now };
      return await this.#erase(erasures, plan, release, forgotten);
    } catch (error) {
      if (number !== undefined) this.#retrySoon(erasures);
      throw error;
    } finally {
      release?.();
      if (number !== undefined) this.#underWay.delete(number);
    }
  }

  #erase(
    erasures: Erasures,
    plan: ErasePlan,
    release: () => void,
    forgotten: Forgotten | undefined,
  ): Promise<ErasureState> {
    return erasures.erase(plan, async () => {
      release();
      if (forgotten !== undefined) await this.#identities.erased(forgotten);
      const whole = plan.shares.filter(({ from, to }) => from === null && to === null);
      for (const { identity } of whole) await this.#parts.forget(plan.workspace, identity);
    });
  }

  /** Carries out what a crash or a refusal left, up to the stamps of when it was asked for. */
  async #eraseLeft(erasures: Erasures): Promise<void> {
    try {
      for (const { number } of this.#identities.leftForgotten()) {
        // An ask may have taken it over meanwhile.
        const left = this.#identities.leftForgotten().find((each) => each.number === number);
        if (left === undefined || this.#underWay.has(number)) continue;
        const { shares, workspace } = left;
        const release = erasures.reserve(workspace, shares);
        const plan = { workspace, shares, now: false };
        await this.#erase(erasures, plan, release, left).finally(release);
      }
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      this.#parts.log.error('an erasure must wait', { reason: error.message });
      this.#retrySoon(erasures);
    }
  }

  #retrySoon(erasures: Erasures): void {
    if (this.#isClosed) return;
    this.#cancelRetry?.();
    this.#cancelRetry = this.#parts.clock.after(eraseRetryMs, () => {
      void this.#eraseLeft(erasures);
    });
  }

  /** @param living numbers of the workspaces there are. */
  purge(living: readonly number[]): Promise<void> {
    return this.#identities.purge(living);
  }

  /** The fronts have ended. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelRetry?.();
    for (let front = 0; front < this.#parts.fronts; front++) {
      this.#inForce.note(front, Number.POSITIVE_INFINITY);
    }
    await this.#identities.close();
  }
}
