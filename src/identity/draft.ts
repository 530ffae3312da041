/** Changes of the graph that are worked out and not committed yet: read over what is. */
import { lineOf, type Nodes } from './graph.ts';
import { isEmptyNode, type Node, ownersOf } from './node.ts';
import { Profile } from './profile.ts';
import type { IdentitySettings } from './settings.ts';

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
  /** Customers as they were counted last, by what their name was taken for; gone when they change. */
  readonly #profiles = new Map<string, Map<string, Profile>>();
  /** What was in the place of changes that are not kept yet. */
  readonly #replaced = new Map<string, ChangedNode | undefined>();
  #version: number;
  #keptVersion: number;
  #looks = 0;

  /** @param version of the last change that was made. */
  constructor(base: Nodes, version: number) {
    this.#base = base;
    this.#version = version;
    this.#keptVersion = version;
  }

  get version(): number {
    return this.#version;
  }

  get changed(): readonly ChangedNode[] {
    return [...this.#changed.values()];
  }

  /** Nodes that were looked at: a measure of work that no clock is asked for. */
  get looks(): number {
    return this.#looks;
  }

  node(workspace: number, identity: string): Node {
    this.#looks += 1;
    const key = keyOf(workspace, identity);
    const known = this.#changed.get(key)?.node ?? this.#read.get(key);
    if (known !== undefined) return known;
    const node = this.#base.node(workspace, identity);
    this.#read.set(key, node);
    return node;
  }

  /**
   * A customer with all that belongs to it, as it is now; worked out once for all that ask.
   * @param rootType what the customer itself is taken for, if not for what its text says.
   */
  profile(workspace: number, root: string, settings: IdentitySettings, rootType = ''): Profile {
    const key = keyOf(workspace, root);
    let profiles = this.#profiles.get(key);
    if (profiles === undefined) {
      profiles = new Map();
      this.#profiles.set(key, profiles);
    }
    let profile = profiles.get(rootType);
    if (profile?.settings !== settings) {
      profile = new Profile(this, workspace, root, settings, rootType || undefined);
      profiles.set(rootType, profile);
    }
    return profile;
  }

  /** What was changed so far stays, whatever becomes of what follows. */
  keep(): void {
    this.#replaced.clear();
    this.#keptVersion = this.#version;
  }

  /** What was changed since `keep` is as it was. */
  takeBack(): void {
    for (const [key, changed] of this.#replaced) {
      if (changed === undefined) this.#changed.delete(key);
      else this.#changed.set(key, changed);
    }
    if (this.#replaced.size > 0) this.#profiles.clear();
    this.#replaced.clear();
    this.#version = this.#keptVersion;
  }

  /** Takes the next number; every node that is changed from now on has it. */
  begin(): number {
    this.#version += 1;
    return this.#version;
  }

  /** Gives an identity other owners; those know their members. */
  put(
    workspace: number,
    identity: string,
    owned: Pick<Node, 'claims' | 'merged'> & Partial<Pick<Node, 'others' | 'handle'>>,
  ): void {
    const before = this.node(workspace, identity);
    const after: Node = { ...before, ...owned, version: this.#version };
    this.#forgetProfiles(workspace, identity);
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
    this.#forgetProfiles(workspace, identity);
  }

  /** What stands for an identity on the tapes of others. */
  handleOf(workspace: number, identity: string): number {
    const node = this.node(workspace, identity);
    if (node.handle !== undefined) return node.handle;
    const handle = this.begin();
    this.#set(workspace, identity, { ...node, handle, version: handle });
    return handle;
  }

  /** Of everybody whom this identity is counted with: called before and after it gets other owners. */
  #forgetProfiles(workspace: number, identity: string): void {
    if (this.#profiles.size === 0) return;
    for (const name of lineOf(this, workspace, identity)) {
      this.#profiles.delete(keyOf(workspace, name));
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
    const key = keyOf(workspace, identity);
    if (!this.#replaced.has(key)) this.#replaced.set(key, this.#changed.get(key));
    this.#changed.set(key, { workspace, identity, node });
  }
}

function keyOf(workspace: number, identity: string): string {
  return `${workspace}/${identity}`;
}

/** What a changed node is stored as; undefined: nothing is left to store. */
export function storedOf({ node }: ChangedNode): string | undefined {
  return isEmptyNode(node) ? undefined : JSON.stringify(node);
}
