/**
 * Query strings and path parameters, decoded strictly: what is not valid percent-encoded UTF-8 is
 * refused rather than guessed, and so is a parameter nobody knows (a misspelt filter must not
 * silently return everything).
 */
import { parseTime } from '../event/time.ts';
import { AppError } from '../std/errors.ts';

/** Decodes one percent-encoded path segment. @throws AppError malformed. */
export function decodePercent(text: string, what: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw new AppError('malformed', `${what} is not valid percent-encoded UTF-8`, { cause });
  }
}

export class Query {
  readonly #values = new Map<string, string[]>();

  /** @throws AppError malformed for a bad percent-encoding. */
  constructor(text: string) {
    if (text === '') return;
    for (const pair of text.split('&')) {
      if (pair === '') continue;
      const equals = pair.indexOf('=');
      const name = decodeForm(equals < 0 ? pair : pair.slice(0, equals));
      const value = equals < 0 ? '' : decodeForm(pair.slice(equals + 1));
      const values = this.#values.get(name);
      if (values === undefined) this.#values.set(name, [value]);
      else values.push(value);
    }
  }

  /** @throws AppError invalid when a name is not in `known`. */
  checkNames(known: readonly string[]): void {
    for (const name of this.#values.keys()) {
      if (!known.includes(name)) {
        if (known.length === 0) throw new AppError('invalid', 'this route takes no query');
        const list = known.join(', ');
        throw new AppError('invalid', `unknown query parameter '${name}' (known: ${list})`);
      }
    }
  }

  all(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  /** Every name with its first value. */
  *firsts(): Iterable<[name: string, value: string]> {
    for (const [name, values] of this.#values) yield [name, values[0]!];
  }

  /** @throws AppError invalid when the parameter is given more than once. */
  one(name: string): string | undefined {
    const values = this.#values.get(name);
    if (values !== undefined && values.length > 1) {
      throw new AppError('invalid', `${name} may be given once only`);
    }
    return values?.[0];
  }

  /** An integer within bounds, both inclusive. */
  integer(name: string, bounds: { min: number; max: number }): number | undefined {
    const text = this.one(name);
    if (text === undefined) return undefined;
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= bounds.min && value <= bounds.max)) {
      throw new AppError(
        'invalid',
        `${name} must be an integer from ${bounds.min} to ${bounds.max}`,
      );
    }
    return value;
  }

  /** `1` or `true`, `0` or `false`; absent is false. */
  flag(name: string): boolean {
    const text = this.one(name);
    if (text === undefined || text === '0' || text === 'false') return false;
    if (text === '1' || text === 'true') return true;
    throw new AppError('invalid', `${name} must be 1 or 0`);
  }

  /** Epoch milliseconds, from an integer or an RFC 3339 text. */
  time(name: string): number | undefined {
    const text = this.one(name);
    if (text === undefined) return undefined;
    const time = /^-?\d{1,16}$/.test(text) ? Number(text) : parseTime(withPlus(text));
    if (!Number.isSafeInteger(time)) {
      throw new AppError('invalid', `${name} must be an RFC 3339 time or epoch milliseconds`);
    }
    return time;
  }
}

/** An unescaped `+` of a zone offset arrives as a space; nothing else can be meant there. */
function withPlus(text: string): string {
  return text.replace(/^(.+:\d\d(?:\.\d+)?) (\d\d:\d\d)$/, '$1+$2');
}

function decodeForm(text: string): string {
  return decodePercent(text.includes('+') ? text.replaceAll('+', ' ') : text, 'the query');
}
