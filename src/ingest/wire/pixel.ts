/**
 * A picture that is looked at → an event: what stands in the query of its address. Mail programs and their
 * proxies fetch a picture many times, so its opens within a while count as one, by their id.
 */
import { createHash } from 'node:crypto';
import { AppError } from '../../std/errors.ts';
import { parseLookback } from '../../workspaces/view.ts';
import type { WireEvent } from './store.ts';

/** What the address of a picture says. */
export type Address = ReadonlyMap<string, string>;

export const pixelType = 'Email Opened';
export const pixelChannel = 'email';
const everyMs = 60 * 60 * 1000;

/** These are the event's own; all others go to `data`. */
export const pixelNames = [
  'customer',
  'id',
  'type',
  'channel',
  'source',
  'previous',
  'time',
  'every',
];

/** @throws AppError invalid, for a period that is none. */
export function pixelEvent(address: Address, nowMs: number): WireEvent {
  const time = address.get('time');
  const data = [...address].filter(([name]) => !pixelNames.includes(name));
  return {
    id: idOf(address, nowMs),
    customer: address.get('customer'),
    previous: address.get('previous'),
    type: address.get('type') ?? pixelType,
    time: time !== undefined && /^\d{1,15}$/.test(time) ? Number(time) : time,
    channel: address.get('channel') ?? pixelChannel,
    source: address.get('source'),
    data: data.length === 0 ? undefined : Object.fromEntries(data),
  };
}

/**
 * The id that was given counts once for all. With `every`, or without an id, it is counted once in each
 * such period of the server's clock; an address without an id is known by all it says.
 */
function idOf(address: Address, nowMs: number): string {
  const id = address.get('id');
  const every = address.get('every');
  if (id !== undefined && every === undefined) return id;
  const periodMs = every === undefined ? everyMs : parseLookback(every);
  if (Number.isNaN(periodMs)) {
    throw new AppError('invalid', 'every must be like 10m, 12h, 1d or 2w, at most 3650d');
  }
  const period = new Date(nowMs - (nowMs % periodMs)).toISOString();
  return `${id ?? digestOf(address)}@${period}`;
}

function digestOf(address: Address): string {
  const said = JSON.stringify([...address].sort(([a], [b]) => (a < b ? -1 : 1)));
  return createHash('sha256').update(said).digest('hex').slice(0, 32);
}
