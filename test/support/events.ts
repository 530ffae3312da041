/**
 * Events to throw at the walkers: mostly right ones, written in every way that the two encodings
 * allow, some with something wrong, and mutations of their bytes.
 */
import fc from 'fast-check';
import type { Random } from '../../src/std/random.ts';

export const nowMs = 1_763_740_000_000;

/** A value that either encoding can write; `raw` is put in as it is. */
export type Item =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly Item[]
  | { readonly entries: readonly (readonly [Item, Item])[] }
  | { readonly raw: Uint8Array };

export function isList(item: Item): item is readonly Item[] {
  return Array.isArray(item);
}

const text = fc.oneof(
  { weight: 4, arbitrary: fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 20 }) },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('é', '日本語', '👩‍👩‍👧', '\u0000', '"\\/\b\f\n\r\t', '\u2028', ''),
  },
);
/** Around every limit of a text field. */
const longText = fc
  .tuple(
    fc.constantFrom(63, 64, 65, 127, 128, 129, 255, 256, 257, 300),
    fc.constantFrom('a', 'é', '€'),
  )
  .map(([bytes, char]) => char.repeat(Math.ceil(bytes / Buffer.byteLength(char))));

const number = fc.oneof(
  fc.integer(),
  fc.integer({ min: -40, max: 300 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.maxSafeInteger(),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
  fc.constantFrom(0, 127, 128, 255, 256, 65_535, 65_536, 2 ** 31, 2 ** 32, 1e21, 1e-7, 0.1),
);

const data = fc.letrec<{ item: Item; map: Item }>((tie) => ({
  item: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    { weight: 4, arbitrary: text },
    { weight: 3, arbitrary: number },
    { weight: 1, arbitrary: fc.constantFrom(null, true, false) },
    { weight: 1, arbitrary: fc.array(tie('item'), { maxLength: 5 }) },
    { weight: 1, arbitrary: tie('map') },
  ),
  map: fc.array(fc.tuple(text, tie('item')), { maxLength: 6 }).map((entries) => ({ entries })),
}));

/** Nested `depth` deep: objects and arrays in turn. */
function nested(depth: number): Item {
  let item: Item = { entries: [] };
  for (let n = 1; n < depth; n++) item = n % 2 === 0 ? { entries: [['k', item]] } : [item];
  return { entries: [['deep', item]] };
}
const deepData = fc.constantFrom(29, 30, 31, 32, 33, 34, 70).map(nested);

const dateText = fc.oneof(
  fc
    .date({ min: new Date(0), max: new Date(nowMs), noInvalidDate: true })
    .map((date) => date.toISOString()),
  fc.constantFrom(
    '2024-02-29T12:00:00Z',
    '2023-02-29T12:00:00Z',
    '2016-12-31T23:59:60Z',
    '2020-01-01t00:00:00.123456789+05:30',
    '2020-01-01 00:00:00-00:00',
    '2020-01-01T00:00:00',
    'yesterday',
  ),
);
const time = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: nowMs }) },
  { weight: 2, arbitrary: dateText },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Item>(
      -1,
      -0,
      0.5,
      nowMs + 86_400_000,
      nowMs + 86_400_001,
      2n ** 63n,
      null,
      '',
      1e300,
    ),
  },
);

const good: Record<string, fc.Arbitrary<Item>> = {
  id: text,
  customer: text,
  previous: text,
  type: text,
  time,
  channel: text,
  source: text,
  data: data.map,
};

const someKey = fc.constantFrom(
  'id',
  'customer',
  'previous',
  'type',
  'time',
  'channel',
  'source',
  'data',
);
const oddEntry = (hostile: readonly Uint8Array[]): fc.Arbitrary<readonly [Item, Item]> =>
  fc.oneof(
    fc.tuple(someKey, fc.oneof(data.item, longText, deepData)),
    fc.tuple(
      fc.oneof(text, fc.constantFrom('types', 'Id', 'iD', 'datum', 'channels', '')),
      data.item,
    ),
    fc.tuple(
      someKey,
      fc.constantFrom(...hostile).map((raw) => ({ raw })),
    ),
    fc.tuple(
      fc.constant('data'),
      fc.constantFrom(...hostile).map((raw) => ({ entries: [['a', { raw }]] as const })),
    ),
    fc.constant(['type', 'tapeline.linked'] as const),
    fc.constantFrom(['customer', 'tapeline:x'] as const, ['previous', 'tapeline:x'] as const),
  );

/** Events as entries in any order, in which `hostile` values may turn up. */
export function eventEntries(
  hostile: readonly Uint8Array[],
): fc.Arbitrary<{ readonly entries: readonly (readonly [Item, Item])[] }> {
  const optional = ['id', 'previous', 'time', 'channel', 'source', 'data'];
  const entry = (key: string): fc.Arbitrary<readonly [Item, Item]> =>
    fc.tuple(fc.constant(key), good[key]!);
  return fc
    .tuple(
      entry('customer'),
      entry('type'),
      fc.subarray(optional).chain((keys) => fc.tuple(...keys.map(entry))),
      fc.oneof(
        { weight: 3, arbitrary: fc.constant([]) },
        { weight: 2, arbitrary: fc.array(oddEntry(hostile), { minLength: 1, maxLength: 2 }) },
      ),
      fc.integer(),
    )
    .map(([customer, type, more, odd, order]) => {
      const entries = [customer, type, ...more, ...odd];
      const shift = Math.abs(order) % entries.length;
      return { entries: [...entries.slice(shift), ...entries.slice(0, shift)] };
    });
}

/** One change of bytes; positions are parts of the length, so that they fit any. */
export type Mutation =
  | { readonly kind: 'flip'; readonly at: number; readonly byte: number }
  | { readonly kind: 'cut'; readonly at: number }
  | { readonly kind: 'drop'; readonly at: number; readonly count: number }
  | { readonly kind: 'copy'; readonly at: number; readonly count: number }
  | { readonly kind: 'insert'; readonly at: number; readonly bytes: Uint8Array };

export function mutations(hostile: readonly Uint8Array[]): fc.Arbitrary<readonly Mutation[]> {
  const at = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
  const one: fc.Arbitrary<Mutation> = fc.oneof(
    fc.record({ kind: fc.constant('flip' as const), at, byte: fc.nat(255) }),
    fc.record({ kind: fc.constant('cut' as const), at }),
    fc.record({ kind: fc.constant('drop' as const), at, count: fc.nat(12) }),
    fc.record({ kind: fc.constant('copy' as const), at, count: fc.nat(12) }),
    fc.record({ kind: fc.constant('insert' as const), at, bytes: fc.constantFrom(...hostile) }),
  );
  return fc.oneof(
    { weight: 2, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.array(one, { minLength: 1, maxLength: 3 }) },
  );
}

export function mutate(bytes: Uint8Array, changes: readonly Mutation[]): Uint8Array {
  let now = bytes;
  for (const change of changes) {
    const at = Math.floor(change.at * now.length);
    const head = now.subarray(0, at);
    if (change.kind === 'cut') now = head;
    else if (change.kind === 'insert') now = Buffer.concat([head, change.bytes, now.subarray(at)]);
    else if (change.kind === 'drop') now = Buffer.concat([head, now.subarray(at + change.count)]);
    else if (change.kind === 'copy')
      now = Buffer.concat([now.subarray(0, at + change.count), now.subarray(at)]);
    else if (change.kind === 'flip') {
      now = Uint8Array.from(now);
      if (at < now.length) now[at] = change.byte;
    }
  }
  return now;
}

/** Puts bytes somewhere inside a larger array of noise. */
export function embed(bytes: Uint8Array, random: Random): { all: Uint8Array; at: number } {
  const at = random.below(40);
  return { all: Buffer.concat([random.bytes(at), bytes, random.bytes(random.below(40))]), at };
}
