/**
 * Some clients name another customer when they send an event again, and events are known by customer and
 * id. Such a resend is given back the customer under whom the first sending is on a tape; then the shard
 * recognises it as any other.
 */
import type { StorableItem, WireEvent } from '../ingest/wire/store.ts';
import type { Front } from './context.ts';

/** By so much two sendings may differ in their time: clocks are put right by each sending's own delay. */
const timeApartMsMax = 60_000;
/** So many events of one type within that time are looked at. */
const eventsMax = 1000;

/** The items, each that is made under the customer of its first sending. Without any that says so: the same ones. */
export function asFirstSent(
  items: readonly StorableItem[],
  workspace: number,
  front: Pick<Front, 'readTape' | 'clock'>,
): readonly StorableItem[] | Promise<StorableItem[]> {
  if (!items.some((item) => typeof item === 'object' && 'formerly' in item && item.formerly))
    return items;
  return Promise.all(
    items.map(async (item) => {
      if (typeof item === 'function' || !('formerly' in item) || item.formerly === undefined)
        return item;
      const isStored = await isOnTape(item, item.formerly, workspace, front);
      return isStored ? { ...item, customer: item.formerly } : item;
    }),
  );
}

async function isOnTape(
  { id, time, type }: WireEvent,
  customer: string,
  workspace: number,
  { clock, readTape }: Pick<Front, 'readTape' | 'clock'>,
): Promise<boolean> {
  if (id === undefined || type === undefined) return false;
  const at = typeof time === 'number' ? time : clock.now();
  const page = await readTape({
    workspace,
    customer,
    limit: eventsMax,
    before: undefined,
    since: Math.max(0, at - timeApartMsMax),
    until: at + timeApartMsMax,
    types: [type],
    channels: [],
    form: 'json',
  });
  const { events } = JSON.parse(Buffer.from(page).toString()) as {
    events: { id: string; customer: string }[];
  };
  // A tape may show events of linked identities as well.
  return events.some((event) => event.id === id && event.customer === customer);
}
