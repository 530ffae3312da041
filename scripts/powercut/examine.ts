/** Holds an image to what was promised before the power was cut. */
import type { OpenedImage } from './image.ts';
import type { Promised, SentEvent } from './promises.ts';

export const problemKinds = [
  'unopened',
  'lost',
  'duplicated',
  'disordered',
  'damaged',
  'forgotten',
  'unusable',
] as const;
export type ProblemKind = (typeof problemKinds)[number];

export interface Problem {
  readonly kind: ProblemKind;
  readonly text: string;
}

/** What a recording ended with, when nothing was cut. */
export interface Reference {
  /** The text of each event, as readers get it, in commit order. */
  readonly events: Readonly<Record<string, string>>;
  readonly sent: readonly SentEvent[];
  readonly promised: Promised;
}

/** After this many of a kind the rest says nothing new. */
const problemsMax = 5;

export class Examination {
  readonly problems: Problem[] = [];
  readonly #reference: Reference;
  readonly #image: OpenedImage;

  constructor(reference: Reference, image: OpenedImage) {
    this.#reference = reference;
    this.#image = image;
  }

  #found(kind: ProblemKind, text: string): void {
    const known = this.problems.filter((problem) => problem.kind === kind);
    if (known.length < problemsMax) this.problems.push({ kind, text });
  }

  /** Everything but writing. @param time when the power was cut. */
  read(time: number): void {
    this.#readEvents();
    this.#readTapes();
    this.#readPromises(time);
    const { damagedBlocks } = this.#image;
    if (damagedBlocks > 0) this.#found('damaged', `${damagedBlocks} blocks cannot be read`);
  }

  /** Nothing twice, nothing that was not sent, each event as it was and where it was. */
  #readEvents(): void {
    const texts = this.#reference.events;
    const place = new Map(Object.keys(texts).map((id, index) => [id, index]));
    const seen = new Set<string>();
    let last = -1;
    for (const { id, text } of this.#image.events) {
      if (seen.has(id)) this.#found('duplicated', `${id} is there twice`);
      seen.add(id);
      if (texts[id] !== text) this.#found('damaged', `${id} reads ${text}, not ${texts[id]}`);
      const at = place.get(id) ?? -1;
      if (at < last) this.#found('disordered', `${id} comes too late in commit order`);
      last = Math.max(last, at);
    }
  }

  /** A customer's tape has the events of the stream, by time and then by commit, newest first. */
  #readTapes(): void {
    const byCustomer = new Map<string, { id: string; time: number; order: number }[]>();
    for (const [order, { customer, id, time }] of this.#image.events.entries()) {
      const tape = byCustomer.get(customer) ?? [];
      tape.push({ id, time, order });
      byCustomer.set(customer, tape);
    }
    for (const [customer, events] of byCustomer) {
      events.sort((a, b) => b.time - a.time || b.order - a.order);
      const found = this.#image.tape(customer);
      const missing = events.filter(({ id }) => !found.includes(id));
      for (const { id } of missing) this.#found('lost', `${id} is not on its customer's tape`);
      if (found.length > events.length) this.#found('duplicated', `on the tape of ${customer}`);
      const isSame = events.every(({ id }, index) => found[index] === id);
      if (!isSame && missing.length === 0) this.#found('disordered', `the tape of ${customer}`);
    }
  }

  #readPromises(time: number): void {
    const { definitions, events } = this.#reference.promised;
    const seen = new Set(this.#image.events.map(({ id }) => id));
    for (const [id, from] of Object.entries(events)) {
      if (from <= time && !seen.has(id)) this.#found('lost', `${id} was acknowledged`);
    }
    const values = new Map(this.#image.definitions.map(({ name, value }) => [name, value]));
    for (const [name, steps] of Object.entries(definitions)) {
      const value = values.get(name) ?? null;
      const settled = steps.findLastIndex(({ from }) => from !== null && from <= time);
      const possible = steps.slice(Math.max(settled, 0)).map((step) => step.value);
      if (settled < 0) possible.push(null);
      if (!possible.includes(value)) {
        this.#found('forgotten', `${name} is ${value}, not ${possible.join(' or ')}`);
      }
    }
  }

  /** What is there is recognised when it is sent again, and new events can be stored. */
  async write(name: string): Promise<void> {
    const seen = new Set(this.#image.events.map(({ id }) => id));
    const byId = new Map(this.#reference.sent.map((event) => [event.id, event]));
    const known = [...byId.values()].filter(({ id }) => seen.has(id));
    const unknown = [...byId.values()].filter(({ id }) => !seen.has(id));
    const fresh = { id: name, customer: 'customer 0', type: 'Click', time: 0, data: {} };
    const wanted = { accepted: unknown.length + 1, duplicates: known.length };
    const { accepted, duplicates } = await this.#image.store([...unknown, fresh, ...known]);
    if (accepted !== wanted.accepted || duplicates !== wanted.duplicates) {
      const told = `${accepted} new and ${duplicates} known`;
      const text = `of ${wanted.accepted} new and ${wanted.duplicates} known events ${told}`;
      this.#found('unusable', text);
    }
    const tape = this.#image.tape('customer 0');
    if (tape.at(-1) !== name) this.#found('unusable', 'a new event cannot be read');
  }
}
