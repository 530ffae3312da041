/**
 * What a workspace's taxonomy says of an event, asked for each event of the workspaces that have one:
 * the type is looked up by its hash and its bytes, and `data` is decoded only for types with a schema.
 * Thread: a front's own.
 */
import { type Envelope, encodingJson } from '../event/envelope.ts';
import { jsonOfMsgpack } from '../event/render.ts';
import { refillAllowance, Validator } from '../event/validator.ts';
import { typeHashOf } from '../tape/route.ts';
import type { Directory } from '../workspaces/directory.ts';
import type { EventTypeRecord, Mode, WorkspaceTaxonomy } from '../workspaces/taxonomy.ts';
import { fieldBytes, fieldOffset } from './fields.ts';

/** Why an event is not simply stored, and what happens to it instead. */
export interface Verdict {
  readonly mode: Exclude<Mode, 'accept'>;
  readonly reason: string;
}

interface KnownType {
  readonly record: EventTypeRecord;
  readonly bytes: Uint8Array;
  /** Undefined until an event of the type is met; null: nothing is checked. */
  validator: Validator | null | undefined;
}

const noData: unknown = Object.freeze({});

export class Taxonomy {
  readonly revision: number;
  readonly #unlisted: Verdict | undefined;
  readonly #types = new Map<number, KnownType[]>();

  /** @param before what held until now: what it compiled is used again where it still holds. */
  constructor({ record, types }: WorkspaceTaxonomy, before: Taxonomy | undefined) {
    this.revision = record.revision;
    const { unknown } = record;
    this.#unlisted =
      unknown === 'accept'
        ? undefined
        : { mode: unknown, reason: 'the type is not listed in the taxonomy' };
    for (const type of types) {
      const bytes = Buffer.from(type.type);
      const hash = typeHashOf(bytes, 0, bytes.length);
      const old = before?.find(bytes, 0, bytes.length);
      const isSame = old?.record.revision === type.revision;
      const known = { record: type, bytes, validator: isSame ? old.validator : undefined };
      const others = this.#types.get(hash);
      if (others === undefined) this.#types.set(hash, [known]);
      else others.push(known);
    }
  }

  /** Undefined: the event is stored as it is. */
  judge(source: Uint8Array, envelope: Envelope, encoding: number): Verdict | undefined {
    const { typeAt, typeBytes } = envelope;
    const type = fieldBytes(source, envelope, typeAt);
    const known = this.find(type, fieldOffset(typeAt), typeBytes);
    if (known === undefined) return this.#unlisted;
    if (known.validator === null) return undefined;
    return judgeData(known, source, envelope, encoding);
  }

  find(bytes: Uint8Array, at: number, length: number): KnownType | undefined {
    const list = this.#types.get(typeHashOf(bytes, at, length));
    if (list === undefined) return undefined;
    for (const known of list) if (isAt(known.bytes, bytes, at, length)) return known;
    return undefined;
  }
}

function isAt(name: Uint8Array, bytes: Uint8Array, at: number, length: number): boolean {
  if (name.length !== length) return false;
  for (let i = 0; i < length; i++) if (name[i] !== bytes[at + i]) return false;
  return true;
}

function judgeData(
  known: KnownType,
  source: Uint8Array,
  envelope: Envelope,
  encoding: number,
): Verdict | undefined {
  const { mode, schema } = known.record;
  if (mode === 'accept' || schema === undefined) {
    known.validator = null;
    return undefined;
  }
  known.validator ??= new Validator(schema);
  const reason = known.validator.problem(dataOf(source, envelope, encoding));
  return reason === undefined ? undefined : { mode, reason };
}

/** The same value whatever the encoding: MessagePack is read as the JSON that it stands for. */
function dataOf(source: Uint8Array, envelope: Envelope, encoding: number): unknown {
  const { dataAt, dataBytes } = envelope;
  if (dataAt < 0) return noData;
  if (encoding === encodingJson) {
    const bytes = Buffer.from(source.buffer, source.byteOffset + dataAt, dataBytes);
    return JSON.parse(bytes.toString('utf8')) as unknown;
  }
  return JSON.parse(jsonOfMsgpack(source, dataAt, dataAt + dataBytes)) as unknown;
}

/** The taxonomies of all workspaces, as the definitions in force say. */
export class Taxonomies {
  readonly #directory: Directory;
  readonly #made = new Map<number, Taxonomy>();

  constructor(directory: Directory) {
    this.#directory = directory;
  }

  /** For a new batch; undefined: the workspace takes what comes. */
  of(workspace: number): Taxonomy | undefined {
    const definitions = this.#directory.taxonomy(workspace);
    if (definitions === undefined) return undefined;
    refillAllowance();
    const made = this.#made.get(workspace);
    if (made?.revision === definitions.record.revision) return made;
    for (const number of this.#made.keys()) {
      if (this.#directory.taxonomy(number) === undefined) this.#made.delete(number);
    }
    const taxonomy = new Taxonomy(definitions, made);
    this.#made.set(workspace, taxonomy);
    return taxonomy;
  }
}
