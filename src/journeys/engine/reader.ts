/**
 * Reads the tape in commit order and applies what is on it. What nobody listens to is passed over by a
 * look at its row. The first reading after a start, a replay and the live edge are the same call.
 */
import type { Metrics } from '../../std/metrics.ts';
import type { Position } from '../../tape/cursor.ts';
import type { TapeEvent } from '../../tape/event.ts';
import { typeHashOf } from '../../tape/route.ts';
import { Tail } from '../../tape/tail.ts';
import type { Tape } from '../../tape/tape.ts';
import { type DefinitionSaid, definitionsCustomer, typeOfDefinition } from '../words.ts';
import type { Aliases } from './aliases.ts';
import type { Allowances } from './allowance.ts';
import { apply, eventStepsMax, isBlank, newPerson } from './apply.ts';
import type { WorkspaceForce } from './force.ts';
import type { Happening, Observe } from './happening.ts';
import type { InForce } from './inforce.ts';
import type { Links } from './links.ts';
import type { SeenEvent } from './moment.ts';
import type { Person, Persons } from './persons.ts';
import type { Recaller } from './recaller.ts';
import { placeOf, requestsCrowd } from './requests.ts';

export interface ReaderParts {
  readonly tape: Tape;
  readonly metrics: Metrics;
  readonly inForce: InForce;
  readonly persons: Persons;
  readonly aliases: Aliases;
  readonly links: Links;
  /** What is in force is another than before; `mark`: where that stands on the tape. */
  readonly defined: (workspace: number, said: DefinitionSaid, mark: string) => void;
  /** Something was applied to this customer. */
  readonly touched: (person: Person) => void;
  readonly observe: Observe;
  readonly allowances: Allowances;
  readonly recaller: Recaller;
  /** An event's conditions were given up because the workspace's steps are used up. */
  readonly short: (workspace: number) => void;
}

const definitionHash = typeHash(typeOfDefinition);

export class Reader {
  readonly #parts: ReaderParts;
  readonly #tail: Tail;
  /** Of the row looked at last: neighbours are often of one workspace. */
  #workspace = -1;
  #force: WorkspaceForce | undefined;
  #told = -1;
  #tell: (happening: Happening) => void = () => undefined;
  readonly #types = new TypeNames();
  #applied = 0;
  #isCrowded = false;

  constructor(parts: ReaderParts, position: Position) {
    this.#parts = parts;
    const shards = parts.tape.shards.map((_, number) => number);
    this.#tail = new Tail(parts.tape, shards, position, true);
  }

  /** Everything up to here has been applied. */
  get position(): Position {
    return this.#tail.position;
  }

  /** Applies the next block up to the horizon, and passes over those before it that nobody listens to. @returns false when there is none. */
  readBlock(horizon: number): boolean {
    this.#isCrowded = false;
    const types = this.#parts.inForce.types();
    const more = this.#tail.visitBlock(horizon, this.#visit, this.#wants, types);
    if (!more) this.#tail.settleAt(horizon);
    if (this.#applied > 0) this.#parts.metrics.add('journey_events_total', this.#applied);
    this.#applied = 0;
    return more;
  }

  /** In the block read last somebody came to have many requests: they are to be given before more is read. */
  get isCrowded(): boolean {
    return this.#isCrowded;
  }

  /** Nobody listens to anything: goes along without reading. */
  skipTo(horizon: number): void {
    this.#tail.settleAt(horizon);
  }

  readonly #wants = (workspace: number, _customerHash: number, hash: number): boolean => {
    if (workspace !== this.#workspace) {
      this.#workspace = workspace;
      this.#force = this.#parts.inForce.of(workspace);
    }
    return this.#force === undefined ? hash === definitionHash : this.#force.wants(hash);
  };

  readonly #visit = (event: TapeEvent): true => {
    this.#applied += 1;
    const type = this.#types.of(event);
    if (type === typeOfDefinition) this.#takeDefinition(event);
    else if (this.#force !== undefined) this.#apply(this.#force, event, type);
    return true;
  };

  #takeDefinition(event: TapeEvent): void {
    const { defined, inForce } = this.#parts;
    if (event.customer !== definitionsCustomer) return;
    const said = JSON.parse(event.data() ?? '{}') as DefinitionSaid;
    const place = placeOf(event);
    if (inForce.take(event.workspace, said, place)) defined(event.workspace, said, place);
    this.forgetForce();
  }

  /** What is in force may be other than before. */
  forgetForce(): void {
    this.#workspace = -1;
  }

  /** Tells observers of a workspace: made once, since neighbours are often of one. */
  #teller(workspace: number): (happening: Happening) => void {
    if (workspace !== this.#told) {
      const { observe } = this.#parts;
      this.#told = workspace;
      this.#tell = (happening) => observe(workspace, happening);
    }
    return this.#tell;
  }

  #apply(force: WorkspaceForce, event: TapeEvent, type: string): void {
    const { aliases, allowances, links, persons, recaller, touched } = this.#parts;
    const { customer, workspace } = event;
    const seen = new Seen(event, type);
    if (links.take(workspace, customer, seen, force) && !force.names(type)) return;
    const name = aliases.ownerOf(workspace, customer, event.customerHash);
    const isOwn = name.customer === customer;
    const known = isOwn ? persons.findOnTape(name, event.customerHash) : persons.find(name);
    const state = known?.state ?? newPerson(name.customer);
    const { received } = seen;
    const stepsMax = allowances.of(workspace, received, eventStepsMax);
    const tell = this.#teller(workspace);
    const told = recaller.tell(workspace, force, state, seen, received, stepsMax);
    const steps = apply(force, state, customer, seen, tell, stepsMax);
    allowances.spend(workspace, received, told + steps);
    if (stepsMax < eventStepsMax && steps > stepsMax) this.#parts.short(workspace);
    if (state.requests.length >= requestsCrowd) this.#isCrowded = true;
    if (known !== undefined) persons.touch(known);
    const person = known ?? (isBlank(state) ? undefined : persons.add(name, state));
    if (person !== undefined) touched(person);
  }
}

/** The names of types that were met, so that one that comes again is the same text, and is not made anew. */
class TypeNames {
  readonly #known = new Map<number, { readonly bytes: Uint8Array; readonly type: string }>();

  of(event: TapeEvent): string {
    const known = this.#known.get(event.typeHash);
    if (known !== undefined && event.hasType(known.bytes)) return known.type;
    const { type } = event;
    this.#known.set(event.typeHash, { bytes: Buffer.from(type, 'utf8'), type });
    return type;
  }
}

/** A stored event, what is asked for twice kept. */
class Seen implements SeenEvent {
  readonly #event: TapeEvent;
  readonly type: string;
  #data: string | undefined;
  #isDataKnown = false;

  constructor(event: TapeEvent, type: string) {
    this.#event = event;
    this.type = type;
  }

  get stamp(): number {
    return this.#event.stamp;
  }

  get ordinal(): number {
    return this.#event.ordinal;
  }

  get time(): number {
    return this.#event.time;
  }

  get received(): number {
    return this.#event.received;
  }

  text(field: 'type' | 'id' | 'customer' | 'channel' | 'source'): string | undefined {
    return this.#event.text(field);
  }

  data(): string | undefined {
    if (!this.#isDataKnown) this.#data = this.#event.data();
    this.#isDataKnown = true;
    return this.#data;
  }
}

function typeHash(type: string): number {
  const bytes = Buffer.from(type, 'utf8');
  return typeHashOf(bytes, 0, bytes.length);
}
