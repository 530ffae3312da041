/**
 * Trace: why an instance is as it is, and why rules did or did not do something about it. Made from the
 * customer's tape by the engine's own step, with the definitions of then; what was decided stands on the tape.
 *
 *     scan, the whole tape ─▶ in commit order ─▶ apply, observed (`tracer.ts`) ─▶ entries about the instance
 */
import type { ScanBudget } from '../../tape/budget.ts';
import { ScanTooLong } from '../../tape/budget.ts';
import { typeHashOf } from '../../tape/route.ts';
import { scan } from '../../tape/scan.ts';
import type { Tape } from '../../tape/tape.ts';
import { eventStepsMax } from '../engine/apply.ts';
import { isUntold, recall } from '../engine/past.ts';
import { PastEvent } from '../engine/pastevent.ts';
import { Forces, type PastDefinitions } from './forces.ts';
import { type Names, People } from './people.ts';
import { type TraceFound, Tracer, type TracerParts } from './tracer.ts';

/** The newest events of the customer that matter; what was before them is not told. */
export const traceEventsMax = 20_000;

/** Plain data: it crosses threads. */
export interface TraceAsk extends PastDefinitions {
  readonly workspace: number;
  /** As the engine knows it. */
  readonly customer: string;
  readonly instance: string;
  /** Epoch milliseconds: how rules stand is told as of then. */
  readonly now: number;
}

export interface TraceAnswer extends TraceFound {
  /** The whole tape was read; otherwise what is told may begin too late. */
  readonly complete: boolean;
}

export function trace(tape: Tape, names: Names, ask: TraceAsk, budget: ScanBudget): TraceAnswer {
  const forces = new Forces(ask);
  const { complete, events } = readEvents(tape, ask, forces, budget);
  const { workspace } = ask;
  const people = new People(workspace, names);
  let isTooLong = false;
  const tell: TracerParts['recall'] = (force, person, event) => {
    if (!isUntold(person, force)) return;
    const isTheirs = (identity: string): boolean => people.isOf(identity, person);
    const about = { workspace, person, force, isTheirs, cause: event, at: event.received };
    try {
      recall(tape, { ...about, stepsMax: eventStepsMax, budget });
    } catch (error) {
      if (!(error instanceof ScanTooLong)) throw error;
      isTooLong = true;
    }
  };
  const found = new Tracer({ ...ask, recall: tell }, forces, people, events).run();
  return { complete: complete && !isTooLong, ...found };
}

/** In commit order. */
function readEvents(
  tape: Tape,
  { customer, now, workspace }: TraceAsk,
  forces: Forces,
  budget: ScanBudget,
): { readonly events: PastEvent[]; readonly complete: boolean } {
  const events: PastEvent[] = [];
  let complete = true;
  const wants = (type: string, at: number): boolean => {
    const bytes = Buffer.from(type);
    return forces.at(at).wants(typeHashOf(bytes, 0, bytes.length));
  };
  try {
    for (const event of scan(tape, { workspace, customer }, budget)) {
      if (event.received > now || !wants(event.type, event.received)) continue;
      if (events.length === traceEventsMax) {
        complete = false;
        break;
      }
      events.push(new PastEvent(event));
    }
  } catch (error) {
    if (!(error instanceof ScanTooLong)) throw error;
    complete = false;
  }
  events.sort((a, b) => a.stamp - b.stamp || a.ordinal - b.ordinal);
  return { events, complete };
}
