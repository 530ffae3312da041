/** Requests as people send them from a collection: a base URL, a token, and the workspace in the path. */
import { Findings } from './outcome.ts';

// biome-ignore lint/suspicious/noExplicitAny: what is compared is looked into freely
type Data = any;

export interface RestAnswer {
  readonly status: number;
  readonly data: Data;
  readonly errors: readonly string[] | undefined;
}

export interface RestOptions {
  readonly method?: string;
  readonly type?: string;
  readonly body?: unknown;
}

const triesMax = 10;

export class RestClient {
  readonly findings = new Findings();
  /** Events that the server knew already when they were sent again. */
  resent = 0;
  readonly #base: string;
  readonly #publishBase: string;
  readonly #token: string;

  /** @param publishBase where events go: behind a bad network, or `base` itself. */
  constructor(base: string, publishBase: string, token: string) {
    this.#base = base;
    this.#publishBase = publishBase;
    this.#token = token;
  }

  /** `{W}` in a path stands for the workspace. The method is POST with a body and GET without, unless said. */
  call(path: string, options: RestOptions = {}): Promise<RestAnswer> {
    return this.#send(this.#base, path, options);
  }

  /** The same, and its status has to be this one. */
  async want(what: string, status: number, path: string, options: RestOptions = {}): Promise<Data> {
    const answer = await this.call(path, options);
    this.findings.same(`${what}: status`, answer.status, status);
    return answer.data;
  }

  /** Sends an event until it is taken; one that was sent before is refused as known, which is as good. */
  async publish(event: object): Promise<void> {
    for (let tries = 1; tries <= triesMax; tries++) {
      const answer = await this.#tryPublish(event);
      if (answer?.status === 200) return;
      if (answer?.status === 409 && tries > 1) {
        this.resent += 1;
        return;
      }
      if (answer === undefined || answer.status === 429 || answer.status >= 500) continue;
      throw new Error(`an event was refused: ${answer.status} ${String(answer.errors)}`);
    }
    throw new Error('an event was never taken');
  }

  /** Undefined: no answer came. */
  async #tryPublish(body: object): Promise<RestAnswer | undefined> {
    try {
      return await this.#send(this.#publishBase, '/publish/v1/api/event?workspaceId=default', {
        body,
      });
    } catch (error) {
      if (error instanceof TypeError) return undefined;
      throw error;
    }
  }

  async #send(base: string, path: string, options: RestOptions): Promise<RestAnswer> {
    const { body, type = 'application/json' } = options;
    const response = await fetch(base + path.replace('{W}', 'workspace-id/default'), {
      method: options.method ?? (body === undefined ? 'GET' : 'POST'),
      headers: { authorization: `Bearer ${this.#token}`, 'content-type': type },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const json = (await response.json()) as { data?: Data; errors?: readonly string[] };
    return { status: response.status, data: json.data, errors: json.errors };
  }
}
