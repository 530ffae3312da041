/**
 * Says on the tape which versions are to be in force: those that workspaces have published and that are not
 * in force yet. They are when that is read back.
 */
import type { Clock } from '../../std/clock.ts';
import { AppError } from '../../std/errors.ts';
import type { Log } from '../../std/log.ts';
import { type DefinitionSaid, definitionsCustomer, typeOfDefinition } from '../words.ts';
import type { DefinitionSource, InForce, WantedVersion } from './inforce.ts';

const retryMs = 1000;
/** In force where touchpoints ask: it is no rule of anybody's, and makes the workspace one that is read. */
const followed = 'tapeline:questions';

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
      .filter((row) => row.version !== 0 && row.name !== followed && !names.has(nameOf(row)))
      .map((row) => ({ ...row, version: 0, revision: row.version }));
    return [...wanted, ...gone].filter((each) => {
      return inForce.versionOf(each.workspace, each.kind, each.name) !== each.version;
    });
  }

  /** Says what is missing and was not said. */
  publish(): void {
    this.#publish(this.missing());
  }

  /** What the server says of this workspace's customers is to be read from here on. */
  follow(workspace: number): void {
    this.#publish([{ workspace, kind: 'rule', name: followed, version: 1, revision: 1 }]);
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
      const events = all.map((each) => eventOf(each, links));
      await say(workspace, events);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      log.warn('definitions wait, since the tape takes nothing', { reason: error.message });
      for (const each of all) this.#said.delete(idOf(each));
      clock.after(retryMs, () => {
        if (!this.#isEnded) this.#publish(all);
      });
    }
  }

  end(): void {
    this.#isEnded = true;
  }
}

function nameOf({ kind, name, workspace }: Omit<WantedVersion, 'version' | 'revision'>): string {
  return `${workspace}/${kind}/${name}`;
}

function idOf(wanted: WantedVersion): string {
  return `${nameOf(wanted)}/${wanted.version}/${wanted.revision}`;
}

function eventOf({ kind, name, revision, version }: WantedVersion, links: number): object {
  const data: DefinitionSaid = { kind, name, version, links };
  const id = `${kind}:${name}:${version}:${revision}`;
  return { id, customer: definitionsCustomer, type: typeOfDefinition, data };
}
