/** A binary heap: what comes first by an order that its owner gives is at hand, the rest in no order. */

export class Heap<Item> {
  readonly #items: Item[];
  readonly #isBefore: (one: Item, other: Item) => boolean;

  /** @param items are its own from now on. */
  constructor(items: Item[], isBefore: (one: Item, other: Item) => boolean) {
    this.#items = items;
    this.#isBefore = isBefore;
    for (let at = (items.length >> 1) - 1; at >= 0; at--) this.#sink(at);
  }

  get first(): Item | undefined {
    return this.#items[0];
  }

  add(item: Item): void {
    let at = this.#items.push(item) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!this.#isBefore(item, this.#items[above]!)) break;
      this.#items[at] = this.#items[above]!;
      at = above;
    }
    this.#items[at] = item;
  }

  /** The first one stands elsewhere in the order now, and no earlier than before. */
  settleFirst(): void {
    this.#sink(0);
  }

  removeFirst(): void {
    const last = this.#items.pop();
    if (this.#items.length === 0 || last === undefined) return;
    this.#items[0] = last;
    this.#sink(0);
  }

  #sink(from: number): void {
    const items = this.#items;
    const item = items[from];
    if (item === undefined) return;
    let at = from;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= items.length) break;
      if (below + 1 < items.length && this.#isBefore(items[below + 1]!, items[below]!)) below += 1;
      if (!this.#isBefore(items[below]!, item)) break;
      items[at] = items[below]!;
      at = below;
    }
    items[at] = item;
  }
}
