/** Lists in the manner of CJDS: filtered by RSQL, sorted by a member, cut into pages that count from 0. */
import { Rsql } from '../../event/rsql.ts';
import { AppError } from '../../std/errors.ts';
import type { Query } from '../query.ts';

export const pageSizeMax = 1000;
export const pageMax = 100_000;

/** The whole list when no page is asked for. */
export function listed<Item extends object>(query: Query, items: readonly Item[]): readonly Item[] {
  const filter = filterIn(query, 'filter');
  const chosen = items.filter((item) => filter === undefined || filter.meets(memberOf(item)));
  const sortBy = query.one('sortBy');
  const sorted = sortBy === undefined ? chosen : sortedBy(chosen, sortBy, isDescending(query));
  const size = pageSizeIn(query) ?? items.length;
  const from = pageIn(query) * size;
  return sorted.slice(from, from + size);
}

/** @throws AppError invalid. */
export function filterIn(query: Query, name: 'filter' | 'data'): Rsql | undefined {
  const text = query.one(name)?.trim();
  return text === undefined || text === '' ? undefined : new Rsql(text, name);
}

/** @throws AppError invalid. */
export function pageIn(query: Query): number {
  return query.integer('page', { min: 0, max: pageMax }) ?? 0;
}

/** @throws AppError invalid. */
export function pageSizeIn(query: Query): number | undefined {
  return query.integer('pageSize', { min: 1, max: pageSizeMax });
}

/** Newest and largest first unless it is asked otherwise. @throws AppError invalid. */
export function isDescending(query: Query): boolean {
  const sort = query.one('sort') ?? 'DESC';
  if (!/^(?:asc|desc)$/i.test(sort)) throw new AppError('invalid', 'sort must be ASC or DESC');
  return /^desc$/i.test(sort);
}

/** Texts by their characters, numbers by size; what lacks the member comes last. */
export function sortedBy<Item extends object>(
  items: readonly Item[],
  name: string,
  descending: boolean,
): Item[] {
  const sign = descending ? -1 : 1;
  const keyed = items.map((item) => ({ item, key: memberOf(item)(name) }));
  keyed.sort((a, b) => {
    if (a.key === undefined || b.key === undefined) {
      return Number(a.key === undefined) - Number(b.key === undefined);
    }
    return sign * compare(a.key, b.key);
  });
  return keyed.map(({ item }) => item);
}

function compare(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  const [left, right] = [String(a), String(b)];
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

/** A member by its name, in whatever case it is asked for. */
export function memberOf(item: object): (selector: string) => unknown {
  return (selector) => {
    const members = item as Readonly<Record<string, unknown>>;
    if (Object.hasOwn(members, selector)) return members[selector];
    const wanted = selector.toLowerCase();
    const name = Object.keys(members).find((known) => known.toLowerCase() === wanted);
    return name === undefined ? undefined : members[name];
  };
}

/** A value inside data: by its name as a whole, or else by a dotted path. */
export function valueIn(data: unknown): (selector: string) => unknown {
  return (selector) => {
    if (isObject(data) && Object.hasOwn(data, selector)) return data[selector];
    let value = data;
    for (const step of selector.split('.')) {
      if (!isObject(value) || !Object.hasOwn(value, step)) return undefined;
      value = value[step];
    }
    return value;
  };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
