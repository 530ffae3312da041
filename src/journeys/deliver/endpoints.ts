/** Endpoints as those who post to them see them: as they are stored, and what their last answers said. */
import type { WebhookRecord } from '../../workspaces/webhook.ts';
import type { EngineContext } from '../engine/work.ts';
import { type Answer, isOverload } from './schedule.ts';

export class Endpoints {
  readonly #context: Pick<EngineContext, 'change' | 'directory' | 'log'>;
  /** Revisions of those that answered 410, until the directory says so too. */
  readonly #gone = new Map<string, number>();
  /** How often in a row one said that it is overloaded. */
  readonly #overloads = new Map<string, number>();

  constructor(context: Pick<EngineContext, 'change' | 'directory' | 'log'>) {
    this.#context = context;
  }

  /** Or why nothing can be sent there. */
  find(workspace: number, name: string): WebhookRecord | string {
    const webhook = this.#context.directory.webhook(workspace, name);
    if (webhook === undefined) return 'there is no such webhook';
    const isGone = this.#gone.get(keyOf(webhook)) === webhook.revision;
    return webhook.disabled === undefined && !isGone ? webhook : 'the webhook is disabled';
  }

  exists(workspace: number, name: string): boolean {
    return this.#context.directory.webhook(workspace, name) !== undefined;
  }

  /** @returns how often in a row it had said before that it is overloaded. */
  note(webhook: WebhookRecord, answer: Answer): number {
    const key = keyOf(webhook);
    const before = this.#overloads.get(key) ?? 0;
    const isTired = 'status' in answer && isOverload(answer.status);
    if (isTired) this.#overloads.set(key, before + 1);
    else this.#overloads.delete(key);
    return before;
  }

  /** It said that it is gone: in force here at once. */
  disable(webhook: WebhookRecord): void {
    const { name, revision, workspace } = webhook;
    this.#gone.set(keyOf(webhook), revision);
    const change = { kind: 'gone', name, revision } as const;
    this.#context.change({ kind: 'changeWebhooks', workspace, change }).catch((error: Error) => {
      this.#context.log.warn('a webhook could not be disabled', { reason: error.message });
    });
  }

  /** Forgets what was said by those that are not there any more. */
  sweep(): void {
    for (const said of [this.#gone, this.#overloads]) {
      for (const key of said.keys()) {
        const [workspace, name] = key.split('\0');
        if (!this.exists(Number(workspace), name!)) said.delete(key);
      }
    }
  }
}

function keyOf({ name, workspace }: Pick<WebhookRecord, 'name' | 'workspace'>): string {
  return `${workspace}\0${name}`;
}
