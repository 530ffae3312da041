/**
 * How often everything has happened: one tally for each version of a map or rule, kept as rows of the
 * engine's store and written in the transaction that moves the engine's cursor. So every happening counts
 * exactly once, and all is counted anew when the engine's state is built anew.
 */
import type { Happening } from '../engine/happening.ts';
import type { Definitions, StateRows } from '../engine/work.ts';
import type { Delivery } from '../state.ts';
import type { DecisionSaid, ResponseSaid } from '../words.ts';
import type { CountsAnswer, CountsAsks, CountsKind } from './asks.ts';
import {
  type AskTally,
  countOne,
  emptyAskTally,
  emptyMapTally,
  type MapTally,
  noteDecision,
  noteDelivery,
  noteInstance,
} from './tally.ts';

/** Tallies that are held in memory; others are read when they are needed. */
const heldMax = 2000;

/** Where a version stands otherwise. */
const answersKey = 'answers';

/** Answers come long after: they are counted for all versions together. */
interface AnswerTally {
  responses: Record<string, number>;
}

interface MapCounted {
  readonly workspace: number;
  readonly journey: string;
  readonly version: number;
  readonly tally: MapTally;
}

export class Counts {
  /** For the engine's (`asks.ts`). */
  readonly answerer = {
    counts: ({ definition, name, workspace }: CountsAsks['counts']['ask']): CountsAnswer =>
      this.#read(workspace, definition, name),
  };
  readonly #rows: StateRows;
  readonly #definitions: Definitions;
  readonly #held = new Map<string, object>();
  readonly #dirty = new Set<string>();
  /** The map counted for last, if it is dirty: what happens comes in groups of one. */
  #last: MapCounted | undefined;

  /** @param rows of a room of its own; what is put there is durable together with the engine's cursor. */
  constructor(rows: StateRows, definitions: Definitions) {
    this.#rows = rows;
    this.#definitions = definitions;
  }

  /** Called once for everything that happens, in order. */
  note(workspace: number, happening: Happening): void {
    switch (happening.kind) {
      case 'instance': {
        const { journey, version } = happening.instance;
        noteInstance(this.#map(workspace, journey, version), happening);
        break;
      }
      case 'request': {
        const { journey, rule, version } = happening.request;
        const tally = this.#asker(workspace, rule, journey, version);
        if (tally !== undefined) tally.requested++;
        break;
      }
      case 'decision':
        this.#noteDecision(workspace, happening.said);
        break;
      case 'delivery': {
        const tally = this.#askerOf(workspace, happening.delivery);
        if (tally !== undefined) noteDelivery(tally, happening.delivery, happening.said);
        break;
      }
      case 'response':
        this.#noteResponse(workspace, happening.said);
        break;
      case 'lapsed':
      case 'overflow':
      case 'partials':
      case 'timer':
        break;
    }
  }

  /** Puts what has changed into the rows: called right before they are committed with the cursor. */
  flush(): void {
    for (const key of this.#dirty) this.#rows.put(key, this.#held.get(key));
    this.#dirty.clear();
    this.#last = undefined;
    if (this.#held.size > heldMax) this.#held.clear();
  }

  /** Workspaces that are gone take their counters with them. */
  purge(living: ReadonlySet<number>): void {
    this.#last = undefined;
    const stored = [...this.#rows.range('')].map(([key]) => key);
    for (const key of new Set([...stored, ...this.#held.keys()])) {
      if (living.has(Number.parseInt(key, 10))) continue;
      this.#held.delete(key);
      this.#dirty.delete(key);
      this.#rows.put(key, undefined);
    }
  }

  #noteDecision(workspace: number, said: DecisionSaid): void {
    const { actions, candidates, journey, rule, verdict, version } = said;
    if (candidates === undefined) {
      const tally = this.#asker(workspace, rule, journey, version);
      if (tally !== undefined) noteDecision(tally, verdict, actions);
      return;
    }
    for (const candidate of candidates) {
      // Those of the touchpoint's own are no rules of ours.
      const inForce = this.#definitions.rule(workspace, candidate.rule);
      if (inForce === undefined) continue;
      const tally = this.#asker(workspace, candidate.rule, undefined, inForce.version);
      if (tally !== undefined) noteDecision(tally, candidate.verdict, candidate.actions);
    }
  }

  #noteResponse(workspace: number, { answer, rule }: ResponseSaid): void {
    if (rule === undefined || this.#definitions.rule(workspace, rule) === undefined) return;
    const key = `${prefixOf(workspace, 'rule', rule)}${answersKey}`;
    countOne(this.#hold<AnswerTally>(key, () => ({ responses: {} })).responses, answer);
  }

  /** What a touchpoint asked for is of the version in force; the delivery does not say. */
  #askerOf(workspace: number, { journey, rule, version = 0 }: Delivery): AskTally | undefined {
    const inForce =
      rule === undefined ? undefined : this.#definitions.rule(workspace, rule)?.version;
    return this.#asker(workspace, rule, journey, version > 0 ? version : (inForce ?? 0));
  }

  /** A rule, or the map whose step it is; undefined: neither. */
  #asker(
    workspace: number,
    rule: string | undefined,
    journey: string | undefined,
    version: number,
  ): AskTally | undefined {
    if (version < 1) return undefined;
    if (rule === undefined) {
      return journey === undefined ? undefined : this.#map(workspace, journey, version);
    }
    return this.#hold(`${prefixOf(workspace, 'rule', rule)}${version}`, emptyAskTally);
  }

  #map(workspace: number, journey: string, version: number): MapTally {
    const last = this.#last;
    const isSame =
      last?.workspace === workspace && last.journey === journey && last.version === version;
    if (isSame) return last.tally;
    const key = `${prefixOf(workspace, 'journey', journey)}${version}`;
    const tally = this.#hold(key, emptyMapTally);
    this.#last = { workspace, journey, version, tally };
    return tally;
  }

  /** To be changed: it is dirty from now on. */
  #hold<Tally extends object>(key: string, empty: () => Tally): Tally {
    this.#dirty.add(key);
    const held = this.#held.get(key) ?? this.#rows.get(key) ?? empty();
    this.#held.set(key, held as object);
    return held as Tally;
  }

  #read(workspace: number, definition: CountsKind, name: string): CountsAnswer {
    this.flush();
    const versions: CountsAnswer['versions'][number][] = [];
    let responses: Record<string, number> = {};
    const prefix = prefixOf(workspace, definition, name);
    for (const [key, tally] of this.#rows.range(prefix)) {
      const rest = key.slice(prefix.length);
      if (rest === answersKey) responses = (tally as AnswerTally).responses;
      else versions.push({ version: Number(rest), tally: tally as MapTally | AskTally });
    }
    versions.sort((a, b) => b.version - a.version);
    return { versions, responses };
  }
}

/** A name may hold anything, so its length comes first. */
function prefixOf(workspace: number, definition: CountsKind, name: string): string {
  return `${workspace}/${definition}/${Buffer.byteLength(name)}/${name}/`;
}
