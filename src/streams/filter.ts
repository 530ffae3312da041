/** What a live subscriber wants to see. Different filters are and-ed, repeats or-ed. */
import type { TapeEvent } from '../tape/event.ts';

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
  readonly customers: readonly { readonly hash: number; readonly bytes: Uint8Array }[];
  readonly types: readonly Uint8Array[];
  readonly channels: readonly string[];
}

export function compileFilter(
  filter: LiveFilter,
  customerHash: (workspace: number, customer: Uint8Array) => number,
): CompiledFilter {
  const { workspace } = filter;
  return {
    workspace,
    customers: filter.customers.map((customer) => {
      const bytes = Buffer.from(customer);
      return { hash: customerHash(workspace, bytes), bytes };
    }),
    types: filter.types.map((type) => Buffer.from(type)),
    channels: filter.channels,
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
  const { channels, customers, types, workspace } = filter;
  if (event.workspace !== workspace) return false;
  if (customers.length > 0 && !customers.some((wanted) => isCustomer(wanted, event, workspace))) {
    return false;
  }
  if (types.length > 0 && !types.some((type) => event.hasType(type))) return false;
  return channels.length === 0 || channels.includes(event.channel() ?? '');
}

function isCustomer(
  wanted: { readonly hash: number; readonly bytes: Uint8Array },
  event: TapeEvent,
  workspace: number,
): boolean {
  return wanted.hash === event.customerHash && event.isOf(workspace, wanted.bytes);
}
