/**
 * Actions that are nothing but something said on the customer's tape: an event of the workspace's own
 * type, or the command to start or stop a journey. Each goes together with what became of it, under the
 * action's id, so that it is said once however often it is tried. Changes of audiences are said alone.
 */
import type { EngineContext, Work, Worker } from '../engine/work.ts';
import type { DecidedAction } from '../words.ts';
import { type CommandSaid, type DeliverySaid, typeOfCommand, typeOfDelivery } from '../words.ts';
import { announced } from './announce.ts';
import type { Teller } from './teller.ts';

const sourceOfEvents = 'tapeline';

export class Emitter implements Worker {
  readonly #metrics: EngineContext['metrics'];
  readonly #teller: Teller;

  constructor(context: EngineContext, teller: Teller) {
    this.#metrics = context.metrics;
    this.#teller = teller;
  }

  take({ deliveries, person, workspace }: Work): void {
    const customer = person.name;
    for (const { action } of deliveries) {
      const change = announced(action, customer);
      if (change !== undefined) this.#teller.tell({ workspace, customer, events: [change] });
      const event = eventOf(action);
      if (event === undefined) continue;
      const outcome = (said: Omit<DeliverySaid, 'action'>): object => {
        return deliverySaid(customer, { action: action.id, ...said });
      };
      const failed = (detail: string): readonly object[] => [
        outcome({ outcome: 'failed', detail }),
      ];
      const said = [{ id: action.id, customer, ...event }, outcome({ outcome: 'delivered' })];
      this.#metrics.add('actions_said_total', 1);
      this.#teller.tell({
        workspace,
        customer,
        events: isOurs(action) ? failed('types that begin with tapeline. are the server’s') : said,
        otherwise: failed,
      });
    }
  }
}

export function deliverySaid(customer: string, said: DeliverySaid, round = 0): object {
  const suffix = round === 0 ? '' : `:${round}`;
  return { id: `${said.action}:delivery${suffix}`, customer, type: typeOfDelivery, data: said };
}

/** Undefined: it is another's to carry out. */
function eventOf(action: DecidedAction): object | undefined {
  switch (action.do) {
    case 'event': {
      const { channel, data, type } = action;
      return { type, channel, source: sourceOfEvents, data };
    }
    case 'start': {
      const { context, journey, key } = action;
      return command({
        command: 'start',
        journey: String(journey),
        key: key === undefined || key === null ? '' : String(key),
        ...(isObject(context) && { context }),
      });
    }
    case 'stop': {
      const { journey, reason } = action;
      return command({ command: 'stop', journey: String(journey), reason: String(reason) });
    }
    default:
      return undefined;
  }
}

/** The server may say what others may not, so what it is asked to say is looked at. */
function isOurs(action: DecidedAction): boolean {
  return action.do === 'event' && String(action['type']).startsWith('tapeline.');
}

function command(data: CommandSaid): object {
  return { type: typeOfCommand, data };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
