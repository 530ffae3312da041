/** What a live subscriber wants to see. Different filters are and-ed, repeats or-ed. */
import type { TapeEvent } from '../tape/event.ts';
import type { Member, Membership } from '../tape/members.ts';

export interface LiveFilter {
  readonly workspace: number;
  /** Empty lists mean all. */
  readonly customers: readonly string[];
  readonly types: readonly string[];
  readonly channels: readonly string[];
}

/** A filter made ready: bytes to compare instead of text. */
export interface CompiledFilter {
  readonly workspace: number;
  /** What each identity of the customers contributes. */
  readonly customers: readonly Member[];
  readonly types: readonly { readonly name: string; readonly bytes: Uint8Array }[];
  readonly channels: readonly string[];
  /** The same for filters that want the same. */
  readonly key: string;
}

/** @param membersOf whose events make up a customer's tape, as of now. */
export function compileFilter(
  filter: LiveFilter,
  membersOf: (workspace: number, customer: string) => Membership,
): CompiledFilter {
  const { workspace } = filter;
  const [customers, types, channels] = [filter.customers, filter.types, filter.channels].map(
    (names) => [...new Set(names)].sort(),
  ) as [string[], string[], string[]];
  const memberships = customers.map((customer) => membersOf(workspace, customer));
  const marks = memberships.map(({ mark }) => mark);
  return {
    workspace,
    customers: memberships.flatMap(({ members }) => members),
    types: types.map((name) => ({ name, bytes: Buffer.from(name) })),
    channels,
    key: JSON.stringify([workspace, customers, types, channels, marks]),
  };
}

/** Whether events of this customer can match at all. */
export function mayMatch(filter: CompiledFilter, workspace: number, customerHash: number): boolean {
  if (filter.workspace !== workspace) return false;
  const { customers } = filter;
  return customers.length === 0 || customers.some(({ hash }) => hash === customerHash);
}

/** Cheapest first: workspace and hash are in the row, the channel needs the payload. */
export function matches(filter: CompiledFilter, event: TapeEvent): boolean {
  if (!matchesRow(filter, event)) return false;
  return filter.channels.length === 0 || filter.channels.includes(channelOf(event));
}

/** Whether everything but the channel matches. */
export function matchesRow(filter: CompiledFilter, event: TapeEvent): boolean {
  const { customers, types, workspace } = filter;
  if (event.workspace !== workspace) return false;
  if (customers.length > 0 && !customers.some((member) => isCustomer(member, event, workspace))) {
    return false;
  }
  return types.length === 0 || types.some(({ bytes }) => event.hasType(bytes));
}

/** Empty when the event has none, which no filter asks for. */
export function channelOf(event: TapeEvent): string {
  return event.channel() ?? '';
}

function isCustomer(member: Member, event: TapeEvent, workspace: number): boolean {
  const { time } = event;
  if (member.hash !== event.customerHash || time < member.from || time >= member.to) return false;
  return event.isOf(workspace, member.customer);
}
