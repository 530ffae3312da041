/**
 * Messages to visitors (offers, so far): the main thread's side, which alone changes them. A message is
 * durable when its sender is answered, is delivered to every channel of its visitor until one of them
 * answers, and is remembered until its time is up: sent again under its id it is the same message.
 *
 *     push → durable (a document) → every front → channels → answer → durable → every front: gone
 *
 * One document for each message: `<workspace>/<visitor>/<id>`.
 */
import type { Clock } from '../std/clock.ts';
import { AppError } from '../std/errors.ts';
import type { DocumentStore } from '../store/documents.ts';

/** Messages a visitor has not answered. */
export const messagesPendingMax = 20;
/** Messages of a visitor that are remembered, answered ones included. */
const messagesMax = 100;
/** Of all messages together, and of those of one workspace. */
export const mailboxBytesMax = 64 * 1024 * 1024;
export const workspaceBytesMax = mailboxBytesMax / 2;
/** What a message weighs besides its text. */
const messageBytes = 400;
const sweepMs = 1000;

export const answers = ['accepted', 'dismissed', 'received'] as const;
export type Answer = (typeof answers)[number];

export interface VisitorMessage {
  readonly id: string;
  /** What a page does with it; `offer` is shown by the tag. */
  readonly kind: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** Of an action of a journey or rule. */
  readonly about?: MessageAbout;
  /** Epoch milliseconds. */
  readonly sentAt: number;
  readonly expiresAt: number;
  /** Absent while it waits for one. */
  readonly answer?: Answer | 'withdrawn';
  readonly answeredAt?: number;
}

/** Which decision a message is of: its answer is told on the customer's tape, and ends it for `others`. */
export interface MessageAbout {
  readonly customer: string;
  readonly request: string;
  readonly rule?: string;
  /** Visitors who have the same message. */
  readonly others: readonly string[];
}

export interface Addressee {
  readonly workspace: number;
  readonly visitor: string;
}

/** What fronts ask for. */
export type MailboxAsk = Addressee &
  (
    | {
        readonly kind: 'push';
        readonly message: Pick<VisitorMessage, 'id' | 'kind' | 'data' | 'about'>;
        readonly ttlMs: number;
      }
    | { readonly kind: 'list' }
    | { readonly kind: 'answer'; readonly id: string; readonly answer: Answer | 'withdrawn' }
  );

/** `isNew`: something was changed. */
export interface MailboxReply {
  readonly messages: readonly VisitorMessage[];
  readonly isNew: boolean;
}

/** What every front is told: a message to deliver, or the id of one that is answered or over. */
export type MailboxChange = Addressee &
  ({ readonly message: VisitorMessage } | { readonly gone: string });

export interface MailboxParts {
  readonly documents: DocumentStore;
  readonly clock: Clock;
  readonly onChange: (change: MailboxChange) => void;
}

interface Box extends Addressee {
  readonly messages: Map<string, VisitorMessage>;
}

export class Mailbox {
  readonly #parts: MailboxParts;
  readonly #boxes = new Map<string, Box>();
  /** By workspace. */
  readonly #bytes = new Map<number, number>();
  readonly #stop: () => void;
  #next: [key: string, value: unknown][] = [];
  /** The last commit that was asked for. */
  #written: Promise<void> = Promise.resolve();

  constructor(parts: MailboxParts) {
    this.#parts = parts;
    for (const [key, value] of parts.documents.entries()) {
      const [workspace, visitor] = key.split('/');
      const box = this.#box({ workspace: Number(workspace), visitor: visitor! });
      this.#keep(box, value as VisitorMessage);
    }
    this.#stop = parts.clock.every(sweepMs, () => this.#sweep());
  }

  /** @throws AppError conflict, overloaded, not_found, unavailable; anything else is a failed device. */
  async answer(ask: MailboxAsk): Promise<MailboxReply> {
    switch (ask.kind) {
      case 'push':
        return this.#push(ask);
      case 'list':
        return { messages: this.#listed(ask), isNew: false };
      case 'answer':
        return this.#settle(ask);
    }
  }

  /** The customer was erased: so are the messages. */
  async forget(addressee: Addressee): Promise<void> {
    await this.#drop(this.#boxes.get(keyOf(addressee)));
  }

  /** Forgets the messages of workspaces that are gone. */
  follow(living: readonly number[]): void {
    for (const number of this.#bytes.keys()) {
      if (living.includes(number)) continue;
      for (const box of this.#boxes.values()) {
        if (box.workspace === number) this.#drop(box).catch(ignore);
      }
    }
  }

  async close(): Promise<void> {
    this.#stop();
    await this.#written.catch(ignore);
    await this.#parts.documents.close();
  }

  async #push(ask: MailboxAsk & { kind: 'push' }): Promise<MailboxReply> {
    const box = this.#box(ask);
    const known = box.messages.get(ask.message.id);
    if (known !== undefined) {
      await this.#written;
      return { messages: [known], isNew: false };
    }
    const sentAt = this.#parts.clock.now();
    const message = { ...ask.message, sentAt, expiresAt: sentAt + ask.ttlMs };
    this.#checkRoom(box, message);
    this.#keep(box, message);
    try {
      await this.#write(box, message.id, message);
    } catch (error) {
      this.#remove(box, message);
      throw error;
    }
    this.#tell({ ...addressOf(box), message });
    return { messages: [message], isNew: true };
  }

  /** The first answer stands. */
  async #settle(ask: MailboxAsk & { kind: 'answer' }): Promise<MailboxReply> {
    const box = this.#boxes.get(keyOf(ask));
    const waiting = box?.messages.get(ask.id);
    if (box === undefined || waiting === undefined) {
      throw new AppError('not_found', 'there is no such message, or its time is up');
    }
    if (waiting.answer !== undefined) {
      // The one that answered may have been cut off before.
      await this.#withdrawElsewhere(box, waiting);
      return { messages: [waiting], isNew: false };
    }
    const settled = { ...waiting, answer: ask.answer, answeredAt: this.#parts.clock.now() };
    this.#keep(box, settled);
    try {
      await this.#write(box, ask.id, settled);
    } catch (error) {
      this.#keep(box, waiting);
      throw error;
    }
    this.#tell({ ...addressOf(box), gone: ask.id });
    await this.#withdrawElsewhere(box, settled);
    return { messages: [settled], isNew: true };
  }

  /** The same message in other browsers: one answer is enough. */
  async #withdrawElsewhere(
    { workspace }: Box,
    { about, answer, id }: VisitorMessage,
  ): Promise<void> {
    if (answer === 'withdrawn') return;
    const others = (about?.others ?? []).filter((visitor) => {
      return this.#boxes.get(keyOf({ workspace, visitor }))?.messages.has(id) === true;
    });
    const withdrawn = others.map((visitor) => {
      return this.#settle({ kind: 'answer', workspace, visitor, id, answer: 'withdrawn' });
    });
    await Promise.all(withdrawn);
  }

  #listed(addressee: Addressee): readonly VisitorMessage[] {
    const now = this.#parts.clock.now();
    const messages = [...(this.#boxes.get(keyOf(addressee))?.messages.values() ?? [])];
    return messages.filter(({ expiresAt }) => now < expiresAt);
  }

  #checkRoom(box: Box, message: VisitorMessage): void {
    const pending = [...box.messages.values()].filter(({ answer }) => answer === undefined);
    if (pending.length >= messagesPendingMax) {
      throw new AppError(
        'conflict',
        `${messagesPendingMax} messages wait for this visitor already; withdraw one`,
      );
    }
    const size = sizeOf(message);
    const all = [...this.#bytes.values()].reduce((sum, bytes) => sum + bytes, size);
    const own = (this.#bytes.get(box.workspace) ?? 0) + size;
    if (all > mailboxBytesMax || own > workspaceBytesMax) {
      throw new AppError('overloaded', 'too many messages wait for visitors', {
        retryAfterSeconds: 10,
      });
    }
    const answered = [...box.messages.values()].find(({ answer }) => answer !== undefined);
    if (box.messages.size < messagesMax || answered === undefined) return;
    this.#remove(box, answered);
    this.#write(box, answered.id, undefined).catch(ignore);
  }

  #sweep(): void {
    const now = this.#parts.clock.now();
    for (const box of this.#boxes.values()) {
      for (const message of box.messages.values()) {
        if (now < message.expiresAt) continue;
        this.#remove(box, message);
        // One that stays on disk is swept again after the next start.
        this.#write(box, message.id, undefined).catch(ignore);
        if (message.answer === undefined) this.#tell({ ...addressOf(box), gone: message.id });
      }
    }
  }

  async #drop(box: Box | undefined): Promise<void> {
    if (box === undefined) return;
    const writes = [...box.messages.values()].map((message) => {
      this.#remove(box, message);
      this.#tell({ ...addressOf(box), gone: message.id });
      return this.#write(box, message.id, undefined);
    });
    await Promise.all(writes);
  }

  #tell(change: MailboxChange): void {
    this.#parts.onChange(change);
  }

  #box({ workspace, visitor }: Addressee): Box {
    const box = this.#boxes.get(keyOf({ workspace, visitor }));
    return box ?? { workspace, visitor, messages: new Map() };
  }

  #keep(box: Box, message: VisitorMessage): void {
    const before = box.messages.get(message.id);
    const bytes = sizeOf(message) - (before === undefined ? 0 : sizeOf(before));
    box.messages.set(message.id, message);
    this.#count(box.workspace, bytes);
    this.#boxes.set(keyOf(box), box);
  }

  #remove(box: Box, message: VisitorMessage): void {
    box.messages.delete(message.id);
    this.#count(box.workspace, -sizeOf(message));
    if (box.messages.size === 0) this.#boxes.delete(keyOf(box));
  }

  #count(workspace: number, bytes: number): void {
    const sum = (this.#bytes.get(workspace) ?? 0) + bytes;
    if (sum === 0) this.#bytes.delete(workspace);
    else this.#bytes.set(workspace, sum);
  }

  /** Changes that come while a commit is under way go into the next one together. */
  #write(box: Box, id: string, value: unknown): Promise<void> {
    this.#next.push([`${keyOf(box)}/${id}`, value]);
    if (this.#next.length === 1) {
      this.#written = this.#written.catch(ignore).then(() => {
        const changes = this.#next;
        this.#next = [];
        return this.#parts.documents.commit(changes);
      });
    }
    return this.#written;
  }
}

function keyOf({ workspace, visitor }: Addressee): string {
  return `${workspace}/${visitor}`;
}

function addressOf({ workspace, visitor }: Addressee): Addressee {
  return { workspace, visitor };
}

function sizeOf({ about, data, id, kind }: VisitorMessage): number {
  const text = JSON.stringify(about === undefined ? data : [data, about]);
  return messageBytes + id.length + kind.length + text.length;
}

/** The failure of a write was told to whoever waits for it, or nobody does. */
function ignore(): void {}
