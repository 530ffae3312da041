/**
 * The graph of identities as any thread reads it: straight from the file, without a message. What was
 * committed is seen by every read that begins after.
 */
import { join } from 'node:path';
import { KeyedReader } from '../store/keyed.ts';
import { identitiesFile } from '../tape/layout.ts';
import { aloneOn, type Member, type MemberSource, type Membership } from '../tape/members.ts';
import { customerHashOf } from '../tape/route.ts';
import { clusterOf, customerOf, type Nodes, piecesOf } from './graph.ts';
import { LinkFilter, type LinkMemory, word } from './memory.ts';
import { handleKey, metaKey, type Node, nodeKey, noNode } from './node.ts';
import { canonicalOf } from './typed.ts';

/** Memberships that were worked out, kept until the next change. */
const keptMax = 20_000;

export class LinkReader implements MemberSource, Nodes {
  readonly #memory: LinkMemory;
  readonly #words: Int32Array;
  readonly #filter: LinkFilter;
  readonly #file: KeyedReader;
  readonly #kept = new Map<string, Membership>();
  #version: number;
  #generation: number;

  /** Call after main has opened the file. */
  constructor(memory: LinkMemory) {
    this.#memory = memory;
    this.#words = new Int32Array(memory.words);
    this.#filter = new LinkFilter(memory.filter);
    this.#version = Atomics.load(this.#words, word.version);
    this.#generation = Atomics.load(this.#words, word.generation);
    this.#file = new KeyedReader(join(memory.directory, identitiesFile));
  }

  /** Grows with what may not be in force any more. */
  get moves(): number {
    return Atomics.load(this.#words, word.moves);
  }

  /** How many customers have been taken out. */
  get erasures(): number {
    return Atomics.load(this.#words, word.erasures);
  }

  /** Of what is followed. */
  get version(): number {
    return this.#version;
  }

  refresh(): void {
    const version = Atomics.load(this.#words, word.version);
    if (version === this.#version) return;
    this.#version = version;
    this.#kept.clear();
    const generation = Atomics.load(this.#words, word.generation);
    if (generation === this.#generation) this.#file.refresh();
    else {
      this.#generation = generation;
      this.#file.reopen();
    }
  }

  /** Whom a handle stands for; undefined: nobody any more. */
  nameOf(workspace: number, handle: number): string | undefined {
    return this.#file.get(handleKey(workspace, handle))?.toString('utf8');
  }

  /** The number of the newest change: handles that are made later are greater. */
  lastChange(): number {
    const meta = this.#file.get(metaKey);
    if (meta === undefined) return 0;
    return (JSON.parse(meta.toString('utf8')) as { readonly version: number }).version;
  }

  /** Of an identity whose tape has this hash; false is certain. */
  mayBeLinked(hash: number): boolean {
    return this.#filter.has(hash);
  }

  node(workspace: number, identity: string): Node {
    const bytes = Buffer.from(identity, 'utf8');
    if (!this.#filter.has(this.#hashOf(workspace, bytes))) return noNode;
    const value = this.#file.get(nodeKey(workspace, identity));
    return value === undefined ? noNode : (JSON.parse(value.toString('utf8')) as Node);
  }

  canonical(identity: string): string {
    return canonicalOf(identity, this.#memory.phoneRegion);
  }

  membersOf(workspace: number, customer: string): Membership {
    const identity = this.canonical(customer);
    const bytes = Buffer.from(identity, 'utf8');
    const hash = this.#hashOf(workspace, bytes);
    if (customer === identity && !this.#filter.has(hash)) return aloneOn(bytes, hash);
    const key = `${workspace}/${customer}`;
    const kept = this.#kept.get(key);
    if (kept !== undefined) return kept;
    const made = this.#spelled(workspace, customer, identity);
    if (this.#kept.size >= keptMax) this.#kept.clear();
    this.#kept.set(key, made);
    return made;
  }

  /** Asked for in a way of writing that is not kept, a number has besides what was sent in just that way. */
  #spelled(workspace: number, text: string, identity: string): Membership {
    const { mark, members } = this.#membersOf(workspace, identity);
    if (text === identity || this.node(workspace, text).merged !== undefined) {
      return { mark, members };
    }
    const bytes = Buffer.from(text, 'utf8');
    return {
      mark,
      members: [...members, ...aloneOn(bytes, this.#hashOf(workspace, bytes)).members],
    };
  }

  #membersOf(workspace: number, identity: string): Membership {
    const customer = customerOf(this, workspace, identity);
    const members = piecesOf(this, workspace, customer).map((piece): Member => {
      const bytes = Buffer.from(piece.identity, 'utf8');
      const { from, to } = piece;
      return { customer: bytes, hash: this.#hashOf(workspace, bytes), from, to };
    });
    let mark = 0;
    for (const { version } of clusterOf(this, workspace, customer).values()) {
      mark = Math.max(mark, version);
    }
    return { members, mark };
  }

  #hashOf(workspace: number, bytes: Uint8Array): number {
    return customerHashOf(this.#memory.hashSeed, workspace, bytes, 0, bytes.length);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}
