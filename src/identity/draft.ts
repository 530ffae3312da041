/** Changes of the graph that are worked out and not committed yet: read over what is. */
import type { Nodes } from './graph.ts';
import { isEmptyNode, type Node, ownersOf } from './node.ts';

export interface ChangedNode {
  readonly workspace: number;
  readonly identity: string;
  readonly node: Node;
}

export class Draft implements Nodes {
  readonly #base: Nodes;
  readonly #changed = new Map<string, ChangedNode>();
  /** What was read of the base, which does not change meanwhile. */
  readonly #read = new Map<string, Node>();
  #version: number;

  /** @param version of the last change that was made. */
  constructor(base: Nodes, version: number) {
    this.#base = base;
    this.#version = version;
  }

  get version(): number {
    return this.#version;
  }

  get changed(): readonly ChangedNode[] {
    return [...this.#changed.values()];
  }

  node(workspace: number, identity: string): Node {
    const key = keyOf(workspace, identity);
    const known = this.#changed.get(key)?.node ?? this.#read.get(key);
    if (known !== undefined) return known;
    const node = this.#base.node(workspace, identity);
    this.#read.set(key, node);
    return node;
  }

  /** Makes another draft's changes its own. */
  take(other: Draft): void {
    for (const [key, changed] of other.#changed) this.#changed.set(key, changed);
    this.#version = other.#version;
  }

  /** Takes the next number; every node that is changed from now on has it. */
  begin(): number {
    this.#version += 1;
    return this.#version;
  }

  /** Gives an identity other owners; those know their members. */
  put(workspace: number, identity: string, owned: Pick<Node, 'claims' | 'merged'>): void {
    const before = this.node(workspace, identity);
    const after: Node = { ...before, ...owned, version: this.#version };
    this.#set(workspace, identity, after);
    const [had, has] = [ownersOf(before), ownersOf(after)];
    for (const owner of had) {
      if (!has.has(owner))
        this.#changeMembers(workspace, owner, (list) => list.filter((each) => each !== identity));
    }
    for (const owner of has) {
      if (!had.has(owner)) this.#changeMembers(workspace, owner, (list) => [...list, identity]);
      else this.#changeMembers(workspace, owner, (list) => list);
    }
  }

  /** Its version rises with its members', so that whoever reads from it sees that something has changed. */
  #changeMembers(
    workspace: number,
    owner: string,
    change: (members: readonly string[]) => readonly string[],
  ): void {
    const node = this.node(workspace, owner);
    const members = change(node.members);
    this.#set(workspace, owner, { ...node, members, version: this.#version });
  }

  #set(workspace: number, identity: string, node: Node): void {
    this.#changed.set(keyOf(workspace, identity), { workspace, identity, node });
  }
}

function keyOf(workspace: number, identity: string): string {
  return `${workspace}/${identity}`;
}

/** What a changed node is stored as; undefined: nothing is left to store. */
export function storedOf({ node }: ChangedNode): string | undefined {
  return isEmptyNode(node) ? undefined : JSON.stringify(node);
}
