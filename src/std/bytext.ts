/**
 * What follows from texts that come again and again, kept by the text. Bounded by characters, and by texts half as
 * long at most; when it is full all is forgotten, which costs whoever comes next what it cost the first time.
 */

/** What one text costs besides its characters, about. */
const entryCharacters = 200;

export class ByText<Value> {
  readonly #charactersMax: number;
  readonly #values = new Map<string, Value>();
  #characters = 0;

  constructor(charactersMax: number) {
    this.#charactersMax = charactersMax;
  }

  get size(): number {
    return this.#values.size;
  }

  find(text: string): Value | undefined {
    return this.#values.get(text);
  }

  /** A text that is not there. */
  keep(text: string, value: Value): void {
    const characters = text.length + entryCharacters;
    if (characters * 2 > this.#charactersMax) return;
    if (this.#characters + characters > this.#charactersMax) {
      this.#values.clear();
      this.#characters = 0;
    }
    this.#values.set(text, value);
    this.#characters += characters;
  }
}
