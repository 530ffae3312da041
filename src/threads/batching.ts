/** What goes to another thread in one turn goes in one message: each message costs a wake-up. */

/**
 * @param atEnd calls what it is given at the end of a turn, as `setImmediate` does.
 * @returns takes an item, and sends all that came in a turn at its end, in their order.
 */
export function batching<Item>(
  send: (items: readonly Item[]) => void,
  atEnd: (flush: () => void) => void,
): (item: Item) => void {
  let items: Item[] = [];
  const flush = (): void => {
    const all = items;
    items = [];
    send(all);
  };
  return (item) => {
    if (items.push(item) === 1) atEnd(flush);
  };
}
