/**
 * One workspace's agents and desks: what is defined, who is there, and the board of its offers. Changes of
 * definitions and presence are rows before they are answered; what follows for offers the board works out.
 */
import { AppError } from '../../std/errors.ts';
import {
  type AgentDefinition,
  agentsPerWorkspaceMax,
  type DeskDefinition,
  desksPerWorkspaceMax,
  type PresenceWish,
} from './agent.ts';
import type { ShownAgent, ShownDesk } from './asks.ts';
import { Board } from './board.ts';
import type { PresenceRow, RouteRecords, WorkspaceRows } from './records.ts';
import type { Seat } from './roster.ts';
import { shownAgent, shownDesk } from './shown.ts';

const always = Number.POSITIVE_INFINITY;

/** How an agent is there: by live connections, or for so long after it last said so. */
interface Attendance {
  ttlMs: number;
  readonly connections: Set<string>;
}

export class Office {
  readonly workspace: number;
  readonly board = new Board();
  readonly #records: RouteRecords;
  readonly #attendances = new Map<string, Attendance>();

  constructor(workspace: number, records: RouteRecords, rows: WorkspaceRows, now: number) {
    this.workspace = workspace;
    this.#records = records;
    for (const [name, definition] of rows.desks) this.board.putDesk(name, definition);
    for (const [id, definition] of rows.agents) {
      const row = rows.presences.get(id);
      const seat = this.board.putAgent(id, definition);
      if (row !== undefined) this.#restore(seat, row, now);
    }
  }

  /** @throws AppError not_found. */
  seat(id: string): Seat {
    const seat = this.board.roster.seat(id);
    if (seat === undefined) throw new AppError('not_found', `there is no agent '${id}'`);
    return seat;
  }

  /** @throws AppError invalid (no such desk), conflict (too many). */
  putAgent(id: string, definition: AgentDefinition): { seat: Seat; created: boolean } {
    const { roster } = this.board;
    const { desk } = definition;
    if (desk !== undefined && roster.desk(desk) === undefined) {
      throw new AppError('invalid', `desk: there is no desk '${desk}'`);
    }
    const created = roster.seat(id) === undefined;
    if (created && roster.size >= agentsPerWorkspaceMax) {
      throw new AppError('conflict', `a workspace has at most ${agentsPerWorkspaceMax} agents`);
    }
    this.#records.putAgent(this.workspace, id, definition);
    return { seat: this.board.putAgent(id, definition), created };
  }

  /** What it was asked goes to others; what it accepted is completed by itself, or for it. @throws AppError not_found. */
  deleteAgent(id: string): void {
    const seat = this.seat(id);
    this.#records.putAgent(this.workspace, id, undefined);
    this.#records.putPresence(this.workspace, id, undefined);
    this.#attendances.delete(id);
    this.board.removeAgent(seat);
  }

  /** @throws AppError conflict (too many). */
  putDesk(name: string, definition: DeskDefinition): { created: boolean } {
    const { roster } = this.board;
    const created = roster.desk(name) === undefined;
    if (created && [...roster.desks()].length >= desksPerWorkspaceMax) {
      throw new AppError('conflict', `a workspace has at most ${desksPerWorkspaceMax} desks`);
    }
    this.#records.putDesk(this.workspace, name, definition);
    this.board.putDesk(name, definition);
    return { created };
  }

  /** @throws AppError not_found, conflict while agents are at it. */
  deleteDesk(name: string): void {
    const { agents } = this.desk(name);
    if (agents > 0) throw new AppError('conflict', `${agents} agents are at this desk`);
    this.#records.putDesk(this.workspace, name, undefined);
    this.board.putDesk(name, undefined);
  }

  /** @throws AppError not_found. */
  desk(name: string): ShownDesk {
    if (this.board.roster.desk(name) === undefined) {
      throw new AppError('not_found', `there is no desk '${name}'`);
    }
    return shownDesk(this.board.roster, name);
  }

  desks(): ShownDesk[] {
    const names = [...this.board.roster.desks()].map(([name]) => name).sort();
    return names.map((name) => shownDesk(this.board.roster, name));
  }

  /** Agents by id, from the one after `after` on. */
  agents(after: string | undefined, limit: number, now: number): ShownAgent[] {
    const seats = [...this.board.roster.seats()]
      .filter(({ id }) => after === undefined || id > after)
      .sort((a, b) => (a.id < b.id ? -1 : 1));
    return seats.slice(0, limit).map((seat) => shownAgent(seat, now));
  }

  /** What the agent says of itself. @throws AppError not_found. */
  present(id: string, { place, status, ttlSeconds }: PresenceWish, now: number): Seat {
    const seat = this.seat(id);
    const attendance = this.#attendance(id);
    attendance.ttlMs = ttlSeconds * 1000;
    const until = attendance.connections.size > 0 ? always : now + attendance.ttlMs;
    this.board.setPresence(seat, { status, place, until });
    this.#keep(seat, attendance);
    return seat;
  }

  /** While a live connection is open the agent is where it said; after the last one for its time. @throws AppError not_found. */
  connect(id: string, connection: string, open: boolean, now: number): void {
    const seat = this.seat(id);
    const attendance = this.#attendance(id);
    const { connections, ttlMs } = attendance;
    const before = connections.size;
    if (open) connections.add(connection);
    else connections.delete(connection);
    const hasChanged = before > 0 !== connections.size > 0;
    if (!hasChanged || now >= seat.presence.until) return;
    const until = connections.size > 0 ? always : now + ttlMs;
    this.board.setPresence(seat, { ...seat.presence, until });
    this.#keep(seat, attendance);
  }

  /** It was asked: when, is what decides who is asked next. */
  noteAsked(seat: Seat): void {
    this.#keep(seat, this.#attendance(seat.id));
  }

  #attendance(id: string): Attendance {
    let attendance = this.#attendances.get(id);
    if (attendance === undefined) {
      attendance = { ttlMs: 0, connections: new Set() };
      this.#attendances.set(id, attendance);
    }
    return attendance;
  }

  #keep({ id, lastOfferAt, presence }: Seat, { ttlMs }: Attendance): void {
    const { place, status, until } = presence;
    this.#records.putPresence(this.workspace, id, {
      status,
      ...(place !== undefined && { place }),
      ttlMs,
      ...(Number.isFinite(until) && { until }),
      ...(lastOfferAt > 0 && { lastOfferAt }),
    });
  }

  /** Connections did not survive the start: whoever had one has its time to come back. */
  #restore(seat: Seat, row: PresenceRow, now: number): void {
    const { lastOfferAt, place, status, ttlMs, until } = row;
    seat.lastOfferAt = lastOfferAt ?? 0;
    this.#attendances.set(seat.id, { ttlMs, connections: new Set() });
    this.board.setPresence(seat, { status, place, until: until ?? now + ttlMs });
  }
}
