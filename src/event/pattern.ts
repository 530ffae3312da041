/**
 * Regular expressions that strangers wrote: run by RE2, in time linear in the text, so that none can
 * hold up a thread. What RE2 cannot do (look-around, back references) is refused when it is compiled.
 */
import { RE2JS } from 're2js';

export const patternCharactersMax = 256;
/** Instructions of a compiled pattern: counted repetitions are written out, so short ones can be large. */
export const patternSizeMax = 500;

export class Pattern {
  readonly source: string;
  readonly #re2: RE2JS;
  /** Steps for a character of the text, about as many as other checks take in the time. */
  readonly #unitsPerCharacter: number;

  /** @throws RangeError that says why it cannot be used. */
  constructor(source: string) {
    if (source.length > patternCharactersMax) {
      throw new RangeError(`may have at most ${patternCharactersMax} characters`);
    }
    this.source = source;
    this.#re2 = compile(source);
    const size = this.#re2.programSize();
    if (size > patternSizeMax) throw new RangeError('is too large; use smaller repetitions');
    this.#unitsPerCharacter = size / 8;
  }

  test(text: string): boolean {
    return this.#re2.test(text);
  }

  /** The match and its groups; null when there is none. */
  exec(text: string): readonly (string | null | undefined)[] | null {
    return this.#re2.exec(text);
  }

  unitsFor(text: string): number {
    return 20 + text.length * this.#unitsPerCharacter;
  }
}

function compile(source: string): RE2JS {
  try {
    return RE2JS.compile(RE2JS.translateRegExp(source));
  } catch (cause) {
    const reason = (cause as Error).message.replace(/^error parsing regexp: /, '');
    throw new RangeError(`is not a regular expression that RE2 can run (${reason})`, { cause });
  }
}
