/**
 * MessagePack decoded the plain way, by recursion, into a tree in which nothing is coerced: what
 * the walker is compared with. Not for deep or large input.
 */

/** The first thing in the tree that JSON, or the contract, has no place for. */
export function treeProblem(tree: Tree, depth: number): string | undefined {
  switch (tree.kind) {
    case 'text':
      return tree.isBad ? 'strings must be valid UTF-8' : undefined;
    case 'float':
      return Number.isFinite(tree.number)
        ? undefined
        : 'NaN and infinite numbers cannot be expressed as JSON';
    case 'binary':
      return 'binary values cannot be expressed as JSON';
    case 'extension':
      return 'extension types other than the timestamp are not understood';
    case 'timestamp':
      return tree.isBad ? 'a timestamp must lie in the years 0000 to 9999' : undefined;
    case 'array':
    case 'map': {
      if (depth > 32) return 'data may be at most 32 levels deep';
      const items = tree.kind === 'array' ? tree.items : tree.entries.flat();
      for (const [index, item] of items.entries()) {
        const isKey = tree.kind === 'map' && index % 2 === 0;
        if (isKey && item.kind !== 'text') return 'the keys of a map must be strings';
        const problem = treeProblem(item, depth + 1);
        if (problem !== undefined) return problem;
      }
      return undefined;
    }
    default:
      return undefined;
  }
}

/** The tree as compact JSON text. */
export function treeJson(tree: Tree): string {
  switch (tree.kind) {
    case 'word':
      return tree.json;
    case 'integer':
      return tree.number.toString();
    case 'float':
      return JSON.stringify(tree.number);
    case 'text':
      return JSON.stringify(tree.text);
    case 'timestamp': {
      const nanos = ((tree.nanos % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
      const seconds = (tree.nanos - nanos) / 1_000_000_000n;
      const date = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
      const digits = nanos.toString().padStart(9, '0');
      return `"${date}.${digits.slice(0, 3)}${digits.slice(3).replace(/0+$/, '')}Z"`;
    }
    case 'array':
      return `[${tree.items.map(treeJson).join(',')}]`;
    case 'map':
      return `{${tree.entries.map((entry) => entry.map(treeJson).join(':')).join(',')}}`;
    default:
      throw new Error(`${tree.kind} has no JSON`);
  }
}

/** MessagePack as it is, with nothing coerced. */
export type Tree =
  | { readonly kind: 'word'; readonly json: string }
  | { readonly kind: 'integer'; readonly number: bigint }
  | { readonly kind: 'float'; readonly number: number }
  | {
      readonly kind: 'text';
      readonly text: string;
      readonly bytes: number;
      readonly isBad: boolean;
    }
  | { readonly kind: 'binary' }
  | { readonly kind: 'extension'; readonly type: number }
  | { readonly kind: 'timestamp'; readonly nanos: bigint; readonly isBad: boolean }
  | { readonly kind: 'array'; readonly items: readonly Tree[] }
  | { readonly kind: 'map'; readonly entries: readonly (readonly [Tree, Tree])[] };

/** Decodes one value that fills `bytes`; undefined when it does not, or cannot be decoded. */
export function unpackTree(bytes: Uint8Array): Tree | undefined {
  try {
    const reader = new Reader(bytes);
    const tree = reader.read();
    return reader.at === bytes.length ? tree : undefined;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

class Reader {
  at = 0;
  private readonly view: DataView;
  private readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  private uint(size: number): bigint {
    let value = 0n;
    for (let n = 0; n < size; n++) value = (value << 8n) | BigInt(this.view.getUint8(this.at++));
    return value;
  }

  private take(count: number): Uint8Array {
    if (this.at + count > this.bytes.length) throw new RangeError('truncated');
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }

  private float(size: 4 | 8): number {
    const at = this.at;
    this.at += size;
    return size === 4 ? this.view.getFloat32(at) : this.view.getFloat64(at);
  }

  read(): Tree {
    const token = Number(this.uint(1));
    if (token < 0x80) return { kind: 'integer', number: BigInt(token) };
    if (token < 0x90) return this.map(token - 0x80);
    if (token < 0xa0) return this.array(token - 0x90);
    if (token < 0xc0) return this.text(token - 0xa0);
    if (token >= 0xe0) return { kind: 'integer', number: BigInt(token - 0x100) };
    if (token >= 0xd4 && token <= 0xd8) return this.extension(2 ** (token - 0xd4));
    return this.wide(token);
  }

  private wide(token: number): Tree {
    switch (token) {
      case 0xc0:
        return { kind: 'word', json: 'null' };
      case 0xc1:
        throw new RangeError('never used');
      case 0xc2:
      case 0xc3:
        return { kind: 'word', json: String(token === 0xc3) };
      case 0xc4:
      case 0xc5:
      case 0xc6:
        this.take(Number(this.uint(2 ** (token - 0xc4))));
        return { kind: 'binary' };
      case 0xc7:
      case 0xc8:
      case 0xc9:
        return this.extension(Number(this.uint(2 ** (token - 0xc7))));
      case 0xca:
        return { kind: 'float', number: this.float(4) };
      case 0xcb:
        return { kind: 'float', number: this.float(8) };
      case 0xcc:
      case 0xcd:
      case 0xce:
      case 0xcf:
        return { kind: 'integer', number: this.uint(2 ** (token - 0xcc)) };
      case 0xd0:
      case 0xd1:
      case 0xd2:
      case 0xd3: {
        const size = 2 ** (token - 0xd0);
        return { kind: 'integer', number: BigInt.asIntN(size * 8, this.uint(size)) };
      }
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.text(Number(this.uint(2 ** (token - 0xd9))));
      case 0xdc:
      case 0xdd:
        return this.array(Number(this.uint(token === 0xdc ? 2 : 4)));
      default:
        return this.map(Number(this.uint(token === 0xde ? 2 : 4)));
    }
  }

  private text(count: number): Tree {
    const span = this.take(count);
    try {
      const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(span);
      return { kind: 'text', text, bytes: count, isBad: false };
    } catch {
      return { kind: 'text', text: '', bytes: count, isBad: true };
    }
  }

  private array(count: number): Tree {
    const items: Tree[] = [];
    for (let n = 0; n < count; n++) items.push(this.read());
    return { kind: 'array', items };
  }

  private map(count: number): Tree {
    const entries: [Tree, Tree][] = [];
    for (let n = 0; n < count; n++) entries.push([this.read(), this.read()]);
    return { kind: 'map', entries };
  }

  private extension(count: number): Tree {
    const type = Number(BigInt.asIntN(8, this.uint(1)));
    const span = this.take(count);
    if (type !== -1) return { kind: 'extension', type };
    const content = new Reader(span);
    let nanos = 0n;
    let seconds = 0n;
    if (count === 4) seconds = content.uint(4);
    else if (count === 8) {
      const both = content.uint(8);
      nanos = both >> 34n;
      seconds = both & 0x3_ffff_ffffn;
    } else if (count === 12) {
      nanos = content.uint(4);
      seconds = BigInt.asIntN(64, content.uint(8));
    }
    const isBad =
      ![4, 8, 12].includes(count) ||
      nanos > 999_999_999n ||
      seconds < -62_167_219_200n ||
      seconds > 253_402_300_799n;
    return { kind: 'timestamp', nanos: seconds * 1_000_000_000n + nanos, isBad };
  }
}
