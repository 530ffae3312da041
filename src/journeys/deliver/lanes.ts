/**
 * Who is posted to next. Each endpoint has a lane; lanes take turns, and workspaces do, so that whoever is
 * slow, or has much to do, holds up itself. Bounded are the jobs of a lane, of a workspace and of all. An
 * endpoint that failed gets one at a time until it succeeds: many that hang cannot take every place.
 */
import type { Clock } from '../../std/clock.ts';

/** Jobs that are done are taken off a line together. */
const jobsForgottenAtOnce = 1000;

export interface LaneLimits {
  readonly jobsMax: number;
  readonly workspaceJobsMax: number;
  readonly laneJobsMax: number;
}

/** What a job tells of its endpoint. */
export interface Health {
  readonly well: boolean;
  /** Nobody goes there before so long. */
  readonly restMs: number;
}

export interface LanesParts<Job> {
  readonly clock: Clock;
  readonly limits: LaneLimits;
  /** Must not reject. */
  readonly run: (job: Job) => Promise<Health>;
}

interface Lane<Job> {
  readonly jobs: Job[];
  /** Jobs before this one are done or under way. */
  next: number;
  running: number;
  ill: boolean;
  /** On the clock that never steps back. */
  restsUntil: number;
}

interface Tenant<Job> {
  readonly lanes: Map<string, Lane<Job>>;
  running: number;
}

export class Lanes<Job> {
  readonly #parts: LanesParts<Job>;
  readonly #tenants = new Map<number, Tenant<Job>>();
  #running = 0;
  #closed = false;

  constructor(parts: LanesParts<Job>) {
    this.#parts = parts;
  }

  /** Jobs under way. */
  get running(): number {
    return this.#running;
  }

  add(workspace: number, name: string, job: Job): void {
    const tenant = this.#tenants.get(workspace) ?? { lanes: new Map(), running: 0 };
    this.#tenants.set(workspace, tenant);
    const lane = tenant.lanes.get(name) ?? newLane<Job>();
    tenant.lanes.set(name, lane);
    lane.jobs.push(job);
    this.#pump();
  }

  /** Forgets how endpoints were that are not there any more. */
  follow(exists: (workspace: number, name: string) => boolean): void {
    for (const [workspace, tenant] of this.#tenants) {
      for (const [name, lane] of tenant.lanes) {
        if (isIdle(lane) && !exists(workspace, name)) tenant.lanes.delete(name);
      }
      if (tenant.lanes.size === 0 && tenant.running === 0) this.#tenants.delete(workspace);
    }
  }

  /** Nothing is begun any more. */
  close(): void {
    this.#closed = true;
  }

  #pump(): void {
    while (!this.#closed && this.#running < this.#parts.limits.jobsMax) {
      if (!this.#begin()) return;
    }
  }

  /** The first that may, of the workspace whose turn it is; both go to the end of their lines. */
  #begin(): boolean {
    const now = this.#parts.clock.monotonicMs();
    for (const [workspace, tenant] of this.#tenants) {
      if (tenant.running >= this.#parts.limits.workspaceJobsMax) continue;
      for (const [name, lane] of tenant.lanes) {
        if (!this.#mayRun(lane, now)) continue;
        this.#tenants.delete(workspace);
        this.#tenants.set(workspace, tenant);
        tenant.lanes.delete(name);
        tenant.lanes.set(name, lane);
        this.#run(workspace, tenant, name, lane);
        return true;
      }
    }
    return false;
  }

  #mayRun({ ill, jobs, next, restsUntil, running }: Lane<Job>, now: number): boolean {
    const most = ill ? 1 : this.#parts.limits.laneJobsMax;
    return next < jobs.length && running < most && now >= restsUntil;
  }

  #run(workspace: number, tenant: Tenant<Job>, name: string, lane: Lane<Job>): void {
    const job = lane.jobs[lane.next++]!;
    if (lane.next >= jobsForgottenAtOnce) {
      lane.jobs.splice(0, lane.next);
      lane.next = 0;
    }
    lane.running += 1;
    tenant.running += 1;
    this.#running += 1;
    void this.#parts.run(job).then((health) => {
      lane.running -= 1;
      tenant.running -= 1;
      this.#running -= 1;
      this.#note(lane, health);
      this.#sweep(workspace, tenant, name, lane);
      this.#pump();
    });
  }

  #note(lane: Lane<Job>, { restMs, well }: Health): void {
    lane.ill = !well;
    if (restMs <= 0) return;
    const { clock } = this.#parts;
    lane.restsUntil = Math.max(lane.restsUntil, clock.monotonicMs() + restMs);
    clock.after(restMs, () => this.#pump());
  }

  /** A lane that has nothing to do and nothing to remember goes. */
  #sweep(workspace: number, tenant: Tenant<Job>, name: string, lane: Lane<Job>): void {
    if (!isIdle(lane) || lane.ill || this.#parts.clock.monotonicMs() < lane.restsUntil) return;
    tenant.lanes.delete(name);
    if (tenant.lanes.size === 0 && tenant.running === 0) this.#tenants.delete(workspace);
  }
}

function isIdle({ jobs, next, running }: Lane<unknown>): boolean {
  return running === 0 && next === jobs.length;
}

function newLane<Job>(): Lane<Job> {
  return { jobs: [], next: 0, running: 0, ill: false, restsUntil: Number.NEGATIVE_INFINITY };
}
