/**
 * The rows of `journeys.mdb`, version 2. Each key begins with the byte of its kind. It is a copy of what
 * the tape says, so that a start need not read it all: without the file it is made anew.
 *
 *     m                                   → JSON: version, how far the tape is applied, what is in force
 *     p <workspace u32 BE> <customer>     → JSON: a person's state
 *     a <workspace u32 BE> <identity>     → the customer that it was linked to or merged into
 *     t <due u64 BE> <workspace> <customer>  → nothing: the person has a timer that may be due then
 *     w <workspace u32 BE> <customer>     → nothing: the person has requests or deliveries
 *     d <workspace u32 BE> <kind> / <name> 0 <version u32 BE> <part u16 BE>  → a part of a definition's text
 *     r <room> 0 <key>                    → JSON: rows of a room's own
 *
 * `rooms.mdb` has rows of rooms alone: agents, presence, deliveries. They follow from no tape.
 */
export const journeysVersion = 2;

const kind = {
  person: 0x70,
  alias: 0x61,
  timer: 0x74,
  work: 0x77,
  text: 0x64,
  room: 0x72,
} as const;

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
  return key[0] === kind.room || key.length < 5 ? undefined : key.readUInt32BE(1);
}

export function parseTimer(key: Buffer): PersonName & { readonly due: number } {
  return { due: dueOf(key), ...parseName(key, 9) };
}

/** Of a timer's key. */
export function dueOf(key: Buffer): number {
  return key.readUInt32BE(1) * 2 ** 32 + key.readUInt32BE(5);
}

export interface DefinitionPlace {
  readonly workspace: number;
  readonly kind: string;
  /** At most 128 bytes, without control characters. */
  readonly name: string;
  readonly version: number;
}

/** Where the parts of a version's text are. */
export function textPrefix({ kind: of, name, version, workspace }: DefinitionPlace): Buffer {
  const numbers = Buffer.allocUnsafe(8);
  numbers.writeUInt32BE(workspace, 0);
  numbers.writeUInt32BE(version, 4);
  const slot = Buffer.from(`${of}/${name}\0`, 'utf8');
  return Buffer.concat([Buffer.of(kind.text), numbers.subarray(0, 4), slot, numbers.subarray(4)]);
}

/** @param part 1 … */
export function textKey(place: DefinitionPlace, part: number): Buffer {
  return Buffer.concat([textPrefix(place), Buffer.of(part >> 8, part & 0xff)]);
}

export function roomPrefix(room: string): Buffer {
  return Buffer.concat([Buffer.of(kind.room), Buffer.from(room), Buffer.of(0)]);
}

export function roomKey(room: string, key: string): Buffer {
  return Buffer.concat([roomPrefix(room), Buffer.from(key, 'utf8')]);
}
