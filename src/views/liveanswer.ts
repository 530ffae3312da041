/** An answer on its way to those who follow a view: each form is made once, whoever gets it. */
import { answerText, type ViewFound } from './answer.ts';

export class LiveAnswer {
  readonly text: string;
  #socketBytes: Buffer | undefined;
  #sseBytes: Buffer | undefined;

  constructor(customer: string, view: string, found: ViewFound) {
    this.text = answerText(customer, view, found);
  }

  get socketBytes(): Buffer {
    this.#socketBytes ??= Buffer.from(this.text);
    return this.#socketBytes;
  }

  get sseBytes(): Buffer {
    this.#sseBytes ??= Buffer.from(`event: view\ndata: ${this.text}\n\n`);
    return this.#sseBytes;
  }
}
