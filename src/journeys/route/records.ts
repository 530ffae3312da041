/**
 * What is kept of agents and desks, as rows of the engine's file. They are not a function of the tape, and
 * are no part of its state: a rebuild leaves them.
 *
 *     agent/<workspace>/<id>       AgentDefinition
 *     desk/<workspace>/<name>      DeskDefinition
 *     presence/<workspace>/<id>    PresenceRow
 */
import type { Rows } from '../engine/work.ts';
import type { Place } from '../place.ts';
import type { AgentDefinition, DeskDefinition, PresenceStatus } from './agent.ts';

export interface PresenceRow {
  readonly status: PresenceStatus;
  readonly place?: Place;
  readonly ttlMs: number;
  /** Epoch milliseconds; absent: a live connection was open. */
  readonly until?: number;
  readonly lastOfferAt?: number;
}

export interface WorkspaceRows {
  readonly agents: Map<string, AgentDefinition>;
  readonly desks: Map<string, DeskDefinition>;
  readonly presences: Map<string, PresenceRow>;
}

type Kind = 'agent' | 'desk' | 'presence';

export class RouteRecords {
  readonly #rows: Rows;

  constructor(rows: Rows) {
    this.#rows = rows;
  }

  /** Everything, by workspace. */
  load(): Map<number, WorkspaceRows> {
    const all = new Map<number, WorkspaceRows>();
    const each = (
      kind: Kind,
      take: (rows: WorkspaceRows, name: string, value: unknown) => void,
    ) => {
      for (const [key, value] of this.#rows.range(`${kind}/`)) {
        const [, workspace, ...rest] = key.split('/');
        take(rowsOf(all, Number(workspace)), rest.join('/'), value);
      }
    };
    each('agent', ({ agents }, id, value) => agents.set(id, value as AgentDefinition));
    each('desk', ({ desks }, name, value) => desks.set(name, value as DeskDefinition));
    each('presence', ({ presences }, id, value) => presences.set(id, value as PresenceRow));
    return all;
  }

  putAgent(workspace: number, id: string, definition: AgentDefinition | undefined): void {
    this.#rows.put(keyOf('agent', workspace, id), definition);
  }

  putDesk(workspace: number, name: string, definition: DeskDefinition | undefined): void {
    this.#rows.put(keyOf('desk', workspace, name), definition);
  }

  putPresence(workspace: number, id: string, row: PresenceRow | undefined): void {
    this.#rows.put(keyOf('presence', workspace, id), row);
  }

  /** The workspace is gone. */
  forget(workspace: number): void {
    for (const kind of ['agent', 'desk', 'presence'] as const) {
      const keys = [...this.#rows.range(`${kind}/${workspace}/`)].map(([key]) => key);
      for (const key of keys) this.#rows.put(key, undefined);
    }
  }

  /** Everything that was put is durable when it resolves. @throws AppError unavailable. */
  flush(): Promise<void> {
    return this.#rows.flush();
  }
}

function keyOf(kind: Kind, workspace: number, name: string): string {
  return `${kind}/${workspace}/${name}`;
}

function rowsOf(all: Map<number, WorkspaceRows>, workspace: number): WorkspaceRows {
  let rows = all.get(workspace);
  if (rows === undefined) {
    rows = { agents: new Map(), desks: new Map(), presences: new Map() };
    all.set(workspace, rows);
  }
  return rows;
}
