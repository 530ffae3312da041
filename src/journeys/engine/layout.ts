/**
 * The rows of `journeys.mdb`, version 1. Each key begins with the byte of its kind. It is a copy of what
 * the tape says (rows of rooms aside), so that a start need not read it all: without the file it is made anew.
 *
 *     m                                   → JSON: version, how far the tape is applied, what is in force
 *     p <workspace u32 BE> <customer>     → JSON: a person's state
 *     a <workspace u32 BE> <identity>     → the customer that it was linked to or merged into
 *     t <due u64 BE> <workspace> <customer>  → nothing: the person has a timer that may be due then
 *     w <workspace u32 BE> <customer>     → nothing: the person has requests or deliveries
 *     r <room> 0 <key>                    → JSON: rows of a room's own
 */
export const journeysVersion = 1;

const kind = { person: 0x70, alias: 0x61, timer: 0x74, work: 0x77, room: 0x72 } as const;

export const metaKey = Buffer.from('m');
export const workPrefix = Buffer.of(kind.work);
const personPrefix = Buffer.of(kind.person);

export interface PersonName {
  readonly workspace: number;
  /** At most 256 bytes. */
  readonly customer: string;
}

function named(head: Buffer, { customer, workspace }: PersonName): Buffer {
  const key = Buffer.allocUnsafe(head.length + 4 + Buffer.byteLength(customer));
  head.copy(key);
  key.writeUInt32BE(workspace, head.length);
  key.write(customer, head.length + 4, 'utf8');
  return key;
}

const heads = {
  person: personPrefix,
  alias: Buffer.of(kind.alias),
  work: workPrefix,
} as const;

export function personKey(name: PersonName): Buffer {
  return named(heads.person, name);
}

export function aliasKey(name: PersonName): Buffer {
  return named(heads.alias, name);
}

export function workKey(name: PersonName): Buffer {
  return named(heads.work, name);
}

/** Where timers that are due then, or later, begin. */
export function timersFrom(dueMs: number): Buffer {
  const head = Buffer.allocUnsafe(9);
  head[0] = kind.timer;
  head.writeBigUInt64BE(BigInt(Math.max(0, dueMs)), 1);
  return head;
}

export function timerKey(dueMs: number, name: PersonName): Buffer {
  return named(timersFrom(dueMs), name);
}

/** Of a key of persons, aliases or work. */
export function parseName(key: Buffer, headBytes = 1): PersonName {
  return {
    workspace: key.readUInt32BE(headBytes),
    customer: key.toString('utf8', headBytes + 4),
  };
}

/** The workspace whose customers a row is about; undefined: it is about none. */
export function workspaceOf(key: Buffer): number | undefined {
  if (key[0] === kind.timer) return key.readUInt32BE(9);
  const isNamed = key[0] === kind.person || key[0] === kind.alias || key[0] === kind.work;
  return isNamed ? key.readUInt32BE(1) : undefined;
}

export function parseTimer(key: Buffer): PersonName & { readonly due: number } {
  return { due: dueOf(key), ...parseName(key, 9) };
}

/** Of a timer's key. */
export function dueOf(key: Buffer): number {
  return key.readUInt32BE(1) * 2 ** 32 + key.readUInt32BE(5);
}

export function roomPrefix(room: string): Buffer {
  return Buffer.concat([Buffer.of(kind.room), Buffer.from(room), Buffer.of(0)]);
}

export function roomKey(room: string, key: string): Buffer {
  return Buffer.concat([roomPrefix(room), Buffer.from(key, 'utf8')]);
}
