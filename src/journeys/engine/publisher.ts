/**
 * Says on the tape which versions are to be in force: those that workspaces have published and that are not
 * in force yet. They are when that is read back.
 */
import type { Clock } from '../../std/clock.ts';
import { AppError } from '../../std/errors.ts';
import type { Log } from '../../std/log.ts';
import {
  type DefinitionSaid,
  definitionPartMax,
  definitionsCustomer,
  followedRule,
  typeOfDefinition,
} from '../words.ts';
import type { DefinitionSource, InForce, InForceRow, WantedVersion } from './inforce.ts';

const retryMs = 1000;

export interface PublisherParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly source: DefinitionSource;
  readonly inForce: InForce;
  /** The number of the newest change of the graph of identities. */
  readonly lastChange: () => number;
  readonly say: (workspace: number, events: readonly object[]) => Promise<void>;
}

export class Publisher {
  readonly #parts: PublisherParts;
  /** What was said, by its id: it is read back some time. */
  readonly #said = new Set<string>();
  #isEnded = false;

  constructor(parts: PublisherParts) {
    this.#parts = parts;
  }

  /** Versions that are not in force and are to be, or the other way round. */
  missing(): WantedVersion[] {
    const { inForce, source } = this.#parts;
    const wanted = [...source.wanted()];
    const names = new Set(wanted.map(nameOf));
    const gone = inForce.rows
      .filter((row) => row.name !== followedRule && !names.has(nameOf(row)))
      .map(goneOf);
    return [...wanted, ...gone].filter((each) => !inForce.isAsWanted(each));
  }

  /** Says what is missing and was not said. */
  publish(): void {
    this.#publish(this.missing());
  }

  /** What the server says of this workspace's customers is to be read from here on. */
  follow(workspace: number): void {
    this.#publish([{ workspace, kind: 'rule', name: followedRule, version: 1, revision: '1' }]);
  }

  #publish(all: readonly WantedVersion[]): void {
    const byWorkspace = new Map<number, WantedVersion[]>();
    for (const each of all) {
      if (this.#said.has(idOf(each))) continue;
      this.#said.add(idOf(each));
      const same = byWorkspace.get(each.workspace);
      if (same === undefined) byWorkspace.set(each.workspace, [each]);
      else same.push(each);
    }
    for (const [workspace, own] of byWorkspace) void this.#say(workspace, own);
  }

  async #say(workspace: number, all: readonly WantedVersion[]): Promise<void> {
    const { clock, log, say } = this.#parts;
    try {
      const links = this.#parts.lastChange();
      const events = all.flatMap((each) => this.#eventsOf(each, links));
      if (events.length > 0) await say(workspace, events);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      if (refusals.includes(error.code)) {
        this.#sayEach(workspace, all, error);
        return;
      }
      log.warn('definitions wait, since the tape takes nothing', { reason: error.message });
      for (const each of all) this.#said.delete(idOf(each));
      clock.after(retryMs, () => {
        if (!this.#isEnded) this.#publish(all);
      });
    }
  }

  /** What the tape never takes holds up none of the others. */
  #sayEach(workspace: number, all: readonly WantedVersion[], { message: reason }: AppError): void {
    if (all.length > 1) {
      for (const each of all) void this.#say(workspace, [each]);
      return;
    }
    const [{ kind, name, version }] = all as [WantedVersion];
    this.#parts.log.error('a definition cannot be said on the tape', {
      ...{ workspace, kind, name, version, reason },
    });
  }

  /** One, or several for the parts of a long text, none: it has gone meanwhile. */
  #eventsOf({ revision, workspace, ...wanted }: WantedVersion, links: number): object[] {
    const { kind, name, version } = wanted;
    const text = this.#parts.source.published(workspace, kind, name, version);
    if (version === 0 || name === followedRule) {
      return [eventOf({ ...wanted, links }, revision)];
    }
    const texts = partsOf(text ?? '');
    return texts.map((each, index) => {
      const place = texts.length === 1 ? {} : { part: index + 1, parts: texts.length };
      return eventOf({ ...wanted, links, ...place, text: each }, revision);
    });
  }

  end(): void {
    this.#isEnded = true;
  }
}

/** Answers of the tape that stay the same however often it is asked. */
const refusals: readonly string[] = ['invalid', 'malformed', 'too_large'];

/** No part begins in the middle of a character. */
function partsOf(text: string): string[] {
  return [...text.matchAll(partsPattern)].map(([part]) => part);
}

const partsPattern = new RegExp(`[^]{1,${definitionPartMax}}`, 'gu');

/**
 * What was there under a name that is not there any more: of a map, whoever is on it is to end. A name may come
 * again with numbers from 1, so a deletion is told from earlier ones by the place of what it takes out of force.
 */
function goneOf({ at, kind, name, version, versions, workspace }: InForceRow): WantedVersion {
  const newest = Math.max(version, ...versions);
  const gone = { workspace, kind, name, version: 0, revision: `gone.${at ?? newest}` };
  return kind === 'rule' || newest === 0 ? gone : { ...gone, deleted: newest };
}

function nameOf({ kind, name, workspace }: Omit<WantedVersion, 'version' | 'revision'>): string {
  return `${workspace}/${kind}/${name}`;
}

function idOf(wanted: WantedVersion): string {
  return `${nameOf(wanted)}/${wanted.version}/${wanted.revision}`;
}

function eventOf(data: DefinitionSaid, revision: string): object {
  const { kind, name, part = 1, version } = data;
  const id = `${kind}:${name}:${version}:${revision}:${part}`;
  return { id, customer: definitionsCustomer, type: typeOfDefinition, data };
}
