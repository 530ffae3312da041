/** One live connection of an agent: what it is told, in order, from what is pending on. */
import type { AgentMessage } from '../journeys/route/asks.ts';
import { AppError } from '../std/errors.ts';
import { offerText } from './agentoffer.ts';
import type { Front } from './context.ts';

/** A connection that leaves this much unread is cut off, and told what is pending when it comes back. */
export const feedUnreadBytesMax = 512 * 1024;
/** Messages that wait for a view to be read; an agent holds at most a hundred offers. */
export const feedWaitingMax = 500;

export interface FeedSink {
  bufferedBytes(): number;
  send(type: string, json: string): void;
  /** It is over. */
  end(reason: string): void;
}

export class OpenFeed {
  readonly #front: Front;
  readonly #of: { readonly workspace: number; readonly agent: string };
  readonly #sink: FeedSink;
  /** A name for this connection: the agent is there as long as it has one. */
  readonly #connection: string;
  #line: Promise<void> = Promise.resolve();
  #waiting = 0;
  #isClosed = false;

  constructor(front: Front, of: { workspace: number; agent: string }, sink: FeedSink) {
    this.#front = front;
    this.#of = of;
    this.#sink = sink;
    this.#connection = Buffer.from(front.random.bytes(16)).toString('hex');
  }

  begin(): void {
    this.#next(async () => {
      await this.#connect(true);
      const { agent, offers } = await this.#front.engine({ kind: 'offers', ...this.#of });
      const { workspace } = this.#of;
      const texts = await Promise.all(
        offers.map((each) => offerText(this.#front, workspace, each)),
      );
      return `{"type":"pending","agent":${JSON.stringify(agent)},"offers":[${texts.join()}]}`;
    }, 'pending');
  }

  push(message: AgentMessage): void {
    this.#next(async () => {
      if (!('offer' in message) || typeof message.offer === 'string')
        return JSON.stringify(message);
      const text = await offerText(this.#front, this.#of.workspace, message.offer);
      return `{"type":"${message.type}","offer":${text}}`;
    }, message.type);
    if (message.type === 'deleted') this.#line = this.#line.then(() => this.#end('deleted'));
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // After it was told of: a connection that was closed at once is not left open there.
    this.#line = this.#line.then(() => this.#connect(false)).catch(ignore);
  }

  /** Messages take their turns: one whose view is being read does not overtake, or fall behind, another. */
  #next(make: () => Promise<string>, type: string): void {
    this.#waiting += 1;
    if (this.#waiting > feedWaitingMax) {
      this.#end('too much is waiting');
      return;
    }
    this.#line = this.#line
      .then(async () => {
        if (!this.#isClosed) this.#send(type, await make());
      })
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#waiting -= 1;
      });
  }

  #send(type: string, json: string): void {
    if (this.#isClosed) return;
    if (this.#sink.bufferedBytes() > feedUnreadBytesMax) this.#end('it was not read');
    else this.#sink.send(type, json);
  }

  async #connect(open: boolean): Promise<void> {
    const connection = this.#connection;
    await this.#front.engine({ kind: 'connection', ...this.#of, connection, open });
  }

  #fail(error: unknown): void {
    if (!(error instanceof AppError)) throw error;
    if (this.#isClosed) return;
    const { code, message } = error;
    this.#sink.send('error', JSON.stringify({ type: 'error', error: { code, message } }));
    this.#end(message);
  }

  /** The sink closes the connection, and whoever opened it this feed. */
  #end(reason: string): void {
    if (!this.#isClosed) this.#sink.end(reason);
  }
}

/** The agent may be gone, or the server about to be. */
function ignore(error: unknown): void {
  if (!(error instanceof AppError)) throw error;
}
